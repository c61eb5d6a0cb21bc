//! What an access token says, whatever its form.

use std::time::Duration;

use crate::time::Timestamp;

/// How much longer than a token or assertion what was said of it is remembered.
pub const MARGIN: Duration = Duration::from_secs(61);

/// The content of an access token. It has no row: the sealed or signed token is its own session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessToken {
    /// The client it was issued to; for `client_credentials` the subject as well.
    pub client_id: String,
    /// Granted scopes, space separated, each once.
    pub scope: String,
    /// Granted audiences.
    pub audience: Vec<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends; whole seconds.
    pub expires_at: Timestamp,
    /// The client's epoch at issue: the token lives only while it is unchanged.
    pub client_epoch: u64,
    /// The server's epoch at issue, likewise.
    pub server_epoch: u64,
    /// Custom claims, a JSON object as text; empty when there are none.
    pub ext: String,
}

/// An access token as read back from its wire form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadToken {
    /// Its content.
    pub token: AccessToken,
    /// By what it is revoked one by one: a hash of what makes it unique.
    pub token_id: [u8; 16],
}

impl AccessToken {
    /// Whether it has ended; a token is good up to and including its last second.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.as_secs() < now.as_secs()
    }

    /// Until when a revocation must be remembered.
    ///
    /// Security: longer than `exp` says: a token is good through its last second, and clocks of several processes
    /// differ.
    pub fn revoked_until(&self) -> Timestamp {
        self.expires_at.plus(MARGIN)
    }

    /// Seconds left, rounded down: the `expires_in` of an answer.
    pub fn expires_in(&self, now: Timestamp) -> i64 {
        let left = self.expires_at.as_micros().saturating_sub(now.as_micros());
        Timestamp::from_micros(left).as_secs().max(0)
    }
}

/// The first 128 bits of a SHA-256: enough to tell tokens apart, useless to forge one.
pub(crate) fn token_id(unique: &[u8]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(
        tessera_crypto::sha256(unique)
            .first_chunk::<16>()
            .unwrap_or(&[0; 16]),
    );
    id
}
