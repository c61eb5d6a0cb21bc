//! Runs slow hashes off the async threads: few at a time, in a fair queue, and equal ones once.
//!
//! Security: a caller that floods the server with wrong secrets of one client queues behind itself and leaves the
//! other clients their turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tessera_crypto::slow_hash::{self, SlowHash, SlowHashError};
use tessera_crypto::{OsEntropy, ProcessMac};
use tokio::sync::{Semaphore, broadcast};

use crate::reply::Fault;

/// Longest wait for a free place.
const QUEUE_TIME: Duration = Duration::from_secs(2);
/// Checks of one client that may be in the queue or running.
const PER_CLIENT_MAX: usize = 64;

/// The pool.
#[derive(Debug)]
pub(crate) struct HashPool {
    places: Arc<Semaphore>,
    how: SlowHash,
    cost_twin: String,
    digest: ProcessMac,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Checks in flight by what they compare; a second equal one waits for the first.
    equal: HashMap<[u8; 32], broadcast::Sender<bool>>,
    per_client: HashMap<String, usize>,
}

/// What a check compares with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Against<'a> {
    /// The stored hashes of a known client, current first.
    Hashes(&'a [String]),
    /// Nothing: the client is unknown, and the check costs one hash and fails.
    NoClient,
}

impl HashPool {
    /// With as many places as there are cores, for hashes made as `how` says.
    pub(crate) fn new(how: SlowHash) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new(cores)),
            cost_twin: slow_hash::cost_twin(&how),
            how,
            digest: ProcessMac::new(&OsEntropy),
            waiting: Mutex::default(),
        }
    }

    /// Whether `secret` matches one of the hashes; costs a hash in every case.
    pub(crate) async fn check(
        &self,
        client_id: &str,
        secret: &str,
        against: Against<'_>,
    ) -> Result<bool, Fault> {
        let (hashes, is_known) = match against {
            Against::Hashes([]) | Against::NoClient => (vec![self.cost_twin.clone()], false),
            Against::Hashes(hashes) => (hashes.to_vec(), true),
        };
        let mut parts = vec![client_id.as_bytes(), secret.as_bytes()];
        parts.extend(hashes.iter().map(String::as_bytes));
        let key = self.digest.mac(&parts);
        let Some(turn) = self.enter(client_id, key)? else {
            return Err(Fault::temporary(
                "too many secret checks of one client are waiting",
            ));
        };
        let own = match turn {
            Turn::Follow(mut leader) => match leader.recv().await {
                Ok(matched) => return Ok(matched),
                // The leader gave up; do the work alone.
                Err(_) => None,
            },
            Turn::Lead(place) => Some(place),
        };
        let secret = secret.to_owned();
        let matched = self
            .run(move || {
                hashes
                    .iter()
                    .any(|hash| slow_hash::verify(secret.as_bytes(), hash))
            })
            .await?
            && is_known;
        if let Some(own) = own {
            // No follower is no error.
            let _ = own.answer.send(matched);
        }
        Ok(matched)
    }

    /// Hashes a new secret as configured.
    pub(crate) async fn hash(
        &self,
        secret: String,
    ) -> Result<Result<String, SlowHashError>, Fault> {
        let how = self.how;
        self.run(move || slow_hash::hash(secret.as_bytes(), &how, &OsEntropy))
            .await
    }

    /// Runs other CPU-heavy work, such as making a key, under the same bound.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let place = tokio::time::timeout(QUEUE_TIME, Arc::clone(&self.places).acquire_owned())
            .await
            .map_err(|_| Fault::temporary("all places for slow hashes are taken"))?
            .map_err(|_| Fault::permanent("the hash pool is closed"))?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        })
        .await
        .map_err(|e| Fault::permanent(format!("a slow hash failed: {e}")))
    }

    fn enter(&self, client_id: &str, key: [u8; 32]) -> Result<Option<Turn<'_>>, Fault> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = waiting.equal.get(&key) {
            return Ok(Some(Turn::Follow(leader.subscribe())));
        }
        let count = waiting.per_client.entry(client_id.to_owned()).or_insert(0);
        if *count >= PER_CLIENT_MAX {
            return Ok(None);
        }
        *count = count.saturating_add(1);
        let (answer, _) = broadcast::channel(1);
        waiting.equal.insert(key, answer.clone());
        drop(waiting);
        Ok(Some(Turn::Lead(Place {
            pool: self,
            client_id: client_id.to_owned(),
            key,
            answer,
        })))
    }
}

enum Turn<'p> {
    Lead(Place<'p>),
    Follow(broadcast::Receiver<bool>),
}

/// A place in the queue; given back on drop, also when the request is cancelled.
struct Place<'p> {
    pool: &'p HashPool,
    client_id: String,
    key: [u8; 32],
    answer: broadcast::Sender<bool>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self
            .pool
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.equal.remove(&self.key);
        if let Some(count) = waiting.per_client.get_mut(&self.client_id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.per_client.remove(&self.client_id);
            }
        }
    }
}
