//! An application learns from a frame of the server that the person's session has changed, where that is switched on.
//!
//! Spec: OpenID Connect Session Management 1.0.

use aws_lc_rs::digest;
use serde_json::{Value, json};
use tessera_acceptance::app::{App, Ask};
use tessera_acceptance::browser::{self, Browser, Landed, answered, landed};
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{self, ann};
use tessera_acceptance::http::Request;
use tessera_acceptance::logout::end_of_session;
use tessera_acceptance::programs;
use tessera_acceptance::server::{self, Server, Setup};

const COOKIE: &str = "tessera_browser_state";
/// Of the redirect URI of every app here.
const ORIGIN: &str = "https://app.example";

fn on() -> Value {
    json!({"session_management": {"enabled": true}})
}

fn start(engine: Engine) -> (Server, App) {
    let server = Server::start(browser::setup(engine, &json!({"oidc": on()})));
    let more = json!({
        "response_types": ["code", "id_token", "code id_token"],
        "grant_types": ["authorization_code", "refresh_token", "implicit"],
    });
    let app = App::register(&server, "app", &more);
    (server, app)
}

/// A person signs in anew with this answer of the login app; where the browser ends.
fn sign_in(
    server: &Server,
    app: &App,
    browser: &mut Browser,
    (ask, login): (&Ask, &Value),
) -> Landed {
    let challenge = landed(&browser.authorize(server, &ask.query())).login();
    let consent = json!({"remember": true});
    landed(&app.go_on(server, browser, &challenge, login, &consent))
}

/// What the frame would answer a page of the app that has this `session_state`.
fn is_unchanged(browser: &Browser, place: &Landed) -> bool {
    let told = place.parameter("session_state");
    let (hash, salt) = told.split_once('.').expect("a hash and a salt");
    let state = browser.jar.value(COOKIE).unwrap_or_default();
    let text = ["app", ORIGIN, state, salt].join(" ");
    let expected = digest::digest(&digest::SHA256, text.as_bytes());
    let expected: Vec<String> = expected
        .as_ref()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    hash == expected.concat()
}

#[test]
fn an_answer_tells_the_session_until_it_changes() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine);
        let mut browser = Browser::default();
        let first = sign_in(&server, &app, &mut browser, (&app.ask(), &ann()));
        assert!(is_unchanged(&browser, &first), "{engine:?}");

        // The same session, asked for silently: another salt, the same state.
        let silent = app.ask().with("prompt", "none");
        let again = sign_in(&server, &app, &mut browser, (&silent, &ann()));
        assert!(is_unchanged(&browser, &again), "{engine:?}");
        assert!(is_unchanged(&browser, &first), "{engine:?}");
        assert_ne!(
            first.parameter("session_state"),
            again.parameter("session_state")
        );

        // Somebody else, whose session no cookie remembers.
        let other = app.ask().with("prompt", "login");
        let bob = json!({"subject": "bob"});
        let second = sign_in(&server, &app, &mut browser, (&other, &bob));
        assert!(is_unchanged(&browser, &second), "{engine:?}");
        assert!(!is_unchanged(&browser, &first), "{engine:?}");
        assert_eq!(browser.session(), None);
    }
}

#[test]
fn a_logout_changes_the_session() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine);
        for login in [ann(), json!({"subject": "ann"})] {
            let mut browser = Browser::default();
            let place = sign_in(&server, &app, &mut browser, (&app.ask(), &login));
            let answer = app.redeem(&server, &place.code()).json().expect("JSON");
            let hint = answer["id_token"].as_str().expect("an ID token");
            let bye = browser.get(&end_of_session(&server, &[("id_token_hint", hint)]));
            let challenge = landed(&bye).logout();
            assert!(is_unchanged(&browser, &place), "nothing happened yet");
            browser.get(&answered(
                &server,
                "logout/accept",
                &challenge,
                &Value::Null,
            ));
            assert_eq!(browser.jar.value(COOKIE), None, "{engine:?} {login}");
            assert!(!is_unchanged(&browser, &place), "{engine:?} {login}");
        }
    }
}

#[test]
fn only_a_successful_answer_with_openid_has_a_session_state() {
    let (server, app) = start(Engine::Sqlite);
    for (name, value) in [
        ("response_type", "id_token"),
        ("response_type", "code id_token"),
        ("response_mode", "form_post"),
        ("response_mode", "fragment"),
    ] {
        let mut browser = Browser::default();
        let ask = app.ask().with(name, value);
        let place = sign_in(&server, &app, &mut browser, (&ask, &ann()));
        assert!(is_unchanged(&browser, &place), "{name}={value}");
    }
    let mut browser = Browser::default();
    let plain = app.ask().with("scope", "offline");
    let place = sign_in(&server, &app, &mut browser, (&plain, &ann()));
    assert!(!place.code().is_empty());
    assert_eq!(place.parameter("session_state"), "");
    let silent = app.ask().with("prompt", "none");
    let refused = landed(&Browser::default().authorize(&server, &silent.query()));
    assert_eq!(refused.error(), "login_required");
    assert_eq!(refused.parameter("session_state"), "");
}

#[test]
fn it_is_announced_only_where_it_is_on() {
    let check = |server: &Server| {
        let base = server.public();
        let get = |path: &str| {
            let url = format!("{base}{path}");
            Request::for_url("GET", &url).expect("an http URL").send()
        };
        let metadata = get("/.well-known/openid-configuration")
            .json()
            .expect("JSON");
        (
            metadata["check_session_iframe"].clone(),
            get("/oauth2/sessions/check"),
        )
    };
    let (server, _) = start(Engine::Sqlite);
    let (announced, page) = check(&server);
    assert_eq!(
        announced,
        json!(format!("{}/oauth2/sessions/check", server.public()))
    );
    assert_eq!(page.status, 200);
    assert_eq!(page.header("x-frame-options"), None);
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(!policy.contains("frame-ancestors"), "{policy}");

    let (server, app) = flow::start(Engine::Sqlite, &json!({}));
    let (announced, page) = check(&server);
    assert_eq!((announced, page.status), (Value::Null, 404));
    let mut browser = Browser::default();
    let place = sign_in(&server, &app, &mut browser, (&app.ask(), &ann()));
    assert_eq!(place.parameter("session_state"), "");
    assert_eq!(browser.jar.value(COOKIE), None);
}

#[test]
fn a_page_in_chromium_is_told_when_the_session_changes() {
    let app = format!("http://127.0.0.1:{}", server::free_port());
    let config = json!({
        "urls": {
            "self": {"issuer": "${public}"},
            "login": format!("{app}/login"),
            "consent": format!("{app}/consent"),
            "logout": format!("{app}/logout"),
        },
        "oidc": on(),
        "secrets": {"system": ["acceptance-system-secret-0123456789"]},
    });
    let recording = json!({"args": ["--dev"], "config": config});
    let server = Server::start(Setup::of_recording(&recording, Engine::Sqlite));
    let mut page = programs::node_with_browser("check-session.js");
    page.env("PUBLIC_URL", server.public())
        .env("ADMIN_URL", server.admin())
        .env("APP_URL", &app)
        .env("CHROMIUM", programs::chromium());
    programs::run_to_end(page);
}
