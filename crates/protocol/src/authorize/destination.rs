//! Where the answer to a request goes. Until this is known, errors are shown on a page.
//!
//! Spec: RFC 6749 3.1.2.4, 4.1.2.1
//!
//! Security: nothing is ever sent to a redirect URI that is not the client's; this is the only way to get a
//! [`Destination`].

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
        return refuse(match asked {
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
    Ok(Destination {
        redirect_uri: redirect_uri.to_owned(),
        mode,
        state: parameters.get("state").to_owned(),
    })
}
