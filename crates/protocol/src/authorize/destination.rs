//! Where the answer to a request goes. Until this is known, errors are shown on a page.
//!
//! Spec: RFC 6749 3.1.2.4, 4.1.2.1
//!
//! Security: nothing is ever sent to a redirect URI that is not the client's; this is the only way to get a
//! [`Destination`]. Nor is anything sent where a browser would run it, whoever registered that.

use super::parameters::RequestParameters;
use super::redirect_uri;
use super::response_type::{ResponseMode, ResponseType};
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::scope;

/// Where the answer goes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The client's redirect URI.
    pub redirect_uri: String,
    /// How the answer travels.
    pub mode: ResponseMode,
    /// Echoed in every answer.
    pub state: String,
}

/// Finds the destination of a request.
///
/// # Errors
/// What has to be shown on a page, because there is nowhere else to send it.
pub fn find(parameters: &RequestParameters, client: &Client) -> Result<Destination, OAuthError> {
    let refuse = |hint: String| Err(OAuthError::new(ErrorCode::InvalidRequest, hint));
    if let Some(name @ ("client_id" | "redirect_uri" | "response_mode")) = parameters.repeated() {
        return refuse(format!("Parameter '{name}' is given more than once."));
    }
    let asked_mode = parameters.get("response_mode");
    let mode = match ResponseMode::parse(asked_mode) {
        Some(mode) => mode,
        None if asked_mode.is_empty() => {
            let response_type = ResponseType::parse(parameters.get("response_type"));
            response_type.map_or(ResponseMode::Query, ResponseType::default_mode)
        }
        None => {
            return Err(OAuthError::new(
                ErrorCode::UnsupportedResponseMode,
                format!(
                    "Parameter 'response_mode' is {}; known are '{}'.",
                    quoted(asked_mode),
                    ResponseMode::NAMES.join("', '")
                ),
            ));
        }
    };
    let asked = parameters.get("redirect_uri");
    if asked.is_empty() && scope::split(parameters.get("scope")).any(|scope| scope == "openid") {
        return refuse(
            "Parameter 'redirect_uri' is missing; with scope 'openid' it must be given.".to_owned(),
        );
    }
    let registered = client
        .metadata()
        .redirect_uris
        .as_deref()
        .unwrap_or_default();
    let Some(redirect_uri) = redirect_uri::select(registered, asked) else {
        let meant = match (asked, registered) {
            ("", [only]) => only,
            _ => asked,
        };
        return refuse(match asked {
            _ if redirect_uri::is_for_the_browser(meant) => format!(
                "The redirect URI is {}, whose scheme a browser runs or opens itself, so no answer is sent there; \
                 register an https URI or one of a scheme of the app's own.",
                quoted(meant)
            ),
            "" => format!(
                "Parameter 'redirect_uri' is missing, and the client has {} registered; name one of them.",
                registered.len()
            ),
            _ => format!(
                "Parameter 'redirect_uri' is {}, which is not one of the client's 'redirect_uris'; they are compared \
                 character by character.",
                quoted(asked)
            ),
        });
    };
    // Security: a browser posts forms over http and https alone; what another scheme makes of one is anybody's guess.
    if mode == ResponseMode::FormPost && !redirect_uri::is_web(redirect_uri) {
        return refuse(format!(
            "Parameter 'response_mode' is 'form_post', but a form cannot be posted to {}; use 'query' or 'fragment' \
             with redirect URIs that are neither http nor https.",
            quoted(redirect_uri)
        ));
    }
    Ok(Destination {
        redirect_uri: redirect_uri.to_owned(),
        mode,
        state: parameters.get("state").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientMetadata, ClientRecord};

    fn found(registered: &[&str], query: &str) -> Result<Destination, OAuthError> {
        let client = Client::new(ClientRecord {
            metadata: ClientMetadata {
                client_id: "app".to_owned(),
                redirect_uris: Some(registered.iter().map(|&uri| uri.to_owned()).collect()),
                ..ClientMetadata::default()
            },
            secret_hashes: Vec::new(),
            registration_token_hash: None,
            token_epoch: 1,
            version: 1,
        });
        let parameters = RequestParameters::parse(query.as_bytes(), b"").unwrap();
        find(&parameters, &client)
    }

    #[test]
    fn a_form_is_posted_over_http_and_https_alone() {
        for (uri, is_posted) in [
            ("https://app.example/cb", true),
            ("HTTPS://app.example/cb", true),
            ("http://127.0.0.1/cb", true),
            ("com.example.app:/cb", false),
            ("app://cb", false),
            ("https:cb", false),
        ] {
            for type_and_mode in ["", "&response_type=id_token"] {
                let query = format!("response_mode=form_post{type_and_mode}");
                let answer = found(&[uri], &query);
                assert_eq!(answer.is_ok(), is_posted, "{uri} {answer:?}");
                if let Err(error) = answer {
                    assert_eq!(error.code, ErrorCode::InvalidRequest, "{uri}");
                    assert!(error.hint.contains("form_post"), "{error}");
                }
            }
        }
        assert!(found(&["com.example.app:/cb"], "response_mode=query").is_ok());
    }

    #[test]
    fn nothing_is_sent_to_a_stored_uri_that_a_browser_runs() {
        let uri = "javascript:alert(1)";
        for query in ["", "redirect_uri=javascript:alert(1)"] {
            for mode in ["", "&response_mode=fragment", "&response_mode=form_post"] {
                let error = found(&[uri], &format!("{query}{mode}")).unwrap_err();
                assert_eq!(error.code, ErrorCode::InvalidRequest);
                assert!(error.hint.contains("scheme"), "{error}");
            }
        }
    }
}
