//! Verifiers and challenges that are replayed, swapped, altered, of another request, or late.
//!
//! Spec: RFC 6749 10.12; RFC 9700 4.7.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, NONCE, STATE, Tokens};
use tessera_acceptance::bad_input::altered;
use tessera_acceptance::browser::{self, Browser, Landed, answer, answered, landed, request_of};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{ann, assert_told, begin, finish, parameter, start};
use tessera_acceptance::machine;
use tessera_acceptance::server::Server;

#[test]
fn nothing_but_a_verifier_passes_for_a_verifier() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let done = finish(&server, &app);
        let mut browser = Browser::default();
        let challenge = begin(&server, &app, &mut browser);
        let link = answered(&server, "login/accept", &challenge, &ann());
        let verifier = parameter(&link, "login_verifier");
        let mut with_consent = browser.clone();
        let consent_challenge =
            landed(&with_consent.get(&answered(&server, "login/accept", &challenge, &ann())))
                .consent();
        let consent_link = app.grant(&server, &consent_challenge, &json!({}));
        let consent_verifier = parameter(&consent_link, "consent_verifier");
        let pair = Tokens::of(&app.redeem(&server, &done.code));
        let session = with_consent.session().unwrap().to_owned();
        let values = [
            ("login_challenge", challenge.as_str()),
            ("consent_challenge", &consent_challenge),
            ("login_verifier", &verifier),
            ("consent_verifier", &consent_verifier),
            ("code", &done.code),
            ("access token", &pair.access),
            ("refresh token", &pair.refresh),
            ("ID token", &pair.id),
            ("session cookie", &session),
            ("garbage", "garbage"),
            ("spaces", " x "),
            ("zero", "\0"),
            ("dots", "../../admin"),
            ("null", "null"),
        ];
        for leg in ["login_verifier", "consent_verifier"] {
            for (kind, value) in values.iter().filter(|(kind, _)| *kind != leg) {
                let query = app.ask().with(leg, value).query();
                let place = landed(&with_consent.clone().authorize(&server, &query));
                if *kind == "zero" {
                    // Refused before anything of the request is believed.
                    assert!(
                        matches!(place, Landed::ErrorPage(_)),
                        "{engine:?}: {place:?}"
                    );
                    continue;
                }
                assert_told(
                    &place,
                    "access_denied",
                    &format!("{engine:?} {kind} as {leg}"),
                );
            }
            let value = if leg == "login_verifier" {
                &verifier
            } else {
                &consent_verifier
            };
            for at in (0..value.len()).step_by(7) {
                let query = app.ask().with(leg, &altered(value, at)).query();
                let place = landed(&with_consent.clone().authorize(&server, &query));
                assert_told(&place, "access_denied", &format!("{leg} altered at {at}"));
            }
        }
        // The other way round, at the admin port.
        for leg in ["login", "consent", "logout"] {
            for (kind, value) in values
                .iter()
                .filter(|(kind, _)| **kind != format!("{leg}_challenge"))
            {
                let what = format!("{engine:?} {kind} as {leg}_challenge");
                let accept = json!({"subject": "ann", "grant_scope": ["openid"]});
                for answer in [
                    request_of(&server, leg, value),
                    answer(&server, &format!("{leg}/accept"), value, &accept),
                    answer(
                        &server,
                        &format!("{leg}/reject"),
                        value,
                        &json!({"error": "x"}),
                    ),
                ] {
                    let statuses = if *kind == "zero" || *kind == "spaces" {
                        vec![400, 404]
                    } else {
                        vec![404]
                    };
                    assert!(
                        statuses.contains(&answer.status),
                        "{what}: {} {}",
                        answer.status,
                        answer.body
                    );
                    assert!(!answer.body.contains("redirect_to"), "{what}");
                }
            }
        }
        assert!(!landed(&with_consent.get(&consent_link)).code().is_empty());
    }
}

#[test]
fn a_replayed_verifier_is_refused_and_revives_no_session() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let made = finish(&server, &app);
        let mut browser = made.browser.clone();
        for link in [&made.login_link, &made.consent_link, &made.login_link] {
            let place = landed(&browser.get(link));
            assert_told(&place, "access_denied", &format!("{engine:?}: replayed"));
        }
        assert_eq!(
            app.redeem(&server, &made.code).status,
            200,
            "{engine:?}: a replayed verifier ends no code"
        );
        // After the session has ended, neither the old link nor a fresh one of the same challenge brings it back.
        let path = "/admin/oauth2/auth/sessions/login?subject=ann";
        assert_eq!(machine::admin(&server, "DELETE", path, None).status, 204);
        let fresh = answered(&server, "login/accept", &made.login_challenge, &ann());
        for link in [&made.login_link, &fresh] {
            let place = landed(&browser.get(link));
            assert_told(
                &place,
                "access_denied",
                &format!("{engine:?}: after the session"),
            );
        }
        let query = app.ask().with("prompt", "none").query();
        let place = landed(&browser.authorize(&server, &query));
        assert_told(
            &place,
            "login_required",
            &format!("{engine:?}: no session came back"),
        );
        let fresh = app.grant(&server, &made.consent_challenge, &json!({}));
        let place = landed(&browser.get(&fresh));
        assert_told(
            &place,
            "access_denied",
            &format!("{engine:?}: a second consent"),
        );
    }
}

