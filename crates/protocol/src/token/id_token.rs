//! ID tokens.
//!
//! Spec: OpenID Connect Core 1.0 2, 3.1.3.6, 3.3.2.11
//!
//! Security: what an app or a hook adds never takes the place of a claim that this server vouches for; a protected
//! claim for which the server has no value is left out.
//! Compat: `rat` is Hydra's: when the authorization request came.

use std::time::Duration;

use serde_json::{Map, Value};
use tessera_crypto::b64;
use tessera_crypto::jose::{Alg, SigningKey, sign_compact};

use super::jwt_access::SigningFailed;
use super::sid;
use crate::grant::record::{GrantRecord, SessionClaims};
use crate::time::Timestamp;

/// Claims that only this server sets.
const PROTECTED: [&str; 14] = [
    "sub",
    "iss",
    "jti",
    "aud",
    "iat",
    "exp",
    "rat",
    "nonce",
    "at_hash",
    "c_hash",
    "auth_time",
    "acr",
    "amr",
    "sid",
];

/// What one ID token says beyond its grant.
#[derive(Debug, Clone, Copy)]
pub struct IdToken<'a> {
    /// The issuer, as it is published.
    pub issuer: &'a str,
    /// A fresh UUID.
    pub jti: &'a str,
    /// The time of the request.
    pub now: Timestamp,
    /// How long the token lives.
    pub lifespan: Duration,
    /// The wire form of the access token issued beside it, for `at_hash`.
    pub access_token: Option<&'a str>,
    /// The wire form of the code, for `c_hash`: in hybrid flows only, and not after a refresh.
    pub code: Option<&'a str>,
}

/// Signs an ID token for the person of `grant`, with the claims of its session.
pub fn sign(
    token: &IdToken<'_>,
    grant: &GrantRecord,
    session: &SessionClaims,
    key: &SigningKey,
) -> Result<String, SigningFailed> {
    sign_claims(&claims(token, grant, session, key.alg()), "JWT", key)
}

fn claims(
    token: &IdToken<'_>,
    grant: &GrantRecord,
    session: &SessionClaims,
    alg: Alg,
) -> Map<String, Value> {
    let mut claims = about_person(token.issuer, token.now, grant, session);
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("jti", token.jti.into());
    set("exp", token.now.plus(token.lifespan).as_secs().into());
    if !grant.content.nonce.is_empty() {
        set("nonce", grant.content.nonce.as_str().into());
    }
    if let Some(id) = &grant.sid {
        set("sid", sid::text(id).into());
    }
    if let Some(access_token) = token.access_token {
        set("at_hash", half_hash(alg, access_token).into());
    }
    if let Some(code) = token.code {
        set("c_hash", half_hash(alg, code).into());
    }
    claims
}

/// The claims that an ID token and userinfo have in common.
pub(crate) fn about_person(
    issuer: &str,
    issued_at: Timestamp,
    grant: &GrantRecord,
    session: &SessionClaims,
) -> Map<String, Value> {
    let mut claims = session.id_token.clone();
    claims.retain(|name, _| !PROTECTED.contains(&name.as_str()));
    let content = &grant.content;
    let sub = match content.subject_identifier.as_str() {
        "" => grant.subject.as_str(),
        identifier => identifier,
    };
    let auth_time = match content.auth_time.as_secs() {
        0 => issued_at.as_secs(),
        known => known,
    };
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", issuer.into());
    set("sub", sub.into());
    set("aud", vec![grant.client_id.as_str()].into());
    set("iat", issued_at.as_secs().into());
    set("rat", grant.requested_at.as_secs().into());
    set("auth_time", auth_time.into());
    if !content.acr.is_empty() {
        set("acr", content.acr.as_str().into());
    } else if content.asked_acr {
        // Spec: OpenID Connect Core 1.0 2: "0" says that no context class was reached.
        set("acr", "0".into());
    }
    if !content.amr.is_empty() {
        set("amr", content.amr.clone().into());
    }
    claims
}

/// Signs claims as this server's OpenID key does.
///
/// Compat: members are sorted on every level, as Hydra prints them.
pub(crate) fn sign_claims(
    claims: &Map<String, Value>,
    typ: &str,
    key: &SigningKey,
) -> Result<String, SigningFailed> {
    let mut claims = Value::Object(claims.clone());
    claims.sort_all_objects();
    let header = Map::from_iter([("typ".to_owned(), Value::from(typ))]);
    sign_compact(key, &header, claims.to_string().as_bytes())
        .map_err(|e| SigningFailed(e.to_string()))
}

/// `at_hash` and `c_hash`: the left half of the text's hash under the hash function of the signature.
///
/// Compat: Hydra takes SHA-256 whatever the key; the values are equal for RS256, PS256 and ES256.
pub fn half_hash(alg: Alg, text: &str) -> String {
    let hash = alg.hash(text.as_bytes());
    b64::encode(hash.get(..hash.len() / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests;
