//! What login and consent apps hear from the admin API, and what they may say.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::App;
use tessera_acceptance::browser::{self, Browser, answer, answered, landed, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{self, ann, first_stop};
use tessera_acceptance::jar;
use tessera_acceptance::machine;
use tessera_acceptance::race;
use tessera_acceptance::server::Server;

#[test]
fn a_consent_was_handled_when_the_app_answered() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "app", &json!({}));
        let mut flows = ["first", "second"].map(|state| {
            let mut browser = Browser::default();
            let query = app.ask().with("state", state).query();
            let challenge = landed(&browser.authorize(&server, &query)).login();
            let next = answered(&server, "login/accept", &challenge, &ann());
            let challenge = landed(&browser.get(&next)).consent();
            let id = told(&server, "consent", &challenge)["consent_request_id"].clone();
            let next = app.grant(&server, &challenge, &json!({}));
            clock::pause(Duration::from_millis(1_100));
            (browser, next, id)
        });
        // The browsers come back the other way round.
        for (browser, next, _) in flows.iter_mut().rev() {
            landed(&browser.get(next)).code();
        }
        let path = "/admin/oauth2/auth/sessions/consent?subject=ann";
        let list = machine::admin(&server, "GET", path, None).json().unwrap();
        let handled_at = |id: &Value| {
            let mut entries = list.as_array().unwrap().iter();
            let entry = entries.find(|entry| entry["consent_request_id"] == *id);
            entry.unwrap()["handled_at"].as_str().unwrap().to_owned()
        };
        let [(_, _, first), (_, _, second)] = &flows;
        assert!(handled_at(first) < handled_at(second), "{engine:?}: {list}");
    }
}

#[test]
fn a_nul_in_what_an_app_says_is_refused() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "app", &json!({}));
        let mut browser = Browser::default();
        let challenge = landed(&browser.authorize(&server, &app.ask().query())).login();
        let refused = |verb: &str, challenge: &str, member: &str, body: &Value| {
            let answer = answer(&server, verb, challenge, body);
            assert_eq!(
                answer.status, 400,
                "{engine:?} {verb} {body}: {}",
                answer.body
            );
            assert!(
                answer.body.contains(member) && answer.body.contains("NUL"),
                "{engine:?} {verb}: {}",
                answer.body
            );
        };
        for member in [
            "subject",
            "identity_provider_session_id",
            "acr",
            "force_subject_identifier",
        ] {
            let mut body = ann();
            body[member] = json!("a\0b");
            refused("login/accept", &challenge, member, &body);
        }
        let mut body = ann();
        body["amr"] = json!(["pwd", "\0"]);
        refused("login/accept", &challenge, "amr", &body);
        for member in ["error", "error_description", "error_hint", "error_debug"] {
            let body = json!({"error": "x", member: "\0"});
            refused("login/reject", &challenge, member, &body);
        }
        // Documents are kept as they are.
        let login = json!({"subject": "ann", "remember": true, "context": {"a": "\0"},
            "identity_provider_session_id": "idp ü"});
        let next = answered(&server, "login/accept", &challenge, &login);
        let challenge = landed(&browser.get(&next)).consent();
        assert_eq!(told(&server, "consent", &challenge)["context"]["a"], "\0");
        for member in ["grant_scope", "grant_access_token_audience"] {
            let body = json!({"grant_scope": ["openid"], member: ["openid", "a\0"]});
            refused("consent/accept", &challenge, member, &body);
        }
        refused(
            "consent/reject",
            &challenge,
            "error",
            &json!({"error": "\0"}),
        );
        let session = json!({"session": {"id_token": {"odd": "\0"}}});
        let next = app.grant(&server, &challenge, &session);
        landed(&browser.get(&next)).code();
        for path in [
            "/admin/oauth2/auth/sessions/login?subject=a%00b",
            "/admin/oauth2/auth/sessions/consent?subject=a%00b&all=true",
            "/admin/oauth2/auth/sessions/consent?subject=a&client=%00",
        ] {
            let answer = machine::admin(&server, "DELETE", path, None);
            assert_eq!(answer.status, 400, "{engine:?} {path}: {}", answer.body);
        }
        for path in [
            "/admin/oauth2/auth/sessions/consent?subject=a%00b",
            "/admin/clients?client_name=%00",
            "/admin/clients?owner=%00",
        ] {
            let answer = machine::admin(&server, "GET", path, None);
            assert_eq!(answer.status, 400, "{engine:?} {path}: {}", answer.body);
        }
    }
}

