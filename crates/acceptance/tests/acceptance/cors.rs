//! Which answers pages of other origins may read: what the recordings of `cors` do not show, and a real browser.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::App;
use tessera_acceptance::browser;
use tessera_acceptance::clock::pause;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::machine::{self, Machine, SYSTEM_SECRET, form_to};
use tessera_acceptance::programs;
use tessera_acceptance::server::{Server, Setup};

const APP: &str = "https://spa.example.com";
const STRANGER: &str = "https://spa.example.com.evil.example";

fn start(engine: Engine, serve: &Value) -> Server {
    let mut config = machine::config(&[SYSTEM_SECRET]);
    config["serve"] = serve.clone();
    let recording = json!({"args": ["--dangerous-force-http"], "config": config});
    Server::start(Setup::of_recording(&recording, engine))
}

/// A public port that lists an origin which nobody here has.
fn listing(engine: Engine) -> Server {
    let cors = json!({"enabled": true, "allowed_origins": ["https://listed.example.com"]});
    start(engine, &json!({"public": {"cors": cors}}))
}

fn allowed(answer: &Response) -> Option<&str> {
    assert_eq!(answer.header("vary"), Some("Origin"), "{answer:?}");
    answer.header("access-control-allow-origin")
}

/// Both origins ask the same; the first may read the answer, the second gets it without a word about it.
fn only_the_app_reads(what: &str, status: u16, request: &Request) {
    let answer = request.clone().header("Origin", APP).send();
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_eq!(allowed(&answer), Some(APP), "{what}");
    let answer = request.clone().header("Origin", STRANGER).send();
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    nothing_is_said(what, &answer);
}

fn nothing_is_said(what: &str, answer: &Response) {
    assert_eq!(allowed(answer), None, "{what}");
    let names = answer
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase());
    let said: Vec<String> = names
        .filter(|name| name.starts_with("access-control-"))
        .collect();
    assert!(said.is_empty(), "{what}: {said:?}");
}

#[test]
fn a_clients_origins_count_wherever_a_request_says_which_client_it_is() {
    for engine in Engine::at_hand() {
        let server = listing(engine);
        let origins = json!({"allowed_cors_origins": ["https://*.example.com"]});
        let basic = Machine::register(&server, "basic", &origins);
        let mut by_form = origins.clone();
        by_form["token_endpoint_auth_method"] = json!("client_secret_post");
        let post = Machine::register(&server, "post", &by_form);
        let to = |path: &str, form: &str| form_to(&server.public(), path, form);

        let grant = "grant_type=client_credentials";
        let with_basic = to("/oauth2/token", grant).header("Authorization", &basic.basic());
        only_the_app_reads("token, Basic", 200, &with_basic);
        let secret = post.secret.replace(' ', "%20");
        let form = format!("{grant}&client_id=post&client_secret={secret}");
        only_the_app_reads("token, form", 200, &to("/oauth2/token", &form));
        let wrong = format!("{grant}&client_id=post&client_secret=wrong");
        only_the_app_reads("token, refused", 401, &to("/oauth2/token", &wrong));

        let token = basic.token(&server);
        let form = format!("token={token}");
        let introspect = to("/oauth2/introspect", &form).header("Authorization", &basic.basic());
        only_the_app_reads("introspection", 200, &introspect);
        let url = format!("{}/userinfo", server.public());
        let userinfo = Request::for_url("GET", &url).unwrap();
        let bearer = format!("Bearer {token}");
        only_the_app_reads(
            "userinfo",
            200,
            &userinfo.clone().header("Authorization", &bearer),
        );
        let in_form = to("/userinfo", &format!("access_token={token}"));
        only_the_app_reads("userinfo, form", 200, &in_form);
        let revoke = to("/oauth2/revoke", &form).header("Authorization", &basic.basic());
        only_the_app_reads("revocation", 200, &revoke);
        let dead = userinfo
            .header("Authorization", &bearer)
            .header("Origin", APP)
            .send();
        assert_eq!(dead.status, 401);
        nothing_is_said("a token that was revoked names nobody", &dead);
    }
}

#[test]
fn the_app_may_read_that_its_token_has_expired() {
    let server = listing(Engine::Sqlite);
    let more = json!({"allowed_cors_origins": [APP],
        "client_credentials_grant_access_token_lifespan": "1s"});
    let token = Machine::register(&server, "short", &more).token(&server);
    pause(Duration::from_millis(2100));
    let url = format!("{}/userinfo", server.public());
    let request = Request::for_url("GET", &url).unwrap();
    let request = request.header("Authorization", &format!("Bearer {token}"));
    only_the_app_reads("an expired token", 401, &request);
}

