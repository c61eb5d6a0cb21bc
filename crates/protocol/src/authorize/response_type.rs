//! `response_type` and `response_mode`.
//!
//! Spec: RFC 6749 3.1.1; OAuth 2.0 Multiple Response Type Encoding Practices 2, 3, 5; OAuth 2.0 Form Post Response Mode

use crate::scope;

/// What the authorization endpoint hands out itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseType {
    /// An authorization code.
    pub code: bool,
    /// An access token.
    pub token: bool,
    /// An ID token.
    pub id_token: bool,
}

impl ResponseType {
    /// Reads the parameter; the order of its words does not matter. `None`: a word is unknown, is given twice, or there
    /// is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut read = Self::default();
        for word in scope::split(text) {
            let slot = match word {
                "code" => &mut read.code,
                "token" => &mut read.token,
                "id_token" => &mut read.id_token,
                _ => return None,
            };
            if std::mem::replace(slot, true) {
                return None;
            }
        }
        (read != Self::default()).then_some(read)
    }

    /// Whether the answer is a code and nothing else.
    pub const fn is_code_alone(self) -> bool {
        self.code && !self.token && !self.id_token
    }

    /// A code together with a token.
    pub const fn is_hybrid(self) -> bool {
        self.code && !self.is_code_alone()
    }

    /// How the answer travels unless the request says otherwise.
    pub const fn default_mode(self) -> ResponseMode {
        if self.is_code_alone() {
            ResponseMode::Query
        } else {
            ResponseMode::Fragment
        }
    }
}

/// How the answer travels to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// In a form that the browser posts there.
    FormPost,
}

impl ResponseMode {
    /// The names on the wire.
    pub const NAMES: [&'static str; 3] = ["query", "fragment", "form_post"];

    /// Reads the parameter.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_order_make_one_type() {
        assert_eq!(
            ResponseType::parse("id_token  code"),
            ResponseType::parse("code id_token")
        );
        for bad in ["", " ", "code code", "none", "code foo", "CODE"] {
            assert_eq!(ResponseType::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_never_travel_in_the_query_by_default() {
        for (text, mode) in [
            ("code", ResponseMode::Query),
            ("token", ResponseMode::Fragment),
            ("code id_token", ResponseMode::Fragment),
            ("id_token", ResponseMode::Fragment),
        ] {
            assert_eq!(ResponseType::parse(text).unwrap().default_mode(), mode);
        }
    }
}
