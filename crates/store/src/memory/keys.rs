//! Key sets in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{Changed, KeyRow, Keys, StoreResult, check_key, check_text};

#[async_trait]
impl Keys for MemoryStore {
    async fn keys(&self, set: &str) -> StoreResult<Vec<KeyRow>> {
        check_text(set)?;
        Ok(self.state().keys_of(set))
    }

    async fn insert_first_key(&self, key: &KeyRow) -> StoreResult<Vec<KeyRow>> {
        check_key(key)?;
        let mut state = self.state();
        if state.keys_of(&key.set).is_empty() {
            state
                .keys
                .insert((key.set.clone(), key.kid.clone()), key.clone());
            state.log(Changed::KeySet(key.set.clone()));
        }
        Ok(state.keys_of(&key.set))
    }

    async fn reseal_key(&self, key: &KeyRow, expected: &[u8]) -> StoreResult<bool> {
        check_key(key)?;
        let mut state = self.state();
        let Some(stored) = state.keys.get_mut(&(key.set.clone(), key.kid.clone())) else {
            return Ok(false);
        };
        if stored.sealed_jwk == expected {
            stored.sealed_jwk.clone_from(&key.sealed_jwk);
        }
        Ok(stored.sealed_jwk == key.sealed_jwk)
    }

    async fn all_keys(&self) -> StoreResult<Vec<KeyRow>> {
        let state = self.state();
        let mut sets: Vec<&String> = state.keys.keys().map(|(set, _)| set).collect();
        sets.dedup();
        Ok(sets
            .into_iter()
            .flat_map(|set| state.keys_of(set))
            .collect())
    }
}
