//! Signing keys: unsealed and parsed once.
//!
//! Freshness: the change log, as for clients; an unknown `kid` reads the log first.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tessera_crypto::jose::{Alg, Jwk, SigningKey, VerifyingKey, generate};
use tessera_crypto::{OsEntropy, SealKeys};
use tessera_protocol::time::Timestamp;
use tessera_store::{KeyRow, Store};
use uuid::Uuid;

use crate::hash_pool::HashPool;
use crate::reply::Fault;

/// Keys that sign ID tokens.
pub(crate) const ID_TOKEN_SET: &str = "hydra.openid.id-token";
/// Keys that sign JWT access tokens.
pub(crate) const ACCESS_TOKEN_SET: &str = "hydra.jwt.access-token";

/// One key of a set, newest first.
#[derive(Debug)]
pub(crate) struct Key {
    /// The public half.
    pub public: Jwk,
    /// Signs.
    pub signing: SigningKey,
    /// Verifies what it signed.
    pub verifying: VerifyingKey,
}

/// A set, newest key first.
pub(crate) type KeySet = Arc<Vec<Key>>;

/// The cache.
#[derive(Debug)]
pub(crate) struct KeyCache {
    sets: RwLock<Sets>,
    seal: SealKeys,
    alg: Alg,
    making: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Sets {
    loaded: HashMap<String, KeySet>,
    evictions: u64,
}

impl KeyCache {
    /// `seal` protects keys at rest; `alg` is the algorithm of keys that are made.
    pub(crate) fn new(seal: SealKeys, alg: Alg) -> Self {
        Self {
            sets: RwLock::default(),
            seal,
            alg,
            making: tokio::sync::Mutex::default(),
        }
    }

    /// The algorithm of keys that are made unless another is asked for.
    pub(crate) const fn alg(&self) -> Alg {
        self.alg
    }

    /// The set, with a first key made when there is none.
    pub(crate) async fn load(
        &self,
        store: &dyn Store,
        pool: &HashPool,
        (set, alg): (&str, Alg),
        now: Timestamp,
    ) -> Result<KeySet, Fault> {
        let before = {
            let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(keys) = sets.loaded.get(set) {
                return Ok(Arc::clone(keys));
            }
            sets.evictions
        };
        let mut rows = store.keys(set).await?;
        if rows.is_empty() {
            // One request makes the key; those that came meanwhile find it.
            let _turn = self.making.lock().await;
            rows = store.keys(set).await?;
            if rows.is_empty() {
                rows = self.make_first(store, pool, (set, alg), now).await?;
            }
        }
        self.keep(set, &rows, before)
    }

    /// The set as it is: a key that is not there is not made.
    pub(crate) async fn load_existing(
        &self,
        store: &dyn Store,
        set: &str,
    ) -> Result<KeySet, Fault> {
        let before = {
            let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(keys) = sets.loaded.get(set) {
                return Ok(Arc::clone(keys));
            }
            sets.evictions
        };
        let rows = store.keys(set).await?;
        match rows.is_empty() {
            // Absence is never cached.
            true => Ok(KeySet::default()),
            false => self.keep(set, &rows, before),
        }
    }

    fn keep(&self, set: &str, rows: &[KeyRow], before: u64) -> Result<KeySet, Fault> {
        let keys = Arc::new(
            rows.iter()
                .map(|row| self.unseal(row))
                .collect::<Result<Vec<_>, Fault>>()?,
        );
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if sets.evictions == before {
            sets.loaded.insert(set.to_owned(), Arc::clone(&keys));
        }
        Ok(keys)
    }

    /// Forgets one set.
    pub(crate) fn evict(&self, set: &str) {
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        sets.evictions = sets.evictions.wrapping_add(1);
        sets.loaded.remove(set);
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        sets.evictions = sets.evictions.wrapping_add(1);
        sets.loaded.clear();
    }

    /// Seals again what an older secret sealed, so that the secret may go. Answers how many keys that were.
    pub(crate) async fn reseal(&self, store: &dyn Store) -> Result<usize, Fault> {
        let mut count = 0_usize;
        for row in store.all_keys().await? {
            if self.seal.sealed_with_newest(&row.sealed_jwk) {
                continue;
            }
            let plain = self.open(&row)?;
            let renewed = KeyRow {
                sealed_jwk: self.sealed(&row.set, &row.kid, &plain),
                ..row.clone()
            };
            if store.reseal_key(&renewed, &row.sealed_jwk).await? {
                count = count.saturating_add(1);
            }
        }
        Ok(count)
    }

    async fn make_first(
        &self,
        store: &dyn Store,
        pool: &HashPool,
        (set, alg): (&str, Alg),
        now: Timestamp,
    ) -> Result<Vec<KeyRow>, Fault> {
        let kid = Uuid::new_v4().to_string();
        let made = {
            let kid = kid.clone();
            pool.run(set, move || generate(alg, &kid, &OsEntropy))
                .await?
        };
        let jwk =
            made.map_err(|e| Fault::permanent(format!("no signing key could be made: {e}")))?;
        let plain = serde_json::to_vec(&jwk).map_err(|e| Fault::permanent(e.to_string()))?;
        let row = KeyRow {
            sealed_jwk: self.sealed(set, &kid, &plain),
            set: set.to_owned(),
            kid,
            created_at: now,
        };
        let rows = store.insert_first_key(&row).await?;
        tracing::info!(
            set,
            alg = alg.as_str(),
            "A first signing key was made for this set."
        );
        Ok(rows)
    }

    fn sealed(&self, set: &str, kid: &str, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.seal
            .seal(&OsEntropy, &bound_to(set, kid), plain, &mut sealed);
        sealed
    }

    fn open(&self, row: &KeyRow) -> Result<Vec<u8>, Fault> {
        self.seal.open(&bound_to(&row.set, &row.kid), &row.sealed_jwk).map_err(|_| {
            Fault::permanent(format!(
                "key '{}' of set '{}' cannot be opened: no secret in secrets.system sealed it; put the \
                 former secret back at the end of the list",
                row.kid, row.set
            ))
        })
    }

    fn unseal(&self, row: &KeyRow) -> Result<Key, Fault> {
        let unusable = |why: &dyn std::fmt::Display| {
            Fault::permanent(format!(
                "key '{}' of set '{}' is unusable: {why}",
                row.kid, row.set
            ))
        };
        let jwk: Jwk = serde_json::from_slice(&self.open(row)?).map_err(|e| unusable(&e))?;
        let signing = SigningKey::from_jwk(&jwk).map_err(|e| unusable(&e))?;
        let public = jwk.public();
        let verifying = VerifyingKey::from_jwk(&public, signing.alg()).map_err(|e| unusable(&e))?;
        Ok(Key {
            public,
            signing,
            verifying,
        })
    }
}

/// What a sealed key is bound to, so that rows cannot be exchanged.
fn bound_to(set: &str, kid: &str) -> Vec<u8> {
    [set.as_bytes(), &[0], kid.as_bytes()].concat()
}
