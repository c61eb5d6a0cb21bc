//! What lengthens a login, what ends it, and what the two apps learn of each other on the way.
//!
//! Spec: OpenID Connect Core 1.0 2 (`auth_time`), 3.1.2.1 (`max_age`).

use std::time::Duration;

use serde_json::json;
use tessera_acceptance::app::{App, Tokens};
use tessera_acceptance::browser::{Browser, answered, landed, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{ann, at_home, begin, first_stop, start};
use tessera_acceptance::jar;
use tessera_acceptance::machine;

#[test]
fn a_skipped_login_renews_the_cookie_only_when_the_app_says_so() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (mut home, pair) = at_home(&server, &app);
        for (extends, remembers, renewed) in [
            (json!(true), true, Some("77")),
            (json!(false), true, None),
            (json!(null), true, None),
            // Hydra: who was remembered stays so, whatever the app says now.
            (json!(true), false, Some("77")),
            (json!(false), false, None),
        ] {
            let challenge = begin(&server, &app, &mut home);
            assert_eq!(told(&server, "login", &challenge)["skip"], true);
            let login = json!({
                "subject": "ann", "remember": remembers, "remember_for": 77, "extend_session_lifespan": extends,
            });
            let answer = home.get(&answered(&server, "login/accept", &challenge, &login));
            let cookies: Vec<_> = answer
                .header_values("set-cookie")
                .iter()
                .map(|line| jar::parse(line))
                .filter(|cookie| {
                    let name = cookie["name"].as_str().unwrap();
                    name.starts_with("ory_hydra_session")
                })
                .collect();
            let age = cookies
                .first()
                .map(|cookie| &cookie["attributes"]["Max-Age"]);
            assert_eq!(
                age.and_then(|age| age.as_str()),
                renewed,
                "{engine:?} {login}: {cookies:?}"
            );
        }
        // Whatever was said, it still is the first login.
        let code = app.sign_in(&server, &mut home, &app.ask(), &ann());
        let claims = Tokens::of(&app.redeem(&server, &code)).id_claims();
        for name in ["sid", "auth_time"] {
            assert_eq!(claims[name], pair.id_claims()[name], "{engine:?} {name}");
        }
    }
}

#[test]
fn a_consent_that_takes_its_time_does_not_age_the_login() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let mut browser = Browser::default();
        let ask = app.ask().with("max_age", "1");
        let challenge = landed(&browser.authorize(&server, &ask.query())).login();
        let next = answered(&server, "login/accept", &challenge, &ann());
        let challenge = landed(&browser.get(&next)).consent();
        clock::pause(Duration::from_millis(2_500));
        let next = app.grant(&server, &challenge, &json!({}));
        let code = landed(&browser.get(&next)).code();
        let claims = Tokens::of(&app.redeem(&server, &code)).id_claims();
        assert!(claims["auth_time"].is_i64(), "{engine:?}: {claims}");
    }
}

#[test]
fn a_session_that_the_operator_ended_is_none_for_any_browser() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (first, _) = at_home(&server, &app);
        let (second, pair) = at_home(&server, &app);
        let none = app.ask().with("prompt", "none");
        let sid = pair.id_claims()["sid"].as_str().unwrap().to_owned();
        let path = format!("/admin/oauth2/auth/sessions/login?sid={sid}");
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        assert_eq!(first_stop(&server, &second, &none), "login_required");
        assert_eq!(first_stop(&server, &first, &none), "login skip=true");
        let path = "/admin/oauth2/auth/sessions/login?subject=ann";
        assert_eq!(machine::admin(&server, "DELETE", path, None).status, 204);
        assert_eq!(first_stop(&server, &first, &none), "login_required");
        assert_eq!(
            first_stop(&server, &first, &app.ask()),
            "login skip=false",
            "{engine:?}"
        );
    }
}

#[test]
fn the_consent_app_learns_what_the_login_app_said() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let mut browser = Browser::default();
        let challenge = begin(&server, &app, &mut browser);
        let context = json!({"tenant": "ü", "list": [1, {"a": null}]});
        let login = json!({
            "subject": "ann", "acr": "gold", "amr": ["pwd", "otp"], "context": context,
        });
        let next = answered(&server, "login/accept", &challenge, &login);
        let challenge = landed(&browser.get(&next)).consent();
        let asked = told(&server, "consent", &challenge);
        assert_eq!(asked["context"], context, "{engine:?}");
        assert_eq!(asked["acr"], "gold", "{engine:?}");
        assert_eq!(asked["amr"], json!(["pwd", "otp"]), "{engine:?}");
        assert_eq!(asked["subject"], "ann", "{engine:?}");
        let next = app.grant(&server, &challenge, &json!({}));
        let code = landed(&browser.get(&next)).code();
        let claims = Tokens::of(&app.redeem(&server, &code)).id_claims();
        assert_eq!(claims["acr"], "gold", "{engine:?}");
        assert_eq!(claims["amr"], json!(["pwd", "otp"]), "{engine:?}");
        assert!(claims.get("tenant").is_none(), "the context stays inside");
    }
}

#[test]
fn each_client_has_csrf_cookies_of_its_own() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let other = App::register(&server, "other", &json!({}));
    let mut browser = Browser::default();
    let links = [&app, &other].map(|app| {
        let challenge = begin(&server, app, &mut browser);
        answered(&server, "login/accept", &challenge, &ann())
    });
    let cookies = browser.jar.header().unwrap();
    let names: Vec<&str> = cookies
        .split("; ")
        .filter_map(|cookie| Some(cookie.split_once('=')?.0))
        .filter(|name| name.starts_with("ory_hydra_login_csrf"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_ne!(names[0], names[1], "{names:?}");
    // So that the flow of one goes on although the other began after it.
    for link in links {
        landed(&browser.get(&link)).consent();
    }
}
