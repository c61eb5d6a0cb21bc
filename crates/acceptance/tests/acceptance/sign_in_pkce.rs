//! PKCE holds at both ends.
//!
//! Spec: RFC 7636 4.3, 4.6; RFC 9700 2.1.1.

use serde_json::json;
use tessera_acceptance::app::{
    self, App, REDIRECT_URI, VERIFIER, assert_refused, challenge_of, error_of,
};
use tessera_acceptance::browser::{self, Browser, landed};
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{public_app, server};
use tessera_acceptance::http::Request;
use tessera_acceptance::server::Server;

/// A code for a request with this PKCE challenge, or none.
fn code_for(server: &Server, app: &App, challenge: Option<&str>) -> String {
    let ask = match challenge {
        Some(challenge) => app.ask().with("code_challenge", challenge),
        None => app
            .ask()
            .without("code_challenge")
            .without("code_challenge_method"),
    };
    app.sign_in(
        server,
        &mut Browser::default(),
        &ask,
        &json!({"subject": "ann"}),
    )
}

#[test]
fn no_order_of_tries_gets_around_the_verifier() {
    let wrong = "another-code-verifier-of-more-than-43-characters";
    let tries: [&[Option<&str>]; 5] = [
        &[Some(wrong), None, Some(VERIFIER)],
        &[Some(wrong), Some(VERIFIER)],
        &[Some(wrong), None],
        &[None, None],
        &[Some("short"), None, Some(wrong)],
    ];
    for engine in Engine::at_hand() {
        let server = server(engine);
        for app in [
            App::register(&server, "app", &json!({})),
            public_app(&server),
        ] {
            for order in tries {
                let code = app.code(&server);
                for verifier in order {
                    let what = format!("{engine:?} {} {order:?} {verifier:?}", app.id());
                    let answer = app.redeem_with(&server, &code, REDIRECT_URI, *verifier);
                    assert_refused(&answer, "invalid_grant", &what);
                }
            }
        }
    }
}

#[test]
fn a_verifier_has_its_length_and_alphabet() {
    let server = server(Engine::Sqlite);
    let app = public_app(&server);
    for (verifier, is_good) in [
        ("a".repeat(42), false),
        ("a".repeat(43), true),
        ("a".repeat(128), true),
        ("a".repeat(129), false),
        ("azAZ09-._~".repeat(5), true),
        (String::new(), false),
        (format!("{}+", "a".repeat(50)), false),
        (format!("{}=", "a".repeat(50)), false),
        (format!("{}/", "a".repeat(50)), false),
        (format!("{} ", "a".repeat(50)), false),
        (format!("{}é", "a".repeat(50)), false),
        (format!("{}\n", "a".repeat(50)), false),
        (format!("{}\0", "a".repeat(50)), false),
        (challenge_of(VERIFIER), true),
    ] {
        let code = code_for(&server, &app, Some(&challenge_of(&verifier)));
        let answer = app.redeem_with(&server, &code, REDIRECT_URI, Some(&verifier));
        if is_good {
            assert_eq!(answer.status, 200, "{verifier:?}: {}", answer.body);
        } else {
            assert_eq!(answer.status, 400, "{verifier:?}: {}", answer.body);
            assert!(
                ["invalid_grant", "invalid_request"].contains(&error_of(&answer).as_str()),
                "{verifier:?}: {}",
                answer.body
            );
        }
    }
    let code = code_for(&server, &app, None);
    let answer = app.redeem_with(&server, &code, REDIRECT_URI, Some(VERIFIER));
    assert_refused(&answer, "invalid_grant", "a verifier without a challenge");
    // The challenge itself is no verifier, unless it is the challenge's own.
    let code = app.code(&server);
    let challenge = challenge_of(VERIFIER);
    let answer = app.redeem_with(&server, &code, REDIRECT_URI, Some(&challenge));
    assert_refused(&answer, "invalid_grant", "the challenge as verifier");
}

#[test]
fn only_s256_is_taken() {
    let server = server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    for method in [
        Some("plain"),
        None,
        Some(""),
        Some("s256"),
        Some("S512"),
        Some("S256 "),
    ] {
        let ask = match method {
            Some(method) => app.ask().with("code_challenge_method", method),
            None => app.ask().without("code_challenge_method"),
        };
        refused_sooner_or_later(&server, &app, &ask, &format!("{method:?}"));
    }
    // A method alone binds nothing: the code is redeemed without a verifier, and no verifier opens it.
    let login = json!({"subject": "ann"});
    for method in ["S256", ""] {
        let ask = app
            .ask()
            .without("code_challenge")
            .with("code_challenge_method", method);
        let code = || app.sign_in(&server, &mut Browser::default(), &ask, &login);
        let answer = app.redeem_with(&server, &code(), REDIRECT_URI, Some(VERIFIER));
        assert_refused(&answer, "invalid_grant", method);
        let answer = app.redeem_with(&server, &code(), REDIRECT_URI, None);
        assert_eq!(answer.status, 200, "{method:?}: {}", answer.body);
    }
    let ask = app
        .ask()
        .without("code_challenge")
        .with("code_challenge_method", "plain");
    refused_sooner_or_later(&server, &app, &ask, "plain without a challenge");
    let url = format!("{}/.well-known/openid-configuration", server.public());
    let discovery = Request::for_url("GET", &url)
        .unwrap()
        .send()
        .json()
        .unwrap();
    assert_eq!(
        discovery["code_challenge_methods_supported"],
        json!(["S256"])
    );
}

/// A request that is refused at once, or at the latest after the person consented; never with a code.
fn refused_sooner_or_later(server: &Server, app: &App, ask: &app::Ask, what: &str) {
    let mut browser = Browser::default();
    let mut place = landed(&browser.authorize(server, &ask.query()));
    if let browser::Landed::Login(challenge) = &place {
        let login = json!({"subject": "ann"});
        let next = browser::answered(server, "login/accept", challenge, &login);
        place = landed(&browser.get(&next));
    }
    if let browser::Landed::Consent(challenge) = &place {
        let next = app.grant(server, challenge, &json!({}));
        place = landed(&browser.get(&next));
    }
    assert_eq!(place.error(), "invalid_request", "{what}: {place:?}");
}

#[test]
fn enforced_pkce_holds_at_both_ends() {
    for (key, is_public) in [
        ("enforced", false),
        ("enforced", true),
        ("enforced_for_public_clients", true),
    ] {
        let mut server = server(Engine::Sqlite);
        let app = if is_public {
            public_app(&server)
        } else {
            App::register(&server, "app", &json!({}))
        };
        let (early, late) = (code_for(&server, &app, None), code_for(&server, &app, None));
        let answer = app.redeem_with(&server, &early, REDIRECT_URI, None);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(server.stop(), Some(0));
        server.configure(browser::config(&json!({"oauth2": {"pkce": {key: true}}})));
        server.run();
        let answer = app.redeem_with(&server, &late, REDIRECT_URI, None);
        assert_eq!(
            answer.status, 400,
            "{key}: a code from before: {}",
            answer.body
        );
        let ask = app
            .ask()
            .without("code_challenge")
            .without("code_challenge_method");
        refused_sooner_or_later(&server, &app, &ask, key);
        assert_eq!(app.redeem(&server, &app.code(&server)).status, 200, "{key}");
    }
}
