//! Somebody signs in where somebody was signed in: what becomes of the former session and its clients.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.1 (`prompt`); OpenID Connect Back-Channel Logout 1.0 2.5.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Tokens};
use tessera_acceptance::browser::{Browser, Landed, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::first_stop;
use tessera_acceptance::logout::{BYE, at_home, end_of_session, has_session, start};
use tessera_acceptance::machine;
use tessera_acceptance::percent;
use tessera_acceptance::server::Server;

/// For a call that should come.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// For calls that should not.
const QUIET: Duration = Duration::from_millis(700);

/// A server, a client that is told of logouts, somebody who is at home there, and the cookies from then.
struct Before {
    server: Server,
    app: App,
    browser: Browser,
    tokens: Tokens,
    stale: Browser,
}

fn before(engine: Engine) -> Before {
    let (server, _) = start(engine, &json!({}));
    let uri = format!("{}/bc", server.sink.url());
    let more = json!({"backchannel_logout_uri": uri, "post_logout_redirect_uris": [BYE]});
    let app = App::register(&server, "told", &more);
    let (browser, tokens) = at_home(&server, &app, "ann");
    let stale = browser.clone();
    Before {
        server,
        app,
        browser,
        tokens,
        stale,
    }
}

impl Before {
    /// Signs in anew in the same browser.
    fn again(&mut self, login: &Value) -> Tokens {
        let ask = self.app.ask().with("prompt", "login");
        let code = self
            .app
            .sign_in(&self.server, &mut self.browser, &ask, login);
        Tokens::of(&self.app.redeem(&self.server, &code))
    }

    fn sid(tokens: &Tokens) -> String {
        tokens.id_claims()["sid"].as_str().unwrap().to_owned()
    }

    /// The session that the client is told of.
    fn told(&self) -> Value {
        let sink = &self.server.sink;
        let call = clock::poll(CALL_LIMIT, || sink.take_call("/bc")).expect("a call");
        let token = &percent::decode_pairs(&call.body)[0].1;
        tessera_acceptance::matcher::decode_jwt(token).unwrap().1["sid"].clone()
    }

    fn assert_quiet(&self) {
        clock::pause(QUIET);
        assert!(self.server.sink.take_call("/bc").is_none());
    }

    fn delete(&self, query: &str) {
        let path = format!("/admin/oauth2/auth/sessions/login?{query}");
        assert_eq!(
            machine::admin(&self.server, "DELETE", &path, None).status,
            204
        );
    }
}

#[test]
fn a_former_session_is_usable_no_more_and_its_clients_can_be_told() {
    let again = [
        json!({"subject": "ann", "remember": true}),
        json!({"subject": "bob", "remember": true}),
        json!({"subject": "ann"}),
        json!({"subject": "bob"}),
    ];
    for engine in Engine::at_hand() {
        for login in &again {
            let mut case = before(engine);
            let former = Before::sid(&case.tokens);
            let tokens = case.again(login);
            assert_ne!(former, Before::sid(&tokens), "{engine:?} {login}");
            let (server, app) = (&case.server, &case.app);
            let stop = first_stop(server, &case.stale, &app.ask());
            assert_eq!(
                stop, "login skip=false",
                "{engine:?} {login}: the old cookie"
            );
            assert!(!has_session(server, app, &case.stale), "{engine:?} {login}");
            let is_remembered = login["remember"] == true;
            assert_eq!(
                has_session(server, app, &case.browser),
                is_remembered,
                "{engine:?} {login}"
            );
            // Nothing ended, nobody was told; the client asks for the end of the session that it knows.
            case.assert_quiet();
            let address = end_of_session(
                server,
                &[
                    ("id_token_hint", &case.tokens.id),
                    ("post_logout_redirect_uri", BYE),
                ],
            );
            let challenge = landed(&case.browser.clone().get(&address)).logout();
            let next = answered(server, "logout/accept", &challenge, &Value::Null);
            let place = landed(&case.browser.get(&next));
            assert_eq!(place, Landed::Client(BYE.to_owned(), Vec::new()));
            assert_eq!(case.told(), former.as_str(), "{engine:?} {login}");
            assert_eq!(
                has_session(&case.server, &case.app, &case.browser),
                is_remembered,
                "{engine:?} {login}: the new session is another one"
            );
        }
    }
}

#[test]
fn the_operator_ends_former_sessions_too() {
    for engine in Engine::at_hand() {
        let mut case = before(engine);
        let former = Before::sid(&case.tokens);
        case.again(&json!({"subject": "bob", "remember": true}));
        case.delete(&format!("sid={former}"));
        assert_eq!(case.told(), former.as_str(), "{engine:?}");
        case.delete(&format!("sid={former}"));
        case.delete("subject=ann");
        case.assert_quiet();

        let mut case = before(engine);
        let former = Before::sid(&case.tokens);
        let tokens = case.again(&json!({"subject": "ann", "remember": true}));
        case.delete("subject=bob");
        case.delete("subject=ann");
        let mut told = [case.told(), case.told()].map(|sid| sid.as_str().unwrap().to_owned());
        let mut expected = [former, Before::sid(&tokens)];
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected, "{engine:?}");
        assert!(
            !has_session(&case.server, &case.app, &case.browser),
            "{engine:?}"
        );
        case.delete("subject=ann");
        case.assert_quiet();
    }
}

#[test]
fn a_flow_that_used_the_former_session_starts_again() {
    for engine in Engine::at_hand() {
        let mut case = before(engine);
        let query = case.app.ask().query();
        let challenge = landed(&case.browser.authorize(&case.server, &query)).login();
        let login = json!({"subject": "ann"});
        let next = answered(&case.server, "login/accept", &challenge, &login);
        // Meanwhile bob signs in, in another tab.
        let mut other = case.browser.clone();
        case.again(&json!({"subject": "bob", "remember": true}));
        let place = landed(&other.get(&next));
        assert_eq!(place.error(), "login_required", "{engine:?}: {place:?}");
        assert!(
            has_session(&case.server, &case.app, &case.browser),
            "{engine:?}"
        );
    }
}
