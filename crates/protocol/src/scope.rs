//! Scopes: reading them, and what a registered scope allows.
//!
//! Spec: RFC 6749 3.3

use std::collections::HashSet;

/// How a registered scope is compared with a requested one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeStrategy {
    /// Only equal texts match.
    Exact,
    /// `*` stands for one segment between dots, at the end for one or more.
    Wildcard,
    /// Compat: v1's deprecated strategy: a scope allows itself and everything below it (`a` allows `a.b`).
    Hierarchic,
}

impl ScopeStrategy {
    /// Whether one of the `registered` scopes allows `requested`.
    pub fn allows<'s>(
        self,
        registered: impl IntoIterator<Item = &'s str>,
        requested: &str,
    ) -> bool {
        registered.into_iter().any(|pattern| match self {
            Self::Exact => pattern == requested,
            Self::Wildcard => wildcard_matches(pattern, requested),
            Self::Hierarchic => {
                pattern == requested
                    || requested
                        .strip_prefix(pattern)
                        .is_some_and(|below| below.len() > 1 && below.starts_with('.'))
            }
        })
    }
}

fn wildcard_matches(pattern: &str, scope: &str) -> bool {
    if pattern == scope {
        return true;
    }
    let mut patterns = pattern.split('.').peekable();
    let mut segments = scope.split('.');
    while let Some(want) = patterns.next() {
        let Some(got) = segments.next() else {
            return false;
        };
        if want == "*" {
            if got.is_empty() {
                return false;
            }
            if patterns.peek().is_none() {
                return true;
            }
        } else if want != got {
            return false;
        }
    }
    segments.next().is_none()
}

/// The scopes of a space-separated text, in order, without empty ones.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|scope| !scope.is_empty())
}

/// The text with each scope once, in order of first occurrence: the form that answers and tokens carry.
pub fn normalise(text: &str) -> String {
    let mut seen = HashSet::new();
    let mut out = String::with_capacity(text.len());
    for scope in split(text).filter(|scope| seen.insert(*scope)) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(scope);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_segment_by_segment() {
        for (pattern, scope, want) in [
            ("foo.*", "foo.bar", true),
            ("foo.*", "foo.bar.baz", true),
            ("foo.*", "foo", false),
            ("foo.*", "foo.", false),
            ("foo.*", "foo.bar.", true),
            ("foo.*", "foo.bar..baz", true),
            ("foo.*", "foo..bar", false),
            ("foo.*", "foo.*", true),
            ("foo.*.baz", "foo.x.baz", true),
            ("foo.*.baz", "foo..baz", false),
            ("foo.*.baz", "foo.baz", false),
            ("foo.*.baz", "foo.x.y.baz", false),
            ("*", "anything", true),
            ("*", "a.b", true),
            ("foo", "foo.bar", false),
            ("foo.bar", "foo", false),
            ("Foo", "foo", false),
        ] {
            assert_eq!(
                ScopeStrategy::Wildcard.allows([pattern], scope),
                want,
                "{pattern} {scope}"
            );
        }
    }

    #[test]
    fn exact_and_hierarchic_strategies() {
        assert!(!ScopeStrategy::Exact.allows(["foo.*"], "foo.bar"));
        assert!(ScopeStrategy::Exact.allows(["a", "foo.*"], "foo.*"));
        assert!(ScopeStrategy::Hierarchic.allows(["foo"], "foo.bar"));
        assert!(ScopeStrategy::Hierarchic.allows(["foo"], "foo"));
        assert!(!ScopeStrategy::Hierarchic.allows(["foo"], "foobar"));
        assert!(!ScopeStrategy::Hierarchic.allows(["foo.bar"], "foo"));
        assert!(!ScopeStrategy::Hierarchic.allows(["foo"], "foo."));
    }

    #[test]
    fn normalising_drops_blanks_and_repeats() {
        assert_eq!(normalise(" a  b a c "), "a b c");
        assert_eq!(normalise(""), "");
    }
}
