//! Whether a redirect URI is one of the client's.
//!
//! Spec: RFC 6749 3.1.2; RFC 8252 7.3 (loopback); RFC 9700 4.1 (exact comparison)
//!
//! Security: everything else of an answer may be wrong; where it is sent must not be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The redirect URI of a request that has one of the `registered` or none; `None` when the client must not be
/// answered.
///
/// An absent parameter stands for the only registered URI. Otherwise the comparison is byte by byte, save for the port
/// of an `http` URI whose host is a loopback address.
pub fn select<'a>(registered: &'a [String], requested: &'a str) -> Option<&'a str> {
    if requested.is_empty() {
        return match registered {
            [only] if is_usable(only) => Some(only),
            _ => None,
        };
    }
    let is_registered = registered
        .iter()
        .any(|known| known == requested || differs_in_loopback_port(known, requested));
    (is_registered && is_usable(requested)).then_some(requested)
}

/// An absolute URI without a fragment, that a browser hands to somebody else.
fn is_usable(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    !rest.is_empty()
        && !is_for_the_browser(uri)
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && uri.bytes().all(|b| b > b' ' && b != b'#' && b != 0x7f)
}

/// Schemes whose content a browser runs or opens itself.
const BROWSER_SCHEMES: [&str; 9] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "javascript",
    "livescript",
    "vbscript",
    "view-source",
];

/// Whether a browser would run or open the URI itself, in place of handing an answer to somebody.
///
/// Security: white space and control characters are what browsers leave out as well.
pub fn is_for_the_browser(uri: &str) -> bool {
    let bare: String = uri.chars().filter(|c| *c > ' ' && *c != '\u{7f}').collect();
    bare.split_once(':').is_some_and(|(scheme, _)| {
        BROWSER_SCHEMES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
    })
}

/// Whether the URI is one of the web, `http` or `https`.
pub fn is_web(uri: &str) -> bool {
    after_scheme(uri, "https").is_some() || after_scheme(uri, "http").is_some()
}

/// What follows the scheme and `//`. Schemes are the same in any case (RFC 3986 3.1).
fn after_scheme<'a>(uri: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = uri.split_once("://")?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn differs_in_loopback_port(known: &str, requested: &str) -> bool {
    let (Some(known), Some(requested)) = (Loopback::of(known), Loopback::of(requested)) else {
        return false;
    };
    known == requested
}

/// An `http` URI whose host is a loopback address, without its port.
#[derive(PartialEq)]
struct Loopback<'a> {
    host: &'a str,
    path_and_query: &'a str,
}

impl<'a> Loopback<'a> {
    fn of(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path_and_query) =
            rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // Brackets are for IPv6 alone, so that nothing that no browser can read passes for another form of the same host.
        let (host, port, is_loopback) = match authority.strip_prefix('[') {
            Some(literal) => {
                let (host, port) = literal.split_once(']')?;
                let ip = host.parse::<Ipv6Addr>();
                (host, port, ip.is_ok_and(|ip| ip.is_loopback()))
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (host, port) = authority.split_at(end);
                let ip = host.parse::<Ipv4Addr>();
                (host, port, ip.is_ok_and(|ip| ip.is_loopback()))
            }
        };
        let port_is_sound = match port.strip_prefix(':') {
            // A number alone may have a sign.
            Some(digits) => !digits.starts_with('+') && digits.parse::<u16>().is_ok(),
            None => port.is_empty(),
        };
        (port_is_sound && is_loopback).then_some(Self {
            host,
            path_and_query,
        })
    }
}

/// Whether an answer to this URI stays on the machine or under TLS. URIs of other schemes are not judged.
pub fn is_insecure_http(uri: &str) -> bool {
    after_scheme(uri, "http").is_some_and(|rest| !is_local(rest))
}

/// Whether the URI is `https`, or `http` on this machine.
pub fn is_https_or_local(uri: &str) -> bool {
    after_scheme(uri, "https").is_some() || after_scheme(uri, "http").is_some_and(is_local)
}

