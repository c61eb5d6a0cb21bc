//! New secrets: what the database keeps under the old one goes over, and what is lost breaks nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Tokens};
use tessera_acceptance::browser::{self, Browser, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{ann, begin};
use tessera_acceptance::machine;
use tessera_acceptance::server::Server;

const OLD: &str = "the-old-system-secret-0123456789";
const NEW: &str = "the-new-system-secret-9876543210";
const CONSENTS: &str = "/admin/oauth2/auth/sessions/consent?subject=ann";

fn with_secrets(secrets: &[&str]) -> Value {
    json!({"secrets": {"system": secrets}})
}

fn restart(server: &mut Server, secrets: &[&str]) {
    assert_eq!(server.stop(), Some(0), "{}", server.log());
    server.configure(browser::config(&with_secrets(secrets)));
    server.run();
}

/// Ann signs in, and both apps give something to keep.
fn sign_in(server: &Server, app: &App, scope: &str) -> Tokens {
    let login = json!({"subject": "ann", "context": {"from": "login"}});
    let consent = json!({"session": {
        "access_token": {"tenant": "acme"},
        "id_token": {"nickname": "annie"},
    }});
    let mut browser = Browser::default();
    let ask = app.ask().with("scope", scope);
    let code = app.sign_in_with(server, &mut browser, &ask, &login, &consent);
    Tokens::of(&app.redeem(server, &code))
}

fn consents(server: &Server) -> Vec<Value> {
    let answer = machine::admin(server, "GET", CONSENTS, None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let listed = answer.json().unwrap();
    listed.as_array().unwrap().clone()
}

fn metric(server: &Server, name: &str) -> u64 {
    let metrics = machine::admin(server, "GET", "/admin/metrics/prometheus", None).body;
    let line = metrics.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.unwrap_or_default().parse().expect("a number")
}

#[test]
fn what_grants_keep_outlives_the_secret_that_sealed_it() {
    for engine in Engine::at_hand() {
        let mut server = Server::start(browser::setup(engine, &with_secrets(&[OLD])));
        let app = App::register(&server, "app", &json!({}));
        let pair = sign_in(&server, &app, "openid offline");
        assert_eq!(metric(&server, "tessera_resealing"), 0, "one secret");

        restart(&mut server, &[NEW, OLD]);
        let is_done = || (metric(&server, "tessera_grants_resealed_total") == 1).then_some(());
        let done = clock::poll(Duration::from_secs(10), is_done);
        assert!(done.is_some(), "{engine:?}: {}", server.log());
        assert_eq!(metric(&server, "tessera_resealing"), 1, "flows may go on");
        let pair = Tokens::of(&app.refresh(&server, &pair.refresh));

        restart(&mut server, &[NEW]);
        let token = machine::introspect(&server, &pair.access).json().unwrap();
        assert_eq!(
            token["ext"],
            json!({"tenant": "acme"}),
            "{engine:?}: {token}"
        );
        let listed = consents(&server);
        assert_eq!(listed.len(), 1, "{engine:?}");
        assert_eq!(listed[0]["session"]["id_token"]["nickname"], "annie");
        assert_eq!(listed[0]["context"], json!({"from": "login"}));
        let next = Tokens::of(&app.refresh(&server, &pair.refresh));
        assert_eq!(next.id_claims()["nickname"], "annie");
    }
}

#[test]
fn a_grant_whose_secret_is_gone_hides_no_other_and_can_be_revoked() {
    for engine in Engine::at_hand() {
        let mut server = Server::start(browser::setup(engine, &with_secrets(&[OLD])));
        let app = App::register(&server, "app", &json!({}));
        let other = App::register(&server, "other", &json!({}));
        // Without an ID token there is no signing key, whose loss would end the server at its start.
        sign_in(&server, &app, "offline a");

        restart(&mut server, &[NEW]);
        let pair = sign_in(&server, &other, "offline a");
        let listed = consents(&server);
        assert_eq!(listed.len(), 1, "{engine:?}: {listed:?}");
        assert_eq!(listed[0]["consent_request"]["client"]["client_id"], "other");
        assert!(
            server.log().contains("cannot be opened"),
            "{}",
            server.log()
        );

        let path = format!("{CONSENTS}&all=true");
        let answer = machine::admin(&server, "DELETE", &path, None);
        assert_eq!(answer.status, 204, "{engine:?}: {}", answer.body);
        assert!(!machine::is_active(&server, &pair.access), "{engine:?}");
        let logins = "/admin/oauth2/auth/sessions/login?subject=ann";
        let answer = machine::admin(&server, "DELETE", logins, None);
        assert_eq!(answer.status, 204, "{engine:?}: {}", answer.body);

        restart(&mut server, &[NEW, OLD]);
        assert!(
            consents(&server).is_empty(),
            "{engine:?}: the lost one went too"
        );
    }
}

#[test]
fn a_sign_in_goes_on_while_the_cookie_secrets_are_rotated() {
    let cookie_secrets =
        |list: &[&str]| browser::config(&json!({"secrets": {"system": [NEW], "cookie": list}}));
    let (old, new) = (
        "the-old-cookie-secret-0123456789",
        "the-new-cookie-secret-9876543210",
    );
    let mut setup = browser::setup(Engine::Sqlite, &json!({}));
    setup.config = Some(cookie_secrets(&[old]));
    let mut server = Server::start(setup);
    let app = App::register(&server, "app", &json!({}));
    let rotated = |server: &mut Server| {
        assert_eq!(server.stop(), Some(0), "{}", server.log());
        server.configure(cookie_secrets(&[new, old]));
        server.run();
    };
    // One flow is at its login leg, another at its consent leg.
    let (mut early, mut late) = (Browser::default(), Browser::default());
    let login_link = answered(
        &server,
        "login/accept",
        &begin(&server, &app, &mut early),
        &ann(),
    );
    let link = answered(
        &server,
        "login/accept",
        &begin(&server, &app, &mut late),
        &ann(),
    );
    let consent_link = app.grant(&server, &landed(&late.get(&link)).consent(), &json!({}));
    rotated(&mut server);
    assert!(!landed(&late.get(&consent_link)).code().is_empty());
    // A flow that begins now leaves the other one alone.
    begin(&server, &app, &mut early);
    let challenge = landed(&early.get(&login_link)).consent();
    let link = app.grant(&server, &challenge, &json!({}));
    assert!(!landed(&early.get(&link)).code().is_empty());
}
