//! Each sign-in ends in the browser and tab in which it began, with a session of its own.
//!
//! Spec: RFC 6749 10.12; RFC 9700 4.7.

use serde_json::{Value, json};
use tessera_acceptance::app::App;
use tessera_acceptance::bad_input::altered;
use tessera_acceptance::browser::{Browser, Landed, answered, landed, told};
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{ann, assert_told, begin, finish, start};

/// What happens to a cookie between two legs.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Missing,
    OfAnotherFlow,
    Altered,
    Garbage,
    OfAnotherLeg,
}

const HARMS: [Harm; 5] = [
    Harm::Missing,
    Harm::OfAnotherFlow,
    Harm::Altered,
    Harm::Garbage,
    Harm::OfAnotherLeg,
];

fn do_harm(browser: &mut Browser, leg: &str, harm: Harm, other: &Browser) {
    let prefix = format!("ory_hydra_{leg}_csrf");
    let (name, value) = browser.jar.named(&prefix).unwrap();
    let (name, value) = (name.to_owned(), value.to_owned());
    let new = match harm {
        Harm::Missing => return browser.jar.forget(&prefix),
        Harm::OfAnotherFlow => other.jar.value(&prefix).unwrap().to_owned(),
        Harm::Altered => altered(&value, value.len() / 2),
        Harm::Garbage => "garbage".to_owned(),
        Harm::OfAnotherLeg => {
            let other_leg = if leg == "login" { "consent" } else { "login" };
            let prefix = format!("ory_hydra_{other_leg}_csrf");
            other.jar.value(&prefix).unwrap().to_owned()
        }
    };
    browser.jar.set(&name, &new);
}

#[test]
fn each_leg_ends_in_the_browser_that_began_it() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let other = finish(&server, &app).browser;
        for harm in HARMS {
            let what = format!("{engine:?} {harm:?}");
            let mut browser = Browser::default();
            let challenge = begin(&server, &app, &mut browser);
            let next = answered(&server, "login/accept", &challenge, &ann());
            let mut harmed = browser.clone();
            do_harm(&mut harmed, "login", harm, &other);
            assert_told(
                &landed(&harmed.get(&next)),
                "request_forbidden",
                &format!("login {what}"),
            );
            assert_eq!(harmed.session(), None, "login {what}: no session");

            let next = answered(
                &server,
                "login/accept",
                &begin(&server, &app, &mut browser),
                &ann(),
            );
            let challenge = landed(&browser.get(&next)).consent();
            let next = app.grant(&server, &challenge, &json!({}));
            do_harm(&mut browser, "consent", harm, &other);
            assert_told(
                &landed(&browser.get(&next)),
                "request_forbidden",
                &format!("consent {what}"),
            );
        }
    }
}

#[test]
fn a_link_opened_in_a_victims_browser_does_not_log_it_in() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        // The victim has sessions and cookies of its own, of the same client.
        let mut victim = finish(&server, &app).browser;
        let before = victim.session().unwrap().to_owned();
        let mut attacker = Browser::default();
        let challenge = begin(&server, &app, &mut attacker);
        let link = answered(
            &server,
            "login/accept",
            &challenge,
            &json!({"subject": "mallory", "remember": true}),
        );
        assert_told(
            &landed(&victim.get(&link)),
            "request_forbidden",
            &format!("{engine:?}: login"),
        );
        assert_eq!(victim.session(), Some(before.as_str()), "{engine:?}");
        let mut attacker = Browser::default();
        let challenge = begin(&server, &app, &mut attacker);
        let link = answered(
            &server,
            "login/accept",
            &challenge,
            &json!({"subject": "mallory"}),
        );
        let challenge = landed(&attacker.get(&link)).consent();
        let link = app.grant(&server, &challenge, &json!({}));
        assert_told(
            &landed(&victim.get(&link)),
            "request_forbidden",
            &format!("{engine:?}: consent"),
        );
        assert_eq!(victim.session(), Some(before.as_str()), "{engine:?}");
    }
}

/// What anybody could write into a cookie: 16 bytes.
const MADE_UP: &str = "QUFBQUFBQUFBQUFBQUFBQQ";

/// The cookie of this leg, with another value.
fn plant(browser: &mut Browser, leg: &str, from: &Browser, value: &str) {
    let (name, _) = from.jar.named(&format!("ory_hydra_{leg}_csrf")).unwrap();
    browser.jar.set(name, value);
}

