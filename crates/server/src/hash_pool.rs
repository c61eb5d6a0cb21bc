//! Runs slow hashes off the async threads: few at a time, fairly among clients, and equal checks once.
//!
//! Security: a caller that floods the server with wrong secrets of one client, or with clients that do not exist,
//! waits in turn with everyone else and not in front of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tessera_crypto::slow_hash::{self, SlowHash, SlowHashError};
use tessera_crypto::{OsEntropy, ProcessMac};
use tokio::sync::broadcast;

use crate::fair_queue::{FairQueue, TooMany};
use crate::reply::Fault;

/// Longest wait for a free place.
const QUEUE_TIME: Duration = Duration::from_secs(2);

/// The pool.
#[derive(Debug)]
pub(crate) struct HashPool {
    places: Arc<FairQueue>,
    how: SlowHash,
    cost_twin: String,
    digest: ProcessMac,
    /// Checks in flight by what they compare; a second equal one waits for the first.
    in_flight: Mutex<HashMap<[u8; 32], broadcast::Sender<Option<usize>>>>,
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
            places: FairQueue::new(cores),
            cost_twin: slow_hash::cost_twin(&how),
            how,
            digest: ProcessMac::new(&OsEntropy),
            in_flight: Mutex::default(),
        }
    }

    /// The index of the hash that `secret` matches; costs a hash in every case.
    pub(crate) async fn check(
        &self,
        client_id: &str,
        secret: &str,
        against: Against<'_>,
    ) -> Result<Option<usize>, Fault> {
        // Unknown clients are one party, whatever names a caller makes up.
        let (party, hashes, is_known) = match against {
            Against::Hashes(hashes) if !hashes.is_empty() => (client_id, hashes.to_vec(), true),
            Against::Hashes(_) | Against::NoClient => ("", vec![self.cost_twin.clone()], false),
        };
        let mut parts = vec![client_id.as_bytes(), secret.as_bytes()];
        parts.extend(hashes.iter().map(String::as_bytes));
        let key = self.digest.mac(&parts);
        let lead = loop {
            match self.enter(key) {
                Turn::Lead(lead) => break lead,
                Turn::Follow(mut leader) => {
                    // A leader that gave up answers nothing; one of its followers takes its place.
                    if let Ok(matched) = leader.recv().await {
                        return Ok(matched);
                    }
                }
            }
        };
        let secret = secret.to_owned();
        let matched = self
            .run(party, move || {
                hashes
                    .iter()
                    .position(|hash| slow_hash::verify(secret.as_bytes(), hash))
            })
            .await?
            .filter(|_| is_known);
        // No follower is no error.
        let _ = lead.answer.send(matched);
        Ok(matched)
    }

    /// Hashes a new secret as configured.
    pub(crate) async fn hash(
        &self,
        client_id: &str,
        secret: String,
    ) -> Result<Result<String, SlowHashError>, Fault> {
        let how = self.how;
        self.run(client_id, move || {
            slow_hash::hash(secret.as_bytes(), &how, &OsEntropy)
        })
        .await
    }

    /// Runs other CPU-heavy work, such as making a key, under the same bound.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        party: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let place = tokio::time::timeout(QUEUE_TIME, self.places.place(party))
            .await
            .map_err(|_| Fault::overload("all places for slow hashes are taken"))?
            .map_err(|TooMany| Fault::overload("too many secret checks of one client wait"))?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        })
        .await
        .map_err(|e| Fault::permanent(format!("a slow hash failed: {e}")))
    }

    fn enter(&self, key: [u8; 32]) -> Turn<'_> {
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = in_flight.get(&key) {
            return Turn::Follow(leader.subscribe());
        }
        let (answer, _) = broadcast::channel(1);
        in_flight.insert(key, answer.clone());
        Turn::Lead(Lead {
            pool: self,
            key,
            answer,
        })
    }
}

enum Turn<'p> {
    Lead(Lead<'p>),
    Follow(broadcast::Receiver<Option<usize>>),
}

/// The check that others wait for; it ends on drop, also when the request is cancelled.
struct Lead<'p> {
    pool: &'p HashPool,
    key: [u8; 32],
    answer: broadcast::Sender<Option<usize>>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut in_flight = self
            .pool
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_flight.remove(&self.key);
    }
}
