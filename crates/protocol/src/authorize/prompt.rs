//! `prompt`.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.1

use crate::error::{ErrorCode, OAuthError, quoted};
use crate::scope;

/// The values that mean something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The person logs in again, or chooses an account, which is the same to this server.
    pub login: bool,
    /// The person is asked again.
    pub consent: bool,
    /// The person wants an account.
    pub registration: bool,
    is_mixed_with_none: bool,
    has_unknown: bool,
}

impl Prompt {
    /// Reads the parameter. What is wrong with it is told by [`Self::check`], later.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        for word in scope::split(text) {
            match word {
                "none" => read.none = true,
                "login" | "select_account" => read.login = true,
                "consent" => read.consent = true,
                "registration" | "create" => read.registration = true,
                _ => read.has_unknown = true,
            }
        }
        read.is_mixed_with_none = read.none && scope::split(text).nth(1).is_some();
        read
    }

    /// Whether the values are known and go together; `text` is what was read.
    pub fn check(self, text: &str) -> Result<(), OAuthError> {
        let refuse = |hint: String| Err(OAuthError::new(ErrorCode::InvalidRequest, hint));
        if self.has_unknown {
            return refuse(format!(
                "Parameter 'prompt' is {}; known are 'none', 'login', 'consent', 'select_account', 'registration' and \
                 'create'.",
                quoted(text)
            ));
        }
        if self.is_mixed_with_none {
            return refuse(format!(
                "Parameter 'prompt' is {}; 'none' must stand alone.",
                quoted(text)
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_stands_alone_and_words_are_known() {
        for (text, is_good) in [
            ("", true),
            ("none", true),
            ("login consent", true),
            ("select_account", true),
            ("none login", false),
            ("bogus", false),
            ("Login", false),
        ] {
            assert_eq!(Prompt::read(text).check(text).is_ok(), is_good, "{text}");
        }
        assert!(Prompt::read("consent login").login);
    }
}
