//! Key sets that clients publish at their `jwks_uri`.
//!
//! Freshness: five minutes; a `kid` that is not in the set fetches again, at most once in ten seconds per URL. A
//! failed fetch is remembered as long. Fetches of one URL are shared.
//!
//! Invariant: a slow host holds up those who need what only it can say: neither other URLs, nor keys that are known.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tessera_crypto::jose::{Jwk, JwkSet};
use tessera_protocol::time::Timestamp;

use crate::clock;
use crate::egress::{Egress, EgressError};

/// Most URLs remembered.
const URLS_MAX: usize = 2_000;
/// How long a set is good.
const FRESH_FOR: Duration = Duration::from_secs(5 * 60);
/// How long at least between two fetches that an unknown `kid` causes, and how long a failure is remembered.
const PAUSE: Duration = Duration::from_secs(10);

type Fetched = Result<Arc<Vec<Jwk>>, EgressError>;

/// One URL.
#[derive(Debug, Default)]
struct Slot {
    /// Held for a moment only.
    known: Mutex<Option<Known>>,
    /// Held while fetching: whoever comes meanwhile, and does not find what they need, waits for the same answer.
    fetching: tokio::sync::Mutex<()>,
}

/// What is known of one URL.
#[derive(Debug, Clone)]
struct Known {
    fetched_at: Timestamp,
    fetched: Fetched,
    /// When an unknown `kid` last caused a fetch.
    missed_at: Option<Timestamp>,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct JwksFetch {
    slots: Cache<String, Arc<Slot>>,
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
            .get_or_insert_with(url, || Ok::<_, Infallible>(Arc::default()));
        if let Some(known) = slot.answer(kid, now) {
            return known;
        }
        let _fetching = slot.fetching.lock().await;
        if let Some(known) = slot.answer(kid, now) {
            return known;
        }
        let fetched = fetch(egress, url).await;
        slot.keep(fetched, now)
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be said without a fetch.
    fn answer(&self, kid: Option<&str>, now: Timestamp) -> Option<Fetched> {
        let known = self.lock();
        let known = known.as_ref()?;
        let is_good = match &known.fetched {
            Ok(keys) if now < known.fetched_at.plus(FRESH_FOR) => {
                let has_it = kid.is_none_or(|kid| keys.iter().any(|key| key.kid == kid));
                has_it || known.missed_at.is_some_and(|at| now < at.plus(PAUSE))
            }
            Ok(_) => false,
            Err(_) => now < known.fetched_at.plus(PAUSE),
        };
        is_good.then(|| known.fetched.clone())
    }

    /// Takes what a fetch gave. Answers what is good now.
    fn keep(&self, fetched: Fetched, now: Timestamp) -> Fetched {
        let mut slot = self.lock();
        let before = slot.take();
        // Keys that were fresh and did not do: the fetch was for a `kid` that they lack.
        let fresh = before
            .as_ref()
            .filter(|known| known.fetched.is_ok() && now < known.fetched_at.plus(FRESH_FOR));
        let missed_at = match fresh {
            Some(_) => Some(clock::now()),
            None => before.as_ref().and_then(|known| known.missed_at),
        };
        let known = match (fetched, fresh) {
            // What was good a moment ago stays good while its host cannot be asked.
            (Err(_), Some(fresh)) => Known {
                missed_at,
                ..fresh.clone()
            },
            (fetched, _) => Known {
                fetched_at: clock::now(),
                fetched,
                missed_at,
            },
        };
        let answer = known.fetched.clone();
        *slot = Some(known);
        answer
    }
}

async fn fetch(egress: &Egress, url: &str) -> Fetched {
    let body = egress.fetch(url).await?;
    let set: JwkSet = serde_json::from_slice(&body)
        .map_err(|e| format!("'{url}' holds no JSON Web Key Set: {e}"))?;
    Ok(Arc::new(set.keys))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A host whose first answer is a set with the key `one`, and that gives no other answer for an hour.
    async fn host() -> (String, Arc<AtomicUsize>) {
        const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 1024]).await;
                    if number > 0 {
                        tokio::time::sleep(Duration::from_secs(3_600)).await;
                    }
                    let length = SET.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                    );
                    let _ = stream.write_all(format!("{head}{SET}").as_bytes()).await;
                });
            }
        });
        (url, calls)
    }

    #[tokio::test]
    async fn a_slow_host_does_not_hold_up_keys_that_are_known() {
        let egress = Egress::new(false, &[]).unwrap();
        let cache = JwksFetch::default();
        let ((slow, calls), (other, _)) = (host().await, host().await);
        let now = clock::now();
        let ask = |url, kid| cache.keys(&egress, url, Some(kid), now);
        let (first, second) = tokio::join!(ask(&slow, "one"), ask(&slow, "one"));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(calls.load(Ordering::Relaxed), 1, "shared");
        let unknown = async { tokio::join!(ask(&slow, "two"), ask(&slow, "three")) };
        tokio::pin!(unknown);
        let begun = tokio::time::timeout(Duration::from_millis(500), &mut unknown).await;
        assert!(begun.is_err(), "it is being fetched");
        let known = async { tokio::join!(ask(&slow, "one"), ask(&other, "one")) };
        let known = tokio::time::timeout(Duration::from_secs(1), known).await;
        let (same, other) = known.unwrap();
        assert!(same.is_ok() && other.is_ok());
        let (two, three) = unknown.await;
        assert!(two.is_ok() && three.is_ok(), "the old set stays good");
        assert_eq!(calls.load(Ordering::Relaxed), 2, "shared");
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_while() {
        let egress = Egress::new(false, &[]).unwrap();
        let cache = JwksFetch::default();
        let now = clock::now();
        let url = "http://127.0.0.1:1/jwks";
        assert!(cache.keys(&egress, url, None, now).await.is_err());
        let slot = cache.slots.get(url).unwrap();
        assert!(slot.answer(None, now).is_some_and(|known| known.is_err()));
        let later = clock::now().plus(PAUSE);
        assert!(slot.answer(None, later).is_none());
    }
}