/// The name of the client, wherever the admin API shows it.
#[test]
fn a_client_is_shown_as_it_was_just_written() {
    for engine in Engine::at_hand() {
        let servers = race::two_processes(&browser::setup(engine, &json!({})));
        let (first, second) = (&servers[0], &servers[1]);
        let app = App::register(
            first,
            "app",
            &json!({"post_logout_redirect_uris": ["https://app.example/bye"]}),
        );
        let mut browser = Browser::default();
        let rename = |name: &str| {
            let path = "/admin/clients/app";
            let patch = json!([{"op": "replace", "path": "/client_name", "value": name}]);
            let answer = machine::admin(second, "PATCH", path, Some(&patch));
            assert_eq!(answer.status, 200, "{}", answer.body);
        };
        let challenge = landed(&browser.authorize(first, &app.ask().query())).login();
        rename("one");
        let login = told(first, "login", &challenge);
        assert_eq!(login["client"]["client_name"], "one", "{engine:?}");
        let next = answered(first, "login/accept", &challenge, &ann());
        let challenge = landed(&browser.get(&next)).consent();
        rename("two");
        let consent = told(first, "consent", &challenge);
        assert_eq!(consent["client"]["client_name"], "two", "{engine:?}");
        let next = app.grant(first, &challenge, &json!({}));
        let code = landed(&browser.get(&next)).code();
        let tokens = tessera_acceptance::app::Tokens::of(&app.redeem(first, &code));
        rename("three");
        let path = "/admin/oauth2/auth/sessions/consent?subject=ann";
        let list = machine::admin(first, "GET", path, None).json().unwrap();
        let shown = &list[0]["consent_request"]["client"]["client_name"];
        assert_eq!(shown, "three", "{engine:?}");
        let address =
            tessera_acceptance::logout::end_of_session(first, &[("id_token_hint", &tokens.id)]);
        let challenge = landed(&browser.get(&address)).logout();
        rename("four");
        let logout = told(first, "logout", &challenge);
        assert_eq!(logout["client"]["client_name"], "four", "{engine:?}");
    }
}

#[test]
fn a_session_survives_the_rotation_of_cookie_secrets() {
    const OLD: &str = "a-cookie-secret-of-long-ago";
    const NEW: &str = "a-cookie-secret-of-today";
    let with = |secrets: &[&str]| {
        let system = browser::config(&json!({}))["secrets"]["system"].clone();
        browser::config(&json!({"secrets": {"system": system, "cookie": secrets}}))
    };
    let mut server = Server::prepare(browser::setup(Engine::Sqlite, &json!({})));
    server.configure(with(&[OLD]));
    server.migrate();
    server.run();
    let app = App::register(&server, "app", &json!({}));
    let mut brief = Browser::default();
    let mut kept = Browser::default();
    app.sign_in(
        &server,
        &mut brief,
        &app.ask(),
        &json!({"subject": "ann", "remember": true}),
    );
    app.sign_in(&server, &mut kept, &app.ask(), &ann());
    server.stop();
    server.configure(with(&[NEW, OLD]));
    server.run();
    for (browser, is_kept) in [(&mut brief, false), (&mut kept, true)] {
        let query = app.ask().query();
        let answer = browser.authorize(&server, &query);
        let challenge = landed(&answer).login();
        assert_eq!(told(&server, "login", &challenge)["skip"], true);
        let mut lines = answer.header_values("set-cookie").into_iter();
        let line = lines
            .find(|line| line.starts_with("ory_hydra_session"))
            .unwrap();
        let age = jar::parse(line)["attributes"]["Max-Age"].clone();
        let age = age.as_str().map(|age| age.parse::<u64>().unwrap());
        assert_eq!(age.is_some(), is_kept, "{line}");
        assert!(
            age.is_none_or(|age| (3_000..=3_600).contains(&age)),
            "{line}"
        );
        let answer = browser.authorize(&server, &query);
        let mut lines = answer.header_values("set-cookie").into_iter();
        assert!(
            !lines.any(|line| line.starts_with("ory_hydra_session")),
            "once"
        );
    }
    server.stop();
    server.configure(with(&[NEW]));
    server.run();
    for browser in [&brief, &kept] {
        assert_eq!(first_stop(&server, browser, &app.ask()), "login skip=true");
    }
}
