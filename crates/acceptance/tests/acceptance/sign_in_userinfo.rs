//! Who may ask userinfo, and how it is told that it may not.
//!
//! Spec: OpenID Connect Core 1.0 5.3; RFC 6750 2, 3.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Tokens, error_of, userinfo};
use tessera_acceptance::browser::{self, Browser};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::jwks;
use tessera_acceptance::machine::{ISSUER, introspect};
use tessera_acceptance::server::Server;

fn at(server: &Server, method: &str, query: &str) -> Request {
    Request::for_url(method, &format!("{}/userinfo{query}", server.public())).unwrap()
}

/// 401, with a challenge that is one line of its own.
fn assert_challenged(answer: &Response, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer"), "{what}: {challenge}");
    assert!(!answer.body.contains("\"sub\""), "{what}: {}", answer.body);
    let names = answer
        .headers
        .iter()
        .filter(|(name, _)| name.to_lowercase().starts_with("x-evil"));
    assert_eq!(names.count(), 0, "{what}");
}

/// 400 `invalid_request`, without a word of the person.
fn assert_malformed(answer: &Response, what: &str) {
    assert_eq!(
        (answer.status, error_of(answer).as_str()),
        (400, "invalid_request"),
        "{what}: {}",
        answer.body
    );
    assert!(!answer.body.contains("\"sub\""), "{what}: {}", answer.body);
}

#[test]
fn only_a_living_access_token_of_a_person_is_answered() {
    for engine in Engine::at_hand() {
        let more = json!({"ttl": {"access_token": "1h"}});
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        let brief = App::register(
            &server,
            "brief",
            &json!({"authorization_code_grant_access_token_lifespan": "1s"}),
        );
        let jwt = App::register(&server, "jwt", &json!({"access_token_strategy": "jwt"}));
        for app in [&app, &jwt] {
            let pair = app.tokens(&server);
            let answer = userinfo(&server, &pair.access);
            assert_eq!(answer.status, 200, "{engine:?}: {}", answer.body);
            assert_eq!(answer.json().unwrap()["sub"], "ann");
            assert_challenged(&userinfo(&server, &pair.refresh), "a refresh token");
            assert_challenged(&userinfo(&server, &pair.id), "an ID token");
            assert_challenged(&userinfo(&server, &app.code(&server)), "a code");
            assert_eq!(app.revoke(&server, &pair.access).status, 200);
            assert_challenged(&userinfo(&server, &pair.access), "revoked");
        }
        let pair = brief.tokens(&server);
        clock::pause(Duration::from_millis(2_100));
        let answer = userinfo(&server, &pair.access);
        assert_challenged(&answer, "expired");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

#[test]
fn answers_to_a_posted_token_are_not_cached() {
    let server = flow::server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    let pair = app.tokens(&server);
    let bearer = format!("Bearer {}", pair.access);
    let good = at(&server, "POST", "")
        .header("Authorization", &bearer)
        .send();
    let refused = at(&server, "POST", "")
        .header("Authorization", "Bearer x")
        .send();
    for (answer, status) in [(good, 200), (refused, 401)] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{answer:?}"
        );
    }
}

#[test]
fn the_token_comes_in_the_header_or_a_form_and_never_in_the_address() {
    let server = flow::server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    let token = app.tokens(&server).access;
    let form = "application/x-www-form-urlencoded";
    let bearer = format!("Bearer {token}");
    let body = format!("access_token={token}");
    let good = [
        at(&server, "GET", "").header("Authorization", &bearer),
        at(&server, "GET", "").header("Authorization", &format!("bearer {token}")),
        at(&server, "POST", "").header("Authorization", &bearer),
        at(&server, "POST", "").body(form, &body),
    ];
    for request in good {
        let answer = request.send();
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.body);
    }
    let query = format!("?access_token={token}");
    for method in ["GET", "POST"] {
        let answer = at(&server, method, &query).send();
        assert_malformed(&answer, &format!("{method} by query"));
    }
    let bad = [
        at(&server, "GET", ""),
        at(&server, "POST", ""),
        at(&server, "GET", "").header("Authorization", ""),
        at(&server, "GET", "").header("Authorization", "Bearer"),
        at(&server, "GET", "").header("Authorization", "Bearer "),
        at(&server, "GET", "").header("Authorization", &token),
        at(&server, "GET", "").header("Authorization", &format!("Basic {token}")),
        at(&server, "GET", "").header("Authorization", &format!("Bearer {token}x")),
        at(&server, "GET", "").header("Authorization", &format!("Bearer {token} {token}")),
        at(&server, "GET", "").header("Authorization", "Bearer a\"b,error=\"none\", x"),
        at(&server, "GET", "").header("Authorization", "Bearer ../../x%0d%0aX-Evil: 1"),
        at(&server, "GET", "").header("Authorization", &format!("Bearer {}", "A".repeat(5_000))),
        at(&server, "POST", "").body(
            "application/json",
            &json!({"access_token": token}).to_string(),
        ),
        at(&server, "GET", "").body(form, &body),
        at(&server, "POST", "").body(form, "access_token=%0d%0aX-Evil:%201"),
    ];
    for request in bad {
        assert_challenged(&request.send(), &format!("{request:?}"));
    }
    // RFC 6750 2: one way at a time.
    let both = at(&server, "POST", "")
        .header("Authorization", &bearer)
        .body(form, &body)
        .send();
    assert_malformed(&both, "both ways");
    let twice = at(&server, "POST", "")
        .body(form, &format!("{body}&{body}"))
        .send();
    assert_malformed(&twice, "twice");
}

