//! Origins of browsers against the patterns of a configuration or a client.
//!
//! Spec: RFC 6454 6.1; the Fetch standard, CORS protocol.
//! Compat: a listener's pattern has one `*` for any text; in a client's, each `*` stands for text without a dot.
//! Security: a wildcard that can match sites of strangers counts for nothing, see [`is_bounded`].

/// An origin of the list of a listener, in lower case, against one that a browser sent.
#[must_use]
pub fn is_listed(pattern: &str, origin: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.split_once('*') {
        None => pattern == origin,
        Some((start, end)) => origin
            .strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end)),
    }
}

/// The same for an origin of `allowed_cors_origins`.
///
/// Compat: `https://*` stands for every host.
#[must_use]
pub fn is_registered(pattern: &str, origin: &str) -> bool {
    if let Some(scheme) = pattern.strip_suffix('*')
        && scheme.ends_with("://")
    {
        return origin.starts_with(scheme);
    }
    let (mut patterns, mut labels) = (pattern.split('.'), origin.split('.'));
    loop {
        match (patterns.next(), labels.next()) {
            (None, None) => return true,
            (Some(pattern), Some(label)) if label_fits(pattern, label) => {}
            _ => return false,
        }
    }
}

/// Whether `label` has the parts between the wildcards of `pattern`, in order, from its start to its end.
fn label_fits(pattern: &str, label: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == label;
    };
    let Some(mut label) = label.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match label.split_once(part) {
            Some((_, after)) if !part.is_empty() => label = after,
            Some(_) => {}
            None => return false,
        }
    }
    label.ends_with(end)
}

/// Whether the sites that a pattern matches all belong to the owner of the domain that it names. A whole `*`, alone or
/// after a scheme, says plainly that it means everyone.
///
/// Security: `https://*foo.com` matches `https://evilfoo.com`; `https://*.com` and `https://www.foo.*` match everyone.
/// Compat: Hydra's newest code knows the public suffix list as well; here `https://*.co.uk` counts.
#[must_use]
pub fn is_bounded(pattern: &str) -> bool {
    let (_, authority) = pattern.split_once("://").unwrap_or(("", pattern));
    let host = authority
        .split_once(':')
        .map_or(authority, |(host, _)| host);
    if host == "*" {
        return authority == "*";
    }
    let Some((_, after)) = host.rsplit_once('*') else {
        return true;
    };
    let Some((_, domain)) = after.split_once('.') else {
        return false;
    };
    // Spec: RFC 6761 6.3: every name below localhost is this machine.
    domain == "localhost"
        || domain
            .split_once('.')
            .is_some_and(|(name, suffix)| !name.is_empty() && !suffix.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_of_a_listener_is_any_text() {
        for (pattern, origin, fits) in [
            ("https://app.example.com", "https://app.example.com", true),
            ("https://app.example.com", "http://app.example.com", false),
            (
                "https://app.example.com",
                "https://app.example.com:8443",
                false,
            ),
            (
                "https://app.example.com",
                "https://app.example.com.evil.com",
                false,
            ),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://.example.co", false),
            ("https://a*a.example.com", "https://a.example.com", false),
            ("http://localhost:*", "http://localhost:3000", true),
            ("*", "null", true),
            ("https://*", "null", false),
        ] {
            assert_eq!(is_listed(pattern, origin), fits, "{pattern} {origin}");
        }
    }

    #[test]
    fn a_wildcard_of_a_client_stays_in_its_label() {
        for (pattern, origin, fits) in [
            ("https://app.example.com", "https://app.example.com", true),
            (
                "https://app.example.com",
                "https://app.example.com:8443",
                false,
            ),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", false),
            ("https://*.*.example.com", "https://a.b.example.com", true),
            (
                "https://a-*-c-*.example.com",
                "https://a-b-c-d.example.com",
                true,
            ),
            (
                "https://a-*-c-*.example.com",
                "https://a-b-d.example.com",
                false,
            ),
            ("https://a*a.example.com", "https://a.example.com", false),
            ("https://*.example.com", "https://a.example.com.evil", false),
            ("https://*", "https://any.where.example", true),
            ("https://*", "http://any.where.example", false),
            ("http://localhost:*", "http://localhost:3000", true),
        ] {
            assert_eq!(is_registered(pattern, origin), fits, "{pattern} {origin}");
        }
    }

    #[test]
    fn wildcards_that_strangers_can_match_are_known() {
        for bounded in [
            "*",
            "https://*",
            "https://app.example.com",
            "https://*.example.com",
            "https://app-*.example.com:8443",
            "https://*.*.example.com",
            "http://localhost:*",
            "http://*.localhost:3000",
        ] {
            assert!(is_bounded(bounded), "{bounded}");
        }
        for unbounded in [
            "https://*foo.com",
            "https://*.com",
            "https://www.foo.*",
            "https://*.com.",
            "https://foo*",
            "https://*:443",
            "https://*..com",
        ] {
            assert!(!is_bounded(unbounded), "{unbounded}");
        }
    }
}
