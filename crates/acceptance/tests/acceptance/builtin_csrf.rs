//! Forms of the built-in pages that were not sent from there.

use serde_json::json;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::page;
use tessera_acceptance::shop::{Browser, PASSWORD, id_token, start};

#[test]
fn forms_from_elsewhere_are_refused() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("answer", "accept"),
    ];
    let refused = |answer: &Response| {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.header("Location").is_none());
        assert!(answer.body.contains("id=\"again\""), "{}", answer.body);
    };
    // Another browser, with a flow of its own or without any.
    let mut other = Browser::new(&server);
    refused(&other.send(browser.form(&login, &fields)));
    let own = other.authorize("scope=openid");
    refused(&other.send(browser.form(&login, &fields)));
    let challenge = page::parts(&login.body)["inputs"]["challenge"].clone();
    let challenge = challenge.as_str().unwrap();
    let page_url = format!(
        "{}/oauth2/fallbacks/login?login_challenge={challenge}",
        server.public()
    );
    refused(&other.get(&page_url));
    // The field: missing, altered, and of another flow of the same browser.
    let field = page::parts(&login.body)["inputs"]["csrf"].clone();
    let altered = format!("{}A", &field.as_str().unwrap()[1..]);
    let second = browser.authorize("scope=openid");
    let foreign = page::parts(&second.body)["inputs"]["csrf"].clone();
    for csrf in ["", altered.as_str(), foreign.as_str().unwrap()] {
        let mut fields = fields.to_vec();
        fields.push(("csrf", csrf));
        refused(&browser.submit(&login, &fields));
    }
    // The consent page likewise, and denials too.
    let consent = browser.log_in(&login, &[]);
    for answer in ["accept", "deny"] {
        refused(&other.send(browser.form(&consent, &[("answer", answer)])));
        refused(&browser.submit(&consent, &[("answer", answer), ("csrf", "x")]));
    }
    // None of this has spoilt anything.
    let arrived = browser.consent(&consent, &[]);
    assert_eq!(id_token(&browser.redeem(&arrived))["sub"], "u-1");
    assert!(own.body.contains("id=\"sign-in\""));
}

#[test]
fn strict_cookies_are_asked_for_with_the_form() {
    let server = start(&json!({"serve": {"cookies": {"same_site_mode": "Strict"}}}));
    let mut browser = Browser::new(&server);
    let url = browser.authorize_url("scope=openid");
    let sent = browser.get(&url);
    let page_url = sent.header("Location").unwrap().to_owned();
    let login = Request::for_url("GET", &page_url).unwrap().send();
    assert_eq!(login.status, 200, "{login:?}");
    let fields = [("username", "alice"), ("password", PASSWORD)];
    let refused = browser.form(&login, &fields).send();
    assert_eq!(refused.status, 403, "{refused:?}");
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
}
