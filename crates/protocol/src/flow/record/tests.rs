use tessera_crypto::{Keyring, OsEntropy, Purpose, Secret};

use super::*;
use crate::authorize::parameters::RequestParameters;
use crate::flow::{AcceptedConsent, AcceptedLogin, ConsentRequest, KnownLogin, Rejection, Step};
use crate::time::Timestamp;

fn keys() -> SealKeys {
    Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
        .unwrap()
        .seal_keys(Purpose::Challenge)
}

fn flow(step: Step) -> Flow {
    let query = b"client_id=0f8fad5b-d9cb-469f-a165-70867728950e&response_type=code&scope=openid+offline\
        &redirect_uri=http%3A%2F%2F127.0.0.1%3A5555%2Fcallback&state=0123456789abcdef0123456789abcdef\
        &nonce=0123456789abcdef0123456789abcdef&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
        &code_challenge_method=S256&x-own=%C3%BC";
    Flow {
        flow_id: [1; 16],
        requested_at: Timestamp::from_micros(1_795_540_447_123_456),
        parameters: RequestParameters::parse(query, b"")
            .unwrap()
            .with_object(vec![("state".to_owned(), "object".to_owned())]),
        request_pending: None,
        login_csrf: [2; 16],
        sid: [3; 16],
        known_login: Some(KnownLogin {
            subject: String::new(),
            auth_time: Timestamp::from_secs(1_795_540_000),
        }),
        step,
    }
}

fn login() -> AcceptedLogin {
    AcceptedLogin {
        subject: "alice@example.com".to_owned(),
        auth_time: Timestamp::from_secs(1_795_540_000),
        remember: true,
        remember_for: 3_600,
        extend_session_lifespan: true,
        acr: "1".to_owned(),
        amr: vec!["pwd".to_owned(), String::new()],
        identity_provider_session_id: "idp".to_owned(),
        force_subject_identifier: "forced".to_owned(),
        context_pending: Some([4; 16]),
    }
}

fn asked() -> ConsentRequest {
    ConsentRequest {
        login: login(),
        grant_id: [5; 16],
        consent_csrf: [6; 16],
        skip: true,
    }
}

fn rejection() -> Rejection {
    Rejection {
        error: "login request denied".to_owned(),
        description: "d".to_owned(),
        hint: "h".to_owned(),
        debug: String::new(),
    }
}

fn all() -> Vec<(Leg, Flow)> {
    let accepted = AcceptedConsent {
        scope: vec!["openid".to_owned()],
        audience: vec!["https://api".to_owned()],
        remember: true,
        remember_for: 0,
        handled_at: Timestamp::from_secs(1_795_540_100),
        pending: Some([7; 16]),
    };
    vec![
        (Leg::LoginChallenge, flow(Step::LoginAsked)),
        (Leg::LoginVerifier, flow(Step::LoginAnswered(Ok(login())))),
        (
            Leg::LoginVerifier,
            flow(Step::LoginAnswered(Err(rejection()))),
        ),
        (Leg::ConsentChallenge, flow(Step::ConsentAsked(asked()))),
        (
            Leg::ConsentVerifier,
            flow(Step::ConsentAnswered(asked(), Ok(accepted))),
        ),
        (
            Leg::ConsentVerifier,
            flow(Step::ConsentAnswered(asked(), Err(rejection()))),
        ),
    ]
}

#[test]
fn every_step_reads_back_whole() {
    let keys = keys();
    for (leg, flow) in all() {
        let wire = seal(&flow, leg, &keys, &OsEntropy);
        assert_eq!(open(&wire, leg, &keys), Some(flow));
    }
}

#[test]
fn an_ordinary_request_is_short_at_every_step() {
    let mut plain = flow(Step::LoginAsked);
    plain.known_login = None;
    let short = plain.parameters.sent().filter(|(name, _)| *name != "x-own");
    let short = short.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    plain.parameters = RequestParameters::from_parts(short, Vec::new());
    let mut asked = asked();
    asked.login = AcceptedLogin {
        subject: "6f1a1c1e-1111-4a4a-8b8b-0123456789ab".to_owned(),
        identity_provider_session_id: String::new(),
        force_subject_identifier: String::new(),
        context_pending: None,
        amr: vec!["pwd".to_owned()],
        ..asked.login
    };
    let accepted = AcceptedConsent {
        scope: vec!["openid".to_owned(), "offline".to_owned()],
        remember: true,
        remember_for: 3_600,
        handled_at: Timestamp::from_micros(1_795_540_100_123_456),
        ..AcceptedConsent::default()
    };
    let login = asked.login.clone();
    for (leg, step) in [
        (Leg::LoginChallenge, Step::LoginAsked),
        (Leg::LoginVerifier, Step::LoginAnswered(Ok(login))),
        (Leg::ConsentChallenge, Step::ConsentAsked(asked.clone())),
        (
            Leg::ConsentVerifier,
            Step::ConsentAnswered(asked, Ok(accepted)),
        ),
    ] {
        plain.step = step;
        let wire = seal(&plain, leg, &keys(), &OsEntropy);
        assert!(wire.len() < 500, "{leg:?}: {}", wire.len());
    }
}

#[test]
fn no_leg_passes_for_another() {
    let keys = keys();
    let legs = [
        Leg::LoginChallenge,
        Leg::LoginVerifier,
        Leg::ConsentChallenge,
        Leg::ConsentVerifier,
    ];
    for (leg, flow) in all() {
        let wire = seal(&flow, leg, &keys, &OsEntropy);
        for other in legs.into_iter().filter(|other| *other != leg) {
            assert_eq!(open(&wire, other, &keys), None);
        }
    }
}
