//! Cross-origin settings of a listener.

use serde::Deserialize;
use tessera_protocol::origin;

/// `serve.<listener>.cors`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cors {
    pub enabled: bool,
    /// Patterns with at most one `*`; empty allows every origin.
    pub allowed_origins: Vec<String>,
    pub allowed_methods: Vec<String>,
    pub allowed_headers: Vec<String>,
    pub exposed_headers: Vec<String>,
    pub allow_credentials: bool,
    pub options_passthrough: bool,
    /// Seconds; 0 sends no `Access-Control-Max-Age`.
    pub max_age: u64,
    pub debug: bool,
}

impl Cors {
    /// Whether every origin is let in.
    #[must_use]
    pub fn allows_any_origin(&self) -> bool {
        self.allowed_origins.is_empty() || self.allowed_origins.iter().any(|origin| origin == "*")
    }

    /// Entries that count for nothing, unless `feature_flags.legacy_allow_insecure_origins` is set.
    pub fn unbounded_origins(&self) -> impl Iterator<Item = &str> {
        let origins = self.allowed_origins.iter().map(String::as_str);
        origins.filter(|pattern| !origin::is_bounded(pattern))
    }
}

/// Whether a text can be an entry of `allowed_origins`: `*`, or an absolute URL with at most one `*`.
pub(super) fn is_origin_pattern(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    !scheme.is_empty()
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && !rest.contains(char::is_whitespace)
        && text.matches('*').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::is_origin_pattern;

    #[test]
    fn origins_are_urls_with_one_wildcard_at_most() {
        for text in [
            "*",
            "https://app.example.com",
            "https://*.example.com",
            "http://*",
        ] {
            assert!(is_origin_pattern(text), "{text}");
        }
        for text in [
            "",
            "app.example.com",
            "https://*.*.example.com",
            "https://",
            "**",
        ] {
            assert!(!is_origin_pattern(text), "{text}");
        }
    }
}
