use std::time::Duration;

use serde_json::json;

use super::super::tests::{CLIENT, NOW, VALUE, cookies, csrf, header, presented, written};
use super::*;

const NAME: &str = "ory_hydra_login_csrf_dev_3696662048";

fn values(list: &[Value]) -> Csrf {
    Csrf::Values(list.to_vec())
}

/// The login cookie after one more flow has begun.
fn after(cookies: &Cookies, sent: &HeaderMap, value: &Value, now: Timestamp) -> Vec<String> {
    written(|r| cookies.add_login_csrf(sent, r, CLIENT, (value, now)))
}

fn later(secs: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(secs))
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
    let none = HeaderMap::new();
    let attributes = "; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax";
    for (line, name) in [
        (after(&plain, &none, &csrf(), NOW), NAME),
        (
            written(|r| plain.add_consent_csrf(&none, r, CLIENT, (&csrf(), NOW))),
            "ory_hydra_consent_csrf_dev_3696662048",
        ),
        (
            written(|r| plain.add_logout_csrf(&none, r, (&csrf(), NOW))),
            "tessera_logout_csrf_dev",
        ),
    ] {
        assert_eq!(line.len(), 1);
        assert!(line[0].starts_with(&format!("{name}=")), "{line:?}");
        assert!(line[0].ends_with(attributes), "{line:?}");
    }
    let short = cookies(true, &json!({"ttl": {"login_consent_request": "1s"}}));
    assert!(after(&short, &none, &csrf(), NOW)[0].contains("; Max-Age=1; "));
}

#[test]
fn a_legacy_twin_is_written_and_read_where_configured() {
    let workaround = json!({"serve": {"cookies": {"same_site_legacy_workaround": true}}});
    let none = HeaderMap::new();
    assert_eq!(
        after(&cookies(true, &workaround), &none, &csrf(), NOW).len(),
        1,
        "the effective mode is Lax"
    );
    let cookies = cookies(false, &workaround);
    let lines = after(&cookies, &none, &csrf(), NOW);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("ory_hydra_login_csrf_3696662048_legacy="));
    assert!(lines[1].ends_with("; HttpOnly; Secure"));
    let twin = presented(&lines[1..]);
    let own = values(&[csrf()]);
    assert_eq!(cookies.login_csrf(&twin, CLIENT, NOW), own);
    for main in ["", "%", "AAAA"] {
        let both = format!(
            "ory_hydra_login_csrf_3696662048={main}; {}",
            lines[1].split(';').next().unwrap()
        );
        assert_eq!(cookies.login_csrf(&header(&both), CLIENT, NOW), own);
    }
    assert_eq!(cookies.login_csrf(&presented(&lines), CLIENT, NOW), own);
    assert_eq!(cookies.consent_csrf(&twin, CLIENT, NOW), Csrf::Missing);
}

#[test]
fn a_value_counts_for_its_client_and_leg_only() {
    let cookies = cookies(true, &json!({}));
    let lines = after(&cookies, &HeaderMap::new(), &csrf(), NOW);
    let sent = presented(&lines);
    assert_eq!(cookies.login_csrf(&sent, CLIENT, NOW), values(&[csrf()]));
    assert_eq!(cookies.login_csrf(&sent, "other", NOW), Csrf::Missing);
    assert_eq!(cookies.consent_csrf(&sent, CLIENT, NOW), Csrf::Missing);
    let value = lines[0].split(['=', ';']).nth(1).unwrap();
    let other = of_client("ory_hydra_login_csrf_dev", "other").name;
    for name in [
        "ory_hydra_consent_csrf_dev_3696662048",
        "tessera_logout_csrf_dev",
        &other,
    ] {
        let moved = header(&format!("{name}={value}"));
        let read = match name {
            "tessera_logout_csrf_dev" => cookies.logout_csrf(&moved, NOW),
            name if name == other => cookies.login_csrf(&moved, "other", NOW),
            _ => cookies.consent_csrf(&moved, CLIENT, NOW),
        };
        assert_eq!(read, Csrf::Malformed, "{name}");
    }
    // Two clients of one name.
    let shared = Name {
        name: NAME.to_owned(),
        client_id: "other",
    };
    assert_eq!(cookies.csrf(&sent, &shared, NOW), Csrf::Malformed);
}

