//! How long logins and consents are remembered, and for what.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.4, 11; RFC 6749 10.2.

use std::time::Duration;

use serde_json::json;
use tessera_acceptance::app::{App, Tokens, assert_dead};
use tessera_acceptance::bad_input::altered;
use tessera_acceptance::browser::{self, Browser, answered, landed, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{self, ann, at_home, first_stop, second_stop, start};
use tessera_acceptance::jar;
use tessera_acceptance::machine;
use tessera_acceptance::server::Server;

#[test]
fn a_remembered_consent_is_used_for_what_it_covers() {
    for engine in Engine::at_hand() {
        let (server, _) = start(engine, &json!({}));
        let more = json!({"audience": ["https://one.example", "https://two.example"]});
        let app = App::register(&server, "rich", &more);
        let ask = app
            .ask()
            .with("scope", "openid offline a")
            .with("audience", "https://one.example");
        let mut home = Browser::default();
        app.sign_in_with(&server, &mut home, &ask, &ann(), &json!({"remember": true}));
        for (name, value, expected) in [
            ("scope", "openid offline a", "consent skip=true"),
            ("scope", "a openid", "consent skip=true"),
            ("scope", "openid offline a b", "consent skip=false"),
            ("scope", "b", "consent skip=false"),
            ("audience", "https://one.example", "consent skip=true"),
            ("audience", "https://two.example", "consent skip=false"),
            (
                "audience",
                "https://one.example https://two.example",
                "consent skip=false",
            ),
            ("prompt", "consent", "consent skip=false"),
            ("prompt", "none", "consent skip=true"),
        ] {
            let stop = second_stop(&server, &home, &ask.clone().with(name, value));
            assert_eq!(stop, expected, "{engine:?} {name}={value}");
        }
        let none = ask.clone().with("prompt", "none").with("scope", "openid b");
        assert_eq!(
            second_stop(&server, &home, &none),
            "consent_required",
            "{engine:?}"
        );
        // Another person, and another client.
        let mut other = Browser::default();
        let challenge = landed(&other.authorize(&server, &ask.query())).login();
        let next = answered(
            &server,
            "login/accept",
            &challenge,
            &json!({"subject": "bob", "remember": true}),
        );
        let challenge = landed(&other.get(&next)).consent();
        assert_eq!(
            told(&server, "consent", &challenge)["skip"],
            false,
            "{engine:?}"
        );
        let stranger = App::register(&server, "stranger", &json!({}));
        assert_eq!(
            second_stop(&server, &home, &stranger.ask()),
            "consent skip=false"
        );
    }
}

#[test]
fn a_consent_is_remembered_as_long_as_was_said() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let mut home = Browser::default();
        app.sign_in_with(&server, &mut home, &app.ask(), &ann(), &json!({}));
        assert_eq!(
            second_stop(&server, &home, &app.ask()),
            "consent skip=false",
            "{engine:?}: not remembered"
        );
        let brief = json!({"remember": true, "remember_for": 3});
        app.sign_in_with(&server, &mut home, &app.ask(), &ann(), &brief);
        assert_eq!(
            second_stop(&server, &home, &app.ask()),
            "consent skip=true",
            "{engine:?}"
        );
        clock::pause(Duration::from_secs(4));
        assert_eq!(
            second_stop(&server, &home, &app.ask()),
            "consent skip=false",
            "{engine:?}: over"
        );
        // Deleted, it is asked for again, and what came of it is dead.
        let code = app.sign_in_with(
            &server,
            &mut home,
            &app.ask(),
            &ann(),
            &json!({"remember": true}),
        );
        let pair = Tokens::of(&app.redeem(&server, &code));
        assert_eq!(
            second_stop(&server, &home, &app.ask()),
            "consent skip=true",
            "{engine:?}"
        );
        let path = format!(
            "/admin/oauth2/auth/sessions/consent?subject=ann&client={}",
            app.id()
        );
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        assert_eq!(
            second_stop(&server, &home, &app.ask()),
            "consent skip=false",
            "{engine:?}: deleted"
        );
        assert_dead(&server, &app, &pair, "the consent is deleted");
    }
}

#[test]
fn a_hint_is_shown_while_the_flow_goes_on_and_not_kept() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (mut browser, pair) = at_home(&server, &app);
        // The newest remembered consent is listed, so the app is asked once more.
        let ask = app
            .ask()
            .with("prompt", "consent")
            .with("id_token_hint", &pair.id);
        let challenge = landed(&browser.authorize(&server, &ask.query())).login();
        let shown = told(&server, "login", &challenge);
        let url = shown["request_url"].as_str().unwrap();
        assert!(url.contains(&pair.id), "{engine:?}: {shown}");
        let end = app.go_on(
            &server,
            &mut browser,
            &challenge,
            &ann(),
            &json!({"remember": true}),
        );
        landed(&end).code();
        let path = "/admin/oauth2/auth/sessions/consent?subject=ann";
        let list = machine::admin(&server, "GET", path, None);
        assert_eq!(list.status, 200, "{engine:?}: {}", list.body);
        assert!(list.body.contains("request_url"), "{}", list.body);
        assert!(!list.body.contains("id_token_hint"), "{}", list.body);
        assert!(!list.body.contains(&pair.id), "{}", list.body);
    }
}

