//! The built-in login and consent pages, from the authorization request to the tokens, as a browser sees them.

use std::time::Duration;

use serde_json::json;
use tessera_acceptance::clock;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::server::Server;
use tessera_acceptance::shop::{
    Browser, PASSWORD, arrived_with, id_token, register, setup, start, switch_on,
};

#[test]
fn a_person_signs_in_consents_and_the_client_gets_the_claims_it_asked_for() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid+email+groups&login_hint=alice");
    assert_eq!(login.status, 200);
    assert_eq!(login.header("Cache-Control"), Some("no-store"));
    for part in [
        "The Shop",
        "shop.example.com",
        "name=\"username\" value=\"alice\"",
        "href=\"https://shop.example.com/privacy\">privacy policy</a>",
        "href=\"https://shop.example.com/terms\">terms of service</a>",
    ] {
        assert!(login.body.contains(part), "{part} in {}", login.body);
    }
    let consent = browser.log_in(&login, &[]);
    assert_eq!(consent.status, 200);
    for part in [
        "href=\"https://shop.example.com/privacy\">privacy policy</a>",
        "href=\"https://shop.example.com/terms\">terms of service</a>",
        "The Shop",
        "shop.example.com",
        "<strong>alice</strong>",
        "e-mail address",
        "groups",
    ] {
        assert!(consent.body.contains(part), "{part} in {}", consent.body);
    }
    let arrived = browser.consent(&consent, &[]);
    assert_eq!(arrived_with(&arrived, "state"), "a-long-state");
    let tokens = browser.redeem(&arrived);
    let claims = id_token(&tokens);
    for (name, value) in [
        ("sub", json!("u-1")),
        ("email", json!("alice@example.com")),
        ("email_verified", json!(true)),
        ("groups", json!(["staff"])),
        ("amr", json!(["pwd"])),
        ("acr", json!("0")),
    ] {
        assert_eq!(claims[name], value, "{name} in {claims}");
    }
    for name in ["name", "preferred_username", "phone_number"] {
        assert!(claims.get(name).is_none(), "{name} in {claims}");
    }
    let url = format!("{}/userinfo", server.public());
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let request = Request::for_url("GET", &url).unwrap();
    let info = request.header("Authorization", &bearer).send();
    assert_eq!(info.json().unwrap()["email"], "alice@example.com");
}

#[test]
fn what_is_remembered_is_not_asked_again() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    let arrived = browser.consent(&consent, &[]);
    let first = id_token(&browser.redeem(&arrived));
    let again = browser.authorize("scope=openid");
    let arrived = browser.consent(&again, &[("remember", "1")]);
    assert_eq!(id_token(&browser.redeem(&arrived))["sid"], first["sid"]);
    let arrived = browser.authorize("scope=openid&prompt=none");
    let third = id_token(&browser.redeem(&arrived));
    assert_eq!(third["auth_time"], first["auth_time"]);
    let wider = browser.authorize("scope=openid+profile");
    let arrived = browser.consent(&wider, &[]);
    let claims = id_token(&browser.redeem(&arrived));
    assert_eq!(claims["name"], "Alice A.");
    assert_eq!(claims["preferred_username"], "alice");
    let asked = browser.authorize("scope=openid&prompt=login");
    assert!(asked.body.contains("id=\"sign-in\""), "{asked:?}");
}

#[test]
fn claims_that_are_named_are_shown_and_given_and_no_consent_of_before_covers_them() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let plain = "scope=openid";
    let named = "scope=openid&claims=%7B%22userinfo%22%3A%7B%22name%22%3A%7B%22essential%22%3Atrue%7D%7D%7D";
    let login = browser.authorize(plain);
    let consent = browser.log_in(&login, &[("remember", "1")]);
    assert!(!consent.body.contains("<code>name</code>"), "{consent:?}");
    let arrived = browser.consent(&consent, &[("remember", "1")]);
    let claims = id_token(&browser.redeem(&arrived));
    assert!(claims.get("name").is_none(), "{claims}");
    let silent = browser.authorize(&format!("{named}&prompt=none"));
    let claims = id_token(&browser.redeem(&silent));
    assert!(claims.get("name").is_none(), "{claims}");
    let asked = browser.authorize(named);
    assert!(
        asked.body.contains("see <code>name</code> of your account"),
        "{asked:?}"
    );
    let arrived = browser.consent(&asked, &[]);
    let tokens = browser.redeem(&arrived);
    assert_eq!(id_token(&tokens)["name"], "Alice A.");
    switch_on(&server, "skip_consent");
    let arrived = browser.authorize(named);
    assert_eq!(id_token(&browser.redeem(&arrived))["name"], "Alice A.");
}

