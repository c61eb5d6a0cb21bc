//! Answers about tokens: who gets them, and what they may not say or leave behind.
//!
//! Spec: RFC 6749 5.1, 5.2; RFC 7662 2.2, 4; RFC 7523 3.

use serde_json::{Value, json};
use tessera_acceptance::app::{App, error_of, userinfo};
use tessera_acceptance::browser;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::jwt::{self, Key};
use tessera_acceptance::machine::{self, Machine, form_to, introspect, is_active};
use tessera_acceptance::recording;
use tessera_acceptance::server::Server;

#[test]
fn no_answer_about_a_token_is_kept_or_shows_the_inside() {
    let server = flow::server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    let pair = app.tokens(&server);
    let public = |path: &str, form: &[(&str, &str)]| app.post(&server, path, form);
    let token = [("token", pair.access.as_str())];
    let unauthenticated = |path: &str| form_to(&server.public(), path, "token=x").send();
    let answers: Vec<(&str, u16, Response)> = vec![
        ("a token", 200, app.refresh(&server, &pair.refresh)),
        ("a refresh token of nobody", 400, app.refresh(&server, "x")),
        ("a code of nobody", 400, app.redeem(&server, "x")),
        ("no grant", 400, public("/oauth2/token", &[])),
        (
            "no client",
            401,
            form_to(
                &server.public(),
                "/oauth2/token",
                "grant_type=refresh_token&client_id=x",
            )
            .send(),
        ),
        ("introspection", 200, public("/oauth2/introspect", &token)),
        (
            "introspection of nothing",
            200,
            public("/oauth2/introspect", &[("token", "x")]),
        ),
        (
            "introspection without a token",
            400,
            public("/oauth2/introspect", &[]),
        ),
        (
            "introspection by nobody",
            400,
            unauthenticated("/oauth2/introspect"),
        ),
        (
            "introspection by the operator",
            200,
            introspect(&server, &pair.access),
        ),
        (
            "revocation of nothing",
            200,
            public("/oauth2/revoke", &[("token", "x")]),
        ),
        (
            "revocation without a token",
            400,
            public("/oauth2/revoke", &[]),
        ),
        (
            "revocation by nobody",
            400,
            unauthenticated("/oauth2/revoke"),
        ),
        (
            "userinfo",
            200,
            userinfo(&server, &app.tokens(&server).access),
        ),
        ("userinfo of nobody", 401, userinfo(&server, "x")),
    ];
    for (what, status, answer) in answers {
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        let caching = answer.header("cache-control").unwrap_or_default();
        assert!(caching.contains("no-store"), "{what}: {caching:?}");
        for inside in ["error_debug", "stack", "sql", "src/"] {
            assert!(
                !answer.body.to_lowercase().contains(inside),
                "{what}: {}",
                answer.body
            );
        }
    }
}

#[test]
fn a_client_learns_of_tokens_that_concern_it_alone() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "app", &json!({"audience": ["reader"]}));
        let stranger = Machine::register(&server, "stranger", &json!({}));
        let reader = Machine::register(&server, "reader", &json!({}));
        let ask = app.ask().with("audience", "reader");
        let code = app.sign_in(
            &server,
            &mut browser::Browser::default(),
            &ask,
            &json!({"subject": "ann"}),
        );
        let pair = tessera_acceptance::app::Tokens::of(&app.redeem(&server, &code));
        let told = |machine: &Machine, token: &str| -> Value {
            let form = format!("token={token}");
            let answer = machine.post(&server, "/oauth2/introspect", &form);
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json().unwrap()
        };
        for token in [&pair.access, &pair.refresh] {
            assert_eq!(told(&app.machine, token)["active"], true, "{engine:?}");
            assert_eq!(
                told(&stranger, token),
                json!({"active": false}),
                "{engine:?}"
            );
        }
        assert_eq!(told(&reader, &pair.access)["sub"], "ann", "{engine:?}");
        // Nor can a stranger end them; its answer is the same as the owner's.
        for token in [&pair.access, &pair.refresh] {
            assert_eq!(stranger.revoke(&server, token).status, 200);
            assert!(is_active(&server, token), "{engine:?}");
        }
        for hint in ["refresh_token", "access_token", "nonsense"] {
            let pair = app.tokens(&server);
            let form = [("token", pair.access.as_str()), ("token_type_hint", hint)];
            assert_eq!(
                app.post(&server, "/oauth2/revoke", &form).status,
                200,
                "{hint}"
            );
            assert!(!is_active(&server, &pair.refresh), "{engine:?} {hint}");
        }
    }
}

