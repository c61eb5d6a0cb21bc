//! Hosts and sites, as browsers and standards tell them apart.

use std::net::IpAddr;

use url::{Host, Url};

/// The host of a URL, lower-case; an IPv6 address without brackets.
pub(super) fn host(url: &str) -> Option<String> {
    match Url::parse(url).ok()?.host()? {
        Host::Domain(name) => Some(name.trim_end_matches('.').to_owned()),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

/// Scheme, host and port of a URL.
pub(super) fn origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Whether a host is this machine.
///
/// Spec: RFC 8252 section 7.3, RFC 6761 section 6.3.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The part of a host that cookies may be shared in: the registrable domain.
///
/// Without the public suffix list this is a guess: two labels, or three where the second is short and below a country, as in
/// `co.uk`. A guess that is too wide hides a hint and breaks nothing.
pub(super) fn site(host: &str) -> String {
    if host.parse::<IpAddr>().is_ok() {
        return host.to_owned();
    }
    let labels: Vec<&str> = host.trim_end_matches('.').rsplit('.').collect();
    let wanted = match labels.as_slice() {
        [top, second, _, ..] if top.len() == 2 && second.len() <= 3 => 3,
        _ => 2,
    };
    let mut kept: Vec<&str> = labels.into_iter().take(wanted).collect();
    kept.reverse();
    kept.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_what_may_be_registered() {
        for (host, expected) in [
            ("auth.example.com", "example.com"),
            ("example.com", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("localhost", "localhost"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(site(host), expected);
        }
    }

    #[test]
    fn loopback_has_names_and_addresses() {
        for (host, expected) in [
            ("localhost", true),
            ("app.localhost", true),
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("example.com", false),
            ("localhost.example.com", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn hosts_and_origins_come_out_of_urls() {
        assert_eq!(
            host("https://A.example:8443/x").as_deref(),
            Some("a.example")
        );
        assert_eq!(host("http://[::1]:1/").as_deref(), Some("::1"));
        assert_eq!(host("com.app:/cb"), None);
        assert_eq!(
            origin("https://a.example:443/x").as_deref(),
            Some("https://a.example")
        );
    }
}
