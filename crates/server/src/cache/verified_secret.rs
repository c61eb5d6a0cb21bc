//! Secrets that passed the slow hash: only the first request with a secret pays for it.
//!
//! Security: what is kept is a digest under a random key of this process, over the client, the stored hash and the
//! presented secret. A changed hash misses by construction; failures are never kept.

use std::time::Duration;

use quick_cache::sync::Cache;
use tessera_crypto::{OsEntropy, ProcessMac};
use tessera_protocol::time::Timestamp;

/// Most secrets remembered.
const SECRETS_MAX: usize = 20_000;
/// How long a secret is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(15 * 60);

/// The cache; with `is_on` false it remembers nothing.
#[derive(Debug)]
pub(crate) struct VerifiedSecrets {
    until: Cache<[u8; 32], Timestamp>,
    digest: ProcessMac,
    is_on: bool,
}

impl VerifiedSecrets {
    /// A cache that is on or off.
    pub(crate) fn new(is_on: bool) -> Self {
        Self {
            until: Cache::new(if is_on { SECRETS_MAX } else { 0 }),
            digest: ProcessMac::new(&OsEntropy),
            is_on,
        }
    }

    fn key(&self, client_id: &str, hash: &str, secret: &str) -> [u8; 32] {
        self.digest
            .mac(&[client_id.as_bytes(), hash.as_bytes(), secret.as_bytes()])
    }

    /// Whether this secret passed one of these hashes not long ago.
    pub(crate) fn knows(
        &self,
        client_id: &str,
        hashes: &[String],
        secret: &str,
        now: Timestamp,
    ) -> bool {
        self.is_on
            && hashes.iter().any(|hash| {
                self.until
                    .get(&self.key(client_id, hash, secret))
                    .is_some_and(|until| now < until)
            })
    }

    /// Remembers that this secret passed this hash.
    pub(crate) fn remember(&self, client_id: &str, hash: &str, secret: &str, now: Timestamp) {
        if self.is_on {
            self.until
                .insert(self.key(client_id, hash, secret), now.plus(REMEMBERED_FOR));
        }
    }
}
