//! Access tokens as signed JSON Web Tokens.
//!
//! Spec: RFC 7519, RFC 7515
//!
//! The private header parameter `ref` (RFC 7515 4: others ignore it) holds what only this server may know: the
//! epochs, sealed and bound to `jti`. A JWT without a `ref` that opens is no access token of this server, so an
//! ID token, or anything else signed with the same key, never passes for one.

use serde::Serialize;
use serde_json::{Map, Value};
use tessera_crypto::jose::{Jws, SigningKey, sign_compact};
use tessera_crypto::{Entropy, SealKeys, b64};

use super::access::{AccessToken, ReadToken, token_id};
use super::record::{Fields, Writer, read_number};
use crate::scope;
use crate::time::Timestamp;

const CLIENT_EPOCH: u8 = 6;
const SERVER_EPOCH: u8 = 7;

/// How scopes appear: `strategies.jwt.scope_claim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScopeClaim {
    /// `scp`, a list.
    #[default]
    List,
    /// `scope`, a text.
    Text,
    /// Both.
    Both,
}

/// What the operator chose about the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClaimOptions {
    /// How scopes appear.
    pub scope_claim: ScopeClaim,
    /// Whether `nbf` is left out.
    pub exclude_not_before: bool,
}

/// Compat: the order of Hydra's sorted map.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a [String],
    client_id: &'a str,
    exp: i64,
    ext: Map<String, Value>,
    iat: i64,
    iss: &'a str,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<Vec<&'a str>>,
    sub: &'a str,
}

/// Why a JWT access token could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningFailed(pub String);

/// Signs `token` under the unique id `jti`.
pub fn sign(
    token: &AccessToken,
    jti: &str,
    issuer: &str,
    options: ClaimOptions,
    key: &SigningKey,
    (ref_keys, entropy): (&SealKeys, &dyn Entropy),
) -> Result<String, SigningFailed> {
    let mut record = Writer::with_capacity(24);
    record.bytes(CLIENT_EPOCH, &token.client_epoch.to_le_bytes());
    record.bytes(SERVER_EPOCH, &token.server_epoch.to_le_bytes());
    let mut sealed = Vec::with_capacity(80);
    ref_keys.seal(entropy, jti.as_bytes(), &record.0, &mut sealed);
    let mut reference = String::with_capacity(112);
    b64::encode_into(&sealed, &mut reference);

    let iat = token.issued_at.as_secs();
    let with = |shown: bool| shown.then_some(());
    let ext = if token.ext.is_empty() {
        "{}"
    } else {
        token.ext.as_str()
    };
    let failed = |e: serde_json::Error| SigningFailed(e.to_string());
    let claims = Claims {
        aud: &token.audience,
        client_id: &token.client_id,
        exp: token.expires_at.as_secs(),
        ext: serde_json::from_str(ext).map_err(failed)?,
        iat,
        iss: issuer,
        jti,
        nbf: with(!options.exclude_not_before).map(|()| iat),
        scope: with(options.scope_claim != ScopeClaim::List).map(|()| token.scope.as_str()),
        scp: with(options.scope_claim != ScopeClaim::Text)
            .map(|()| scope::split(&token.scope).collect()),
        sub: &token.client_id,
    };
    let header = Map::from_iter([
        ("ref".to_owned(), Value::String(reference)),
        ("typ".to_owned(), Value::String("JWT".to_owned())),
    ]);
    sign_compact(key, &header, &serde_json::to_vec(&claims).map_err(failed)?)
        .map_err(|e| SigningFailed(e.to_string()))
}

/// Reads the claims of a JWT whose signature was verified; `None` when it is no access token of this server.
pub fn read(jws: &Jws<'_>, issuer: &str, ref_keys: &SealKeys) -> Option<ReadToken> {
    let claims: Map<String, Value> = serde_json::from_slice(&jws.payload).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let jti = text("jti")?;
    let sealed = b64::decode(jws.header.other.get("ref")?.as_str()?).ok()?;
    let record = ref_keys.open(jti.as_bytes(), &sealed).ok()?;
    if text("iss")? != issuer {
        return None;
    }
    let mut token = AccessToken {
        client_id: text("client_id")?.to_owned(),
        issued_at: Timestamp::from_secs(claims.get("iat")?.as_i64()?),
        expires_at: Timestamp::from_secs(claims.get("exp")?.as_i64()?),
        ..AccessToken::default()
    };
    for field in Fields(&record) {
        let (tag, value) = field?;
        match tag {
            CLIENT_EPOCH => token.client_epoch = read_number(value)?,
            SERVER_EPOCH => token.server_epoch = read_number(value)?,
            _ => return None,
        }
    }
    token.scope = match claims.get("scp") {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" "),
        _ => text("scope").unwrap_or_default().to_owned(),
    };
    if let Some(Value::Array(list)) = claims.get("aud") {
        token.audience = list
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
    }
    if let Some(ext @ Value::Object(map)) = claims.get("ext")
        && !map.is_empty()
    {
        token.ext = ext.to_string();
    }
    Some(ReadToken {
        token,
        token_id: token_id(jti.as_bytes()),
    })
}
