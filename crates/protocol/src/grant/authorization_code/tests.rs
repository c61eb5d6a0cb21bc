use super::super::person::IdTokenPlan;
use super::super::person::samples::{CONTEXT, NOW, client, grant, session};
use super::super::record::CodeContent;
use super::*;
use crate::time::{Lifespan, Timestamp};
use crate::token::access::PersonRef;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://rp.example.com/cb";

/// One redemption, sound until a test changes it.
struct Case {
    client: Client,
    grant: GrantRecord,
    code: CodeRecord,
    is_used: bool,
    is_live: bool,
    request: Request<'static>,
    enforcement: Enforcement,
}

impl Case {
    fn new() -> Self {
        Self {
            client: client(|_| {}),
            grant: grant("openid offline a"),
            code: CodeRecord {
                code_id: [3; 16],
                grant_id: [1; 16],
                expires_at: NOW,
                content: CodeContent {
                    redirect_uri: CALLBACK.to_owned(),
                    code_challenge: CHALLENGE.to_owned(),
                    is_hybrid: false,
                },
            },
            is_used: false,
            is_live: true,
            request: Request {
                code: "tsc_x".into(),
                redirect_uri: CALLBACK.into(),
                code_verifier: VERIFIER.into(),
            },
            enforcement: Enforcement::default(),
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self::new();
        change(&mut case);
        case
    }

    fn decide(&self) -> Result<Plan, Rejection> {
        let session = session();
        let found = FoundCode {
            code: &self.code,
            is_used: self.is_used,
            is_live: self.is_live,
            grant: &self.grant,
            session: &session,
        };
        decide(
            &self.request,
            &self.client,
            Some(found),
            self.enforcement,
            &CONTEXT,
        )
    }

    fn refusal(&self) -> (ErrorCode, Consequence) {
        let rejection = self.decide().unwrap_err();
        (rejection.error.code, rejection.consequence)
    }
}

#[test]
fn a_sound_code_gives_everything_that_was_granted() {
    let plan = Case::new().decide().unwrap();
    let token = &plan.access_token;
    assert_eq!(
        (token.client_id.as_str(), token.subject.as_str()),
        ("app", "alice")
    );
    assert_eq!(
        (token.scope.as_str(), token.audience.len()),
        ("openid offline a", 1)
    );
    assert_eq!((token.client_epoch, token.server_epoch), (7, 9));
    assert_eq!(token.ext, r#"{"a":2,"b":1}"#);
    assert_eq!(token.issued_at, NOW);
    // 0.6 of a second go up.
    assert_eq!(
        token.expires_at,
        Timestamp::from_secs(1_000_000 + 1 + 3_600)
    );
    assert_eq!(token.expires_in(NOW), 3_600);
    let person = PersonRef {
        grant_id: [1; 16],
        refresh_id: Some([4; 16]),
        is_narrowed: false,
    };
    assert_eq!(token.person, Some(person));
    let refresh = plan.refresh.unwrap();
    assert_eq!(
        (refresh.refresh_id, refresh.grant_id, refresh.issued_at),
        ([4; 16], [1; 16], NOW)
    );
    assert_eq!(
        refresh.expires_at,
        Timestamp::from_secs(1_000_000 + 1 + 7_200)
    );
    assert_eq!(
        plan.id_token,
        Some(IdTokenPlan {
            lifespan: Duration::from_secs(1_800),
            has_code_hash: false
        })
    );
    assert_eq!(plan.kept_until, NOW.plus(Duration::from_secs(1_800)));
    assert!(plan.tokens_until > refresh.expires_at);
}

#[test]
fn what_is_issued_follows_from_scopes_and_registration() {
    for (scope, may_refresh, refresh, id_token) in [
        ("a", true, false, false),
        ("openid", true, false, true),
        ("offline", true, true, false),
        ("offline_access", true, true, false),
        ("openid offline", false, false, true),
    ] {
        let plan = Case::with(|case| {
            case.grant = grant(scope);
            if !may_refresh {
                case.client = client(|m| m.grant_types = None);
            }
        })
        .decide()
        .unwrap();
        let got = (plan.refresh.is_some(), plan.id_token.is_some());
        assert_eq!(got, (refresh, id_token), "{scope} {may_refresh}");
        let person = plan.access_token.person.unwrap();
        assert_eq!(person.refresh_id.is_some(), refresh, "{scope}");
    }
}

#[test]
fn hybrid_codes_give_c_hash() {
    let plan = Case::with(|case| case.code.content.is_hybrid = true)
        .decide()
        .unwrap();
    assert!(plan.id_token.unwrap().has_code_hash);
}

#[test]
fn the_client_may_have_its_own_lifespans() {
    let own = |text: &str| Some(Lifespan::parse(text).unwrap());
    let case = Case::with(|case| {
        case.client = client(|m| {
            m.lifespans.authorization_code_grant_access_token_lifespan = own("1m");
            m.lifespans.authorization_code_grant_id_token_lifespan = own("2m");
            m.lifespans.authorization_code_grant_refresh_token_lifespan = own("-1s");
            m.lifespans.refresh_token_grant_access_token_lifespan = own("9h");
        });
    });
    let plan = case.decide().unwrap();
    assert_eq!(plan.access_token.expires_in(NOW), 60);
    assert_eq!(plan.id_token.unwrap().lifespan, Duration::from_secs(120));
    assert_eq!(plan.refresh.unwrap().expires_at, Timestamp::MAX);
    assert_eq!(plan.tokens_until, Timestamp::MAX);
}

#[test]
fn an_unknown_code_is_refused() {
    let case = Case::new();
    let refused = decide(
        &case.request,
        &case.client,
        None,
        case.enforcement,
        &CONTEXT,
    )
    .unwrap_err();
    assert_eq!(
        (refused.error.code, refused.consequence),
        (ErrorCode::InvalidGrant, Consequence::None)
    );
}

#[test]
fn each_rule_has_its_answer_and_consequence() {
    use Consequence::{BurnCode, None, RevokeGrant};
    use ErrorCode::{InvalidGrant, InvalidRequest, UnauthorizedClient};
    type Change = fn(&mut Case);
    let cases: [(&str, Change, ErrorCode, Consequence); 17] = [
        (
            "grant type",
            |c| c.client = client(|m| m.grant_types = Some(vec!["implicit".to_owned()])),
            UnauthorizedClient,
            None,
        ),
        (
            "used",
            |c| c.is_used = true,
            InvalidGrant,
            RevokeGrant([1; 16]),
        ),
        (
            "used and dead",
            |c| (c.is_used, c.is_live) = (true, false),
            InvalidGrant,
            None,
        ),
        ("dead", |c| c.is_live = false, InvalidGrant, None),
        (
            "expired",
            |c| c.code.expires_at = Timestamp::from_micros(NOW.as_micros() - 1),
            InvalidGrant,
            None,
        ),
        (
            "foreign",
            |c| c.grant.client_id = "other".to_owned(),
            InvalidGrant,
            None,
        ),
        (
            "no redirect_uri",
            |c| c.request.redirect_uri = "".into(),
            InvalidGrant,
            None,
        ),
        (
            "redirect_uri with a slash more",
            |c| c.request.redirect_uri = "https://rp.example.com/cb/".into(),
            InvalidGrant,
            None,
        ),
        (
            "redirect_uri in capitals",
            |c| c.request.redirect_uri = "https://RP.example.com/cb".into(),
            InvalidGrant,
            None,
        ),
        (
            "no verifier",
            |c| c.request.code_verifier = "".into(),
            InvalidGrant,
            None,
        ),
        (
            "short verifier",
            |c| c.request.code_verifier = "short".into(),
            InvalidGrant,
            BurnCode([3; 16]),
        ),
        (
            "long verifier",
            |c| c.request.code_verifier = "x".repeat(129).into(),
            InvalidGrant,
            BurnCode([3; 16]),
        ),
        (
            "verifier with other characters",
            |c| c.request.code_verifier = "!".repeat(43).into(),
            InvalidGrant,
            BurnCode([3; 16]),
        ),
        (
            "wrong verifier",
            |c| c.request.code_verifier = "x".repeat(43).into(),
            InvalidGrant,
            BurnCode([3; 16]),
        ),
        (
            "no challenge",
            |c| c.code.content.code_challenge.clear(),
            InvalidGrant,
            None,
        ),
        (
            "enforced since",
            |c| {
                c.code.content.code_challenge.clear();
                c.request.code_verifier = "".into();
                c.enforcement.for_everyone = true;
            },
            InvalidRequest,
            None,
        ),
        (
            "enforced for public clients since",
            |c| {
                c.code.content.code_challenge.clear();
                c.request.code_verifier = "".into();
                c.client = client(|m| m.token_endpoint_auth_method = "none".to_owned());
                c.enforcement.for_public_clients = true;
            },
            InvalidRequest,
            None,
        ),
    ];
    for (name, change, code, consequence) in cases {
        assert_eq!(Case::with(change).refusal(), (code, consequence), "{name}");
    }
}

#[test]
fn the_earlier_check_answers() {
    let answer = |change: fn(&mut Case)| Case::with(change).decide().unwrap_err().error;
    // A spent code revokes even when a foreign client presents it after its end.
    let replay = Case::with(|c| {
        c.is_used = true;
        c.code.expires_at = Timestamp::default();
        c.grant.client_id = "other".to_owned();
    });
    assert_eq!(replay.refusal().1, Consequence::RevokeGrant([1; 16]));
    let expired = answer(|c| {
        c.code.expires_at = Timestamp::default();
        c.grant.client_id = "other".to_owned();
    });
    assert!(expired.hint.contains("expired"), "{expired}");
    let foreign = answer(|c| {
        c.grant.client_id = "other".to_owned();
        c.request.redirect_uri = "".into();
    });
    assert!(foreign.hint.contains("another client"), "{foreign}");
    // A foreign client burns nothing.
    let redirect = Case::with(|c| {
        c.request.redirect_uri = "".into();
        c.request.code_verifier = "x".repeat(43).into();
    });
    assert_eq!(redirect.refusal().1, Consequence::None);
}

#[test]
fn a_redirect_uri_that_was_not_named_is_not_compared() {
    let case = Case::with(|c| {
        c.code.content.redirect_uri.clear();
        c.request.redirect_uri = "https://anything".into();
    });
    assert!(case.decide().is_ok());
}

#[test]
fn without_a_challenge_no_verifier_is_needed() {
    let case = Case::with(|c| {
        c.code.content.code_challenge.clear();
        c.request.code_verifier = "".into();
        c.enforcement.for_public_clients = true;
    });
    assert!(case.decide().is_ok());
}

#[test]
fn a_short_nonce_is_refused_where_an_id_token_would_carry_it() {
    for (nonce, scope, is_refused) in [
        ("", "openid a", false),
        ("1234567", "openid a", true),
        ("12345678", "openid a", false),
        ("1234567", "offline a", false),
    ] {
        let case = Case::with(|case| {
            case.grant = grant(scope);
            case.grant.content.nonce = nonce.to_owned();
        });
        let refused = case.decide().err();
        assert_eq!(refused.is_some(), is_refused, "{nonce} {scope}");
        if let Some(Rejection { error, consequence }) = refused {
            assert_eq!(error.code, ErrorCode::InsufficientEntropy);
            assert_eq!(consequence, Consequence::None, "the code stays as it is");
        }
    }
}
