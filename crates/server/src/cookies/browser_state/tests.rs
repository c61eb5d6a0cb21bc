use serde_json::json;

use super::super::session_max_age;
use super::super::tests::{VALUE, cookies, header, presented, written};
use super::*;

const OTHER: SessionId = [8; 16];

fn on() -> serde_json::Value {
    json!({"oidc": {"session_management": {"enabled": true}}})
}

#[test]
fn nothing_is_written_unless_it_is_switched_on() {
    let off = cookies(false, &json!({}));
    assert_eq!(off.browser_state(), None);
    let lines = written(|r| {
        off.set_session(r, &VALUE, None);
        off.clear_session(r);
        assert_eq!(off.show_session(&HeaderMap::new(), r, &VALUE), None);
    });
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|l| l.starts_with("ory_hydra_session=")));
}

#[test]
fn it_comes_and_goes_with_the_session_cookie() {
    let cookies = cookies(false, &on());
    let state = of(&VALUE);
    let set = written(|r| cookies.set_session(r, &VALUE, session_max_age(60)));
    assert_eq!(
        set[1],
        format!("tessera_browser_state={state}; Path=/; Max-Age=60; Secure; SameSite=None")
    );
    let cleared = written(|r| cookies.clear_session(r));
    assert_eq!(
        cleared[1],
        "tessera_browser_state=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; Secure; SameSite=None"
    );
}

#[test]
fn a_browser_that_has_it_is_not_sent_it_again() {
    let cookies = cookies(true, &on());
    let mut state = None;
    let lines = written(|r| state = cookies.show_session(&HeaderMap::new(), r, &VALUE));
    let expected = of(&VALUE);
    assert_eq!(state.as_deref(), Some(expected.as_str()));
    // No `SameSite=None` where it could not be `Secure`.
    assert_eq!(
        lines,
        [format!("tessera_browser_state_dev={expected}; Path=/")]
    );
    let has_it = presented(&lines);
    assert!(written(|r| drop(cookies.show_session(&has_it, r, &VALUE))).is_empty());
    let of_another = written(|r| drop(cookies.show_session(&has_it, r, &OTHER)));
    assert_eq!(of_another.len(), 1);
    let both = header(&format!(
        "tessera_browser_state_dev=x; tessera_browser_state_dev={expected}"
    ));
    assert!(written(|r| drop(cookies.show_session(&both, r, &VALUE))).is_empty());
}

#[test]
fn sessions_differ() {
    assert_ne!(of(&VALUE), of(&OTHER));
}
