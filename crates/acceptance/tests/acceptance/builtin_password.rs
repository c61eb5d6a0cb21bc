//! Names and passwords on the built-in login page: what is refused, how, and how often.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use serde_json::json;
use tessera_acceptance::bad_input::assert_same_cost;
use tessera_acceptance::clock;
use tessera_acceptance::http::Response;
use tessera_acceptance::shop::{Browser, PASSWORD, arrived_with, start};

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer_at_the_same_cost() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let mut attempt = |username: &str, password: &str| {
        let fields = [
            ("username", username),
            ("password", password),
            ("answer", "accept"),
        ];
        let started = Instant::now();
        let answer = browser.submit(&login, &fields);
        (answer, started.elapsed())
    };
    let refused = |(answer, took): (Response, Duration), username: &str| {
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(
            answer.body.contains("do not fit together"),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains("wrong"), "{}", answer.body);
        (answer.body.replace(username, "NAME"), took)
    };
    let (known, _) = refused(attempt("alice", "wrong"), "alice");
    let (unknown, _) = refused(attempt("mallory", "wrong"), "mallory");
    assert_eq!(known, unknown);
    let attempt = RefCell::new(attempt);
    assert_same_cost(
        |i| {
            let nobody = format!("nobody {i}");
            refused(attempt.borrow_mut()(&nobody, "wrong"), &nobody).1
        },
        |_| {
            // Whoever gets in may fail five times more before guessing is slowed down.
            let (entered, _) = attempt.borrow_mut()("alice", PASSWORD);
            assert_eq!(entered.status, 303, "{entered:?}");
            refused(attempt.borrow_mut()("alice", "wrong"), "alice").1
        },
    );
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
}

#[test]
fn missing_fields_are_named() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    for (username, password, words) in [
        (" ", "x", "Type your user name."),
        ("alice", "", "Type your password."),
    ] {
        let fields = [("username", username), ("password", password)];
        let answer = browser.submit(&login, &fields);
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
    // A keyboard that appends a blank does no harm, and neither does a form without its button.
    let fields = [("username", "alice "), ("password", PASSWORD)];
    assert_eq!(browser.submit(&login, &fields).status, 303);
}

#[test]
fn guessing_is_slowed_down_also_for_the_right_password() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let mut attempt = |password: &str| {
        let fields = [
            ("username", "alice"),
            ("password", password),
            ("answer", "accept"),
        ];
        browser.submit(&login, &fields)
    };
    for _ in 0..5 {
        assert_eq!(attempt("wrong").status, 400);
    }
    clock::pause(Duration::from_millis(1_100));
    assert_eq!(attempt("wrong").status, 400, "a second later");
    let limited = attempt(PASSWORD);
    assert_eq!(limited.status, 429, "{limited:?}");
    let wait: u64 = limited.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert!(
        limited.body.contains("too many attempts"),
        "{}",
        limited.body
    );
    clock::pause(Duration::from_secs(wait));
    assert_eq!(attempt(PASSWORD).status, 303);
}

#[test]
fn somebody_who_was_taken_out_of_the_file_has_no_way_in() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    browser.consent(&consent, &[("remember", "1")]);
    arrived_with(&browser.authorize("scope=openid"), "code");
    let waiting = browser.authorize("scope=openid+email");
    assert!(waiting.body.contains("id=\"consent\""), "{waiting:?}");
    std::fs::write(server.dir().join("users.json"), "{\"users\": []}").unwrap();
    clock::pause(Duration::from_millis(1_100));
    let answer = browser.submit(&waiting, &[("answer", "accept")]);
    let arrived = browser.follow(answer);
    assert_eq!(arrived_with(&arrived, "error"), "access_denied");
    let arrived = browser.authorize("scope=openid&prompt=none");
    assert_eq!(arrived_with(&arrived, "error"), "login_required");
    let asked = browser.authorize("scope=openid");
    assert!(asked.body.contains("id=\"sign-in\""), "{asked:?}");
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("answer", "accept"),
    ];
    assert_eq!(browser.submit(&asked, &fields).status, 400);
}
