//! The whole configuration as one tree.

use serde::Deserialize;

use super::builtin_login::BuiltinLogin;
use super::dsn::Dsn;
use super::log::Log;
use super::oauth2::{AccessTokenStrategy, OAuth2, Strategies};
use super::oidc::{Oidc, SubjectType, Webfinger};
use super::secrets::{SecretString, Secrets};
use super::serve::Serve;
use super::ttl::Ttl;
use super::urls::Urls;

/// Everything that can be configured, with defaults filled in.
///
/// Keys without effect (`db`, `tracing`, `sqa`, `cgroups`, `profiling`, `version`) are checked and then
/// dropped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// The database; the default file when `dsn` is not set.
    #[serde(skip)]
    pub dsn: Dsn,
    #[serde(rename = "dsn")]
    pub(super) dsn_text: Option<SecretString>,
    pub dev: bool,
    /// Version 1's development mode.
    #[serde(rename = "dangerous-force-http", default)]
    pub force_http: bool,
    /// Redirect URIs that may use http.
    #[serde(rename = "dangerous-allow-insecure-redirect-urls", default)]
    pub insecure_redirect_urls: Vec<String>,
    pub storage: Storage,
    pub log: Log,
    pub serve: Serve,
    pub clients: OutgoingClients,
    pub(super) hsm: Hsm,
    pub webfinger: Webfinger,
    pub oidc: Oidc,
    #[serde(default)]
    pub urls: Urls,
    #[serde(default)]
    pub builtin_login: BuiltinLogin,
    pub strategies: Strategies,
    pub ttl: Ttl,
    pub oauth2: OAuth2,
    #[serde(default)]
    pub secrets: Secrets,
    pub feature_flags: FeatureFlags,
}

/// `storage`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Storage {
    pub sqlite: SqliteStorage,
}

/// `storage.sqlite`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SqliteStorage {
    pub synchronous: SqliteSynchronous,
}

/// `storage.sqlite.synchronous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SqliteSynchronous {
    /// An acknowledged write survives a power cut.
    Full,
    /// The last writes may be lost by a power cut.
    Normal,
}

/// `clients`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OutgoingClients {
    pub http: ClientsHttp,
}

/// `clients.http`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClientsHttp {
    pub disallow_private_ip_ranges: bool,
    /// URL patterns that may be private all the same.
    pub private_ip_exception_urls: Vec<String>,
}

/// `feature_flags`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FeatureFlags {
    pub legacy_allow_insecure_origins: bool,
}

/// `hsm`, which only may be off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Hsm {
    #[serde(default)]
    pub(super) enabled: bool,
}

impl Settings {
    /// Development mode of either generation: http is allowed, missing secrets are made.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.dev || self.force_http
    }

    /// No system secret is configured: the server makes one and keeps it. Only in development mode.
    #[must_use]
    pub fn must_generate_secret(&self) -> bool {
        self.secrets.system.is_empty()
    }

    /// Subject types to offer to a client that gets such access tokens, public first.
    ///
    /// Compat: none configured means public; JWT access tokens exclude pairwise subjects.
    #[must_use]
    pub fn subject_types(&self, access_token: AccessTokenStrategy) -> Vec<SubjectType> {
        let configured = &self.oidc.subject_identifiers.supported_types;
        let is_jwt = access_token == AccessTokenStrategy::Jwt;
        let offered = [SubjectType::Public, SubjectType::Pairwise]
            .into_iter()
            .filter(|kind| {
                configured.contains(kind) && !(is_jwt && *kind == SubjectType::Pairwise)
            });
        let offered: Vec<_> = offered.collect();
        if offered.is_empty() {
            vec![SubjectType::Public]
        } else {
            offered
        }
    }
}