#[test]
fn a_login_that_is_not_remembered_is_asked_for_again() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    browser.consent(&consent, &[]);
    let again = browser.authorize("scope=openid");
    assert!(again.body.contains("id=\"sign-in\""), "{again:?}");
}

#[test]
fn a_trusted_client_asks_for_no_consent() {
    let server = start(&json!({}));
    switch_on(&server, "skip_consent");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid+profile");
    let arrived = browser.log_in(&login, &[]);
    let claims = id_token(&browser.redeem(&arrived));
    assert_eq!(claims["name"], "Alice A.");
}

#[test]
fn a_refusal_reaches_the_application() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let answer = browser.submit(&login, &[("answer", "deny")]);
    let arrived = browser.follow(answer);
    assert_eq!(arrived_with(&arrived, "error"), "access_denied");
    assert_eq!(arrived_with(&arrived, "state"), "a-long-state");
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    let answer = browser.submit(&consent, &[("answer", "deny")]);
    let arrived = browser.follow(answer);
    assert_eq!(arrived_with(&arrived, "error"), "access_denied");
}

#[test]
fn a_consent_without_an_answer_is_asked_again() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    let again = browser.submit(&consent, &[]);
    assert_eq!(again.status, 200);
    browser.consent(&again, &[]);
}

#[test]
fn pages_that_are_over_say_so_and_lead_to_a_fresh_start() {
    let server = start(&json!({"ttl": {"login_consent_request": "3s"}}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    browser.consent(&consent, &[]);
    let over = |answer: &Response, words: &str| {
        assert_eq!(answer.status, 410, "{answer:?}");
        assert!(answer.body.contains(words), "{}", answer.body);
        let link = answer.body.split("id=\"again\" href=\"").nth(1).unwrap();
        link.split('"').next().unwrap().replace("&amp;", "&")
    };
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("answer", "accept"),
    ];
    let again = over(&browser.submit(&login, &fields), "done already");
    let answer = browser.get(&again);
    let login = browser.follow(answer);
    assert!(login.body.contains("id=\"sign-in\""), "{login:?}");
    clock::pause(Duration::from_secs(4));
    let again = over(&browser.submit(&login, &fields), "has expired");
    let answer = browser.get(&again);
    let login = browser.follow(answer);
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
    for (page, name) in [
        ("login", "login"),
        ("consent", "consent"),
        ("logout", "logout"),
    ] {
        let url = format!(
            "{}/oauth2/fallbacks/{page}?{name}_challenge=AAAA",
            server.public()
        );
        let answer = browser.get(&url);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains("cannot be used"), "{}", answer.body);
    }
}

#[test]
fn a_development_server_prints_a_user_who_can_sign_in() {
    let server = Server::start(setup(&json!({})));
    register(&server);
    let log = server.log();
    let value = |label: &str| {
        let line = log.lines().find_map(|line| line.trim().strip_prefix(label));
        line.unwrap_or_else(|| panic!("{label} in {log}"))
            .trim()
            .to_owned()
    };
    let (username, password) = (value("user name "), value("password "));
    assert_eq!(log.matches(&password).count(), 1, "{log}");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid+profile");
    let fields = [
        ("username", username.as_str()),
        ("password", password.as_str()),
        ("answer", "accept"),
    ];
    let answer = browser.submit(&login, &fields);
    let consent = browser.follow(answer);
    let arrived = browser.consent(&consent, &[]);
    assert_eq!(id_token(&browser.redeem(&arrived))["name"], "Test User");
}

#[test]
fn beside_an_app_for_logins_there_is_no_page() {
    let server = Server::start(setup(&json!({"urls": {
        "self": {"issuer": "${public}", "public": "${public}"},
        "login": "http://app.localhost:3000/login", "consent": "http://app.localhost:3000/consent",
    }})));
    assert!(!server.log().contains("password"), "{}", server.log());
    for page in ["login", "consent", "logout"] {
        let url = format!("{}/oauth2/fallbacks/{page}", server.public());
        let shown = Request::for_url("GET", &format!("{url}?{page}_challenge=x"));
        let shown = shown.unwrap().send();
        assert_eq!(shown.status, 200);
        assert!(shown.body.contains("configuration key"), "{}", shown.body);
        let posted = Request::for_url("POST", &url).unwrap().send();
        assert_eq!(posted.status, 405);
    }
}
