//! Configuration: files, flags and environment variables, checked as a whole, then immutable.
//!
//! [`load`] lays the sources over each other (defaults, files, flags, environment; later ones win),
//! checks the result against `schema.json`, reads it once into [`Settings`], and applies the rules
//! that a schema cannot say. Every problem is reported, not only the first.
//!
//! Compat: keys, names of variables, defaults and precedence are those of the reference server, both
//! generations; keys that only version 1 had load with a warning.
//! Security: secrets are [`SecretString`]s, and no message shows one. Outside development mode there
//! is no start without an https issuer and a system secret.
//! Invariant: nothing here reads the clock, the network or the process environment; the caller hands
//! the variables in.

mod builtin_login;
mod check;
mod cors;
mod dsn;
mod duration;
mod environment;
mod file_report;
mod layers;
mod load;
mod log;
mod oauth2;
mod oidc;
mod problem;
mod reference;
mod schema;
mod secrets;
mod serve;
mod settings;
mod spelling;
mod tls;
mod ttl;
mod urls;
mod warn;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use builtin_login::BuiltinLogin;
pub use check::Serving;
pub use cors::Cors;
pub use dsn::{Dsn, DsnError, Pool, state_directory};
pub use file_report::{FileReport, check_file};
pub(crate) use layers::parse as parse_document;
pub use load::{Loaded, Sources, UsersFile, load, load_dsn, load_users_file};
pub use log::{Log, LogFormat, LogLevel};
pub use oauth2::{
    AccessTokenStrategy, ApiKey, ApiKeyPlace, Bcrypt, ClientCredentials, DeviceAuthorization,
    EntropyPreset, Grant, HashAlgorithm, Hashers, JwtGrant, JwtStrategy, OAuth2, Pbkdf2, Pkce,
    RefreshTokenGrant, ScopeClaim, ScopeStrategy, Session, SigningAlgorithm, Strategies,
    TokenPrefix, UserCode, Webhook,
};
pub use oidc::{
    DynamicClientRegistration, Oidc, OidcDiscovery, Pairwise, SubjectIdentifiers, SubjectType,
    Webfinger, WebfingerJwks,
};
pub use problem::{ConfigErrors, Problem};
pub use reference::reference_markdown;
pub use schema::SCHEMA_JSON;
pub use secrets::{SecretString, Secrets};
pub use serve::{
    AdminAuth, CookieNames, CookiePaths, Cookies, ListenAddress, Listener, RequestLog, SameSite,
    Serve, Socket,
};
pub use settings::{
    ClientsHttp, FeatureFlags, OutgoingClients, Settings, SqliteStorage, SqliteSynchronous, Storage,
};
pub use tls::{Cidr, NotCidr, PemSettings, PemSource, Tls, TlsSettings};
pub(crate) use ttl::AUTHENTICATION_SESSION_MAX;
pub use ttl::Ttl;
pub use urls::{DeviceUrls, IdentityProvider, OwnUrls, Urls, join};
