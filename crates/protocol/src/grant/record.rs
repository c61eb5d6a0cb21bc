//! What one finished authorization granted, and the codes and refresh tokens that stand on it.
//!
//! Spec: RFC 6749 4.1, 6; OpenID Connect Core 1.0 2, 3.1.3.3
//!
//! Invariant: every code, refresh token and access token of a person names its grant and dies with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// Name of a grant; as 32 hex digits it is the `consent_request_id` of the admin API.
pub type GrantId = [u8; 16];

/// Name of a login session; as a UUID it is the `sid` claim.
pub type SessionId = [u8; 16];

/// Name of a code. The wire form seals it, so that the name alone is no code.
pub type CodeId = [u8; 16];

/// Name of a refresh token. The wire form seals it, so that the name alone is no token.
pub type RefreshId = [u8; 16];

/// A grant as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct GrantRecord {
    /// Its name.
    pub grant_id: GrantId,
    /// The client it was given to.
    pub client_id: String,
    /// The person who gave it: the subject that the login app named, never a pairwise one.
    pub subject: String,
    /// The login session it was given in.
    pub sid: Option<SessionId>,
    /// When the authorization request came.
    pub requested_at: Timestamp,
    /// Until when it answers later requests without asking; `None` when it is not remembered, [`Timestamp::MAX`]
    /// when it is for ever.
    pub remembered_until: Option<Timestamp>,
    /// When its last token ends; [`Timestamp::MAX`] when one never does.
    pub tokens_until: Timestamp,
    /// The server's epoch when it was given: once that is another, it issues no more tokens.
    pub server_epoch: u64,
    /// Whether the person was asked; a grant given on an earlier one is neither listed nor remembered.
    pub was_asked: bool,
    /// Everything that is not looked up by.
    pub content: GrantContent,
    /// Claims for tokens, as the consent app or a hook gave them: [`SessionClaims`] as JSON, sealed by the caller;
    /// empty when there are none.
    pub session: Vec<u8>,
    /// What the login app gave for the consent app: JSON, sealed by the caller; empty when there is none.
    pub context: Vec<u8>,
}

/// The part of a grant that is kept as one document. New members take a default, so that older rows stay readable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantContent {
    /// Granted scopes, in the order in which they were granted.
    pub scope: Vec<String>,
    /// Granted audiences.
    pub audience: Vec<String>,
    /// Scopes that were asked for.
    pub requested_scope: Vec<String>,
    /// Audiences that were asked for.
    pub requested_audience: Vec<String>,
    /// Resources that were asked for (RFC 8707).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    /// The subject as this client sees it, where it is another than the real one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject_identifier: String,
    /// When the person logged in, whole seconds.
    pub auth_time: Timestamp,
    /// Authentication context class, empty when the login app named none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acr: String,
    /// Authentication methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Whether `acr_values` were asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asked_acr: bool,
    /// The nonce of the request.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// When the consent app answered.
    pub handled_at: Timestamp,
    /// Whether the consent app asked to remember it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remember: bool,
    /// For how many seconds; 0 is for ever.
    #[serde(skip_serializing_if = "is_zero")]
    pub remember_for: i64,
    /// `login_challenge` as the consent request shows it: the flow's id in hex.
    pub login_challenge: String,
    /// The authorization request as a URL.
    pub request_url: String,
    /// `oidc_context` as the consent request shows it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub oidc_context: Value,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Claims that an app or a hook gives for the tokens of a grant: the `session` of the admin API.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionClaims {
    /// For access tokens, shown as `ext`.
    #[serde(deserialize_with = "object")]
    pub access_token: serde_json::Map<String, Value>,
    /// For ID tokens and userinfo.
    #[serde(deserialize_with = "object")]
    pub id_token: serde_json::Map<String, Value>,
}

impl SessionClaims {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.access_token.is_empty() && self.id_token.is_empty()
    }
}

/// `null` is an empty object.
fn object<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<serde_json::Map<String, Value>, D::Error> {
    let given: Option<serde_json::Map<String, Value>> = Option::deserialize(deserializer)?;
    let mut claims = given.unwrap_or_default();
    claims.values_mut().for_each(write_whole_numbers_plainly);
    Ok(claims)
}

/// Up to here a float holds every whole number.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Compat: `1.0` and `1e3` become `1` and `1000`, as in the reference server.
fn write_whole_numbers_plainly(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            if float.fract() == 0.0 && float.abs() <= EXACT_MAX {
                *value = whole(float).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(write_whole_numbers_plainly),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers_plainly),
        _ => {}
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the number is whole and small enough"
)]
fn whole(float: f64) -> i64 {
    float as i64
}

/// An authorization code as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRecord {
    /// Its name.
    pub code_id: CodeId,
    /// The grant that it redeems.
    pub grant_id: GrantId,
    /// When it can no longer be redeemed.
    pub expires_at: Timestamp,
    /// What the redemption is compared with.
    pub content: CodeContent,
}

/// The part of a code that is kept as one document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeContent {
    /// `redirect_uri` as the authorization request named it; empty when it named none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub redirect_uri: String,
    /// `code_challenge` of method S256 (RFC 7636); empty when there was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code_challenge: String,
    /// Whether the ID token of the redemption carries `c_hash`, as those of hybrid flows do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hybrid: bool,
}

/// A refresh token as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRecord {
    /// Its name.
    pub refresh_id: RefreshId,
    /// The grant that it renews.
    pub grant_id: GrantId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends; [`Timestamp::MAX`] when it never does.
    pub expires_at: Timestamp,
}

/// A login session as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSession {
    /// Its name.
    pub sid: SessionId,
    /// Who logged in.
    pub subject: String,
    /// When, whole seconds.
    pub authenticated_at: Timestamp,
    /// Whether later requests may use it; the others are kept so that logout reaches their clients.
    pub is_remembered: bool,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The session of an identity provider behind the login app; empty when there is none.
    pub identity_provider_session_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_claims_are_written_plainly() {
        for (given, written) in [
            ("1.0", "1"),
            ("1e3", "1000"),
            ("-2.50e1", "-25"),
            ("0.0", "0"),
            ("9007199254740992.0", "9007199254740992"),
            ("1.5", "1.5"),
            ("1e300", "1e+300"),
            ("18446744073709551615", "18446744073709551615"),
            (r#"[1.0,{"a":2.0}]"#, r#"[1,{"a":2}]"#),
            (r#""1.0""#, r#""1.0""#),
        ] {
            let text = format!(r#"{{"access_token":{{"x":{given}}},"id_token":{{"x":{given}}}}}"#);
            let claims: SessionClaims = serde_json::from_str(&text).unwrap();
            for claims in [&claims.access_token, &claims.id_token] {
                assert_eq!(claims["x"].to_string(), written, "{given}");
            }
        }
    }
}
