//! Rows of names and attributes are what the reference server was recorded to send.

use http::HeaderValue;
use http::header::SET_COOKIE;
use serde_json::{Value, json};
use tessera_crypto::Secret;
use tessera_protocol::time::Timestamp;

use super::*;

pub(super) const CLIENT: &str = "codemin";
pub(super) const VALUE: [u8; 16] = *b"0123456789abcdef";
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// A CSRF value that was made now.
pub(super) fn csrf() -> [u8; 16] {
    fresh_csrf(*b"0123456789ab", NOW)
}

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

pub(super) fn cookies(is_dev: bool, more: &Value) -> Cookies {
    Cookies::new(&settings(is_dev, more), &system()).unwrap_or_else(|f| panic!("{f:?}"))
}

pub(super) fn written(write: impl FnOnce(&mut HeaderMap)) -> Vec<String> {
    let mut reply = HeaderMap::new();
    write(&mut reply);
    let lines = reply.get_all(SET_COOKIE).iter();
    lines.map(|v| v.to_str().unwrap().to_owned()).collect()
}

/// What a browser sends back for these lines.
pub(super) fn presented(lines: &[String]) -> HeaderMap {
    let pairs = lines.iter().map(|line| line.split(';').next().unwrap());
    header(&pairs.collect::<Vec<_>>().join("; "))
}

pub(super) fn header(text: &str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(text).unwrap())])
}

#[test]
fn production_cookies_are_secure_and_follow_the_configuration() {
    let defaults = cookies(false, &json!({}));
    let lines = written(|r| defaults.add_login_csrf(&HeaderMap::new(), r, CLIENT, (&csrf(), NOW)));
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
            cookies.add_login_csrf(&HeaderMap::new(), r, CLIENT, (&csrf(), NOW));
            cookies.add_consent_csrf(&HeaderMap::new(), r, CLIENT, (&csrf(), NOW));
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
fn what_would_break_a_cookie_is_refused() {
    for part in [
        json!({"names": {"session": "a;b"}}),
        json!({"names": {"login_csrf": "a b"}}),
        json!({"domain": "example.com; Secure"}),
        json!({"paths": {"session": "/\n"}}),
        json!({"names": {"session": "__Host-session"}, "domain": "example.com", "secure": true}),
        json!({"names": {"session": "__host-session"}, "paths": {"session": "/oauth2"}, "secure": true}),
        json!({"names": {"login_csrf": "__Host-login"}}),
        json!({"names": {"consent_csrf": "__Secure-consent"}}),
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

#[test]
fn names_that_browsers_guard_are_taken_where_they_can_work() {
    let names = json!({"login_csrf": "__Host-login", "consent_csrf": "__Host-consent",
        "session": "__Secure-session"});
    let part = json!({"names": names, "paths": {"session": "/oauth2"}});
    let cookies = cookies(false, &json!({"serve": {"cookies": part}}));
    let lines = written(|r| {
        cookies.add_login_csrf(&HeaderMap::new(), r, CLIENT, (&csrf(), NOW));
        cookies.set_session(r, &VALUE, None);
    });
    assert!(lines[0].starts_with("__Host-login_3696662048="));
    assert!(lines[0].contains("; Path=/; ") && lines[0].contains("; Secure"));
    assert!(lines[1].starts_with("__Secure-session="), "{lines:?}");
}
