//! Access tokens as signed JSON Web Tokens.
//!
//! Spec: RFC 7519, RFC 7515
//!
//! The private header parameter `ref` (RFC 7515 4: others ignore it) holds what only this server may know: the
//! epochs, and for a person's token its grant and refresh token, sealed and bound to `jti`. A JWT without a `ref` that opens is no access token of this server, so an
//! ID token, or anything else signed with the same key, never passes for one.

use serde::Serialize;
use serde_json::{Map, Value};
use tessera_crypto::jose::{Jws, SigningKey, sign_compact};
use tessera_crypto::{Entropy, SealKeys, b64};

use super::access::{AccessToken, PersonToken, ReadToken, token_id};
use super::record::{Fields, Writer, read_number};
use crate::scope;
use crate::time::Timestamp;

const CLIENT_EPOCH: u8 = 6;
const SERVER_EPOCH: u8 = 7;
const GRANT_ID: u8 = 9;
const REFRESH_ID: u8 = 10;

/// Claims that custom ones never take the place of.
///
/// Compat: `scope` is not among them; it is kept only while this server writes one itself.
const RESERVED: [&str; 10] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scp",
    "ext",
];

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimOptions {
    /// How scopes appear.
    pub scope_claim: ScopeClaim,
    /// Whether `nbf` is left out.
    pub exclude_not_before: bool,
    /// `oauth2.allowed_top_level_claims`: custom claims that are shown beside the registered ones.
    pub top_level: Vec<String>,
    /// `oauth2.mirror_top_level_claims`: whether `ext` holds all custom claims, those shown on top too.
    pub mirror: bool,
    /// `oauth2.preserve_ext_claims`: whether `ext` holds the others when it does not hold all.
    pub preserve_ext: bool,
}

impl Default for ClaimOptions {
    fn default() -> Self {
        Self {
            scope_claim: ScopeClaim::default(),
            exclude_not_before: false,
            top_level: Vec::new(),
            mirror: true,
            preserve_ext: false,
        }
    }
}

impl ClaimOptions {
    /// Parts custom claims into those shown on top and `ext`.
    fn part(&self, custom: Map<String, Value>) -> (Map<String, Value>, Option<Map<String, Value>>) {
        let is_shown =
            |name: &String| self.top_level.contains(name) && !RESERVED.contains(&name.as_str());
        if self.mirror {
            let top = custom.iter().filter(|(name, _)| is_shown(name));
            let top = top
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            return (top, Some(custom));
        }
        let (top, rest): (Map<_, _>, Map<_, _>) =
            custom.into_iter().partition(|(name, _)| is_shown(name));
        (top, (self.preserve_ext && !rest.is_empty()).then_some(rest))
    }
}

/// Compat: the order of Hydra's sorted map.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a [String],
    client_id: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<Map<String, Value>>,
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
    options: &ClaimOptions,
    key: &SigningKey,
    (ref_keys, entropy): (&SealKeys, &dyn Entropy),
) -> Result<String, SigningFailed> {
    let reference = seal_reference(token, jti, ref_keys, entropy);
    let payload =
        write_claims(token, jti, issuer, options).map_err(|e| SigningFailed(e.to_string()))?;
    let header = Map::from_iter([
        ("ref".to_owned(), Value::String(reference)),
        ("typ".to_owned(), Value::String("JWT".to_owned())),
    ]);
    sign_compact(key, &header, &payload).map_err(|e| SigningFailed(e.to_string()))
}

fn seal_reference(
    token: &AccessToken,
    jti: &str,
    keys: &SealKeys,
    entropy: &dyn Entropy,
) -> String {
    let mut record = Writer::with_capacity(56);
    record.bytes(CLIENT_EPOCH, &token.client_epoch.to_le_bytes());
    record.bytes(SERVER_EPOCH, &token.server_epoch.to_le_bytes());
    if let Some(person) = &token.person {
        record.bytes(GRANT_ID, &person.grant_id);
        if let Some(refresh_id) = &person.refresh_id {
            record.bytes(REFRESH_ID, refresh_id);
        }
    }
    let mut sealed = Vec::with_capacity(112);
    keys.seal(entropy, jti.as_bytes(), &record.0, &mut sealed);
    b64::encode(&sealed)
}

fn write_claims(
    token: &AccessToken,
    jti: &str,
    issuer: &str,
    options: &ClaimOptions,
) -> serde_json::Result<Vec<u8>> {
    let iat = token.issued_at.as_secs();
    let with = |shown: bool| shown.then_some(());
    let ext = if token.ext.is_empty() {
        "{}"
    } else {
        token.ext.as_str()
    };
    let (top, ext) = options.part(serde_json::from_str(ext)?);
    let claims = Claims {
        aud: &token.audience,
        client_id: &token.client_id,
        exp: token.expires_at.as_secs(),
        ext,
        iat,
        iss: issuer,
        jti,
        nbf: with(!options.exclude_not_before).map(|()| iat),
        scope: with(options.scope_claim != ScopeClaim::List).map(|()| token.scope.as_str()),
        scp: with(options.scope_claim != ScopeClaim::Text)
            .map(|()| scope::split(&token.scope).collect()),
        sub: &token.subject,
    };
    if top.is_empty() {
        return serde_json::to_vec(&claims);
    }
    let Value::Object(mut claims) = serde_json::to_value(&claims)? else {
        return Ok(Vec::new());
    };
    for (name, value) in top {
        claims.entry(name).or_insert(value);
    }
    claims.sort_keys();
    serde_json::to_vec(&claims)
}

/// Reads the claims of a JWT whose signature was verified; `None` when it is no access token of this server.
pub fn read(jws: &Jws<'_>, issuer: &str, ref_keys: &SealKeys) -> Option<ReadToken> {
    let claims = jws.claims()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let jti = text("jti")?;
    let sealed = b64::decode(jws.header.other.get("ref")?.as_str()?).ok()?;
    let record = ref_keys.open(jti.as_bytes(), &sealed).ok()?;
    if text("iss")? != issuer {
        return None;
    }
    let times = (claims.get("iat")?.as_i64()?, claims.get("exp")?.as_i64()?);
    let mut token = AccessToken {
        issued_at: Timestamp::from_secs(times.0),
        expires_at: Timestamp::from_secs(times.1),
        scope: read_scope(&claims),
        ..AccessToken::default()
    };
    let (mut grant_id, mut refresh_id) = (None, None);
    for field in Fields(&record) {
        let (tag, value) = field?;
        match tag {
            CLIENT_EPOCH => token.client_epoch = read_number(value)?,
            SERVER_EPOCH => token.server_epoch = read_number(value)?,
            GRANT_ID => grant_id = Some(<[u8; 16]>::try_from(value).ok()?),
            REFRESH_ID => refresh_id = Some(<[u8; 16]>::try_from(value).ok()?),
            _ => return None,
        }
    }
    if let Some(grant_id) = grant_id {
        return Some(ReadToken::Person(PersonToken {
            grant_id,
            refresh_id,
            narrowed_scope: Some(token.scope),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            client_epoch: token.client_epoch,
            server_epoch: token.server_epoch,
        }));
    }
    text("client_id")?.clone_into(&mut token.client_id);
    token.subject.clone_from(&token.client_id);
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
    Some(ReadToken::Machine {
        token,
        token_id: token_id(jti.as_bytes()),
    })
}

fn read_scope(claims: &Map<String, Value>) -> String {
    match claims.get("scp") {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" "),
        _ => claims
            .get("scope")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
