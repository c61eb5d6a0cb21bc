use super::super::person::samples::{CONTEXT, NOW, client, grant, session};
use super::*;
use crate::time::Lifespan;

const GRACE: Grace = Grace {
    period: Duration::from_secs(60),
    uses_max: 0,
};

/// One refresh, sound until a test changes it.
struct Case {
    client: Client,
    grant: GrantRecord,
    refresh: RefreshRecord,
    first_used_at: Option<Timestamp>,
    used_times: u32,
    is_live: bool,
    scope: &'static str,
    grace: Grace,
}

fn before(secs: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() - secs * 1_000_000)
}

impl Case {
    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self {
            client: client(|_| {}),
            grant: grant("openid offline a b.*"),
            refresh: RefreshRecord {
                refresh_id: [5; 16],
                grant_id: [1; 16],
                issued_at: before(100),
                expires_at: NOW,
            },
            first_used_at: None,
            used_times: 0,
            is_live: true,
            scope: "",
            grace: GRACE,
        };
        change(&mut case);
        case
    }

    fn decide(&self) -> Result<Plan, Rejection> {
        let session = session();
        let found = FoundRefresh {
            refresh: &self.refresh,
            first_used_at: self.first_used_at,
            used_times: self.used_times,
            is_live: self.is_live,
            grant: &self.grant,
            session: &session,
        };
        let request = Request {
            refresh_token: "tsr_x".into(),
            scope: self.scope.into(),
        };
        let rules = (self.grace, ScopeStrategy::Wildcard);
        decide(&request, &self.client, Some(found), rules, &CONTEXT)
    }

    fn refusal(&self) -> (ErrorCode, Consequence) {
        let rejection = self.decide().unwrap_err();
        (rejection.error.code, rejection.consequence)
    }
}

