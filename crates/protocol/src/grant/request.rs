//! Reads a token request.
//!
//! Spec: RFC 6749 3.2, 4.4.2, 5.2

use super::client_credentials;
use crate::client::Client;
use crate::client_auth::Presented;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::parameters::{self, Basic};

/// A token request: who asks, and for which grant.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    /// Everything that can authenticate the client.
    pub presented: Presented<'a>,
    /// The grant with its own parameters.
    pub grant: Grant<'a>,
}

/// The grants this server knows.
#[derive(Debug)]
pub enum Grant<'a> {
    /// RFC 6749 4.4.
    ClientCredentials(client_credentials::Request<'a>),
    /// A grant type of Hydra's that this server does not issue tokens for.
    NotOffered(&'static str),
}

/// Grant types that Hydra registers clients for but that this server has no tokens for.
const NOT_OFFERED: [&str; 4] = [
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:device_code",
];

/// The answer to a grant that this server knows but issues no tokens for: a client that is not registered for it learns
/// that first.
pub fn not_offered(client: &Client, grant_type: &str) -> OAuthError {
    match grant_allowed(client, grant_type) {
        Err(not_registered) => not_registered,
        Ok(()) => OAuthError::new(
            ErrorCode::UnsupportedGrantType,
            format!("This server does not issue tokens for grant '{grant_type}' yet."),
        ),
    }
}

/// Whether the client is registered for a grant type.
pub(super) fn grant_allowed(client: &Client, grant_type: &str) -> Result<(), OAuthError> {
    if client.allows_grant(grant_type) {
        return Ok(());
    }
    Err(OAuthError::new(
        ErrorCode::UnauthorizedClient,
        format!(
            "The client is not registered for grant '{grant_type}'; add it to the client's 'grant_types'."
        ),
    ))
}

impl Grant<'_> {
    /// The `grant_type` on the wire.
    pub const fn grant_type(&self) -> &'static str {
        match self {
            Self::ClientCredentials(_) => client_credentials::GRANT_TYPE,
            Self::NotOffered(name) => name,
        }
    }
}

impl<'a> TokenRequest<'a> {
    /// Reads the form; `basic` is the decoded `Authorization: Basic` header, if there is one.
    pub fn parse(body: &'a [u8], basic: Option<Basic<'a>>) -> Result<Self, OAuthError> {
        let read = parameters::read(body, basic, ["grant_type", "scope"], Some("audience"))?;
        let [grant_type, scope] = read.values;
        let grant = match grant_type.as_deref().map(str::trim) {
            Some(client_credentials::GRANT_TYPE) => {
                Grant::ClientCredentials(client_credentials::Request {
                    scope: scope.unwrap_or_default(),
                    audience: read.repeated,
                })
            }
            Some("") | None => {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "Parameter 'grant_type' is missing.",
                ));
            }
            Some(other) => match NOT_OFFERED.iter().find(|known| **known == other) {
                Some(known) => Grant::NotOffered(known),
                None => {
                    return Err(OAuthError::new(
                        ErrorCode::UnsupportedGrantType,
                        format!(
                            "Parameter 'grant_type' is {}; this server issues tokens for '{}'.",
                            quoted(other),
                            client_credentials::GRANT_TYPE
                        ),
                    ));
                }
            },
        };
        Ok(Self {
            presented: read.presented,
            grant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(body: &str) -> Result<&'static str, ErrorCode> {
        TokenRequest::parse(body.as_bytes(), None)
            .map(|r| r.grant.grant_type())
            .map_err(|e| e.code)
    }

    #[test]
    fn the_grant_type_decides() {
        assert_eq!(
            code_of("grant_type=client_credentials&scope=a"),
            Ok("client_credentials")
        );
        assert_eq!(code_of("grant_type=refresh_token"), Ok("refresh_token"));
        assert_eq!(
            code_of("grant_type=bogus"),
            Err(ErrorCode::UnsupportedGrantType)
        );
        assert_eq!(
            code_of("grant_type=Client_Credentials"),
            Err(ErrorCode::UnsupportedGrantType)
        );
        assert_eq!(code_of("scope=a"), Err(ErrorCode::InvalidRequest));
        assert_eq!(code_of("grant_type="), Err(ErrorCode::InvalidRequest));
        assert_eq!(code_of(""), Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn only_audience_may_repeat() {
        for name in [
            "grant_type",
            "scope",
            "client_id",
            "client_secret",
            "client_assertion",
            "client_assertion_type",
        ] {
            let body = format!("grant_type=client_credentials&{name}=x&{name}=x");
            assert_eq!(code_of(&body), Err(ErrorCode::InvalidRequest), "{name}");
        }
        assert!(code_of("grant_type=client_credentials&audience=a&audience=b").is_ok());
        assert!(code_of("grant_type=client_credentials&other=a&other=b").is_ok());
    }
}
