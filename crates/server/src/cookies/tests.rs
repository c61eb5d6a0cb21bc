//! Rows of names and attributes are what the reference server was recorded to send.

use serde_json::{Value, json};
use tessera_crypto::Secret;

use super::*;

const CLIENT: &str = "codemin";
const VALUE: [u8; 16] = *b"0123456789abcdef";

/// Settings as a file gives them, with the members of `more` laid over a production or development configuration.
fn settings(is_dev: bool, more: &Value) -> Settings {
    let issuer = if is_dev {
        "http://127.0.0.1:4444"
    } else {
        "https://op.example.com"
    };
    let mut file = json!({"dsn": "memory", "dev": is_dev, "urls": {"self": {"issuer": issuer}},
        "secrets": {"system": ["golden-system-secret-0123456789"]}});
    for (name, value) in more.as_object().unwrap() {
        file[name] = value.clone();
    }
    crate::config::testing::settings(&file)
}

fn system() -> Keyring {
    Keyring::new(&[Secret::new("golden-system-secret-0123456789".to_owned())]).unwrap()
}

fn cookies(is_dev: bool, more: &Value) -> Cookies {
    Cookies::new(&settings(is_dev, more), &system()).unwrap_or_else(|f| panic!("{f:?}"))
}

fn written(write: impl FnOnce(&mut HeaderMap)) -> Vec<String> {
    let mut reply = HeaderMap::new();
    write(&mut reply);
    let lines = reply.get_all(SET_COOKIE).iter();
    lines.map(|v| v.to_str().unwrap().to_owned()).collect()
}

/// What a browser sends back for these lines.
fn presented(lines: &[String]) -> HeaderMap {
    let pairs = lines.iter().map(|line| line.split(';').next().unwrap());
    header(&pairs.collect::<Vec<_>>().join("; "))
}

fn header(text: &str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(text).unwrap())])
}

#[test]
fn the_suffix_is_the_hash_of_the_client() {
    for (client_id, suffix) in [
        ("", 0),
        ("fb", 3_113_161_807),
        ("rm", 1_865_857_704),
        ("pwa", 428_383_270),
        ("auda", 2_829_288_263),
        ("rem2", 3_060_897_301),
        ("codemin", 3_696_662_048),
        ("codemore", 418_942_747),
        ("nocode", 1_998_472_740),
        ("ro-any", 236_102_983),
    ] {
        assert_eq!(murmur3(client_id.as_bytes()), suffix, "{client_id}");
    }
}

#[test]
fn csrf_cookies_have_the_recorded_names_and_attributes() {
    let plain = cookies(true, &json!({}));
    assert_eq!(
        written(|r| plain.set_login_csrf(r, CLIENT, &VALUE)),
        [
            "ory_hydra_login_csrf_dev_3696662048=MDEyMzQ1Njc4OWFiY2RlZg; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax"
        ]
    );
    assert_eq!(
        written(|r| plain.set_consent_csrf(r, CLIENT, &VALUE)),
        [
            "ory_hydra_consent_csrf_dev_3696662048=MDEyMzQ1Njc4OWFiY2RlZg; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax"
        ]
    );
    let short = cookies(true, &json!({"ttl": {"login_consent_request": "1s"}}));
    assert!(written(|r| short.set_login_csrf(r, CLIENT, &VALUE))[0].contains("; Max-Age=1; "));
}

#[test]
fn production_cookies_are_secure_and_follow_the_configuration() {
    let defaults = cookies(false, &json!({}));
    let lines = written(|r| defaults.set_login_csrf(r, CLIENT, &VALUE));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("ory_hydra_login_csrf_3696662048="));
    assert!(lines[0].ends_with("; Path=/; Max-Age=1800; HttpOnly; Secure; SameSite=None"));

    let named = cookies(
        false,
        &json!({"serve": {"cookies": {"same_site_mode": "Strict", "domain": ".example.com",
            "names": {"session": "sso"}, "paths": {"session": "/oauth2"}}}}),
    );
    let lines = written(|r| named.set_session(r, &VALUE, session_max_age(3600)));
    assert!(lines[0].starts_with("sso="));
    assert!(
        lines[0].ends_with(
            "; Path=/oauth2; Domain=example.com; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"
        ),
        "{lines:?}"
    );
    let secure = cookies(true, &json!({"serve": {"cookies": {"secure": true}}}));
    let lines = written(|r| secure.clear_session(r));
    assert_eq!(
        lines,
        [
            "ory_hydra_session_dev=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
        ]
    );
}