#[test]
fn a_sound_token_gives_a_new_pair() {
    let plan = Case::with(|_| {}).decide().unwrap();
    let token = &plan.access_token;
    assert_eq!(
        (token.scope.as_str(), token.subject.as_str()),
        ("openid offline a b.*", "alice")
    );
    assert_eq!(token.ext, r#"{"a":2,"b":1}"#);
    let person = token.person.as_ref().unwrap();
    assert_eq!(
        (person.grant_id, person.refresh_id, person.is_narrowed),
        ([1; 16], Some([4; 16]), false)
    );
    let next = plan.refresh.unwrap();
    assert_eq!((next.refresh_id, next.grant_id), ([4; 16], [1; 16]));
    assert_eq!(next.expires_at, Timestamp::from_secs(1_000_001 + 7_200));
    assert!(!plan.id_token.unwrap().has_code_hash);
    assert_eq!(plan.kept_until, before(-1_800), "its reuse is noticed");
}

#[test]
fn a_used_token_is_kept_for_ninety_days_at_most() {
    let plan = Case::with(|c| c.refresh.expires_at = Timestamp::MAX)
        .decide()
        .unwrap();
    assert_eq!(plan.kept_until, before(-90 * 24 * 3_600));
}

#[test]
fn the_lifespans_are_those_of_this_grant() {
    let own = |text: &str| Some(Lifespan::parse(text).unwrap());
    let case = Case::with(|case| {
        case.client = client(|m| {
            m.lifespans.refresh_token_grant_access_token_lifespan = own("1m");
            m.lifespans.refresh_token_grant_id_token_lifespan = own("2m");
            m.lifespans.refresh_token_grant_refresh_token_lifespan = own("3m");
            m.lifespans.authorization_code_grant_access_token_lifespan = own("9h");
        });
    });
    let plan = case.decide().unwrap();
    assert_eq!(plan.access_token.expires_in(NOW), 60);
    assert_eq!(plan.id_token.unwrap().lifespan, Duration::from_secs(120));
    assert_eq!(
        plan.refresh.unwrap().expires_at,
        Timestamp::from_secs(1_000_001 + 180)
    );
}

#[test]
fn scopes_can_be_narrowed_and_never_widened() {
    for (scope, want, has_id_token) in [
        ("", Ok(("openid offline a b.*", false)), true),
        ("a", Ok(("a", true)), false),
        ("openid a openid", Ok(("openid a", true)), true),
        ("b.x", Ok(("b.x", true)), false),
        (
            "b.* a offline openid",
            Ok(("openid offline a b.*", false)),
            true,
        ),
        (
            "b.x b.* a offline openid",
            Ok(("openid offline a b.*", false)),
            true,
        ),
        ("c", Err(ErrorCode::InvalidScope), false),
        ("a profile", Err(ErrorCode::InvalidScope), false),
    ] {
        match Case::with(|c| c.scope = scope).decide() {
            Ok(plan) => {
                let token = plan.access_token;
                let is_narrowed = token.person.unwrap().is_narrowed;
                assert_eq!(Ok((token.scope.as_str(), is_narrowed)), want, "{scope}");
                assert_eq!(plan.id_token.is_some(), has_id_token, "{scope}");
                assert!(plan.refresh.is_some(), "{scope}");
            }
            Err(refused) => assert_eq!(Err(refused.error.code), want, "{scope}"),
        }
    }
}

#[test]
fn grace_ends_after_its_time_or_its_uses() {
    let strict = Grace {
        period: Duration::ZERO,
        uses_max: 0,
    };
    let three = Grace {
        uses_max: 3,
        ..GRACE
    };
    for (grace, used_before, used_times, accepted) in [
        (GRACE, 0, 1, true),
        (GRACE, 59, 1_000, true),
        (GRACE, 60, 1, false),
        (strict, 0, 1, false),
        (three, 1, 2, true),
        (three, 1, 3, false),
        (three, 60, 1, false),
    ] {
        let case = Case::with(|c| {
            (c.grace, c.used_times) = (grace, used_times);
            c.first_used_at = Some(before(used_before));
        });
        assert_eq!(
            case.decide().is_ok(),
            accepted,
            "{grace:?} {used_before} {used_times}"
        );
        if !accepted {
            let reuse = (ErrorCode::InvalidGrant, Consequence::RevokeGrant([1; 16]));
            assert_eq!(case.refusal(), reuse);
        }
    }
}

#[test]
fn an_unknown_token_is_refused() {
    let client = client(|_| {});
    let rules = (GRACE, ScopeStrategy::Exact);
    let refused = decide(&Request::default(), &client, None, rules, &CONTEXT).unwrap_err();
    assert_eq!(
        (refused.error.code, refused.consequence),
        (ErrorCode::InvalidGrant, Consequence::None)
    );
}

#[test]
fn each_rule_has_its_answer_and_consequence() {
    use Consequence::{None, RevokeGrant};
    use ErrorCode::{
        InvalidGrant, InvalidRequest, InvalidScope, ScopeNotGranted, UnauthorizedClient,
    };
    type Change = fn(&mut Case);
    let cases: [(&str, Change, ErrorCode, Consequence); 10] = [
        (
            "grant type",
            |c| c.client = client(|m| m.grant_types = Option::None),
            UnauthorizedClient,
            None,
        ),
        ("dead", |c| c.is_live = false, InvalidGrant, None),
        (
            "dead and used",
            |c| (c.is_live, c.first_used_at) = (false, Some(before(99))),
            InvalidGrant,
            None,
        ),
        (
            "used",
            |c| c.first_used_at = Some(before(60)),
            InvalidGrant,
            RevokeGrant([1; 16]),
        ),
        (
            "expired",
            |c| c.refresh.expires_at = Timestamp::from_micros(NOW.as_micros() - 1),
            InvalidGrant,
            None,
        ),
        (
            "expired in grace",
            |c| {
                c.first_used_at = Some(before(1));
                c.refresh.expires_at = before(1);
            },
            InvalidGrant,
            None,
        ),
        (
            "not offline",
            |c| c.grant = grant("openid a"),
            ScopeNotGranted,
            None,
        ),
        (
            "foreign",
            |c| c.grant.client_id = "other".to_owned(),
            InvalidGrant,
            None,
        ),
        (
            "scope no longer registered",
            |c| c.client = client(|m| m.scope = "openid offline".to_owned()),
            InvalidScope,
            None,
        ),
        (
            "audience no longer registered",
            |c| c.client = client(|m| m.audience.clear()),
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
    // Reuse is noticed though the token has expired and a foreign client presents it.
    let reuse = Case::with(|c| {
        c.first_used_at = Some(before(60));
        c.refresh.expires_at = before(1);
        c.grant.client_id = "other".to_owned();
    });
    assert_eq!(reuse.refusal().1, Consequence::RevokeGrant([1; 16]));
    let foreign = Case::with(|c| {
        c.grant.client_id = "other".to_owned();
        c.client = client(|m| m.scope.clear());
    });
    assert_eq!(
        foreign.refusal(),
        (ErrorCode::InvalidGrant, Consequence::None)
    );
    let not_offline = Case::with(|c| {
        c.grant = grant("openid");
        c.grant.client_id = "other".to_owned();
    });
    assert_eq!(not_offline.refusal().0, ErrorCode::ScopeNotGranted);
}
