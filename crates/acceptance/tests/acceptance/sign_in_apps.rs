//! What login and consent apps answer, and clients that go away meanwhile.
//!
//! Spec: RFC 6749 4.1.2.1.

use serde_json::json;
use tessera_acceptance::app::{App, STATE};
use tessera_acceptance::browser::{Browser, Landed, answer, answered, landed, request_of};
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{ann, begin, start};
use tessera_acceptance::machine;

#[test]
fn a_refusal_of_the_app_reaches_the_client_whatever_it_says() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        for (error, description) in [
            ("access_denied", "The resource owner denied the request"),
            ("login_required", "no \"quotes\""),
            (
                "x\r\nSet-Cookie: a=b",
                "line\r\nLocation: https://evil.example",
            ),
            ("<script>alert(1)</script>", "&error=other&code=stolen"),
            ("", ""),
            ("ü", "日本"),
        ] {
            let body = json!({"error": error, "error_description": description, "status_code": 500, "error_hint": "hint"});
            for leg in ["login", "consent"] {
                let what = format!("{engine:?} {leg} {error:?}");
                let mut browser = Browser::default();
                let mut challenge = begin(&server, &app, &mut browser);
                if leg == "consent" {
                    let next = answered(&server, "login/accept", &challenge, &ann());
                    challenge = landed(&browser.get(&next)).consent();
                }
                let next = answered(&server, &format!("{leg}/reject"), &challenge, &body);
                let answer = browser.get(&next);
                assert!(
                    !answer
                        .header_values("set-cookie")
                        .iter()
                        .any(|line| line.starts_with("a=b")),
                    "{what}"
                );
                let place = landed(&answer);
                assert!(
                    matches!(&place, Landed::Client(to, _) if to == "https://app.example/cb"),
                    "{what}: {place:?}"
                );
                assert!(
                    !place.error().is_empty() && place.parameter("code").is_empty(),
                    "{what}: {place:?}"
                );
                assert_eq!(place.parameter("state"), STATE, "{what}");
            }
        }
    }
}

#[test]
fn a_client_that_goes_away_takes_its_flows_along() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let path = format!("/admin/clients/{}", app.id());
        let mut browser = Browser::default();
        let login = begin(&server, &app, &mut browser);
        let mut second = Browser::default();
        let next = answered(
            &server,
            "login/accept",
            &begin(&server, &app, &mut second),
            &ann(),
        );
        let consent = landed(&second.get(&next)).consent();
        let consent_link = app.grant(&server, &consent, &json!({}));
        let code = app.code(&server);
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        for (leg, challenge) in [("login", &login), ("consent", &consent)] {
            for answer in [
                request_of(&server, leg, challenge),
                answer(&server, &format!("{leg}/accept"), challenge, &ann()),
            ] {
                assert!(
                    [200, 404].contains(&answer.status),
                    "{leg} {} {}",
                    answer.status,
                    answer.body
                );
            }
        }
        let place = landed(&second.get(&consent_link));
        assert!(
            matches!(place, Landed::ErrorPage(_)),
            "{engine:?}: {place:?}"
        );
        assert_eq!(place.error(), "invalid_client", "{engine:?}");
        // One of the same name gets nothing of it.
        let again = App::register(&server, app.id(), &json!({}));
        let answer = again.redeem(&server, &code);
        assert_eq!(answer.status, 400, "{engine:?}: {}", answer.body);
    }
}

#[test]
fn the_app_is_told_what_is_wrong_with_its_answer() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let mut browser = Browser::default();
    let challenge = begin(&server, &app, &mut browser);
    let long = "x".repeat(100_000);
    for body in [
        json!({}),
        json!({"subject": ""}),
        json!({"subject": null}),
        json!({"subject": 1}),
        json!({"subject": "a\0b"}),
        json!({"subject": "ann", "remember_for": "x"}),
        json!({"subject": "ann", "amr": "pwd"}),
        json!([]),
        json!("ann"),
    ] {
        let answer = answer(&server, "login/accept", &challenge, &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    for (body, status) in [
        (json!({"subject": "ann", "remember_for": -1}), 200),
        (
            json!({"subject": "ann", "remember": true, "remember_for": i64::MAX}),
            200,
        ),
        (json!({"subject": long}), 400),
        (
            json!({"subject": "ann", "acr": long, "context": {"a": long}}),
            400,
        ),
        (json!({"subject": "a\r\nb"}), 200),
    ] {
        let mut browser = Browser::default();
        let challenge = begin(&server, &app, &mut browser);
        let answer = answer(&server, "login/accept", &challenge, &body);
        let what: String = body.to_string().chars().take(100).collect();
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        if status == 200 {
            let next = answer.json().unwrap()["redirect_to"]
                .as_str()
                .unwrap()
                .to_owned();
            landed(&browser.get(&next)).consent();
        }
    }
    let missing = ["login", "consent"].map(|leg| format!("/admin/oauth2/auth/requests/{leg}"));
    for path in missing {
        assert_eq!(
            machine::admin(&server, "GET", &path, None).status,
            400,
            "{path}"
        );
        let path = format!("{path}/accept");
        assert_eq!(
            machine::admin(&server, "PUT", &path, Some(&ann())).status,
            400,
            "{path}"
        );
    }
}
