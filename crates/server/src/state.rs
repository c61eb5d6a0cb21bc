//! Everything a handler may use, built once.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tessera_crypto::jose::Alg;
use tessera_crypto::{Keyring, OsEntropy, Purpose, SealKeys, Secret, random_bytes};
use tessera_protocol::registration::Rules;
use tessera_protocol::scope::ScopeStrategy;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::jwt_access::{ClaimOptions, ScopeClaim};
use tessera_store::Store;
use tokio::sync::Notify;

use crate::cache::clients::ClientCache;
use crate::cache::in_flight::InFlight;
use crate::cache::jwks_fetch::JwksFetch;
use crate::cache::keys::{KeyCache, KeySet};
use crate::cache::verified_secret::VerifiedSecrets;
use crate::config::{self, AccessTokenStrategy, Dsn, Settings};
use crate::cookies::Cookies;
use crate::egress::{Egress, EgressError};
use crate::endpoint::discovery;
use crate::hash_pool::HashPool;
use crate::metrics::Metrics;
use crate::reply::{self, ErrorStyle, Fault};
use crate::users::Users;
use crate::{clock, ids, watch};

/// A shared handle; what handlers get.
pub(crate) type App = Arc<AppState>;

/// The state behind [`App`].
pub(crate) struct AppState {
    /// The configuration, as it was checked at start.
    pub settings: Settings,
    /// `iss`: the published string, byte for byte.
    pub issuer: String,
    /// The announced authorization endpoint.
    pub auth_url: String,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Registered clients.
    pub clients: ClientCache,
    /// Signing keys.
    pub keys: KeyCache,
    /// Secrets that passed the slow hash.
    pub verified: VerifiedSecrets,
    /// Where slow hashes run.
    pub hash_pool: HashPool,
    /// Key sets of clients.
    pub jwks: JwksFetch,
    /// Request objects that are being fetched.
    pub request_objects: InFlight<Result<String, EgressError>>,
    /// Outbound requests.
    pub egress: Egress,
    /// What is counted.
    pub metrics: Metrics,
    /// What seals tokens and page tokens.
    pub seals: Seals,
    /// What a registration must keep to.
    pub rules: Rules,
    /// What the browser keeps for us.
    pub cookies: Cookies,
    /// Who may log in at this server itself; `None` while other pages do that.
    pub users: Option<Arc<Users>>,
    /// Wakes the sender of logout notices.
    pub logout_notices: Notify,
    /// Scope matching.
    pub scope_strategy: ScopeStrategy,
    /// Claims of JWT access tokens.
    pub claims: ClaimOptions,
    /// Accepted `aud` values of client assertions.
    pub assertion_audiences: Vec<String>,
    /// How errors are shown.
    pub error_style: ErrorStyle,
    /// The metadata document, printed once.
    pub discovery: Bytes,
    /// What `/version` says.
    pub version: &'static str,
    /// Where this process is in the change log.
    pub log_position: watch::Position,
    server_epoch: AtomicU64,
    /// Whether the server has begun to shut down.
    pub is_draining: std::sync::atomic::AtomicBool,
}

/// Keys by what they seal.
pub(crate) struct Seals {
    /// Opaque access tokens.
    pub access: SealKeys,
    /// The `ref` of JWT access tokens.
    pub reference: SealKeys,
    /// Page tokens.
    pub page: SealKeys,
    /// Refresh tokens.
    pub refresh: SealKeys,
    /// Authorization codes.
    pub code: SealKeys,
    /// Flows in URLs.
    pub challenge: SealKeys,
    /// What apps and hooks gave, in the database.
    pub session: SealKeys,
}

