//! Signing out: who may, and where the browser ends.
//!
//! Spec: OpenID Connect RP-Initiated Logout 1.0.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::App;
use tessera_acceptance::browser::{
    self, Browser, Landed, answer, answered, landed, request_of, told,
};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::logout::{BYE, at_home, end_of_session, has_session, start};
use tessera_acceptance::machine::{self, is_active};

/// For a call that should come.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// For calls that should not.
const QUIET: Duration = Duration::from_millis(700);

#[test]
fn a_logout_that_the_person_confirms_ends_the_session_and_no_token() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        for is_post in [false, true] {
            let (mut browser, pair) = at_home(&server, &app, "ann");
            let address = end_of_session(
                &server,
                &[
                    ("id_token_hint", &pair.id),
                    ("post_logout_redirect_uri", BYE),
                    ("state", "s t&x=y"),
                ],
            );
            let answer = if is_post {
                let (base, form) = address.split_once('?').unwrap();
                browser.post(base, form)
            } else {
                browser.get(&address)
            };
            let challenge = landed(&answer).logout();
            let asked = told(&server, "logout", &challenge);
            assert_eq!(
                (&asked["subject"], &asked["rp_initiated"]),
                (&json!("ann"), &json!(true)),
                "{asked}"
            );
            assert_eq!(asked["sid"], pair.id_claims()["sid"], "{asked}");
            assert_eq!(asked["client"]["client_id"], "app");
            assert!(
                !asked.to_string().contains("client_secret\":\"secret"),
                "{asked}"
            );
            assert!(
                has_session(&server, &app, &browser),
                "{engine:?}: nothing happened yet"
            );
            let next = answered(&server, "logout/accept", &challenge, &Value::Null);
            let place = landed(&browser.get(&next));
            let state = ("state".to_owned(), "s t&x=y".to_owned());
            assert_eq!(
                place,
                Landed::Client(BYE.to_owned(), vec![state]),
                "{engine:?}"
            );
            assert_eq!(browser.session(), None, "{engine:?}");
            assert!(!has_session(&server, &app, &browser), "{engine:?}");
            assert!(is_active(&server, &pair.access), "{engine:?}");
            assert_eq!(
                app.refresh(&server, &pair.refresh).status,
                200,
                "{engine:?}"
            );
            // The same address once more: there is nothing to end.
            let place = landed(&browser.get(&address));
            assert!(
                matches!(&place, Landed::Client(to, _) if to == BYE),
                "{engine:?}: {place:?}"
            );
            let place = landed(&browser.get(&next));
            assert!(
                matches!(&place, Landed::Client(to, _) if to == BYE),
                "{engine:?}: {place:?}"
            );
        }
    }
}

#[test]
fn logout_goes_nowhere_that_was_not_registered() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let (mut browser, pair) = at_home(&server, &app, "ann");
    let hint = ("id_token_hint", pair.id.as_str());
    for uri in [
        "https://evil.example/",
        "https://app.example/bye/",
        "https://app.example/BYE",
        "https://app.example/bye?x=y",
        "https://app.example/bye#x",
        "https://app.example:443/bye",
        "https://app.example@evil.example/bye",
        "https://app.example/cb",
        "//app.example/bye",
        "/bye",
        "javascript:alert(1)",
        "https://app.example/bye\r\nX-Evil: 1",
        " https://app.example/bye",
    ] {
        let place = landed(&browser.clone().get(&end_of_session(
            &server,
            &[hint, ("post_logout_redirect_uri", uri)],
        )));
        assert!(matches!(place, Landed::ErrorPage(_)), "{uri:?}: {place:?}");
        assert_eq!(place.error(), "invalid_request", "{uri:?}");
    }
    for parameters in [
        &[("state", "s")][..],
        &[("post_logout_redirect_uri", BYE)],
        &[("post_logout_redirect_uri", BYE), ("client_id", "app")],
        &[hint, hint],
        &[
            ("id_token_hint", "garbage"),
            ("post_logout_redirect_uri", BYE),
        ],
        &[hint, ("client_id", "other")],
    ] {
        let place = landed(&browser.clone().get(&end_of_session(&server, parameters)));
        assert!(
            matches!(place, Landed::ErrorPage(_)),
            "{parameters:?}: {place:?}"
        );
    }
    let place = landed(&browser.clone().get(&end_of_session(
        &server,
        &[hint, ("post_logout_redirect_uri", BYE)],
    )));
    let next = answered(&server, "logout/accept", &place.logout(), &Value::Null);
    let place = landed(&browser.get(&next));
    assert_eq!(
        place,
        Landed::Client(BYE.to_owned(), Vec::new()),
        "no state when none was given"
    );
    // Nobody is logged in: nothing to ask.
    for answer in [
        Browser::default().get(&end_of_session(&server, &[])),
        Browser::default().post(&end_of_session(&server, &[]), ""),
    ] {
        assert_eq!(landed(&answer), Landed::Bye);
    }
}