#[test]
fn claims_are_those_of_the_consent_and_none_of_the_protocol() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let plain = App::register(&server, "plain", &json!({}));
        let signed = App::register(
            &server,
            "signed",
            &json!({"userinfo_signed_response_alg": "RS256"}),
        );
        let keys = |server: &Server| jwks::published(server);
        for app in [&plain, &signed] {
            let session = json!({"session": {"id_token": {
                "name": "Ann", "sub": "forged", "iss": "forged", "aud": ["forged"], "nonce": "forged", "at_hash": "forged",
            }, "access_token": {"sub": "forged", "active": false, "client_id": "forged", "own": 1}}});
            let login = json!({"subject": "ann", "acr": "2"});
            let code = app.sign_in_with(
                &server,
                &mut Browser::default(),
                &app.ask(),
                &login,
                &session,
            );
            let pair = Tokens::of(&app.redeem(&server, &code));
            let answer = userinfo(&server, &pair.access);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let claims = if app.id() == "signed" {
                let kind = answer.header("content-type").unwrap();
                assert!(kind.starts_with("application/jwt"), "{kind}");
                jwks::verified(&answer.body, &keys(&server)).1
            } else {
                answer.json().unwrap()
            };
            assert_eq!(
                (&claims["sub"], &claims["name"]),
                (&json!("ann"), &json!("Ann")),
                "{engine:?}"
            );
            for absent in ["nonce", "at_hash", "c_hash", "exp", "sid"] {
                assert_eq!(claims[absent], Value::Null, "{engine:?} {absent}: {claims}");
            }
            let (_, id) = jwks::verified(&pair.id, &keys(&server));
            assert_eq!((&id["sub"], &id["iss"]), (&json!("ann"), &json!(ISSUER)));
            assert_eq!(id["aud"], json!([app.id()]));
            assert_eq!(id["nonce"], tessera_acceptance::app::NONCE);
            assert!(
                claims["iss"] == ISSUER && !claims["aud"].to_string().contains("forged"),
                "{claims}"
            );
            let told = introspect(&server, &pair.access).json().unwrap();
            assert_eq!(
                (&told["sub"], &told["active"]),
                (&json!("ann"), &json!(true))
            );
            assert_eq!(
                (&told["client_id"], &told["ext"]["own"]),
                (&json!(app.id()), &json!(1))
            );
        }
    }
}

#[test]
fn pairwise_subjects_hide_the_real_one_from_the_client_only() {
    for engine in Engine::at_hand() {
        let more = json!({"oidc": {"subject_identifiers": {
            "supported_types": ["public", "pairwise"], "pairwise": {"salt": "a-salt-of-some-length"},
        }}});
        let server = Server::start(browser::setup(engine, &more));
        let pairwise = |id: &str, host: &str| {
            let uri = format!("https://{host}/cb");
            App::register(
                &server,
                id,
                &json!({"subject_type": "pairwise", "redirect_uris": [uri]}),
            )
        };
        let subjects = |app: &App, host: &str, login: &Value| {
            let ask = app
                .ask()
                .with("redirect_uri", &format!("https://{host}/cb"));
            let code = app.sign_in(&server, &mut Browser::default(), &ask, login);
            let uri = format!("https://{host}/cb");
            let answer = app.redeem_with(
                &server,
                &code,
                &uri,
                Some(tessera_acceptance::app::VERIFIER),
            );
            let pair = Tokens::of(&answer);
            let sub = pair.id_claims()["sub"].as_str().unwrap().to_owned();
            let told = userinfo(&server, &pair.access).json().unwrap();
            assert_eq!(told["sub"], sub.as_str());
            assert!(!told.to_string().contains("ann@"), "{told}");
            let told = introspect(&server, &pair.access).json().unwrap();
            assert_eq!(told["sub"], "ann@example.com", "{engine:?}");
            assert_eq!(told["obfuscated_subject"], sub.as_str(), "{engine:?}");
            sub
        };
        let ann = json!({"subject": "ann@example.com"});
        let one = pairwise("one", "one.example");
        let (first, again) = (
            subjects(&one, "one.example", &ann),
            subjects(&one, "one.example", &ann),
        );
        assert_eq!(first, again, "{engine:?}: stable");
        let same_sector = pairwise("sister", "one.example");
        assert_eq!(subjects(&same_sector, "one.example", &ann), first);
        let two = pairwise("two", "two.example");
        assert_ne!(
            subjects(&two, "two.example", &ann),
            first,
            "{engine:?}: sectors differ"
        );
        let forced = json!({"subject": "ann@example.com", "force_subject_identifier": "forced-id"});
        assert_eq!(subjects(&two, "two.example", &forced), "forced-id");
    }
}
