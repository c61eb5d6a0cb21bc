#![no_main]
//! Redirect URIs: what is selected is a registered one, or one that differs in the digits of its port.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::authorize::redirect_uri::{is_https_or_local, is_insecure_http, select};

/// Takes a port away, wherever one could stand, without any idea of what a host is.
fn without_port(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.trim_end_matches(|c: char| c.is_ascii_digit());
    Some(match host.strip_suffix(':') {
        // The colons of an address without brackets are no ports.
        Some(host) if !host.contains(':') || host.ends_with(']') => format!("{host}{path}"),
        _ => rest.to_owned(),
    })
}

fuzz_target!(|pair: (&str, &str)| {
    let (registered, requested) = pair;
    let known = [registered.to_owned()];
    let _ = is_insecure_http(requested);
    let _ = is_https_or_local(requested);
    // The fuzzer seldom guesses an address; around those that matter it may say anything.
    let hosts = ["127.0.0.1", "[::1]", "[127.0.0.1]", "localhost"];
    let local = |host: &str, rest: &str| format!("http://{host}{rest}");
    let mut cases = vec![(registered.to_owned(), requested.to_owned())];
    for one in hosts {
        for other in hosts {
            cases.push((local(one, registered), local(other, requested)));
        }
    }
    for (registered, requested) in cases {
        let known = [registered.clone()];
        let Some(selected) = select(&known, &requested) else { continue };
        assert!(requested.is_empty() || selected == requested);
        assert!(selected.bytes().all(|b| b > b' ' && b != b'#' && b != 0x7f), "{selected:?}");
        if selected != registered {
            assert_eq!(without_port(selected), without_port(&registered), "{selected} {registered}");
        }
    }
    if let Some(selected) = select(&known, "") {
        assert_eq!(selected, registered);
    }
});
