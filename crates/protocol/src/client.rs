//! The OAuth 2.0 client as it is registered, stored and shown.
//!
//! Spec: RFC 7591 2 (client metadata), OpenID Connect Dynamic Client Registration 1.0 2

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_crypto::jose::Jwk;

use crate::time::{Lifespan, Timestamp};

/// The client object of the admin API: every registered member, in the order of the wire.
///
/// It is also the stored document. What must never be shown (secret hashes, epoch) is in [`ClientRecord`].
///
/// Compat: members whose absence Hydra shows as `null`, `[]`, `""` or by leaving them out follow its rules one by
/// one; `None` in the four optional lists is the `null` that a create or replace answer echoes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// Identifier, unique on this server; any text, never empty once stored.
    pub client_id: String,
    /// Name shown to people.
    pub client_name: String,
    /// Clear-text secret: present in a request that sets one and in the answer that shows it, never stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Registered redirect URIs.
    pub redirect_uris: Option<Vec<String>>,
    /// Grant types the client may use; empty behaves as `authorization_code`.
    pub grant_types: Option<Vec<String>>,
    /// Response types the client may use; empty behaves as `code`.
    pub response_types: Option<Vec<String>>,
    /// Scopes the client may ask for, space separated.
    pub scope: String,
    /// Audiences the client may ask for.
    pub audience: Vec<String>,
    /// Free text for the operator's own bookkeeping.
    pub owner: String,
    /// Privacy policy.
    pub policy_uri: String,
    /// Origins allowed to call the public endpoints from a browser.
    pub allowed_cors_origins: Vec<String>,
    /// Terms of service.
    pub tos_uri: String,
    /// Home page.
    pub client_uri: String,
    /// Logo.
    pub logo_uri: String,
    /// People responsible for the client.
    pub contacts: Option<Vec<String>>,
    /// Always 0: secrets do not expire.
    pub client_secret_expires_at: i64,
    /// `public` or `pairwise`.
    pub subject_type: String,
    /// Names the sector of a pairwise client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sector_identifier_uri: String,
    /// Where the client publishes its keys.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwks_uri: String,
    /// The client's keys by value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<ClientJwks>,
    /// How the client authenticates at the token endpoint; any text is kept.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_endpoint_auth_method: String,
    /// The only algorithm accepted for client assertions; empty means any supported one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_endpoint_auth_signing_alg: String,
    /// Registered request URIs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// The only algorithm accepted for request objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_object_signing_alg: String,
    /// The algorithm of ID tokens; empty for the server's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id_token_signed_response_alg: String,
    /// `none` or the algorithm of signed userinfo.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub userinfo_signed_response_alg: String,
    /// When the client was created. Shown in whole seconds, kept to the microsecond: grants know their client by it, and
    /// one that is deleted and made anew within a second is another.
    #[serde(serialize_with = "whole_seconds")]
    pub created_at: Timestamp,
    /// When the client was last changed.
    pub updated_at: Timestamp,
    /// Front-channel logout.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub frontchannel_logout_uri: String,
    /// Whether front-channel logout carries `iss` and `sid`.
    #[serde(skip_serializing_if = "is_false")]
    pub frontchannel_logout_session_required: bool,
    /// Where the browser may be sent after logout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Back-channel logout.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub backchannel_logout_uri: String,
    /// Whether back-channel logout tokens must carry `sid`.
    #[serde(skip_serializing_if = "is_false")]
    pub backchannel_logout_session_required: bool,
    /// Any JSON the operator wants to keep with the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "present")]
    pub metadata: Option<Value>,
    /// Token that manages this registration; shown once, never stored.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub registration_access_token: String,
    /// Where this registration is managed; shown once, never stored.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub registration_client_uri: String,
    /// `jwt`, `opaque`, or empty for the server's setting.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access_token_strategy: String,
    /// Whether the consent app may skip its page.
    pub skip_consent: bool,
    /// Whether the logout app may skip its page.
    pub skip_logout_consent: Option<bool>,
    /// Where a third party may start a login at the client; https only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub initiate_login_uri: String,
    /// Per-grant lifespans.
    #[serde(flatten)]
    pub lifespans: Lifespans,
}

impl ClientMetadata {
    /// Whether the client's access tokens are JWTs; `by_default` is the server's setting.
    pub fn gets_jwt(&self, by_default: bool) -> bool {
        match self.access_token_strategy.as_str() {
            "jwt" => true,
            "opaque" => false,
            _ => by_default,
        }
    }
}

/// A key set as registered: `{}` and `{"keys":[…]}` are different on the wire, so both can be said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientJwks {
    /// The keys; `None` shows as `{}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Jwk>>,
}

