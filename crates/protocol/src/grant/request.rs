//! Reads a token request.
//!
//! Spec: RFC 6749 3.2, 4.1.3, 4.4.2, 5.2, 6; RFC 7636 4.5

use super::{authorization_code, client_credentials, refresh_token};
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
    /// RFC 6749 4.1.
    AuthorizationCode(authorization_code::Request<'a>),
    /// RFC 6749 6.
    RefreshToken(refresh_token::Request<'a>),
    /// RFC 6749 4.4.
    ClientCredentials(client_credentials::Request<'a>),
    /// A grant type of Hydra's that this server does not issue tokens for.
    NotOffered(&'static str),
}

/// Grant types that this server issues tokens for.
const OFFERED: [&str; 3] = [
    authorization_code::GRANT_TYPE,
    refresh_token::GRANT_TYPE,
    client_credentials::GRANT_TYPE,
];

/// Grant types that Hydra registers clients for but that this server has no tokens for.
const NOT_OFFERED: [&str; 2] = [
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
            Self::AuthorizationCode(_) => authorization_code::GRANT_TYPE,
            Self::RefreshToken(_) => refresh_token::GRANT_TYPE,
            Self::ClientCredentials(_) => client_credentials::GRANT_TYPE,
            Self::NotOffered(name) => name,
        }
    }
}

impl<'a> TokenRequest<'a> {
    /// Reads the form; `basic` is the decoded `Authorization: Basic` header, if there is one.
    pub fn parse(body: &'a [u8], basic: Option<Basic<'a>>) -> Result<Self, OAuthError> {
        let names = [
            "grant_type",
            "scope",
            "code",
            "redirect_uri",
            "code_verifier",
            "refresh_token",
        ];
        let read = parameters::read(body, basic, names, Some("audience"))?;
        let [
            grant_type,
            scope,
            code,
            redirect_uri,
            code_verifier,
            refresh_token,
        ] = read.values.map(|value| value.unwrap_or_default());
        let grant = match grant_type.trim() {
            authorization_code::GRANT_TYPE => {
                Grant::AuthorizationCode(authorization_code::Request {
                    code,
                    redirect_uri,
                    code_verifier,
                })
            }
            refresh_token::GRANT_TYPE => Grant::RefreshToken(refresh_token::Request {
                refresh_token,
                scope,
            }),
            client_credentials::GRANT_TYPE => {
                Grant::ClientCredentials(client_credentials::Request {
                    scope,
                    audience: read.repeated,
                })
            }
            "" => {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "Parameter 'grant_type' is missing.",
                ));
            }
            other => match NOT_OFFERED.iter().find(|known| **known == other) {
                Some(known) => Grant::NotOffered(known),
                None => {
                    return Err(OAuthError::new(
                        ErrorCode::UnsupportedGrantType,
                        format!(
                            "Parameter 'grant_type' is {}; this server issues tokens for '{}'.",
                            quoted(other),
                            OFFERED.join("', '")
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
    fn each_grant_reads_its_own_parameters() {
        let body = "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Frp&code_verifier=v&client_id=app";
        let request = TokenRequest::parse(body.as_bytes(), None).unwrap();
        let Grant::AuthorizationCode(code) = request.grant else {
            panic!("another grant");
        };
        assert_eq!(
            (&*code.code, &*code.redirect_uri, &*code.code_verifier),
            ("c", "https://rp", "v")
        );
        let body = b"grant_type=refresh_token&refresh_token=r&scope=a+b";
        let Grant::RefreshToken(refresh) = TokenRequest::parse(body, None).unwrap().grant else {
            panic!("another grant");
        };
        assert_eq!((&*refresh.refresh_token, &*refresh.scope), ("r", "a b"));
    }

    #[test]
    fn an_unknown_grant_type_is_answered_with_those_offered() {
        let error = TokenRequest::parse(b"grant_type=bogus", None).unwrap_err();
        for offered in OFFERED {
            assert!(error.hint.contains(offered), "{error}");
        }
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
            "code",
            "redirect_uri",
            "code_verifier",
            "refresh_token",
        ] {
            let body = format!("grant_type=client_credentials&{name}=x&{name}=x");
            assert_eq!(code_of(&body), Err(ErrorCode::InvalidRequest), "{name}");
        }
        assert!(code_of("grant_type=client_credentials&audience=a&audience=b").is_ok());
        assert!(code_of("grant_type=client_credentials&other=a&other=b").is_ok());
    }
}