#[test]
fn a_made_up_value_is_not_taken_up() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let names = finish(&server, &app).browser;
        let mallory = json!({"subject": "mallory", "remember": true});
        // Mallory writes the same cookies into a victim's browser and into one of her own, and begins there.
        let (mut attacker, mut victim) = (Browser::default(), Browser::default());
        for browser in [&mut attacker, &mut victim] {
            plant(browser, "login", &names, MADE_UP);
            plant(browser, "consent", &names, MADE_UP);
        }
        let challenge = begin(&server, &app, &mut attacker);
        let link = answered(&server, "login/accept", &challenge, &mallory);
        assert_told(
            &landed(&victim.clone().get(&link)),
            "request_forbidden",
            &format!("{engine:?}: login"),
        );
        let challenge = landed(&attacker.get(&link)).consent();
        let link = app.grant(&server, &challenge, &json!({}));
        assert_told(
            &landed(&victim.clone().get(&link)),
            "request_forbidden",
            &format!("{engine:?}: consent"),
        );
        assert_eq!(victim.session(), None, "{engine:?}");
        // The victim is not kept from logging in.
        let code = app.sign_in(&server, &mut victim, &app.ask(), &ann());
        assert!(!code.is_empty(), "{engine:?}");
    }
}

#[test]
fn a_planted_cookie_gives_no_hold_on_later_flows() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        // What this server wrote for Mallory lies in the victim's browser too.
        let mallory = finish(&server, &app).browser;
        let mut victim = mallory.clone();
        victim.jar.forget("ory_hydra_session");
        let challenge = begin(&server, &app, &mut victim);
        let link = answered(&server, "login/accept", &challenge, &ann());
        assert_told(
            &landed(&mallory.clone().get(&link)),
            "request_forbidden",
            &format!("{engine:?}: login"),
        );
        let challenge = landed(&victim.get(&link)).consent();
        let link = app.grant(&server, &challenge, &json!({}));
        let code = landed(&victim.get(&link)).code();
        assert_eq!(app.redeem(&server, &code).status, 200, "{engine:?}");
        // The consent of another flow of the victim.
        let mut victim = mallory.clone();
        victim.jar.forget("ory_hydra_session");
        let challenge = begin(&server, &app, &mut victim);
        let link = answered(&server, "login/accept", &challenge, &ann());
        let challenge = landed(&victim.get(&link)).consent();
        let link = app.grant(&server, &challenge, &json!({}));
        assert_told(
            &landed(&mallory.clone().get(&link)),
            "request_forbidden",
            &format!("{engine:?}: consent"),
        );
    }
}

#[test]
fn a_login_makes_a_session_of_its_own() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        // Mallory plants all her cookies in the browser of the one who logs in next.
        let mut planted = finish(&server, &app).browser;
        let old = planted.session().unwrap().to_owned();
        let mallory = planted.clone();
        let query = app.ask().with("prompt", "login").query();
        let challenge = landed(&planted.authorize(&server, &query)).login();
        assert_eq!(told(&server, "login", &challenge)["skip"], false);
        let login = json!({"subject": "victim", "remember": true});
        let end = app.go_on(&server, &mut planted, &challenge, &login, &json!({}));
        assert!(!landed(&end).code().is_empty());
        let new = planted.session().unwrap();
        assert_ne!(new, old, "{engine:?}: the cookie is another one");
        let subject_of = |mut browser: Browser| {
            let query = app.ask().with("prompt", "none").query();
            match landed(&browser.authorize(&server, &query)) {
                Landed::Login(challenge) => told(&server, "login", &challenge)["subject"].clone(),
                place => {
                    assert_eq!(place.error(), "login_required");
                    Value::Null
                }
            }
        };
        assert_eq!(subject_of(planted.clone()), "victim", "{engine:?}");
        assert_ne!(
            subject_of(mallory),
            "victim",
            "{engine:?}: what was planted"
        );
    }
}

#[test]
fn tabs_do_not_disturb_one_another() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let other = App::register(&server, "other", &json!({}));
        for pair in [[&app, &other], [&app, &app]] {
            let what = format!("{engine:?} {} {}", pair[0].id(), pair[1].id());
            let mut browser = Browser::default();
            let logins = pair.map(|app| begin(&server, app, &mut browser));
            let nexts =
                logins.map(|challenge| answered(&server, "login/accept", &challenge, &ann()));
            // The tab that was opened first goes on last.
            let [first, second] = &nexts;
            let second = landed(&browser.get(second)).consent();
            let first = landed(&browser.get(first)).consent();
            let first = pair[0].grant(&server, &first, &json!({}));
            let second = pair[1].grant(&server, &second, &json!({}));
            let first = landed(&browser.get(&first)).code();
            let second = landed(&browser.get(&second)).code();
            assert_eq!(pair[1].redeem(&server, &second).status, 200, "{what}");
            assert_eq!(pair[0].redeem(&server, &first).status, 200, "{what}");
        }
        let mut browser = Browser::default();
        begin(&server, &app, &mut browser);
        begin(&server, &other, &mut browser);
        let cookies = browser.jar.header().unwrap();
        assert_eq!(
            cookies.matches("ory_hydra_login_csrf").count(),
            2,
            "{cookies}"
        );
    }
}
