//! The answer of the authorization endpoint, on its way to the client.
//!
//! Spec: RFC 6749 4.1.2, 4.2.2; OAuth 2.0 Multiple Response Types 5; OAuth 2.0 Form Post Response Mode; RFC 9207
//!
//! Invariant: `state` and `iss` are added here and nowhere else, to successes and errors alike.

use super::destination::Destination;
use super::parameters::{encode_into, set_query};
use super::response_type::ResponseMode;
use crate::error::OAuthError;

/// An answer, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The browser is sent to this URL.
    Redirect(String),
    /// The browser posts these fields.
    FormPost {
        /// Where to.
        action: String,
        /// The fields.
        fields: Vec<(&'static str, String)>,
    },
}

/// Parameters of an answer, without `state` and `iss`.
pub type Parameters = Vec<(&'static str, String)>;

/// The parameters of an error.
///
/// Compat: `state` is part of an error even when the request had none; see [`deliver`].
pub fn error(error: &OAuthError, expose_debug: bool) -> Parameters {
    vec![
        ("error", error.code.wire().to_owned()),
        ("error_description", error.full_description(expose_debug)),
    ]
}

/// Addresses an answer.
///
/// Security: the parameters of the answer take the place of those of the same name, so that a registered query cannot
/// speak for the server.
pub fn deliver(destination: &Destination, issuer: &str, mut parameters: Parameters) -> Delivery {
    parameters.push(("iss", issuer.to_owned()));
    let is_error = parameters.iter().any(|(name, _)| *name == "error");
    if is_error || !destination.state.is_empty() {
        parameters.push(("state", destination.state.clone()));
    }
    parameters.sort_unstable_by_key(|(name, _)| *name);
    let uri = &destination.redirect_uri;
    let pairs = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    match destination.mode {
        ResponseMode::Query => {
            let mut url = uri.clone();
            set_query(&mut url, pairs);
            Delivery::Redirect(url)
        }
        ResponseMode::Fragment => {
            let mut url = format!("{uri}#");
            for (index, (name, value)) in pairs.enumerate() {
                if index > 0 {
                    url.push('&');
                }
                encode_into(&mut url, name);
                url.push('=');
                encode_into(&mut url, value);
            }
            Delivery::Redirect(url)
        }
        ResponseMode::FormPost => Delivery::FormPost {
            action: uri.clone(),
            fields: parameters,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn to(redirect_uri: &str, mode: ResponseMode) -> Destination {
        Destination {
            redirect_uri: redirect_uri.to_owned(),
            mode,
            state: "s&t".to_owned(),
        }
    }

    #[test]
    fn a_registered_query_stays_and_the_answer_is_added() {
        let code = vec![("code", "c".to_owned())];
        assert_eq!(
            deliver(
                &to("https://rp/cb?a=b", ResponseMode::Query),
                "https://as",
                code
            ),
            Delivery::Redirect(
                "https://rp/cb?a=b&code=c&iss=https%3A%2F%2Fas&state=s%26t".to_owned()
            )
        );
    }

    #[test]
    fn a_registered_query_does_not_speak_for_the_server() {
        let uri = "https://rp/cb?state=old&a=%7e&code=old";
        let code = || vec![("code", "c".to_owned())];
        assert_eq!(
            deliver(&to(uri, ResponseMode::Query), "i", code()),
            Delivery::Redirect("https://rp/cb?a=%7e&code=c&iss=i&state=s%26t".to_owned())
        );
        let kept = format!("{uri}#code=c&iss=i&state=s%26t");
        assert_eq!(
            deliver(&to(uri, ResponseMode::Fragment), "i", code()),
            Delivery::Redirect(kept)
        );
    }

    #[test]
    fn a_state_that_was_not_given_is_not_answered() {
        let quiet = Destination {
            state: String::new(),
            ..to("https://rp/cb", ResponseMode::Query)
        };
        let code = vec![("code", "c".to_owned())];
        assert_eq!(
            deliver(&quiet, "i", code),
            Delivery::Redirect("https://rp/cb?code=c&iss=i".to_owned())
        );
    }

    #[test]
    fn errors_travel_as_the_answer_would() {
        let refused = OAuthError::new(ErrorCode::AccessDenied, "no");
        let delivered = deliver(
            &to("https://rp/cb", ResponseMode::Fragment),
            "i",
            error(&refused, false),
        );
        assert_eq!(
            delivered,
            Delivery::Redirect(
                "https://rp/cb#error=access_denied&error_description=The+request+was+denied.+no&iss=i&state=s%26t"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_form_holds_the_same_fields() {
        let Delivery::FormPost { action, fields } = deliver(
            &to("https://rp/cb", ResponseMode::FormPost),
            "i",
            Vec::new(),
        ) else {
            panic!("a form")
        };
        assert_eq!(action, "https://rp/cb");
        assert_eq!(
            fields,
            [("iss", "i".to_owned()), ("state", "s&t".to_owned())]
        );
    }
}
