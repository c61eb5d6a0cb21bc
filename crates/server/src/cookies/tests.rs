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
    for bad in ["", "AAAA", &b64::encode(&VALUE), &value[1..]] {
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