impl AppState {
    /// Builds the state over a store that is ready. With no configured secret the generated one is used, which the
    /// settings allow only in development.
    pub(crate) async fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        users: Option<Arc<Users>>,
        version: &'static str,
    ) -> Result<Self, Fault> {
        // The position comes first: what changes from now on is read from the log, whatever is read below.
        let log = store.changes_since(0).await?;
        let log_position = watch::Position::at_start(log.position, clock::now());
        let keyring = keyring(&settings, &*store).await?;
        let alg = match settings.strategies.signing_alg {
            config::SigningAlgorithm::Rs256 => Alg::RS256,
            config::SigningAlgorithm::Es256 => Alg::ES256,
            config::SigningAlgorithm::EdDsa => Alg::EdDSA,
        };
        let keys = KeyCache::new(keyring.seal_keys(Purpose::KeyAtRest), alg);
        let resealed = keys.reseal(&*store).await?;
        if resealed > 0 {
            tracing::info!(
                keys = resealed,
                "Signing keys were sealed again under the newest system secret."
            );
        }
        let proposed = u64::from_le_bytes(random_bytes::<8>(&OsEntropy)) | 1;
        let server_epoch = store
            .server_epoch(proposed)
            .await
            .map_err(|e| Fault::temporary(format!("the server epoch cannot be read: {e}")))?;
        Ok(Self {
            issuer: settings.issuer(),
            auth_url: settings.auth_url(),
            clients: ClientCache::default(),
            keys,
            verified: VerifiedSecrets::new(settings.oauth2.hashers.remember_verified),
            hash_pool: HashPool::new(settings.oauth2.hashers.slow_hash()),
            jwks: JwksFetch::default(),
            request_objects: InFlight::default(),
            egress: egress(&settings)?,
            metrics: Metrics::default(),
            seals: seals(&settings, &keyring)?,
            cookies: Cookies::new(&settings, &keyring)?,
            users,
            logout_notices: Notify::new(),
            rules: rules(&settings),
            scope_strategy: match settings.strategies.scope {
                config::ScopeStrategy::Exact => ScopeStrategy::Exact,
                config::ScopeStrategy::Wildcard => ScopeStrategy::Wildcard,
                config::ScopeStrategy::Hierarchical => ScopeStrategy::Hierarchic,
            },
            claims: claim_options(&settings),
            assertion_audiences: assertion_audiences(&settings),
            error_style: ErrorStyle {
                expose_debug: settings.oauth2.expose_internal_errors,
                legacy_fields: settings.oauth2.include_legacy_error_fields,
            },
            discovery: Bytes::from(reply::with_newline(reply::to_json(&discovery::metadata(
                &settings, alg,
            )))),
            version,
            log_position,
            server_epoch: AtomicU64::new(server_epoch),
            is_draining: false.into(),
            store,
            settings,
        })
    }

    /// The server's token epoch, at most a second old.
    pub(crate) fn server_epoch(&self) -> u64 {
        self.server_epoch.load(Ordering::Acquire)
    }

    /// Reads the epoch again after the change log said that it changed.
    pub(crate) async fn reload_server_epoch(&self) -> Result<(), tessera_store::StoreError> {
        let epoch = self.store.server_epoch(self.server_epoch()).await?;
        self.server_epoch.store(epoch, Ordering::Release);
        Ok(())
    }

    /// Fresh random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        random_bytes::<N>(&OsEntropy)
    }

    /// A fresh id of a row.
    pub(crate) fn fresh_id(&self) -> [u8; 16] {
        ids::fresh(clock::now(), &self.random())
    }

    /// The keys of a set; made when there are none.
    pub(crate) async fn key_set(&self, set: &str, now: Timestamp) -> Result<KeySet, Fault> {
        self.key_set_of(set, self.keys.alg(), now).await
    }

    /// The same with another algorithm than the server's own.
    pub(crate) async fn key_set_of(
        &self,
        set: &str,
        alg: Alg,
        now: Timestamp,
    ) -> Result<KeySet, Fault> {
        let (store, pool) = (&*self.store, &self.hash_pool);
        self.keys.load(store, pool, (set, alg), now).await
    }

    /// The keys of a set that may not be there.
    pub(crate) async fn known_key_set(&self, set: &str) -> Result<KeySet, Fault> {
        self.keys.load_existing(&*self.store, set).await
    }
}

async fn keyring(settings: &Settings, store: &dyn Store) -> Result<Keyring, Fault> {
    let mut secrets: Vec<Secret<String>> = settings
        .secrets
        .system
        .iter()
        .map(|secret| secret.secret().clone())
        .collect();
    if secrets.is_empty() {
        secrets.push(generated_secret(settings, store).await?);
    }
    Keyring::new(&secrets).map_err(|e| Fault::permanent(format!("secrets.system: {e}")))
}

