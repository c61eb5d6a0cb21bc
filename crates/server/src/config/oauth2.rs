//! Protocol behaviour: `oauth2` and `strategies`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use tessera_crypto::SlowHash;

use super::duration;
use super::secrets::SecretString;

/// Upper limit of the grace period of refresh token rotation without a reuse count.
///
/// Compat: the same limits as the reference server.
pub(super) const ROTATION_GRACE_MAX: Duration = Duration::from_secs(5 * 60);
/// Upper limit of that grace period when a reuse count bounds it.
pub(super) const ROTATION_GRACE_COUNTED_MAX: Duration = Duration::from_secs(180 * 24 * 3600);

/// `strategies`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Strategies {
    pub scope: ScopeStrategy,
    pub access_token: AccessTokenStrategy,
    pub jwt: JwtStrategy,
    pub signing_alg: SigningAlgorithm,
}

/// `strategies.scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ScopeStrategy {
    #[serde(rename = "wildcard")]
    Wildcard,
    #[serde(rename = "exact")]
    Exact,
    /// Version 1 only: `a` allows `a.b`.
    #[serde(rename = "DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY")]
    Hierarchical,
}

/// `strategies.access_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessTokenStrategy {
    Opaque,
    Jwt,
}

/// `strategies.jwt`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JwtStrategy {
    pub scope_claim: ScopeClaim,
}

/// `strategies.jwt.scope_claim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeClaim {
    /// `scp`, an array.
    List,
    /// `scope`, a string.
    String,
    Both,
}

/// `strategies.signing_alg`: algorithm of keys that the server generates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SigningAlgorithm {
    /// With keys of 2048 bits.
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// `oauth2`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OAuth2 {
    pub expose_internal_errors: bool,
    /// Version 1's extra members of error answers.
    pub include_legacy_error_fields: bool,
    pub session: Session,
    pub exclude_not_before_claim: bool,
    pub allowed_top_level_claims: Vec<String>,
    pub mirror_top_level_claims: bool,
    pub preserve_ext_claims: bool,
    pub public_introspection: bool,
    pub token_prefix: TokenPrefix,
    pub hashers: Hashers,
    pub pkce: Pkce,
    pub client_credentials: ClientCredentials,
    pub grant: Grant,
    pub device_authorization: DeviceAuthorization,
    pub token_hook: Option<Webhook>,
    pub refresh_token_hook: Option<Webhook>,
}

/// `oauth2.session`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Session {
    pub encrypt_at_rest: bool,
}

/// `oauth2.token_prefix`; all four differ.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenPrefix {
    pub access: String,
    pub refresh: String,
    pub code: String,
    pub device: String,
}

/// A letter, up to 14 letters, digits or `_`, and a `_` that ends the prefix.
pub(super) fn is_token_prefix(text: &str) -> bool {
    const LEN_MAX: usize = 16;
    text.len() <= LEN_MAX
        && text.len() > 1
        && text.ends_with('_')
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `oauth2.hashers`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hashers {
    pub algorithm: HashAlgorithm,
    pub bcrypt: Bcrypt,
    pub pbkdf2: Pbkdf2,
    pub remember_verified: bool,
}

impl Hashers {
    /// How new secrets are hashed.
    #[must_use]
    pub const fn slow_hash(&self) -> SlowHash {
        match self.algorithm {
            HashAlgorithm::Pbkdf2 => SlowHash::Pbkdf2 {
                iterations: self.pbkdf2.iterations,
            },
            HashAlgorithm::Bcrypt => SlowHash::Bcrypt {
                cost: self.bcrypt.cost,
            },
        }
    }
}

/// `oauth2.hashers.algorithm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    Pbkdf2,
    Bcrypt,
}

/// `oauth2.hashers.bcrypt`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Bcrypt {
    /// 4 to 31.
    pub cost: u32,
}

/// `oauth2.hashers.pbkdf2`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pbkdf2 {
    pub iterations: u32,
}

/// `oauth2.pkce`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pkce {
    pub enforced: bool,
    pub enforced_for_public_clients: bool,
}

/// `oauth2.client_credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClientCredentials {
    pub default_grant_allowed_scope: bool,
}

/// `oauth2.grant`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Grant {
    pub refresh_token: RefreshTokenGrant,
    pub jwt: JwtGrant,
}

/// `oauth2.grant.refresh_token`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefreshTokenGrant {
    /// Zero is strict. At most 5 minutes, with a reuse count 180 days.
    #[serde(deserialize_with = "duration::deserialize")]
    pub rotation_grace_period: Duration,
    /// 0 sets no limit.
    pub rotation_grace_reuse_count: u32,
}

/// `oauth2.grant.jwt`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JwtGrant {
    pub jti_optional: bool,
    pub iat_optional: bool,
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_ttl: Duration,
    pub omit_assertion_audience: bool,
}

/// `oauth2.device_authorization`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeviceAuthorization {
    #[serde(deserialize_with = "duration::deserialize")]
    pub token_polling_interval: Duration,
    #[serde(default)]
    pub user_code: UserCode,
}

/// `oauth2.device_authorization.user_code`; a length comes with a character set and without a preset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct UserCode {
    pub entropy_preset: Option<EntropyPreset>,
    pub length: Option<usize>,
    pub character_set: Option<String>,
}

/// `oauth2.device_authorization.user_code.entropy_preset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntropyPreset {
    /// 8 letters and digits, without those that look alike.
    High,
    /// 8 upper-case letters.
    Medium,
    /// 9 digits.
    Low,
}

/// `oauth2.token_hook` and `oauth2.refresh_token_hook`; written as a URL or as an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    /// `None`: the call carries no credential.
    pub api_key: Option<ApiKey>,
}

/// The credential of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub place: ApiKeyPlace,
    /// Name of the header or cookie.
    pub name: String,
    pub value: SecretString,
}

/// Where a webhook's key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiKeyPlace {
    Header,
    Cookie,
}

impl<'de> Deserialize<'de> for Webhook {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(rename = "in")]
            place: Option<ApiKeyPlace>,
            name: String,
            value: SecretString,
        }
        #[derive(Deserialize)]
        struct Auth {
            config: Config,
        }
        #[derive(Deserialize)]
        struct Object {
            url: String,
            auth: Option<Auth>,
        }
        let value = serde_json::Value::deserialize(source)?;
        if let serde_json::Value::String(url) = value {
            return Ok(Self { url, api_key: None });
        }
        let object: Object = serde_json::from_value(value).map_err(de::Error::custom)?;
        // Compat: without `in` no credential is sent.
        let api_key = object.auth.and_then(|auth| {
            let Config { place, name, value } = auth.config;
            place.map(|place| ApiKey { place, name, value })
        });
        Ok(Self {
            url: object.url,
            api_key,
        })
    }
}