#[test]
fn nobody_is_logged_out_by_someone_elses_link() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (mut mallory, _) = at_home(&server, &app, "mallory");
        let (mut victim, _) = at_home(&server, &app, "ann");
        let challenge = landed(&mallory.get(&end_of_session(&server, &[]))).logout();
        let next = answered(&server, "logout/accept", &challenge, &Value::Null);
        assert_eq!(landed(&victim.get(&next)), Landed::Bye, "{engine:?}");
        assert!(
            has_session(&server, &app, &victim),
            "{engine:?}: the victim"
        );
        assert_eq!(
            landed(&Browser::default().get(&next)),
            Landed::Bye,
            "{engine:?}"
        );
        assert!(
            has_session(&server, &app, &mallory),
            "{engine:?}: nothing was ended elsewhere"
        );
        assert_eq!(landed(&mallory.get(&next)), Landed::Bye, "{engine:?}");
        assert!(!has_session(&server, &app, &mallory), "{engine:?}");
        // Another session of the same person is not the one that was asked about.
        let (mut first, _) = at_home(&server, &app, "ann");
        let (mut second, _) = at_home(&server, &app, "ann");
        let challenge = landed(&first.get(&end_of_session(&server, &[]))).logout();
        let next = answered(&server, "logout/accept", &challenge, &Value::Null);
        assert_eq!(landed(&second.get(&next)), Landed::Bye);
        assert!(
            has_session(&server, &app, &second),
            "{engine:?}: the other session"
        );
    }
}

#[test]
fn a_challenge_or_verifier_of_something_else_ends_nothing() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (mut browser, pair) = at_home(&server, &app, "ann");
        let challenge = landed(&browser.get(&end_of_session(&server, &[]))).logout();
        for bad in [
            "",
            "x",
            &pair.access,
            &pair.id,
            &challenge[1..],
            &format!("{challenge}A"),
        ] {
            let answer = request_of(&server, "logout", bad);
            assert!(
                [400, 404].contains(&answer.status),
                "{bad}: {} {}",
                answer.status,
                answer.body
            );
            let answer = browser::answer(&server, "logout/accept", bad, &Value::Null);
            assert!(
                [400, 404].contains(&answer.status),
                "{bad}: {} {}",
                answer.status,
                answer.body
            );
        }
        for bad in [challenge.as_str(), "x", &pair.id, "\0"] {
            let place = landed(&browser.get(&end_of_session(&server, &[("logout_verifier", bad)])));
            assert!(matches!(place, Landed::ErrorPage(_)), "{bad}: {place:?}");
        }
        // A refusal changes nothing, and a later yes counts.
        assert_eq!(
            answer(&server, "logout/reject", &challenge, &json!({})).status,
            204
        );
        assert!(has_session(&server, &app, &browser), "{engine:?}");
        let links = [(); 2].map(|()| answered(&server, "logout/accept", &challenge, &Value::Null));
        for link in links {
            assert_eq!(landed(&browser.get(&link)), Landed::Bye, "{engine:?}");
            assert!(!has_session(&server, &app, &browser), "{engine:?}");
        }
    }
}

#[test]
fn a_session_that_ended_meanwhile_is_not_ended_again() {
    for engine in Engine::at_hand() {
        let (server, _) = start(engine, &json!({}));
        let uri = format!("{}/bc", server.sink.url());
        let app = App::register(
            &server,
            "told",
            &json!({"backchannel_logout_uri": uri, "post_logout_redirect_uris": [BYE]}),
        );
        let (mut browser, pair) = at_home(&server, &app, "ann");
        let address = end_of_session(
            &server,
            &[
                ("id_token_hint", &pair.id),
                ("post_logout_redirect_uri", BYE),
            ],
        );
        let challenge = landed(&browser.get(&address)).logout();
        let next = answered(&server, "logout/accept", &challenge, &Value::Null);
        let path = "/admin/oauth2/auth/sessions/login?subject=ann";
        assert_eq!(machine::admin(&server, "DELETE", path, None).status, 204);
        // The client is told by then, once.
        let told = clock::poll(CALL_LIMIT, || server.sink.take_call("/bc"));
        assert!(told.is_some(), "{engine:?}");
        let place = landed(&browser.get(&next));
        assert!(
            matches!(&place, Landed::Client(to, _) if to == BYE),
            "{engine:?}: {place:?}"
        );
        clock::pause(QUIET);
        assert!(server.sink.take_call("/bc").is_none(), "{engine:?}");
    }
}
