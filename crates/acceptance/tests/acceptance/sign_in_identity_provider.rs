//! The session at the identity provider behind the login app ends with the login session.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Tokens};
use tessera_acceptance::browser::{self, Browser, Landed, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::logout::{end_of_session, has_session};
use tessera_acceptance::machine;
use tessera_acceptance::server::Server;

/// For a call that should come.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// For calls that should not.
const QUIET: Duration = Duration::from_millis(700);

fn start(engine: Engine, provider: &Value) -> (Server, App) {
    let mut config = browser::config(&json!({}));
    config["urls"]["identity_provider"] = provider.clone();
    let mut setup = browser::setup(engine, &json!({}));
    setup.config = Some(config);
    setup.env.push(("LOG_LEVEL".to_owned(), "warn".to_owned()));
    let server = Server::start(setup);
    let app = App::register(&server, "app", &json!({}));
    (server, app)
}

/// Ann, logged in by way of the provider's session `id`, and the name of her login session.
fn at_home(server: &Server, app: &App, id: &str) -> (Browser, String) {
    let mut browser = Browser::default();
    let login = json!({"subject": "ann", "remember": true, "identity_provider_session_id": id});
    let code = app.sign_in(server, &mut browser, &app.ask(), &login);
    let tokens = Tokens::of(&app.redeem(server, &code));
    let sid = tokens.id_claims()["sid"].as_str().unwrap().to_owned();
    (browser, sid)
}

fn log_out(server: &Server, browser: &mut Browser) {
    let challenge = landed(&browser.get(&end_of_session(server, &[]))).logout();
    let next = answered(server, "logout/accept", &challenge, &Value::Null);
    assert_eq!(landed(&browser.get(&next)), Landed::Bye);
}

fn end(server: &Server, selector: &str) {
    let path = format!("/admin/oauth2/auth/sessions/login?{selector}");
    assert_eq!(machine::admin(server, "DELETE", &path, None).status, 204);
}

#[test]
fn the_providers_session_ends_with_the_login_session() {
    for engine in Engine::at_hand() {
        let provider = json!({"url": "${sink}/idp/", "headers": {"X-Key": "s3cret"}});
        let (server, app) = start(engine, &provider);
        let told = |path: &str| {
            let call = clock::poll(CALL_LIMIT, || server.sink.take_call(path));
            let call = call.unwrap_or_else(|| panic!("{engine:?}: no call of {path}"));
            assert_eq!((call.method.as_str(), call.body.as_str()), ("DELETE", ""));
            let key = |(name, value): &(String, String)| {
                name.eq_ignore_ascii_case("x-key") && value == "s3cret"
            };
            assert!(call.headers.iter().any(key), "{:?}", call.headers);
        };
        let (mut browser, _) = at_home(&server, &app, "by-browser");
        log_out(&server, &mut browser);
        told("/idp/admin/sessions/by-browser");
        let (_, sid) = at_home(&server, &app, "a b/c");
        end(&server, &format!("sid={sid}"));
        told("/idp/admin/sessions/a%20b%2Fc");
        // A login that is skipped says nothing of the provider's session.
        let (mut browser, _) = at_home(&server, &app, "extended");
        let longer = json!({"subject": "ann", "remember": true, "extend_session_lifespan": true});
        app.sign_in(&server, &mut browser, &app.ask(), &longer);
        log_out(&server, &mut browser);
        told("/idp/admin/sessions/extended");
        // Once, and neither for a session without the provider's nor for all of a person.
        end(&server, &format!("sid={sid}"));
        let (mut browser, _) = at_home(&server, &app, "");
        log_out(&server, &mut browser);
        at_home(&server, &app, "by-subject");
        end(&server, "subject=ann");
        clock::pause(QUIET);
        for path in ["a%20b%2Fc", "by-browser", "by-subject", ""] {
            let path = format!("/idp/admin/sessions/{path}");
            assert!(server.sink.take_call(&path).is_none(), "{engine:?}: {path}");
        }
    }
}

#[test]
fn a_provider_that_fails_keeps_nobody_logged_in() {
    for (url, is_told) in [("${sink}", true), ("http://127.0.0.1:9", false)] {
        let (server, app) = start(Engine::Sqlite, &json!({"url": url}));
        let path = "/admin/sessions/idp-session";
        server.sink.reply(path, &json!({"status": 500}));
        let (mut browser, _) = at_home(&server, &app, "idp-session");
        log_out(&server, &mut browser);
        assert!(!has_session(&server, &app, &browser), "{url}");
        if is_told {
            let call = clock::poll(CALL_LIMIT, || server.sink.take_call(path));
            assert!(call.is_some(), "{url}");
        }
        let logged = || {
            let log = server.log();
            log.contains("could not be ended").then_some(log)
        };
        let log = clock::poll(CALL_LIMIT, logged).unwrap_or_else(|| panic!("{}", server.log()));
        assert!(!log.contains("idp-session"), "{log}");
    }
}