/// The secret of a server that was given none: made once, and kept beside the SQLite file, so that a backup of the
/// file does not hold it, or in a row of another engine's database.
async fn generated_secret(settings: &Settings, store: &dyn Store) -> Result<Secret<String>, Fault> {
    let mut proposed = String::new();
    tessera_crypto::b64::encode_into(&random_bytes::<32>(&OsEntropy), &mut proposed);
    let (secret, place) = match &settings.dsn {
        Dsn::SqliteFile { path, .. } => {
            let mut file = path.clone().into_os_string();
            file.push(".secret");
            let file = PathBuf::from(file);
            let kept = secret_file(&file, &proposed)
                .map_err(|e| Fault::permanent(format!("'{}': {e}", file.display())))?;
            (kept, format!("in '{}'", file.display()))
        }
        _ => {
            let kept = store.generated_secret(&proposed).await.map_err(|e| {
                Fault::temporary(format!("the generated secret cannot be kept: {e}"))
            })?;
            (kept, "in the database".to_owned())
        }
    };
    tracing::warn!(
        "No secrets.system is configured, so one was generated and is kept {place}. Set SECRETS_SYSTEM before \
         production."
    );
    Ok(Secret::new(secret))
}

/// What the file holds; a file that is not there is made with `proposed`, by the first of several processes.
fn secret_file(file: &Path, proposed: &str) -> std::io::Result<String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // Written under another name and linked, so that nobody reads half a secret and the first one wins.
    let draft = file.with_extension(format!("secret.{}", std::process::id()));
    let mut writer = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    writer.write_all(proposed.as_bytes())?;
    writer.sync_all()?;
    let linked = std::fs::hard_link(&draft, file);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(std::fs::read_to_string(file)?.trim().to_owned()),
    }
}

/// Page tokens have secrets of their own where `secrets.pagination` is set.
fn page_keys(settings: &Settings, keyring: &Keyring) -> Result<SealKeys, Fault> {
    let own: Vec<Secret<String>> = settings
        .secrets
        .pagination
        .iter()
        .map(|secret| secret.secret().clone())
        .collect();
    if own.is_empty() {
        return Ok(keyring.seal_keys(Purpose::PageToken));
    }
    Keyring::new(&own)
        .map(|own| own.seal_keys(Purpose::PageToken))
        .map_err(|e| Fault::permanent(format!("secrets.pagination: {e}")))
}

fn egress(settings: &Settings) -> Result<Egress, Fault> {
    let http = &settings.clients.http;
    Egress::new(
        http.disallow_private_ip_ranges,
        &http.private_ip_exception_urls,
    )
    .map_err(|e| Fault::permanent(format!("outbound HTTP cannot be set up: {e}")))
}

fn seals(settings: &Settings, keyring: &Keyring) -> Result<Seals, Fault> {
    Ok(Seals {
        access: keyring.seal_keys(Purpose::AccessToken),
        reference: keyring.seal_keys(Purpose::TokenRef),
        page: page_keys(settings, keyring)?,
        refresh: keyring.seal_keys(Purpose::RefreshToken),
        code: keyring.seal_keys(Purpose::AuthorizationCode),
        challenge: keyring.seal_keys(Purpose::Challenge),
        session: keyring.seal_keys(Purpose::SessionAtRest),
    })
}

fn claim_options(settings: &Settings) -> ClaimOptions {
    ClaimOptions {
        scope_claim: match settings.strategies.jwt.scope_claim {
            config::ScopeClaim::List => ScopeClaim::List,
            config::ScopeClaim::String => ScopeClaim::Text,
            config::ScopeClaim::Both => ScopeClaim::Both,
        },
        exclude_not_before: settings.oauth2.exclude_not_before_claim,
        top_level: settings.oauth2.allowed_top_level_claims.clone(),
        mirror: settings.oauth2.mirror_top_level_claims,
        preserve_ext: settings.oauth2.preserve_ext_claims,
    }
}

fn rules(settings: &Settings) -> Rules {
    let configured = &settings.oidc.dynamic_client_registration.default_scope;
    Rules {
        default_scope: if configured.is_empty() {
            "offline_access offline openid".to_owned()
        } else {
            configured.join(" ")
        },
        opaque_subject_types: discovery::subject_types(settings, AccessTokenStrategy::Opaque),
        jwt_subject_types: discovery::subject_types(settings, AccessTokenStrategy::Jwt),
        jwt_access_tokens: settings.strategies.access_token == AccessTokenStrategy::Jwt,
    }
}

/// Compat: Hydra accepts the token URL alone; we accept the issuer as well, which FAPI and RFC 9126 ask for.
fn assertion_audiences(settings: &Settings) -> Vec<String> {
    let mut audiences = settings.token_urls();
    audiences.push(settings.issuer());
    audiences
}