/// Equal when they print equally.
impl PartialEq for ClientJwks {
    fn eq(&self, other: &Self) -> bool {
        serde_json::to_value(self).ok() == serde_json::to_value(other).ok()
    }
}

impl ClientJwks {
    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.keys.as_ref().is_none_or(Vec::is_empty)
    }
}

/// Per-grant lifespans of a client; `None` means the server's setting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named by its grant and token")]
pub struct Lifespans {
    pub authorization_code_grant_access_token_lifespan: Option<Lifespan>,
    pub authorization_code_grant_id_token_lifespan: Option<Lifespan>,
    pub authorization_code_grant_refresh_token_lifespan: Option<Lifespan>,
    pub client_credentials_grant_access_token_lifespan: Option<Lifespan>,
    pub implicit_grant_access_token_lifespan: Option<Lifespan>,
    pub implicit_grant_id_token_lifespan: Option<Lifespan>,
    pub jwt_bearer_grant_access_token_lifespan: Option<Lifespan>,
    /// Compat: v1 alone shows the two password members; the outer `None` leaves them out.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub password_grant_access_token_lifespan: Option<Option<Lifespan>>,
    /// Compat: as above.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub password_grant_refresh_token_lifespan: Option<Option<Lifespan>>,
    pub refresh_token_grant_id_token_lifespan: Option<Lifespan>,
    pub refresh_token_grant_access_token_lifespan: Option<Lifespan>,
    pub refresh_token_grant_refresh_token_lifespan: Option<Lifespan>,
    pub device_authorization_grant_id_token_lifespan: Option<Lifespan>,
    pub device_authorization_grant_access_token_lifespan: Option<Lifespan>,
    pub device_authorization_grant_refresh_token_lifespan: Option<Lifespan>,
}

/// A client as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientRecord {
    /// What may be shown; `client_secret`, `registration_access_token` and `registration_client_uri` are empty.
    pub metadata: ClientMetadata,
    /// The current secret's slow hash first, then the rotated ones that still authenticate, newest first.
    pub secret_hashes: Vec<String>,
    /// SHA-256 of the registration access token, if there is one.
    pub registration_token_hash: Option<[u8; 32]>,
    /// 64 random bits that every access token of this client carries; a new value ends them all.
    pub token_epoch: u64,
    /// A random value, new with every write: the optimistic version, and the id by which a repeated write
    /// recognises its own row.
    pub version: u64,
}

fn whole_seconds<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Serialize::serialize(&time.whole_seconds(), serializer)
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Tells a member that is present with `null` from one that is absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// `token_endpoint_auth_method`, as far as this server acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// Id and secret by HTTP Basic.
    ClientSecretBasic,
    /// Id and secret in the form.
    ClientSecretPost,
    /// An assertion signed with the client's own key.
    PrivateKeyJwt,
    /// A public client.
    None,
    /// Any other text: the client cannot authenticate.
    Other,
}

/// A registered client as requests use it: an immutable snapshot with what is looked up prepared.
#[derive(Debug, Clone)]
pub struct Client {
    record: ClientRecord,
    auth_method: AuthMethod,
}

impl Client {
    /// Prepares a stored client.
    pub fn new(record: ClientRecord) -> Self {
        let auth_method = match record.metadata.token_endpoint_auth_method.as_str() {
            "" | "client_secret_basic" => AuthMethod::ClientSecretBasic,
            "client_secret_post" => AuthMethod::ClientSecretPost,
            "private_key_jwt" => AuthMethod::PrivateKeyJwt,
            "none" => AuthMethod::None,
            _ => AuthMethod::Other,
        };
        Self {
            record,
            auth_method,
        }
    }

    /// The stored form.
    pub const fn record(&self) -> &ClientRecord {
        &self.record
    }

    /// The registered members.
    pub const fn metadata(&self) -> &ClientMetadata {
        &self.record.metadata
    }

    /// The client's id.
    pub fn id(&self) -> &str {
        &self.record.metadata.client_id
    }

    /// How it authenticates.
    pub const fn auth_method(&self) -> AuthMethod {
        self.auth_method
    }

    /// The registered text of the method.
    pub fn auth_method_name(&self) -> &str {
        match self.record.metadata.token_endpoint_auth_method.as_str() {
            "" => "client_secret_basic",
            name => name,
        }
    }

    /// Whether it cannot keep a secret.
    pub const fn is_public(&self) -> bool {
        matches!(self.auth_method, AuthMethod::None)
    }

    /// Whether it is registered for a grant type; without any it is for `authorization_code` alone.
    pub fn allows_grant(&self, grant_type: &str) -> bool {
        match self.record.metadata.grant_types.as_deref() {
            None | Some([]) => grant_type == "authorization_code",
            Some(registered) => registered.iter().any(|known| known == grant_type),
        }
    }
}
