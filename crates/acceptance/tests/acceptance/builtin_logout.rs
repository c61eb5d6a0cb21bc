//! The built-in logout page.

use serde_json::json;
use tessera_acceptance::percent;
use tessera_acceptance::shop::{BYE, Browser, arrived_with, start, switch_on};

#[test]
fn a_person_logs_out_or_stays() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    let arrived = browser.consent(&consent, &[("remember", "1")]);
    let hint = browser.redeem(&arrived)["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = format!(
        "{}/oauth2/sessions/logout?id_token_hint={hint}&state=bye&post_logout_redirect_uri={}",
        server.public(),
        percent::encode(BYE)
    );
    let answer = browser.get(&url);
    let asked = browser.follow(answer);
    assert!(
        asked.body.contains("id=\"sign-out\"") && asked.body.contains("The Shop"),
        "{asked:?}"
    );
    let mut other = Browser::new(&server);
    let refused = other.send(browser.form(&asked, &[("answer", "accept")]));
    assert_eq!(refused.status, 403, "{refused:?}");
    let refused = browser.submit(&asked, &[("answer", "accept"), ("csrf", "x")]);
    assert_eq!(refused.status, 403, "{refused:?}");
    let stayed = browser.submit(&asked, &[("answer", "deny")]);
    assert_eq!(stayed.status, 200);
    let arrived = browser.authorize("scope=openid");
    arrived_with(&arrived, "code");
    let answer = browser.submit(&asked, &[("answer", "accept")]);
    let gone = browser.follow(answer);
    assert_eq!(
        gone.header("Location"),
        Some(format!("{BYE}?state=bye").as_str())
    );
    let login = browser.authorize("scope=openid");
    assert!(login.body.contains("id=\"sign-in\""), "{login:?}");
    // What was logged out already is done.
    let answer = browser.submit(&asked, &[("answer", "accept")]);
    let gone = browser.follow(answer);
    assert_eq!(
        gone.header("Location"),
        Some(format!("{BYE}?state=bye").as_str())
    );
}

#[test]
fn a_browser_logs_out_without_an_application() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    browser.consent(&consent, &[]);
    let url = format!("{}/oauth2/sessions/logout", server.public());
    let answer = browser.get(&url);
    let asked = browser.follow(answer);
    assert!(asked.body.contains("<strong>alice</strong>"), "{asked:?}");
    let answer = browser.submit(&asked, &[("answer", "accept")]);
    let done = browser.follow(answer);
    assert!(
        done.body.contains("You logged out successfully!"),
        "{done:?}"
    );
    let login = browser.authorize("scope=openid");
    assert!(login.body.contains("id=\"sign-in\""), "{login:?}");
}

#[test]
fn a_made_up_cookie_gives_no_hold_on_the_page() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    browser.consent(&consent, &[("remember", "1")]);
    let url = format!("{}/oauth2/sessions/logout", server.public());
    let asked = |browser: &mut Browser<'_>| {
        let answer = browser.get(&url);
        browser.follow(answer)
    };
    let first = asked(&mut browser);
    let second = asked(&mut browser);
    let (name, _) = browser.jar.named("tessera_logout_csrf").unwrap();
    let (name, own) = (name.to_owned(), browser.jar.clone());
    // 16 bytes that somebody else knows lie there when the page is shown, and when its form comes.
    let made_up = "QUFBQUFBQUFBQUFBQUFBQQ";
    browser.jar.set(&name, made_up);
    let shown = asked(&mut browser);
    browser.jar.set(&name, made_up);
    let refused = browser.submit(&shown, &[("answer", "accept")]);
    assert_eq!(refused.status, 403, "{refused:?}");
    // Pages in two tabs do not disturb one another.
    browser.jar = own;
    let stayed = browser.submit(&first, &[("answer", "deny")]);
    assert_eq!(stayed.status, 200, "{stayed:?}");
    let done = browser.submit(&second, &[("answer", "accept")]);
    assert_eq!(done.status, 303, "{done:?}");
}

#[test]
fn a_trusted_client_logs_out_without_a_question() {
    let server = start(&json!({}));
    switch_on(&server, "skip_logout_consent");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    let arrived = browser.consent(&consent, &[]);
    let hint = browser.redeem(&arrived)["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = format!(
        "{}/oauth2/sessions/logout?id_token_hint={hint}",
        server.public()
    );
    let answer = browser.get(&url);
    let done = browser.follow(answer);
    assert!(
        done.body.contains("You logged out successfully!"),
        "{done:?}"
    );
}