#[test]
fn what_this_server_did_not_write_is_no_value() {
    let cookies = cookies(true, &json!({}));
    let lines = after(&cookies, &HeaderMap::new(), &csrf(), NOW);
    let value = lines[0].split(['=', ';']).nth(1).unwrap();
    let bare = b64::encode(&VALUE);
    let mut of_other_length = Vec::new();
    let bound_to = of_client("ory_hydra_login_csrf_dev", CLIENT).bound_to();
    cookies
        .keys
        .seal(&OsEntropy, &bound_to, &VALUE[1..], &mut of_other_length);
    let of_other_length = b64::encode(&of_other_length);
    for (text, expected) in [
        (format!("{NAME}="), Csrf::Missing),
        (format!("{NAME}=AAAA"), Csrf::Malformed),
        (format!("{NAME}={bare}"), Csrf::Malformed),
        (format!("{NAME}={}", &value[1..]), Csrf::Malformed),
        (format!("{NAME}={of_other_length}"), Csrf::Malformed),
        (format!("a=b; {NAME}={value};c"), values(&[csrf()])),
        (format!("{NAME}={bare}; {NAME}={value}"), values(&[csrf()])),
        (format!("{NAME}={value}; {NAME}={bare}"), values(&[csrf()])),
    ] {
        let read = cookies.login_csrf(&header(&text), CLIENT, NOW);
        assert_eq!(read, expected, "{text}");
    }
    let planted = header(&format!("{NAME}={bare}"));
    let own = presented(&after(&cookies, &planted, &csrf(), NOW));
    assert_eq!(cookies.login_csrf(&own, CLIENT, NOW), values(&[csrf()]));
}

#[test]
fn a_value_lasts_as_long_as_its_flow_and_is_not_renewed() {
    let cookies = cookies(true, &json!({"ttl": {"login_consent_request": "60s"}}));
    let first = presented(&after(&cookies, &HeaderMap::new(), &csrf(), NOW));
    let at = |sent: &HeaderMap, secs| cookies.login_csrf(sent, CLIENT, later(secs));
    assert_eq!(at(&first, 60), values(&[csrf()]));
    assert_eq!(at(&first, 62), values(&[]));
    let second = fresh([2; 12], later(40));
    let both = presented(&after(&cookies, &first, &second, later(40)));
    assert_eq!(at(&both, 40), values(&[csrf(), second]));
    assert_eq!(
        at(&both, 62),
        values(&[second]),
        "the first has not been renewed"
    );
    assert_eq!(at(&both, 102), values(&[]));
}

#[test]
fn a_cookie_holds_the_last_few_flows_and_stays_small() {
    let cookies = cookies(true, &json!({}));
    let mut sent = HeaderMap::new();
    let mut made = Vec::new();
    for n in 0..16_u8 {
        let now = later(n.into());
        let added = fresh([n; 12], now);
        made.push(added);
        let lines = after(&cookies, &sent, &added, now);
        let value = lines[0].split(['=', ';']).nth(1).unwrap();
        assert!(value.len() <= 232, "{}", value.len());
        sent = presented(&lines);
    }
    let last = &made[made.len() - FLOWS_MAX..];
    assert_eq!(cookies.login_csrf(&sent, CLIENT, later(20)), values(last));
}

#[test]
fn the_values_of_every_cookie_count_once() {
    let cookies = cookies(true, &json!({}));
    let (one, two) = (csrf(), fresh([2; 12], later(1)));
    let cookie_of = |value: &Value| {
        let lines = after(&cookies, &HeaderMap::new(), value, NOW);
        lines[0].split(';').next().unwrap().to_owned()
    };
    let (one_sent, two_sent) = (cookie_of(&one), cookie_of(&two));
    let all = header(&format!("{two_sent}; {one_sent}; {two_sent}"));
    let read = cookies.login_csrf(&all, CLIENT, later(1));
    assert_eq!(read, values(&[one, two]));
}

#[test]
fn a_flow_goes_on_while_its_cookie_secret_is_listed() {
    let (old, new) = ("cookie-secret-number-1", "cookie-secret-number-2");
    let with = |list: &serde_json::Value| {
        cookies(
            true,
            &json!({"secrets": {"system": ["golden-system-secret-0123456789"], "cookie": list}}),
        )
    };
    let sent = presented(&after(
        &with(&json!([old])),
        &HeaderMap::new(),
        &csrf(),
        NOW,
    ));
    let rotated = with(&json!([new, old]));
    assert_eq!(rotated.login_csrf(&sent, CLIENT, NOW), values(&[csrf()]));
    let second = fresh([2; 12], later(1));
    let both = presented(&after(&rotated, &sent, &second, later(1)));
    let retired = with(&json!([new]));
    assert_eq!(
        retired.login_csrf(&both, CLIENT, later(1)),
        values(&[csrf(), second])
    );
    assert_eq!(retired.login_csrf(&sent, CLIENT, NOW), Csrf::Malformed);
}

#[test]
fn a_flow_goes_on_only_in_its_own_browser() {
    assert_eq!(values(&[[1; 16], VALUE]).check(&VALUE), Ok(()));
    for (csrf, words) in [
        (Csrf::Missing, "no CSRF cookie"),
        (Csrf::Malformed, "cannot be read"),
        (values(&[[1; 16]]), "another request"),
        (values(&[]), "another request"),
    ] {
        assert!(csrf.check(&VALUE).unwrap_err().contains(words));
    }
}
