//! Bad credentials are refused, and tell nothing.
//!
//! Spec: RFC 6749 5.2, RFC 7617

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tessera_acceptance::bad_input::{GRANT, Rows, assert_same_cost, start};
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine::{self, Machine, form_to};
use tessera_acceptance::server::Server;

#[test]
fn bad_credentials_are_refused() {
    let (server, client) = start();
    let mut rows = Rows::default();
    let encoded = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    let public = server.public();
    for (name, header, status, error) in [
        (
            "unknown client",
            encoded(b"nobody:some-secret"),
            401,
            "invalid_client",
        ),
        (
            "wrong secret",
            encoded(b"my-client:wrong"),
            401,
            "invalid_client",
        ),
        (
            "empty secret",
            encoded(b"my-client:"),
            401,
            "invalid_client",
        ),
        ("empty id", encoded(b":secret"), 401, "invalid_client"),
        ("empty pair", encoded(b":"), 401, "invalid_client"),
        (
            "NUL in the id",
            encoded(b"my%00client:x"),
            400,
            "invalid_request",
        ),
        (
            "raw NUL in the id",
            encoded(b"my\0client:x"),
            400,
            "invalid_request",
        ),
        ("broken escape", encoded(b"my%zz:x"), 400, "invalid_request"),
        ("not UTF-8", encoded(b"\xff\xfe:x"), 400, "invalid_request"),
        (
            "escaped not UTF-8",
            encoded(b"%ff:x"),
            400,
            "invalid_request",
        ),
        (
            "long id",
            encoded(&[&vec![b'a'; 20_000], &b":x"[..]].concat()),
            401,
            "invalid_client",
        ),
        (
            "long secret",
            encoded(&[&b"my-client:"[..], &vec![b'a'; 20_000]].concat()),
            401,
            "invalid_client",
        ),
        ("no colon", encoded(b"my-client"), 400, "invalid_request"),
        (
            "not base64",
            "Basic !!!!".to_owned(),
            400,
            "invalid_request",
        ),
        ("nothing", "Basic ".to_owned(), 400, "invalid_request"),
        (
            "no scheme",
            STANDARD.encode("my-client:x"),
            400,
            "invalid_request",
        ),
        (
            "another scheme",
            "Bearer abc".to_owned(),
            400,
            "invalid_request",
        ),
        (
            "another scheme, not ASCII",
            "Bäsic abc".to_owned(),
            400,
            "invalid_request",
        ),
    ] {
        for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
            let form = if path.ends_with("/token") {
                GRANT
            } else {
                "token=x"
            };
            let answer = form_to(&public, path, form)
                .header("Authorization", &header)
                .send();
            rows.expect(&format!("{path}: {name}"), &answer, status, error);
            let challenge = answer.header("www-authenticate").is_some();
            if status == 401 && !challenge {
                rows.0.push(format!("{path}: {name}: no WWW-Authenticate"));
            }
            if answer.header("cache-control") != Some("no-store") {
                rows.0.push(format!("{path}: {name}: may be cached"));
            }
        }
    }
    // An unknown client and a wrong secret look the same, byte by byte.
    let body_of = |pair: &str| {
        let form = form_to(&public, "/oauth2/token", GRANT);
        form.header("Authorization", &encoded(pair.as_bytes()))
            .send()
            .body
    };
    assert_eq!(body_of("nobody:wrong"), body_of("my-client:wrong"));
    for (grant, status, error) in [
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=", 400, "invalid_request"),
        ("x=y", 400, "invalid_request"),
        ("grant_type=authorization_code", 400, "unauthorized_client"),
        (
            "grant_type=client_credentials%20x",
            400,
            "unsupported_grant_type",
        ),
        (
            "grant_type=client_credentials&scope=nope",
            400,
            "invalid_scope",
        ),
        (
            "grant_type=client_credentials&audience=https://nope",
            400,
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&scope=%22%5C",
            400,
            "invalid_scope",
        ),
    ] {
        rows.expect(
            grant,
            &client.post(&server, "/oauth2/token", grant),
            status,
            error,
        );
    }
    rows.done(&server, &client);
}

#[test]
fn an_unknown_client_costs_what_a_wrong_secret_costs() {
    let recording = json!({"args": ["--dangerous-force-http"], "config": {
        "urls": {"self": {"issuer": machine::ISSUER}},
        "secrets": {"system": [machine::SYSTEM_SECRET]},
        // Slow enough to stand out from everything else.
        "oauth2": {"hashers": {"pbkdf2": {"iterations": 60_000}}},
    }});
    let server = Server::start(tessera_acceptance::server::Setup::of_recording(
        &recording,
        Engine::Sqlite,
    ));
    let client = Machine::register(&server, "my-client", &json!({}));
    let wrong = |id: &str, i: usize| {
        let machine = Machine {
            id: id.to_owned(),
            secret: format!("wrong {i}"),
        };
        let started = Instant::now();
        let answer = machine.ask(&server);
        let took = started.elapsed();
        assert_eq!(answer.status, 401, "{}", answer.body);
        took
    };
    assert_same_cost(|i| wrong("nobody", i), |i| wrong("my-client", i));
    assert_eq!(client.ask(&server).status, 200);
}