#[test]
fn a_persons_token_names_its_client() {
    for engine in Engine::at_hand() {
        let cors = json!({"enabled": true, "allowed_origins": ["https://listed.example.com"]});
        let more = json!({"serve": {"public": {"cors": cors}}});
        let server = Server::start(browser::setup(engine, &more));
        let url = format!("{}/userinfo", server.public());
        for strategy in ["opaque", "jwt"] {
            let more = json!({"allowed_cors_origins": [APP], "access_token_strategy": strategy});
            let access = App::register(&server, strategy, &more)
                .tokens(&server)
                .access;
            let request = Request::for_url("GET", &url).unwrap();
            let request = request.header("Authorization", &format!("Bearer {access}"));
            only_the_app_reads(strategy, 200, &request);
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_before_a_client_is_looked_for() {
    let server = listing(Engine::Sqlite);
    let body = format!("client_id=app&padding={}", "x".repeat(1024 * 1024));
    let request = form_to(&server.public(), "/oauth2/token", &body).header("Origin", APP);
    let answer = request.send();
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.json().unwrap()["error"], "invalid_request");
    nothing_is_said("too large", &answer);
}

#[test]
fn a_clients_origins_count_nowhere_else() {
    let server = listing(Engine::Sqlite);
    let app = Machine::register(&server, "app", &json!({"allowed_cors_origins": [APP]}));
    for path in [
        "/oauth2/sessions/logout",
        "/oauth2/auth",
        "/health/alive",
        "/.well-known/jwks.json",
    ] {
        let url = format!("{}{path}?client_id=app", server.public());
        let answer = Request::for_url("GET", &url)
            .unwrap()
            .header("Origin", APP)
            .send();
        nothing_is_said(path, &answer);
    }
    let url = format!("{}/admin/clients", server.admin());
    let request = Request::for_url("GET", &url).unwrap();
    let answer = request
        .header("Authorization", &app.basic())
        .header("Origin", APP)
        .send();
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), None, "CORS is off there");
}

#[test]
fn where_cors_is_off_nothing_is_said() {
    let server = start(Engine::Sqlite, &json!({}));
    let app = Machine::register(&server, "app", &json!({"allowed_cors_origins": [APP]}));
    let form = "grant_type=client_credentials";
    let request = form_to(&server.public(), "/oauth2/token", form);
    let request = request
        .header("Authorization", &app.basic())
        .header("Origin", APP);
    let answer = request.send();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), None);
    let asked = preflight(&server.public(), "/oauth2/token", APP).send();
    assert_eq!((asked.status, asked.header("vary")), (200, None));
}

fn preflight(base: &str, path: &str, origin: &str) -> Request {
    Request::for_url("OPTIONS", &format!("{base}{path}"))
        .unwrap()
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
}

#[test]
fn preflights_that_are_handed_on_are_answered_by_the_routes() {
    let cors = json!({"enabled": true, "allowed_origins": [APP], "options_passthrough": true});
    let server = start(Engine::Sqlite, &json!({"public": {"cors": cors}}));
    for (path, status) in [
        ("/oauth2/token", 200),
        ("/oauth2/sessions/logout", 405),
        ("/nothing", 404),
    ] {
        let answer = preflight(&server.public(), path, APP).send();
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(APP),
            "{path}"
        );
        assert_eq!(
            answer.header("access-control-allow-methods"),
            Some("POST"),
            "{path}"
        );
    }
}

#[test]
fn a_preflight_of_the_admin_port_needs_no_token_and_a_request_does() {
    let admin = json!({"cors": {"enabled": true, "allowed_origins": [APP]},
        "auth": {"bearer_token": "the-token-of-the-administrator"}});
    let server = start(Engine::Sqlite, &json!({"admin": admin}));
    let asked = preflight(&server.admin(), "/admin/clients", APP).send();
    assert_eq!(asked.status, 204, "{}", asked.body);
    assert_eq!(asked.header("access-control-allow-origin"), Some(APP));
    assert_eq!(asked.header("allow"), None, "a preflight is no refusal");
    let url = format!("{}/admin/clients", server.admin());
    let request = Request::for_url("GET", &url).unwrap().header("Origin", APP);
    let answer = request.send();
    assert_eq!(answer.status, 401);
    assert_eq!(allowed(&answer), Some(APP), "the page may read why");
    let answer = request
        .header("Authorization", "Bearer the-token-of-the-administrator")
        .send();
    assert_eq!((answer.status, allowed(&answer)), (200, Some(APP)));
}

#[test]
fn what_was_decided_is_logged_where_debug_is_on() {
    for is_on in [true, false] {
        let cors = json!({"enabled": true, "allowed_origins": [APP], "debug": is_on});
        let mut config = machine::config(&[SYSTEM_SECRET]);
        config["serve"] = json!({"public": {"cors": cors}});
        let recording = json!({"args": ["--dangerous-force-http"], "config": config,
            "env": {"LOG_LEVEL": "info"}});
        let server = Server::start(Setup::of_recording(&recording, Engine::Sqlite));
        preflight(&server.public(), "/clients", STRANGER).send();
        assert_eq!(
            server.log().contains("the listener does not list it"),
            is_on
        );
        assert_eq!(server.log().contains(STRANGER), is_on);
    }
}

#[test]
fn a_page_in_chromium_reads_what_its_origin_may_read() {
    let server = listing(Engine::Sqlite);
    let mut pages = programs::node_with_browser("cors.js");
    pages
        .env("PUBLIC_URL", server.public())
        .env("ADMIN_URL", server.admin())
        .env("CHROMIUM", programs::chromium());
    programs::run_to_end(pages);
}
