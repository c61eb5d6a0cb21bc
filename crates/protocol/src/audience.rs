//! Audiences: what a registered audience allows.
//!
//! Compat: Hydra compares audiences as URLs with a path prefix, and so do we: `https://api` allows
//! `https://api/v1`. Query and fragment are not compared.

/// Why a requested audience is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceError {
    /// The value cannot be read as a URI reference.
    Malformed(String),
    /// No registered audience allows it.
    NotAllowed(String),
}

/// Checks that every requested audience is allowed by a registered one.
pub fn check<'a>(
    registered: &[String],
    requested: impl IntoIterator<Item = &'a str>,
) -> Result<(), AudienceError> {
    for audience in requested {
        if registered.iter().any(|known| known == audience) {
            continue;
        }
        let Some(want) = Parts::of(audience) else {
            return Err(AudienceError::Malformed(audience.to_owned()));
        };
        let allowed = registered
            .iter()
            .any(|known| Parts::of(known).is_some_and(|known| known.allows(&want)));
        if !allowed {
            return Err(AudienceError::NotAllowed(audience.to_owned()));
        }
    }
    Ok(())
}

/// Scheme (lower-cased), authority and path of a URI reference; enough of it to compare.
struct Parts<'a> {
    scheme: String,
    authority: &'a str,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        if text.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return None;
        }
        let text = text.split(['#', '?']).next().unwrap_or_default();
        let (scheme, rest) = match text.find([':', '/']) {
            Some(at) if text.get(at..).is_some_and(|rest| rest.starts_with(':')) => {
                let (scheme, rest) = text.split_at(at);
                let good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                if !good {
                    return None;
                }
                (
                    scheme.to_ascii_lowercase(),
                    rest.get(1..).unwrap_or_default(),
                )
            }
            _ => (String::new(), text),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        Some(Self {
            scheme,
            authority,
            path,
        })
    }

    fn allows(&self, want: &Self) -> bool {
        if self.scheme != want.scheme || self.authority != want.authority {
            return false;
        }
        let base = self.path.strip_suffix('/').unwrap_or(self.path);
        want.path == self.path
            || want.path.strip_prefix(base).is_some_and(|below| {
                // An opaque path such as `urn:x` has nothing below it but `/...`, like any other.
                below.is_empty() || below.starts_with('/')
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_registered_audience_are_allowed() {
        for (known, asked, allowed) in [
            ("https://api.example.com", "https://api.example.com", true),
            ("https://api.example.com", "https://api.example.com/", true),
            (
                "https://api.example.com",
                "https://api.example.com/path",
                true,
            ),
            (
                "https://api.example.com/",
                "https://api.example.com/v1/x",
                true,
            ),
            (
                "https://api.example.com/foo",
                "https://api.example.com/foo/bar",
                true,
            ),
            (
                "https://api.example.com/foo",
                "https://api.example.com/foobar",
                false,
            ),
            ("https://api.example.com", "http://api.example.com", false),
            ("https://api.example.com", "HTTPS://API.example.com", false),
            (
                "https://api.example.com",
                "https://api.example.com.evil",
                false,
            ),
            (
                "https://api.example.com",
                "https://api.example.com:8443",
                false,
            ),
            ("urn:x", "urn:x", true),
            ("urn:x", "urn:xy", false),
            ("foo", "foo", true),
            ("foo", "foo/bar", true),
            ("foo", "foobar", false),
            ("my api", "my api", true),
        ] {
            let got = check(&[known.to_owned()], [asked]).is_ok();
            assert_eq!(got, allowed, "{known} {asked}");
        }
    }

    #[test]
    fn texts_that_are_no_uri_reference_are_malformed() {
        for bad in [":bad", "a b", "1x:y"] {
            assert_eq!(
                check(&[], [bad]),
                Err(AudienceError::Malformed(bad.to_owned()))
            );
        }
    }
}