#[test]
fn a_public_client_has_no_tokens_of_its_own() {
    let server = flow::server(Engine::Sqlite);
    let more = json!({
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    });
    let app = App::register(&server, "app", &more);
    let form = [("grant_type", "client_credentials")];
    let answer = app.post(&server, "/oauth2/token", &form);
    assert_eq!(
        (answer.status, error_of(&answer).as_str()),
        (400, "invalid_grant"),
        "{}",
        answer.body
    );
    // It has no secret either, so that one proves nothing.
    let answer = app.machine.ask(&server);
    assert_eq!(
        (answer.status, error_of(&answer).as_str()),
        (401, "invalid_client"),
        "{}",
        answer.body
    );
}

#[test]
fn the_ids_of_two_clients_assertions_do_not_collide() {
    for engine in Engine::at_hand() {
        let server = Server::start(machine::setup(engine));
        let keys = recording::keys();
        let key = json!({"kty": "RSA", "kid": "k", "use": "sig", "n": keys["rsa1"]["n"], "e": keys["rsa1"]["e"]});
        let now = clock::unix_now();
        let assertion = |client: &str| {
            let claims = json!({
                "iss": client, "sub": client, "aud": format!("{}oauth2/token", machine::ISSUER),
                "exp": now + 60, "jti": "the same",
            });
            let header = json!({"kid": "k"});
            jwt::sign(
                "RS256",
                header.as_object().unwrap(),
                &claims,
                Key::Jwk(&keys["rsa1"]),
            )
        };
        let ask = |client: &str| {
            let form = format!(
                "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={}",
                assertion(client)
            );
            form_to(&server.public(), "/oauth2/token", &form).send()
        };
        for client in ["one", "two"] {
            let metadata = json!({
                "client_id": client, "grant_types": ["client_credentials"],
                "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]},
            });
            assert_eq!(machine::create(&server, &metadata).status, 201);
        }
        for client in ["one", "two"] {
            let (first, again) = (ask(client), ask(client));
            assert_eq!(first.status, 200, "{engine:?} {client}: {}", first.body);
            assert_eq!(again.status, 401, "{engine:?} {client}: {}", again.body);
        }
    }
}

#[test]
fn a_secret_that_bcrypt_would_cut_is_refused() {
    let more = json!({"oauth2": {"hashers": {"algorithm": "bcrypt", "bcrypt": {"cost": 4}}}});
    let server = Server::start(browser::setup(Engine::Sqlite, &more));
    let longest = Machine {
        id: "longest".to_owned(),
        secret: "s".repeat(72),
    };
    let created = machine::create(&server, &longest.metadata(&json!({})));
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(longest.ask(&server).status, 200);
    let longer = Machine {
        secret: "s".repeat(73),
        ..longest
    };
    assert_eq!(longer.ask(&server).status, 401);
    let longer = Machine {
        id: "longer".to_owned(),
        secret: "s".repeat(73),
    };
    let created = machine::create(&server, &longer.metadata(&json!({})));
    assert_eq!(created.status, 400, "{}", created.body);
    assert_eq!(longer.ask(&server).status, 401);
}

#[test]
fn a_token_request_is_a_posted_form() {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let client = Machine::register(&server, "my-client", &json!({}));
    let url = format!("{}/oauth2/token", server.public());
    let request = |method: &str, query: &str| {
        Request::for_url(method, &format!("{url}{query}"))
            .unwrap()
            .header("Authorization", &client.basic())
    };
    let body = json!({"grant_type": "client_credentials"}).to_string();
    for (what, answer) in [
        (
            "GET",
            request("GET", "?grant_type=client_credentials").send(),
        ),
        (
            "by query",
            request("POST", "?grant_type=client_credentials").send(),
        ),
        (
            "JSON",
            request("POST", "").body("application/json", &body).send(),
        ),
        (
            "PUT",
            request("PUT", "")
                .body(
                    "application/x-www-form-urlencoded",
                    "grant_type=client_credentials",
                )
                .send(),
        ),
    ] {
        assert!(
            (400..500).contains(&answer.status),
            "{what}: {} {}",
            answer.status,
            answer.body
        );
        assert!(
            !answer.body.contains("access_token"),
            "{what}: {}",
            answer.body
        );
    }
}
