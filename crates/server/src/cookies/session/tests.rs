use serde_json::{Value, json};

use super::super::tests::{VALUE, cookies, header, presented, written};
use super::*;

#[test]
fn a_session_cookie_cannot_be_made_up_or_moved() {
    let own = cookies(true, &json!({}));
    let lines = written(|r| own.set_session(r, &VALUE, None));
    assert!(lines[0].starts_with("ory_hydra_session_dev="));
    assert!(
        lines[0].ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{lines:?}"
    );
    let sent = presented(&lines);
    assert_eq!(own.session(&sent), Some(VALUE));
    let value = lines[0].split(['=', ';']).nth(1).unwrap();
    let named = json!({"serve": {"cookies": {"names": {"session": "sso"}}}});
    let moved = header(&format!("sso_dev={value}"));
    assert_eq!(cookies(true, &named).session(&moved), None);
    let mut of_other_length = Vec::new();
    own.keys.seal(
        &OsEntropy,
        b"ory_hydra_session_dev",
        &VALUE,
        &mut of_other_length,
    );
    let of_other_length = b64::encode(&of_other_length);
    for bad in [
        "",
        "AAAA",
        &b64::encode(&VALUE),
        &value[1..],
        &of_other_length,
    ] {
        assert_eq!(
            own.session(&header(&format!("ory_hydra_session_dev={bad}"))),
            None
        );
    }
    let tossed = header(&format!(
        "ory_hydra_session_dev=x; ory_hydra_session_dev={value}"
    ));
    assert_eq!(own.session(&tossed), Some(VALUE));
}

#[test]
fn every_listed_cookie_secret_opens() {
    let (old, new) = ("cookie-secret-number-1", "cookie-secret-number-2");
    let with = |list: &Value| {
        cookies(
            true,
            &json!({"secrets": {"system": ["golden-system-secret-0123456789"], "cookie": list}}),
        )
    };
    let sent = presented(&written(|r| {
        with(&json!([old])).set_session(r, &VALUE, None)
    }));
    assert_eq!(with(&json!([new, old])).session(&sent), Some(VALUE));
    assert_eq!(with(&json!([new])).session(&sent), None);
    assert_eq!(
        cookies(true, &json!({})).session(&sent),
        None,
        "secrets.system is another key"
    );
}

#[test]
fn a_cookie_of_an_older_secret_is_sealed_anew_and_lives_no_longer() {
    let (old, new) = ("cookie-secret-number-1", "cookie-secret-number-2");
    let with = |list: &Value| {
        cookies(
            true,
            &json!({"secrets": {"system": ["golden-system-secret-0123456789"], "cookie": list}}),
        )
    };
    let (before, rotated) = (with(&json!([old])), with(&json!([new, old])));
    let session = LoginSession {
        sid: VALUE,
        subject: "ann".to_owned(),
        authenticated_at: Timestamp::from_secs(1_000),
        is_remembered: true,
        expires_at: Timestamp::from_secs(1_600),
        identity_provider_session_id: String::new(),
    };
    let renewed = |cookies: &Cookies, sent: &HeaderMap, session: &LoginSession| {
        let now = Timestamp::from_secs(1_100);
        written(|r| cookies.renew_session(sent, r, session, now))
    };
    for (max_age, expected) in [
        (None, "; Path=/; HttpOnly; SameSite=Lax"),
        (
            Some(Duration::from_secs(700)),
            "; Path=/; Max-Age=500; HttpOnly; SameSite=Lax",
        ),
    ] {
        let sent = presented(&written(|r| before.set_session(r, &VALUE, max_age)));
        assert!(renewed(&before, &sent, &session).is_empty());
        let lines = renewed(&rotated, &sent, &session);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with(expected), "{lines:?}");
        let sent = presented(&lines);
        assert_eq!(with(&json!([new])).session(&sent), Some(VALUE));
        assert!(renewed(&rotated, &sent, &session).is_empty(), "only once");
    }
    let sent = presented(&written(|r| before.set_session(r, &VALUE, None)));
    let other = LoginSession {
        sid: [1; 16],
        ..session
    };
    assert!(renewed(&rotated, &sent, &other).is_empty());
    assert!(renewed(&rotated, &HeaderMap::new(), &other).is_empty());
}

#[test]
fn a_session_cookie_is_removed_as_it_was_set() {
    let attributes = |lines: Vec<String>| -> Vec<String> {
        assert_eq!(lines.len(), 1, "a session cookie has no twin");
        let parts = lines[0].split("; ").map(str::to_owned);
        let name = |part: String| part.split('=').next().unwrap().to_owned();
        let mut parts = parts.enumerate().map(|(at, part)| match at {
            0 => name(part),
            _ => part,
        });
        parts
            .by_ref()
            .filter(|part| !part.starts_with("Max-Age=") && !part.starts_with("Expires="))
            .collect()
    };
    for is_dev in [true, false] {
        for part in [
            json!({}),
            json!({"domain": "example.com", "paths": {"session": "/oauth2"}}),
            json!({"names": {"session": "sso"}, "same_site_mode": "Strict", "secure": true}),
            json!({"same_site_mode": "Lax", "domain": ".example.com"}),
            json!({"same_site_legacy_workaround": true}),
        ] {
            let cookies = cookies(is_dev, &json!({"serve": {"cookies": part}}));
            let set = written(|r| cookies.set_session(r, &VALUE, session_max_age(60)));
            assert!(set[0].contains("; Max-Age=60; HttpOnly"), "{set:?}");
            let cleared = written(|r| cookies.clear_session(r));
            assert!(cleared[0].contains("; Max-Age=0; HttpOnly"), "{cleared:?}");
            assert_eq!(attributes(set), attributes(cleared), "{part}");
        }
    }
}

#[test]
fn a_session_is_remembered_as_long_as_asked_within_the_cap() {
    for (remember_for, secs) in [
        (0, None),
        (-1, None),
        (1, Some(1)),
        (60, Some(60)),
        (i64::MAX, Some(15_552_000)),
    ] {
        assert_eq!(session_max_age(remember_for).map(|d| d.as_secs()), secs);
    }
}