fn is_local(after_scheme: &str) -> bool {
    let authority = after_scheme
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let host_and_port = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host_and_port.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(registered: &[&str], requested: &str) -> Option<String> {
        let registered: Vec<String> = registered.iter().map(|&uri| uri.to_owned()).collect();
        select(&registered, requested).map(str::to_owned)
    }

    #[test]
    fn what_is_registered_is_selected() {
        let two = ["https://foo.com/cb", "https://bar.com/cb"];
        for (registered, requested, want) in [
            (&two[..], "", None),
            (&two[1..], "", Some("https://bar.com/cb")),
            (&two[1..], "https://bar.com/cb", Some("https://bar.com/cb")),
            (&two[1..], "https://bar.com/cb123", None),
            (&two[1..], "https://bar.com/CB", None),
            (&two[1..], "https://bar.com/cb/", None),
            (&two[1..], "https://bar.com/cb?x=1", None),
            (&["wta://auth"], "wta://auth", Some("wta://auth")),
            (&["app:///cb"], "app:///cb", Some("app:///cb")),
            (&["https://a/cb#f"], "https://a/cb#f", None),
            (&["https://a/cb#f"], "", None),
            (&["/cb"], "/cb", None),
            (&[], "", None),
        ] {
            assert_eq!(
                selected(registered, requested).as_deref(),
                want,
                "{requested}"
            );
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        for (registered, requested, is_good) in [
            ("http://[::1]", "http://[::1]:1024", true),
            ("http://[::1]", "http://[::1]:1024/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:64000/cb", true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:64000/cb", true),
            ("http://127.0.0.1", "http://127.0.0.1:64000/cb", false),
            ("http://127.0.0.1/Cb", "http://127.0.0.1:8080/Cb", true),
            ("http://127.0.0.1/Cb", "http://127.0.0.1:8080/cb", false),
            ("http://127.0.0.1/cb?a=b", "http://127.0.0.1:9/cb?a=b", true),
            (
                "http://127.0.0.1/cb?a=b",
                "http://127.0.0.1:9/cb?a=b&c=d",
                false,
            ),
            ("http://127.0.0.1/cb", "http://127.0.0.2:9/cb", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1:9/cb", false),
            ("http://127.0.0.1/cb", "http://user@127.0.0.1:9/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
            ("http://127.0.0.1/cb", "http://[127.0.0.1]:9/cb", false),
            ("http://127.0.0.1/cb", "http://[127.0.0.1]/cb", false),
            ("http://[::1]/cb", "http://[::1]:+80/cb", false),
            (
                "http://127.0.0.1/cb",
                "http://127.0.0.1:9@evil.example/cb",
                false,
            ),
            ("http://localhost/cb", "http://localhost:9/cb", false),
            ("http://example.com/cb", "http://example.com:9/cb", false),
        ] {
            assert_eq!(
                selected(&[registered], requested).is_some(),
                is_good,
                "{registered} {requested}"
            );
        }
    }

    #[test]
    fn what_a_browser_runs_itself_is_never_selected() {
        for uri in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "javascript://app.example/%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/1",
            "view-source:https://app.example",
        ] {
            assert_eq!(selected(&[uri], uri), None, "{uri}");
            assert_eq!(selected(&[uri], ""), None, "{uri}");
            assert!(is_for_the_browser(uri) && !is_web(uri), "{uri}");
        }
        for uri in [" javascript:x", "java\tscript:x", "java\nscript:x"] {
            assert!(is_for_the_browser(uri), "{uri:?}");
        }
        for uri in ["com.example.data:/cb", "datax:/cb", "app:data:x", "/data"] {
            assert!(!is_for_the_browser(uri), "{uri}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (uri, is_insecure) in [
            ("http://example.com/cb", true),
            ("http://localhost.example.com/cb", true),
            ("http://localhost@example.com/cb", true),
            ("http://localhost:3000/cb", false),
            ("http://app.localhost/cb", false),
            ("http://127.0.0.1/cb", false),
            ("http://[::1]:9/cb", false),
            ("https://example.com/cb", false),
            ("app://cb", false),
            ("HTTP://example.com/cb", true),
        ] {
            assert_eq!(is_insecure_http(uri), is_insecure, "{uri}");
        }
        assert!(!is_https_or_local("app://localhost/cb"));
        assert!(is_https_or_local("https://example.com"));
    }
}