#[test]
fn accepting_twice_gives_one_grant() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let mut browser = Browser::default();
        let challenge = begin(&server, &app, &mut browser);
        let links = [(); 2].map(|()| answered(&server, "login/accept", &challenge, &ann()));
        // The last answer counts as much as the first.
        let challenge = landed(&browser.get(&links[1])).consent();
        assert_told(
            &landed(&browser.get(&links[0])),
            "access_denied",
            "the other login",
        );
        let links = [(); 2].map(|()| app.grant(&server, &challenge, &json!({})));
        let code = landed(&browser.get(&links[1])).code();
        assert_told(
            &landed(&browser.get(&links[0])),
            "access_denied",
            "the other consent",
        );
        assert_eq!(app.redeem(&server, &code).status, 200, "{engine:?}");
    }
}

#[test]
fn a_verifier_of_one_request_serves_no_other() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let uris =
            json!({"redirect_uris": ["https://app.example/cb", "https://app.example/second"]});
        let other = App::register(&server, "other", &uris);
        for leg in ["login", "consent"] {
            let link = |browser: &mut Browser, app: &App| {
                let next = answered(
                    &server,
                    "login/accept",
                    &begin(&server, app, browser),
                    &ann(),
                );
                if leg == "login" {
                    return parameter(&next, "login_verifier");
                }
                let challenge = landed(&browser.get(&next)).consent();
                parameter(
                    &app.grant(&server, &challenge, &json!({})),
                    "consent_verifier",
                )
            };
            let name = format!("{leg}_verifier");
            let mut browser = Browser::default();
            link(&mut browser, &other);
            let verifier = link(&mut browser, &app);
            let place = landed(
                &browser
                    .clone()
                    .authorize(&server, &other.ask().with(&name, &verifier).query()),
            );
            assert_told(
                &place,
                "invalid_client",
                &format!("{engine:?} {leg}: another client"),
            );
            for (parameter, value, error) in [
                ("scope", "openid offline a", "invalid_scope"),
                ("scope", "openid", "invalid_scope"),
                (
                    "redirect_uri",
                    "https://app.example/second",
                    "invalid_request",
                ),
            ] {
                let mut browser = Browser::default();
                let verifier = link(&mut browser, &other);
                let query = other
                    .ask()
                    .with(parameter, value)
                    .with(&name, &verifier)
                    .query();
                let place = landed(&browser.authorize(&server, &query));
                assert_told(
                    &place,
                    error,
                    &format!("{engine:?} {leg} {parameter} {value}"),
                );
            }
        }
        // What the query says of the rest does not matter: the sealed request is the truth.
        let mut browser = Browser::default();
        let next = answered(
            &server,
            "login/accept",
            &begin(&server, &app, &mut browser),
            &ann(),
        );
        let challenge = landed(&browser.get(&next)).consent();
        let next = app.grant(&server, &challenge, &json!({}));
        let query = app
            .ask()
            .with("state", "forged-state-0123456789")
            .with("nonce", "forged-nonce-0123456789")
            .without("code_challenge")
            .without("code_challenge_method")
            .with("consent_verifier", &parameter(&next, "consent_verifier"))
            .query();
        let place = landed(&browser.authorize(&server, &query));
        assert_eq!(place.parameter("state"), STATE, "{engine:?}");
        let pair = Tokens::of(&app.redeem(&server, &place.code()));
        assert_eq!(pair.id_claims()["nonce"], NONCE, "{engine:?}");
    }
}

#[test]
fn what_comes_twice_on_the_way_back_is_refused_and_spends_nothing() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let mut browser = Browser::default();
    let challenge = begin(&server, &app, &mut browser);
    let link = answered(&server, "login/accept", &challenge, &ann());
    let refused = landed(&browser.get(&format!("{link}&scope=b")));
    assert_told(&refused, "invalid_request", "a second scope");
    let challenge = landed(&browser.get(&link)).consent();
    let link = app.grant(&server, &challenge, &json!({}));
    let refused = landed(&browser.get(&format!("{link}&state=other")));
    assert_told(&refused, "invalid_request", "a second state");
    let code = landed(&browser.get(&link)).code();
    Tokens::of(&app.redeem(&server, &code));
}

#[test]
fn a_request_for_which_time_ran_out_ends_everywhere() {
    for engine in Engine::at_hand() {
        let more = json!({"ttl": {"login_consent_request": "2s"}});
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        let mut browser = Browser::default();
        let login = begin(&server, &app, &mut browser);
        let login_link = answered(&server, "login/accept", &login, &ann());
        let mut second = Browser::default();
        let next = answered(
            &server,
            "login/accept",
            &begin(&server, &app, &mut second),
            &ann(),
        );
        let consent = landed(&second.get(&next)).consent();
        let consent_link = app.grant(&server, &consent, &json!({}));
        let mut third = second.clone();
        let logout =
            landed(&third.get(&format!("{}/oauth2/sessions/logout", server.public()))).logout();
        let logout_link = answered(&server, "logout/accept", &logout, &Value::Null);
        clock::pause(Duration::from_millis(3_200));
        for (leg, challenge) in [
            ("login", &login),
            ("consent", &consent),
            ("logout", &logout),
        ] {
            for answer in [
                request_of(&server, leg, challenge),
                answer(&server, &format!("{leg}/accept"), challenge, &ann()),
                answer(&server, &format!("{leg}/reject"), challenge, &json!({})),
            ] {
                assert_eq!(answer.status, 401, "{engine:?} {leg}: {}", answer.body);
            }
        }
        assert_told(
            &landed(&browser.get(&login_link)),
            "request_unauthorized",
            "login",
        );
        assert_told(
            &landed(&second.get(&consent_link)),
            "request_unauthorized",
            "consent",
        );
        let place = landed(&third.get(&logout_link));
        assert_eq!(place.error(), "request_unauthorized", "{place:?}");
    }
}
