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
    assert_eq!(off.browser_state_of(&VALUE), None);
    let lines = written(|r| {
        off.set_session(r, &VALUE, None);
        off.clear_session(r);
        off.show_session(&HeaderMap::new(), r, &VALUE);
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
    let lines = written(|r| cookies.show_session(&HeaderMap::new(), r, &VALUE));
    let expected = cookies.browser_state_of(&VALUE).unwrap();
    // No `SameSite=None` where it could not be `Secure`.
    assert_eq!(
        lines,
        [format!("tessera_browser_state_dev={expected}; Path=/")]
    );
    let has_it = presented(&lines);
    assert!(written(|r| cookies.show_session(&has_it, r, &VALUE)).is_empty());
    let of_another = written(|r| cookies.show_session(&has_it, r, &OTHER));
    assert_eq!(of_another.len(), 1);
    let both = header(&format!(
        "tessera_browser_state_dev=x; tessera_browser_state_dev={expected}"
    ));
    assert!(written(|r| cookies.show_session(&both, r, &VALUE)).is_empty());
}

#[test]
fn sessions_differ() {
    assert_ne!(of(&VALUE), of(&OTHER));
}

#[test]
fn a_tab_that_was_left_behind_does_not_hide_the_newer_session() {
    let cookies = cookies(true, &on());
    let newer = presented(&written(|r| cookies.set_session(r, &OTHER, None)));
    assert!(written(|r| cookies.show_session(&newer, r, &VALUE)).is_empty());
}

#[test]
fn the_end_of_one_session_leaves_the_state_of_another() {
    let cookies = cookies(true, &on());
    let of_nobody = header("a=b");
    let remembered = presented(&written(|r| cookies.set_session(r, &VALUE, None)));
    let unremembered = presented(&written(|r| cookies.show_session(&of_nobody, r, &VALUE)));
    let removed = |headers: &HeaderMap, ended: &SessionId| {
        let lines = written(|r| cookies.forget_session(headers, r, ended));
        let names = lines.iter().filter_map(|line| line.split_once("=;"));
        names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let (session, state) = ("ory_hydra_session_dev", "tessera_browser_state_dev");
    assert_eq!(removed(&remembered, &VALUE), [session, state]);
    assert!(removed(&remembered, &OTHER).is_empty());
    assert_eq!(removed(&unremembered, &VALUE), [session, state]);
    assert_eq!(removed(&unremembered, &OTHER), [session]);
    assert_eq!(removed(&of_nobody, &OTHER), [session]);
}