#[test]
fn a_public_client_on_a_private_scheme_is_never_skipped() {
    let server = flow::server(Engine::Sqlite);
    let uris = [
        "https://app.example/cb",
        "http://localhost:4000/cb",
        "http://127.0.0.1/cb",
        "app://localhost/cb",
        "com.example.app:/cb",
    ];
    let more = json!({"token_endpoint_auth_method": "none", "redirect_uris": uris});
    let app = App::register(&server, "native", &more);
    let mut home = Browser::default();
    app.sign_in_with(
        &server,
        &mut home,
        &app.ask(),
        &ann(),
        &json!({"remember": true}),
    );
    for (uri, skip) in [
        (uris[0], true),
        (uris[1], true),
        ("http://127.0.0.1:5555/cb", true),
        (uris[3], false),
        (uris[4], false),
    ] {
        let ask = app.ask().with("redirect_uri", uri);
        assert_eq!(
            second_stop(&server, &home, &ask),
            format!("consent skip={skip}"),
            "{uri}"
        );
        let none = second_stop(&server, &home, &ask.with("prompt", "none"));
        let expected = if skip {
            "consent skip=true"
        } else {
            "consent_required"
        };
        assert_eq!(none, expected, "{uri} with prompt=none");
    }
}

#[test]
fn a_session_ends_when_it_should_and_keeps_its_name() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (mut home, first) = at_home(&server, &app);
        let code = app.sign_in(&server, &mut home, &app.ask(), &json!({"subject": "ann"}));
        let second = Tokens::of(&app.redeem(&server, &code));
        let (old, new) = (first.id_claims(), second.id_claims());
        assert_eq!(
            (&old["sid"], &old["auth_time"]),
            (&new["sid"], &new["auth_time"]),
            "{engine:?}"
        );
        // A login that is not to be remembered ends the former one.
        let query = app.ask().with("prompt", "login").query();
        let stale = home.clone();
        let challenge = landed(&home.authorize(&server, &query)).login();
        landed(&home.get(&answered(
            &server,
            "login/accept",
            &challenge,
            &json!({"subject": "ann"}),
        )))
        .consent();
        assert_eq!(home.session(), None, "{engine:?}");
        assert_eq!(
            first_stop(&server, &stale, &app.ask()),
            "login skip=false",
            "{engine:?}: the old cookie"
        );
        // Expired by its own time, even when the cookie is still sent.
        let brief = json!({"subject": "ann", "remember": true, "remember_for": 2});
        let mut home = Browser::default();
        app.sign_in(&server, &mut home, &app.ask(), &brief);
        assert_eq!(
            first_stop(&server, &home, &app.ask()),
            "login skip=true",
            "{engine:?}"
        );
        clock::pause(Duration::from_secs(3));
        assert_eq!(
            first_stop(&server, &home, &app.ask()),
            "login skip=false",
            "{engine:?}: over"
        );
        assert_eq!(
            first_stop(&server, &home, &app.ask().with("prompt", "none")),
            "login_required"
        );
    }
}

#[test]
fn an_altered_session_cookie_is_no_session() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let (home, pair) = at_home(&server, &app);
    let (name, value) = home.jar.named("ory_hydra_session").unwrap();
    let mut values: Vec<String> = (0..value.len()).map(|at| altered(value, at)).collect();
    values.extend([
        "x".to_owned(),
        "\"".to_owned(),
        "%00".to_owned(),
        "A".repeat(4_000),
        pair.id_claims()["sid"].as_str().unwrap().to_owned(),
    ]);
    values.push(home.jar.value("ory_hydra_login_csrf").unwrap().to_owned());
    for value in values {
        let mut browser = home.clone();
        browser.jar.set(name, &value);
        assert_eq!(
            first_stop(&server, &browser, &app.ask()),
            "login skip=false",
            "{value}"
        );
        let none = app.ask().with("prompt", "none");
        assert_eq!(
            first_stop(&server, &browser, &none),
            "login_required",
            "{value}"
        );
    }
    assert_eq!(first_stop(&server, &home, &app.ask()), "login skip=true");
}

#[test]
fn cookies_are_closed_to_scripts_and_live_as_long_as_said() {
    let more = json!({"serve": {"cookies": {"same_site_mode": "Strict", "paths": {"session": "/oauth2"}}}, "urls": browser::config(&json!({}))["urls"].clone()});
    let server = Server::start(browser::setup(Engine::Sqlite, &more));
    let app = App::register(&server, "app", &json!({}));
    let mut browser = Browser::default();
    let mut seen = Vec::new();
    let mut step = |answer: &tessera_acceptance::http::Response| {
        seen.extend(
            answer
                .header_values("set-cookie")
                .iter()
                .map(|line| jar::parse(line)),
        );
    };
    let answer = browser.authorize(&server, &app.ask().query());
    step(&answer);
    let next = answered(
        &server,
        "login/accept",
        &landed(&answer).login(),
        &json!({"subject": "ann", "remember": true, "remember_for": 77}),
    );
    let answer = browser.get(&next);
    step(&answer);
    let next = app.grant(&server, &landed(&answer).consent(), &json!({}));
    step(&browser.get(&next));
    let mut names: Vec<&str> = Vec::new();
    for cookie in &seen {
        let attributes = &cookie["attributes"];
        assert_eq!(attributes["HttpOnly"], true, "{cookie}");
        assert_eq!(attributes["SameSite"], "Strict", "{cookie}");
        assert!(attributes["Domain"].is_null(), "{cookie}");
        let name = cookie["name"].as_str().unwrap();
        let is_session = name.starts_with("ory_hydra_session");
        let (path, age) = if is_session {
            ("/oauth2", "77")
        } else {
            ("/", "1800")
        };
        assert_eq!(
            (&attributes["Path"], &attributes["Max-Age"]),
            (&json!(path), &json!(age)),
            "{cookie}"
        );
        names.push(name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_'));
    }
    for name in [
        "ory_hydra_login_csrf",
        "ory_hydra_session",
        "ory_hydra_consent_csrf",
    ] {
        assert!(
            names.iter().any(|found| found.starts_with(name)),
            "{name}: {names:?}"
        );
    }
}
