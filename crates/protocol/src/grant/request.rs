//! Reads a token request.
//!
//! Spec: RFC 6749 3.2, 4.4.2, 5.2

use std::borrow::Cow;

use super::client_credentials;
use crate::client_auth::Presented;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::form::Reader;

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

impl Grant<'_> {
    /// The `grant_type` on the wire.
    pub const fn grant_type(&self) -> &'static str {
        match self {
            Self::ClientCredentials(_) => client_credentials::GRANT_TYPE,
            Self::NotOffered(name) => name,
        }
    }
}

/// Refuses a second value of a parameter that may be given once.
///
/// Spec: RFC 6749 3.1, 3.2: parameters must not be included more than once.
pub fn set_once<'a>(
    slot: &mut Option<Cow<'a, str>>,
    name: &str,
    value: Cow<'a, str>,
) -> Result<(), OAuthError> {
    if slot.is_some() {
        return Err(OAuthError::new(
            ErrorCode::InvalidRequest,
            format!("Parameter '{name}' is given more than once."),
        ));
    }
    *slot = Some(value);
    Ok(())
}

/// A form body as an [`OAuthError`] sees it.
pub fn parameters(
    body: &[u8],
) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), OAuthError>> {
    Reader::new(body).map(|parameter| {
        parameter.map_err(|e| OAuthError::new(ErrorCode::InvalidRequest, e.text()))
    })
}

/// The answer to a body without any parameter, which is also how a body of another content type reads.
pub fn empty_body() -> OAuthError {
    OAuthError::new(
        ErrorCode::InvalidRequest,
        "The body holds no parameters; send them as 'application/x-www-form-urlencoded'.",
    )
}

impl<'a> TokenRequest<'a> {
    /// Reads the form; `basic` is the decoded `Authorization: Basic` header, if there is one.
    pub fn parse(
        body: &'a [u8],
        basic: Option<(Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, OAuthError> {
        let mut presented = Presented {
            basic,
            ..Presented::default()
        };
        let (mut grant_type, mut scope) = (None, None);
        let mut audience: Vec<Cow<'a, str>> = Vec::new();
        let mut is_empty = true;
        for parameter in parameters(body) {
            let (name, value) = parameter?;
            is_empty = false;
            let slot = match name.as_ref() {
                "grant_type" => &mut grant_type,
                "scope" => &mut scope,
                "audience" => {
                    audience.push(value);
                    continue;
                }
                other => match presented.slot(other) {
                    Some(slot) => slot,
                    None => continue,
                },
            };
            set_once(slot, &name, value)?;
        }
        if is_empty {
            return Err(empty_body());
        }
        let grant = match grant_type.as_deref().map(str::trim) {
            Some(client_credentials::GRANT_TYPE) => {
                Grant::ClientCredentials(client_credentials::Request {
                    scope: scope.unwrap_or_default(),
                    audience,
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
        Ok(Self { presented, grant })
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
