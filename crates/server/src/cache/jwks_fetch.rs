//! Key sets that clients publish at their `jwks_uri`.
//!
//! Freshness: five minutes; a `kid` that is not in the set fetches again, at most once in ten seconds per URL. A
//! failed fetch is remembered as long. Fetches of one URL are shared.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tessera_crypto::jose::{Jwk, JwkSet};
use tessera_protocol::time::Timestamp;
use tokio::sync::Mutex;

use crate::clock;
use crate::egress::{Egress, EgressError};

/// Most URLs remembered.
const URLS_MAX: usize = 2_000;
/// How long a set is good.
const FRESH_FOR: Duration = Duration::from_secs(5 * 60);
/// How long at least between two fetches that an unknown `kid` causes, and how long a failure is remembered.
const PAUSE: Duration = Duration::from_secs(10);

type Fetched = Result<Arc<Vec<Jwk>>, EgressError>;
type Slot = Arc<Mutex<Option<Known>>>;

/// What is known of one URL.
#[derive(Debug)]
struct Known {
    fetched_at: Timestamp,
    fetched: Fetched,
    /// When an unknown `kid` last caused a fetch.
    missed_at: Option<Timestamp>,
}

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
        let Ok(slot) = self
            .slots
            .get_or_insert_with(url, || Ok::<_, Infallible>(Slot::default()));
        // Held while fetching: whoever comes meanwhile gets the same answer.
        let mut slot = slot.lock().await;
        let mut missed_at = None;
        if let Some(known) = slot.as_ref() {
            missed_at = known.missed_at;
            match &known.fetched {
                Ok(keys) if now < known.fetched_at.plus(FRESH_FOR) => {
                    let has_it = kid.is_none_or(|kid| keys.iter().any(|key| key.kid == kid));
                    if has_it || missed_at.is_some_and(|missed| now < missed.plus(PAUSE)) {
                        return known.fetched.clone();
                    }
                    missed_at = Some(now);
                }
                Err(_) if now < known.fetched_at.plus(PAUSE) => return known.fetched.clone(),
                _ => {}
            }
        }
        let fetched = match (fetch(egress, url).await, slot.take()) {
            // What was good a moment ago stays good while its host cannot be asked.
            (
                Err(_),
                Some(Known {
                    fetched: Ok(keys),
                    fetched_at,
                    ..
                }),
            ) if now < fetched_at.plus(FRESH_FOR) => {
                *slot = Some(Known {
                    fetched_at,
                    fetched: Ok(Arc::clone(&keys)),
                    missed_at,
                });
                return Ok(keys);
            }
            (fetched, _) => fetched,
        };
        *slot = Some(Known {
            fetched_at: clock::now(),
            fetched: fetched.clone(),
            missed_at,
        });
        fetched
    }
}

async fn fetch(egress: &Egress, url: &str) -> Fetched {
    let body = egress.fetch(url).await?;
    let set: JwkSet = serde_json::from_slice(&body)
        .map_err(|e| format!("'{url}' holds no JSON Web Key Set: {e}"))?;
    Ok(Arc::new(set.keys))
}
