//! The OAuth 2.0 error as a value, and the catalogue of its codes.
//!
//! Spec: RFC 6749 5.2, RFC 6750 3.1, RFC 7009 2.2.1, RFC 7591 3.2.2
//!
//! Codes and statuses are contract; the sentences are ours and name the rule, the value seen and the way out.

use std::borrow::Cow;
use std::fmt;

/// Every `error` code this server sends, with its HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is its own wire name, see `wire`")]
pub enum ErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    ServerError,
    TemporarilyUnavailable,
    InvalidClientMetadata,
    InvalidRedirectUri,
    UnsupportedResponseType,
    UnsupportedResponseMode,
    AccessDenied,
    RequestForbidden,
    RequestUnauthorized,
    LoginRequired,
    ConsentRequired,
    RegistrationNotSupported,
    InvalidRequestUri,
    InvalidRequestObject,
    InsufficientEntropy,
    ScopeNotGranted,
    InvalidToken,
    NotFound,
    InsufficientScope,
}

impl ErrorCode {
    /// The value of the `error` member.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedResponseMode => "unsupported_response_mode",
            Self::AccessDenied => "access_denied",
            Self::RequestForbidden => "request_forbidden",
            Self::RequestUnauthorized => "request_unauthorized",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InsufficientEntropy => "insufficient_entropy",
            Self::ScopeNotGranted => "scope_not_granted",
            Self::InvalidToken => "invalid_token",
            Self::NotFound => "Not Found",
            Self::InsufficientScope => "insufficient_scope",
        }
    }

    /// The HTTP status of a JSON answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::RequestUnauthorized | Self::InvalidToken => 401,
            Self::AccessDenied
            | Self::RequestForbidden
            | Self::ScopeNotGranted
            | Self::InsufficientScope => 403,
            Self::NotFound => 404,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }

    /// What the code means, for a reader who does not know the RFC by heart.
    const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed.",
            Self::InvalidClient => "Client authentication failed.",
            Self::InvalidGrant => "The grant is not valid.",
            Self::UnauthorizedClient => "The client may not use this grant.",
            Self::UnsupportedGrantType => "This server does not know this grant type.",
            Self::InvalidScope => "The requested scope is not allowed.",
            Self::ServerError => "The server failed to process the request.",
            Self::TemporarilyUnavailable => "The server cannot process the request right now.",
            Self::InvalidClientMetadata => "A member of the client metadata is not valid.",
            Self::InvalidRedirectUri => "A redirect URI of the client is not valid.",
            Self::UnsupportedResponseType => "This server does not offer this response type.",
            Self::UnsupportedResponseMode => "This server does not offer this response mode.",
            Self::AccessDenied => "The request was denied.",
            Self::RequestForbidden => "The request is not allowed.",
            Self::RequestUnauthorized => "The request could not be authorized.",
            Self::LoginRequired => "The person has to log in.",
            Self::ConsentRequired => "The person has to give consent.",
            Self::RegistrationNotSupported => "Parameter 'registration' is not supported.",
            Self::InvalidRequestUri => "The 'request_uri' cannot be used.",
            Self::InvalidRequestObject => "The request object is not valid.",
            Self::InsufficientEntropy => "A random value of the request is too short.",
            Self::ScopeNotGranted => "The scope was not granted.",
            Self::InvalidToken => "The token is not valid.",
            Self::NotFound => "Unable to locate the requested resource",
            Self::InsufficientScope => "The access token lacks a scope.",
        }
    }
}

/// An OAuth 2.0 error, ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    /// The code.
    pub code: ErrorCode,
    /// The rule that failed, the value seen, and what to do; may be empty.
    pub hint: Cow<'static, str>,
    /// More for developers; reaches the wire only with `oauth2.expose_internal_errors`. Never a secret.
    pub debug: Option<String>,
}

impl OAuthError {
    /// An error with the given cause.
    pub fn new(code: ErrorCode, hint: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            hint: hint.into(),
            debug: None,
        }
    }

    /// The same error with a detail for developers.
    #[must_use]
    pub fn with_debug(mut self, debug: impl Into<String>) -> Self {
        self.debug = Some(debug.into());
        self
    }

    /// The general sentence of the code, without this error's cause.
    pub const fn description(&self) -> &'static str {
        self.code.description()
    }

    /// `error_description`: description, hint, and with `expose_debug` the debug text, in the characters that
    /// RFC 6749 allows there.
    pub fn full_description(&self, expose_debug: bool) -> String {
        let mut text = String::from(self.description());
        for part in [
            Some(self.hint.as_ref()),
            self.debug.as_deref().filter(|_| expose_debug),
        ] {
            if let Some(part) = part.filter(|part| !part.is_empty()) {
                text.push(' ');
                push_allowed(&mut text, part);
            }
        }
        text
    }
}

/// A text of somebody else's in the characters that RFC 6749 allows in errors.
pub fn allowed_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_allowed(&mut out, text);
    out
}

/// Spec: RFC 6749 5.2: `error_description` is %x20-21 / %x23-5B / %x5D-7E.
fn push_allowed(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    }));
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.wire(), self.hint)
    }
}

impl std::error::Error for OAuthError {}

/// A short form of an untrusted value for an error text.
pub fn quoted(value: &str) -> String {
    const SHOWN: usize = 100;
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("'{}...'", value.get(..end).unwrap_or_default()),
        None => format!("'{value}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_to_the_characters_of_the_rfc() {
        let error = OAuthError::new(ErrorCode::InvalidScope, "scope \"ü\\\n\" is unknown");
        assert_eq!(
            error.full_description(false),
            "The requested scope is not allowed. scope '?/?' is unknown"
        );
    }

    #[test]
    fn debug_is_shown_only_when_asked_for() {
        let error = OAuthError::new(ErrorCode::InvalidClient, "").with_debug("no such client");
        assert_eq!(
            error.full_description(false),
            "Client authentication failed."
        );
        assert_eq!(
            error.full_description(true),
            "Client authentication failed. no such client"
        );
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        assert_eq!(
            quoted(&"ü".repeat(101)),
            format!("'{}...'", "ü".repeat(100))
        );
    }
}