#[test]
fn a_legacy_twin_is_written_and_read_where_configured() {
    let workaround = json!({"serve": {"cookies": {"same_site_legacy_workaround": true}}});
    assert_eq!(
        written(|r| cookies(true, &workaround).set_login_csrf(r, CLIENT, &VALUE)).len(),
        1,
        "the effective mode is Lax"
    );
    let cookies = cookies(false, &workaround);
    let lines = written(|r| cookies.set_login_csrf(r, CLIENT, &VALUE));
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("ory_hydra_login_csrf_3696662048_legacy="));
    assert!(lines[1].ends_with("; HttpOnly; Secure"));
    let twin = presented(&lines[1..]);
    assert_eq!(cookies.login_csrf(&twin, CLIENT), Csrf::Value(VALUE));
    for main in ["", "%", "AAAA"] {
        let both = format!(
            "ory_hydra_login_csrf_3696662048={main}; {}",
            lines[1].split(';').next().unwrap()
        );
        assert_eq!(
            cookies.login_csrf(&header(&both), CLIENT),
            Csrf::Value(VALUE)
        );
    }
    assert_eq!(cookies.consent_csrf(&twin, CLIENT), Csrf::Missing);
}

#[test]
fn a_csrf_value_comes_back_for_its_client_and_leg_only() {
    let cookies = cookies(true, &json!({}));
    let sent = presented(&written(|r| cookies.set_login_csrf(r, CLIENT, &VALUE)));
    assert_eq!(cookies.login_csrf(&sent, CLIENT), Csrf::Value(VALUE));
    assert_eq!(cookies.login_csrf(&sent, "other"), Csrf::Missing);
    assert_eq!(cookies.consent_csrf(&sent, CLIENT), Csrf::Missing);
    assert_eq!(cookies.login_csrf(&HeaderMap::new(), CLIENT), Csrf::Missing);
    let name = "ory_hydra_login_csrf_dev_3696662048";
    let rows = [
        (format!("{name}="), Csrf::Missing),
        (format!("{name}=AAAA"), Csrf::Malformed),
        (
            format!("a=b; {name}=MDEyMzQ1Njc4OWFiY2RlZg;c"),
            Csrf::Value(VALUE),
        ),
        (
            format!("{name}=x; {name}=MDEyMzQ1Njc4OWFiY2RlZg"),
            Csrf::Value(VALUE),
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(
            cookies.login_csrf(&header(&text), CLIENT),
            expected,
            "{text}"
        );
    }
}

#[test]
fn a_flow_goes_on_only_in_its_own_browser() {
    assert_eq!(Csrf::Value(VALUE).check(&VALUE), Ok(()));
    for (csrf, words) in [
        (Csrf::Missing, "no CSRF cookie"),
        (Csrf::Malformed, "cannot be read"),
        (Csrf::Value([1; 16]), "another request"),
    ] {
        assert!(csrf.check(&VALUE).unwrap_err().contains(words));
    }
    assert_eq!(Csrf::Value(VALUE).or_fresh([1; 16]), VALUE);
    assert_eq!(Csrf::Malformed.or_fresh([1; 16]), [1; 16]);
    assert_eq!(Csrf::Missing.or_fresh([1; 16]), [1; 16]);
}

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
fn names_and_modes_are_as_configured() {
    let all = json!({"names": {"login_csrf": "l", "consent_csrf": "c", "session": "s"},
        "domain": "example.com"});
    for (is_dev, mode, flags) in [
        (false, json!("None"), "; HttpOnly; Secure; SameSite=None"),
        (false, json!("Lax"), "; HttpOnly; Secure; SameSite=Lax"),
        (
            false,
            json!("Strict"),
            "; HttpOnly; Secure; SameSite=Strict",
        ),
        (true, json!("None"), "; HttpOnly; SameSite=Lax"),
        (true, json!("Strict"), "; HttpOnly; SameSite=Strict"),
    ] {
        let mut part = all.clone();
        part["same_site_mode"] = mode;
        let cookies = cookies(is_dev, &json!({"serve": {"cookies": part}}));
        let dev = if is_dev { "_dev" } else { "" };
        let lines = written(|r| {
            cookies.set_login_csrf(r, CLIENT, &VALUE);
            cookies.set_consent_csrf(r, CLIENT, &VALUE);
            cookies.set_session(r, &VALUE, None);
        });
        let names = [
            format!("l{dev}_3696662048="),
            format!("c{dev}_3696662048="),
            format!("s{dev}="),
        ];
        assert_eq!(lines.len(), names.len());
        for (line, name) in lines.iter().zip(names) {
            assert!(line.starts_with(&name), "{line}");
            assert!(line.contains("; Path=/; Domain=example.com"), "{line}");
            assert!(line.ends_with(flags), "{line}");
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

#[test]
fn what_would_break_a_cookie_is_refused() {
    for part in [
        json!({"names": {"session": "a;b"}}),
        json!({"names": {"login_csrf": "a b"}}),
        json!({"domain": "example.com; Secure"}),
        json!({"paths": {"session": "/\n"}}),
    ] {
        let broken = settings(true, &json!({"serve": {"cookies": part}}));
        let fault = Cookies::new(&broken, &system()).err().unwrap();
        assert!(
            fault.source.starts_with("serve.cookies."),
            "{}",
            fault.source
        );
    }
}
