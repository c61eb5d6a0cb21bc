//! Key sets that clients publish at their `jwks_uri`.
//!
//! Freshness: five minutes; a `kid` that is not in the set fetches again, at most once in ten seconds per URL.
//! A failed fetch is remembered for ten seconds. Fetches of one URL are shared.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tessera_crypto::jose::{Jwk, JwkSet};
use tessera_protocol::time::Timestamp;
use tokio::sync::Mutex;

use crate::egress::{Egress, EgressError};

/// Most URLs remembered.
const URLS_MAX: usize = 2_000;
/// How long a set is good.
const FRESH_FOR: Duration = Duration::from_secs(5 * 60);
/// How long at least between two fetches of one URL.
const PAUSE: Duration = Duration::from_secs(10);

type Fetched = Result<Arc<Vec<Jwk>>, EgressError>;
type Slot = Arc<Mutex<Option<(Timestamp, Fetched)>>>;

/// The cache.
#[derive(Debug)]
pub(crate) struct JwksFetch {
    slots: Cache<String, Slot>,
}

impl Default for JwksFetch {
    fn default() -> Self {
        Self {
            slots: Cache::new(URLS_MAX),
        }
    }
}

impl JwksFetch {
    /// The keys at `url`, fetched if they are old or lack `kid`.
    pub(crate) async fn keys(
        &self,
        egress: &Egress,
        url: &str,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Fetched {
        let slot = match self.slots.get(url) {
            Some(slot) => slot,
            None => {
                let slot = Slot::default();
                self.slots.insert(url.to_owned(), Arc::clone(&slot));
                slot
            }
        };
        // Held while fetching: whoever comes meanwhile gets the same answer.
        let mut slot = slot.lock().await;
        if let Some((fetched_at, fetched)) = slot.as_ref() {
            let paused = now < fetched_at.plus(PAUSE);
            let usable = match fetched {
                Ok(keys) => {
                    let lacks = kid.is_some_and(|kid| !keys.iter().any(|key| key.kid == kid));
                    now < fetched_at.plus(FRESH_FOR) && (!lacks || paused)
                }
                Err(_) => paused,
            };
            if usable {
                return fetched.clone();
            }
        }
        let fetched = fetch(egress, url).await;
        *slot = Some((now, fetched.clone()));
        fetched
    }
}

async fn fetch(egress: &Egress, url: &str) -> Fetched {
    let body = egress.fetch(url).await?;
    let set: JwkSet = serde_json::from_slice(&body)
        .map_err(|e| format!("'{url}' holds no JSON Web Key Set: {e}"))?;
    Ok(Arc::new(set.keys))
}
