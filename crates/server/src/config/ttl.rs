//! Lifetimes.

use std::time::Duration;

use serde::Deserialize;

use super::duration;

/// Longest life of a remembered login, whatever is configured.
///
/// Compat: the same cap as the reference server.
pub(crate) const AUTHENTICATION_SESSION_MAX: Duration = Duration::from_secs(180 * 24 * 3600);

/// `ttl`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ttl {
    #[serde(deserialize_with = "duration::deserialize")]
    pub login_consent_request: Duration,
    /// At most 180 days.
    #[serde(deserialize_with = "duration::deserialize")]
    pub authentication_session: Duration,
    #[serde(deserialize_with = "duration::deserialize")]
    pub access_token: Duration,
    /// `None`: refresh tokens never expire.
    #[serde(deserialize_with = "duration::deserialize_or_never")]
    pub refresh_token: Option<Duration>,
    #[serde(deserialize_with = "duration::deserialize")]
    pub id_token: Duration,
    #[serde(deserialize_with = "duration::deserialize")]
    pub auth_code: Duration,
    /// Of device codes and user codes.
    #[serde(deserialize_with = "duration::deserialize")]
    pub device_user_code: Duration,
}
