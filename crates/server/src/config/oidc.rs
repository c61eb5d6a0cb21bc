//! OpenID Connect and discovery: `oidc` and `webfinger`.

use serde::Deserialize;

use super::secrets::SecretString;

/// Shortest salt of pairwise subjects, in bytes.
pub(super) const PAIRWISE_SALT_MIN: usize = 8;

/// `oidc`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Oidc {
    pub subject_identifiers: SubjectIdentifiers,
    pub dynamic_client_registration: DynamicClientRegistration,
    pub session_management: SessionManagement,
}

/// `oidc.subject_identifiers`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubjectIdentifiers {
    /// As configured; [`super::Settings::subject_types`] has what is offered.
    pub supported_types: Vec<SubjectType>,
    pub pairwise: Option<Pairwise>,
}

/// One of `oidc.subject_identifiers.supported_types`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectType {
    Public,
    Pairwise,
}

impl SubjectType {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Pairwise => "pairwise",
        }
    }
}

/// `oidc.subject_identifiers.pairwise`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pairwise {
    pub salt: SecretString,
}

/// `oidc.dynamic_client_registration`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DynamicClientRegistration {
    pub enabled: bool,
    /// Scope of any client created without one.
    pub default_scope: Vec<String>,
}

/// `oidc.session_management`; the reference server has none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SessionManagement {
    pub enabled: bool,
}

/// `webfinger`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Webfinger {
    pub jwks: WebfingerJwks,
    pub oidc_discovery: OidcDiscovery,
}

/// `webfinger.jwks`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WebfingerJwks {
    pub broadcast_keys: Vec<String>,
}

/// `webfinger.oidc_discovery`; the URL methods of [`super::Settings`] fill in what is unset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OidcDiscovery {
    pub jwks_url: Option<String>,
    pub token_url: Option<String>,
    pub auth_url: Option<String>,
    pub device_authorization_url: Option<String>,
    pub client_registration_url: Option<String>,
    pub userinfo_url: Option<String>,
    /// Announced after `sub`.
    pub supported_claims: Vec<String>,
    /// Announced after `offline_access`, `offline` and `openid`.
    pub supported_scope: Vec<String>,
}
