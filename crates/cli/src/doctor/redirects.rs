//! Redirect URIs of the clients in the database.
//!
//! Spec: RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 4.1.

use tessera_protocol::client::ClientMetadata;

use super::{
    finding::{Finding, Level},
    site::{host, is_loopback},
};

const AREA: &str = "redirects";
/// Most findings of one rule; the rest is counted.
const LISTED_MAX: usize = 20;

/// A rule that a URI breaks.
struct Rule {
    level: Level,
    text: &'static str,
    way_out: &'static str,
    breaks: fn(&str) -> bool,
}

const RULES: [Rule; 3] = [
    Rule {
        level: Level::Problem,
        text: "a redirect URI is https, unless it leads to the person's own machine",
        way_out: "codes travel readable: change the client's redirect_uris to https",
        breaks: is_readable,
    },
    Rule {
        level: Level::Problem,
        text: "a redirect URI has no fragment",
        way_out: "RFC 6749 3.1.2 forbids it, and what is behind # never reaches the application: remove it",
        breaks: |uri| uri.contains('#'),
    },
    Rule {
        level: Level::Warning,
        text: "a redirect URI is compared as it is",
        way_out: "* stands for nothing but itself, so this never matches: register each URI",
        breaks: |uri| uri.contains('*'),
    },
];

/// One finding per URI that breaks a rule.
pub(super) fn check(clients: &[ClientMetadata]) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in &RULES {
        let breaking: Vec<(&str, &str)> = clients
            .iter()
            .flat_map(|client| uris(client).map(|uri| (client.client_id.as_str(), uri)))
            .filter(|(_, uri)| (rule.breaks)(uri))
            .collect();
        found.extend(
            breaking
                .iter()
                .take(LISTED_MAX)
                .map(|(id, uri)| finding(rule, format!("{uri} of client {id}"))),
        );
        let more = breaking.len().saturating_sub(LISTED_MAX);
        if more > 0 {
            found.push(finding(rule, format!("{more} more")));
        }
    }
    if found.is_empty() {
        let seen = format!("{} clients, nothing to say", clients.len());
        found.push(Finding::ok(AREA, "redirect URIs are exact and safe", seen));
    }
    found
}

fn finding(rule: &Rule, seen: String) -> Finding {
    Finding {
        level: rule.level,
        ..Finding::warning(AREA, rule.text, seen, rule.way_out)
    }
}

fn uris(client: &ClientMetadata) -> impl Iterator<Item = &str> {
    let after_logout = client.post_logout_redirect_uris.iter();
    let redirects = client.redirect_uris.iter().flatten();
    redirects.chain(after_logout).map(String::as_str)
}

fn is_readable(uri: &str) -> bool {
    let is_http = uri
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("http"));
    is_http && !host(uri).is_some_and(|host| is_loopback(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(uris: &[&str]) -> ClientMetadata {
        ClientMetadata {
            client_id: "app".to_owned(),
            redirect_uris: Some(uris.iter().map(|uri| (*uri).to_owned()).collect()),
            ..ClientMetadata::default()
        }
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        for (uri, expected) in [
            ("https://app.example/cb", None),
            ("http://127.0.0.1:4446/callback", None),
            ("http://[::1]/cb", None),
            ("http://localhost/cb", None),
            ("com.example.app:/cb", None),
            ("http://app.example/cb", Some(Level::Problem)),
            ("HTTP://app.example/cb", Some(Level::Problem)),
            ("http://localhost.example/cb", Some(Level::Problem)),
            ("https://app.example/cb#x", Some(Level::Problem)),
            ("https://*.app.example/cb", Some(Level::Warning)),
        ] {
            let found = check(&[client(&[uri])]);
            let level = found
                .iter()
                .map(|one| one.level)
                .find(|level| *level != Level::Ok);
            assert_eq!(level, expected, "{uri}");
            assert_eq!(found.len(), 1, "{uri}");
        }
    }

    #[test]
    fn many_uris_are_counted() {
        let found = check(&vec![client(&["http://app.example/cb"]); 25]);
        assert_eq!(found.len(), 21);
        assert_eq!(found[20].seen, "5 more");
    }
}
