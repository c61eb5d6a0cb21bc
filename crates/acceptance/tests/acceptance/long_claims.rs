//! Custom claims that make a machine's access token long: an opaque token stays short, a JWT has an end.

use serde_json::{Value, json};
use tessera_acceptance::database::Engine;
use tessera_acceptance::jwks;
use tessera_acceptance::machine::{self, Machine, introspect, is_active};
use tessera_acceptance::server::{Server, Setup};

fn server(engine: Engine) -> Server {
    let mut config = machine::config(&[machine::SYSTEM_SECRET]);
    config["oauth2"] = json!({"token_hook": "${sink}/hook"});
    let recording = json!({"args": ["--dangerous-force-http"], "config": config});
    Server::start(Setup::of_recording(&recording, engine))
}

/// The hook adds groups with so many characters in all.
fn add(server: &Server, chars: usize) -> Value {
    let claims = json!({"groups": vec!["g".repeat(100); chars / 100], "tenant": "acme"});
    let session = json!({"session": {"access_token": claims}});
    server
        .sink
        .reply("/hook", &json!({"status": 200, "json": session}));
    claims
}

#[test]
fn an_opaque_token_stays_short_and_says_all_that_the_hook_added() {
    for engine in Engine::at_hand() {
        let server = server(engine);
        let app = Machine::register(&server, "app", &json!({}));
        for chars in [100, 1_000, 200_000] {
            let claims = add(&server, chars);
            let token = app.token(&server);
            assert!(token.len() < 1_024, "{engine:?} {chars}: {}", token.len());
            let told = introspect(&server, &token).json().unwrap();
            assert_eq!(told["active"], true, "{engine:?} {chars}");
            assert_eq!(told["ext"], claims, "{engine:?} {chars}");
            for (member, value) in [("sub", "app"), ("client_id", "app")] {
                assert_eq!(told[member], value, "{engine:?} {chars}: {told}");
            }
            assert_eq!(told.get("username"), None, "{engine:?} {chars}: nobody's");

            let (first, second) = (app.token(&server), app.token(&server));
            assert_eq!(app.revoke(&server, &first).status, 200);
            assert!(!is_active(&server, &first), "{engine:?} {chars}");
            assert!(is_active(&server, &second), "{engine:?} {chars}: the other");
            let path = "/admin/oauth2/auth/sessions/consent?subject=app&all=true";
            assert_eq!(machine::admin(&server, "DELETE", path, None).status, 204);
            assert!(is_active(&server, &second), "{engine:?}: not a person's");
            let path = "/admin/oauth2/tokens?client_id=app";
            assert_eq!(machine::admin(&server, "DELETE", path, None).status, 204);
            assert!(!is_active(&server, &second), "{engine:?} {chars}");
        }
    }
}

#[test]
fn a_jwt_that_would_never_be_read_is_refused_with_a_way_out() {
    let server = server(Engine::Sqlite);
    let jwt = json!({"access_token_strategy": "jwt"});
    let app = Machine::register(&server, "app", &jwt);
    add(&server, 40_000);
    let token = app.token(&server);
    assert!(is_active(&server, &token));
    let told: Value = serde_json::from_str(&server.sink.take_call("/hook").unwrap().body).unwrap();
    let (header, _) = jwks::verified(&token, &jwks::published(&server));
    assert_eq!(told["session"]["kid"], header["kid"], "{told}");
    add(&server, 60_000);
    let answer = app.ask(&server);
    assert_eq!(answer.status, 500);
    let log = server.log();
    for word in ["'app'", "65536", "access_token_strategy", "opaque"] {
        assert!(log.contains(word), "{word}: {log}");
    }
}
