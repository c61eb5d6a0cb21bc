//! Introspection: what is said of a token.
//!
//! Spec: RFC 7662 2.1, 2.2

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::client_auth::Presented;
use crate::error::OAuthError;
use crate::parameters::{self, Basic};
use crate::scope::{self, ScopeStrategy};
use crate::time::Timestamp;
use crate::token::access::AccessToken;

/// An introspection or revocation request: both name a token, and may authenticate a client.
#[derive(Debug, Default)]
pub struct TokenQuery<'a> {
    /// The token asked about; empty when it was not given.
    pub token: Cow<'a, str>,
    /// Scopes that must all have been granted, space separated.
    pub scope: Cow<'a, str>,
    /// Everything that can authenticate the client, where the endpoint wants one.
    pub presented: Presented<'a>,
}

impl<'a> TokenQuery<'a> {
    /// Reads the form. `token_type_hint` is accepted and not needed: the token says what it is.
    pub fn parse(body: &'a [u8], basic: Option<Basic<'a>>) -> Result<Self, OAuthError> {
        let read = parameters::read(body, basic, ["token", "scope", "token_type_hint"], None)?;
        let [token, scope, _hint] = read.values;
        Ok(Self {
            token: token.unwrap_or_default(),
            scope: scope.unwrap_or_default(),
            presented: read.presented,
        })
    }
}

/// The answer for an active token, in the order of the wire.
#[derive(Debug, Serialize)]
pub struct Active<'a> {
    active: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    client_id: &'a str,
    sub: &'a str,
    exp: i64,
    iat: i64,
    nbf: i64,
    aud: &'a [String],
    iss: &'a str,
    token_type: &'static str,
    token_use: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<Map<String, Value>>,
}

/// What may be said of a live access token; `None` when it is inactive after all: it has ended, or a scope that
/// was asked for is not among those granted.
pub fn describe<'a>(
    token: &'a AccessToken,
    issuer: &'a str,
    required_scope: &str,
    strategy: ScopeStrategy,
    now: Timestamp,
) -> Option<Active<'a>> {
    if token.has_expired(now) {
        return None;
    }
    let granted = |required: &str| strategy.allows(scope::split(&token.scope), required);
    if !scope::split(required_scope).all(granted) {
        return None;
    }
    let iat = token.issued_at.as_secs();
    Some(Active {
        active: true,
        scope: &token.scope,
        client_id: &token.client_id,
        sub: &token.client_id,
        exp: token.expires_at.as_secs(),
        iat,
        nbf: iat,
        aud: &token.audience,
        iss: issuer,
        token_type: "Bearer",
        token_use: "access_token",
        ext: (!token.ext.is_empty())
            .then(|| serde_json::from_str(&token.ext).ok())
            .flatten(),
    })
}

/// Whether a client may be told about a token at the public endpoint: it owns the token, or the token names it as
/// an audience.
pub fn may_see(client_id: &str, token: &AccessToken) -> bool {
    token.client_id == client_id || token.audience.iter().any(|aud| aud == client_id)
}
