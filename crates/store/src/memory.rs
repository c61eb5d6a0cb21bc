//! The executable specification: simple, correct, slow; for tests only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tessera_protocol::client::ClientRecord;
use tessera_protocol::time::Timestamp;

use crate::{
    CHANGES_KEPT_MICROS, CHANGES_LISTED_MAX, Changed, Changes, Claim, ClaimOutcome, ClientFilter,
    Clients, CreateClient, Grants, KeyRow, Keys, Liveness, Page, Readiness, ReplaceClient, Replay,
    StoreResult, TokenAnchor, Upkeep, check_client, check_key, check_list, check_text,
};

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    clients: BTreeMap<String, ClientRecord>,
    revoked_tokens: BTreeMap<[u8; 16], Timestamp>,
    keys: BTreeMap<(String, String), KeyRow>,
    used_once: BTreeMap<(i16, [u8; 32]), Spent>,
    server_epoch: Option<u64>,
    generated_secret: Option<String>,
    changes: BTreeMap<u64, Changed>,
    last_change: u64,
    marked_change: u64,
    marked_at: Timestamp,
}

#[derive(Debug)]
struct Spent {
    attempt: u64,
    expires_at: Timestamp,
}

impl Default for State {
    fn default() -> Self {
        Self {
            clients: BTreeMap::new(),
            revoked_tokens: BTreeMap::new(),
            keys: BTreeMap::new(),
            used_once: BTreeMap::new(),
            server_epoch: None,
            generated_secret: None,
            changes: BTreeMap::new(),
            // Position 0 means "nowhere yet", so the log starts after it.
            last_change: 1,
            marked_change: 0,
            marked_at: Timestamp::from_micros(i64::MIN),
        }
    }
}

impl State {
    fn log(&mut self, changed: Changed) {
        self.last_change += 1;
        self.changes.insert(self.last_change, changed);
    }

    fn keys_of(&self, set: &str) -> Vec<KeyRow> {
        let mut keys: Vec<KeyRow> = self
            .keys
            .values()
            .filter(|k| k.set == set)
            .cloned()
            .collect();
        keys.sort_by(|a, b| {
            b.created_at
                .cmp(&a.created_at)
                .then_with(|| a.kid.cmp(&b.kid))
        });
        keys
    }

    /// Deletes the generation of the change log that has been marked for long enough, then marks the next.
    fn delete_old_changes(&mut self, now: Timestamp, limit: usize) -> usize {
        let kept_since = now.as_micros().saturating_sub(CHANGES_KEPT_MICROS);
        if self.marked_at.as_micros() > kept_since {
            return 0;
        }
        let old: Vec<u64> = self
            .changes
            .range(..=self.marked_change)
            .map(|(seq, _)| *seq)
            .collect();
        for seq in old.iter().take(limit) {
            self.changes.remove(seq);
        }
        if old.len() <= limit {
            self.marked_change = self.last_change;
            self.marked_at = now;
        }
        old.len().min(limit)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clients for MemoryStore {
    async fn create_client(&self, record: &ClientRecord) -> StoreResult<CreateClient> {
        check_client(record)?;
        let mut state = self.state();
        if let Some(stored) = state.clients.get(&record.metadata.client_id) {
            return Ok(if stored.version == record.version {
                CreateClient::Done
            } else {
                CreateClient::IdTaken
            });
        }
        let client_id = record.metadata.client_id.clone();
        state.clients.insert(client_id.clone(), record.clone());
        state.log(Changed::Client(client_id));
        Ok(CreateClient::Done)
    }

    async fn find_client(&self, client_id: &str) -> StoreResult<Option<ClientRecord>> {
        check_text(client_id)?;
        Ok(self.state().clients.get(client_id).cloned())
    }

    async fn list_clients(
        &self,
        filter: &ClientFilter,
        page: &Page,
    ) -> StoreResult<Vec<ClientRecord>> {
        check_list(filter, page)?;
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let is_wanted = |record: &&ClientRecord| {
            filter
                .name
                .as_ref()
                .is_none_or(|name| *name == record.metadata.client_name)
                && filter
                    .owner
                    .as_ref()
                    .is_none_or(|owner| *owner == record.metadata.owner)
                && page
                    .after
                    .as_ref()
                    .is_none_or(|after| record.metadata.client_id > *after)
        };
        let state = self.state();
        let wanted = state.clients.values().filter(is_wanted);
        Ok(wanted
            .skip(offset)
            .take(page.limit as usize)
            .cloned()
            .collect())
    }

    async fn count_clients(&self) -> StoreResult<u64> {
        Ok(self.state().clients.len() as u64)
    }

    async fn replace_client(
        &self,
        record: &ClientRecord,
        expected_version: u64,
    ) -> StoreResult<ReplaceClient> {
        check_client(record)?;
        let mut state = self.state();
        let Some(stored) = state.clients.get_mut(&record.metadata.client_id) else {
            return Ok(ReplaceClient::Unknown);
        };
        if stored.version == record.version {
            return Ok(ReplaceClient::Done);
        }
        if stored.version != expected_version {
            return Ok(ReplaceClient::Changed);
        }
        let mut replacement = record.clone();
        replacement.metadata.created_at = stored.metadata.created_at;
        replacement.token_epoch = stored.token_epoch;
        *stored = replacement;
        state.log(Changed::Client(record.metadata.client_id.clone()));
        Ok(ReplaceClient::Done)
    }

    async fn delete_client(&self, client_id: &str) -> StoreResult<bool> {
        check_text(client_id)?;
        let mut state = self.state();
        let existed = state.clients.remove(client_id).is_some();
        if existed {
            state.log(Changed::Client(client_id.to_owned()));
        }
        Ok(existed)
    }

    async fn renew_token_epoch(&self, client_id: &str, token_epoch: u64) -> StoreResult<()> {
        check_text(client_id)?;
        let mut state = self.state();
        if let Some(stored) = state.clients.get_mut(client_id) {
            stored.token_epoch = token_epoch;
            state.log(Changed::Client(client_id.to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Grants for MemoryStore {
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness> {
        let state = self.state();
        let client = state.clients.get(anchor.client_id);
        let is_live = client.is_some_and(|client| client.token_epoch == anchor.client_epoch)
            && state.server_epoch == Some(anchor.server_epoch)
            && !state.revoked_tokens.contains_key(&anchor.token_id);
        Ok(if is_live {
            Liveness::Live
        } else {
            Liveness::Revoked
        })
    }

    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()> {
        self.state()
            .revoked_tokens
            .entry(token_id)
            .or_insert(expires_at);
        Ok(())
    }
}

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

#[async_trait]
impl Replay for MemoryStore {
    async fn claim(&self, claim: &Claim, now: Timestamp) -> StoreResult<ClaimOutcome> {
        let mut state = self.state();
        let value = (claim.single_use.code(), claim.value_hash);
        if let Some(spent) = state.used_once.get(&value)
            && spent.expires_at >= now
            && spent.attempt != claim.attempt
        {
            return Ok(ClaimOutcome::Replayed);
        }
        let spent = Spent {
            attempt: claim.attempt,
            expires_at: claim.expires_at,
        };
        state.used_once.insert(value, spent);
        Ok(ClaimOutcome::Fresh)
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    async fn readiness(&self) -> StoreResult<Readiness> {
        Ok(Readiness::Ready)
    }

    async fn server_epoch(&self, proposed: u64) -> StoreResult<u64> {
        Ok(*self.state().server_epoch.get_or_insert(proposed))
    }

    async fn renew_server_epoch(&self, epoch: u64) -> StoreResult<()> {
        let mut state = self.state();
        state.server_epoch = Some(epoch);
        state.log(Changed::ServerEpoch);
        Ok(())
    }

    async fn generated_secret(&self, proposed: &str) -> StoreResult<String> {
        check_text(proposed)?;
        Ok(self
            .state()
            .generated_secret
            .get_or_insert_with(|| proposed.to_owned())
            .clone())
    }

    async fn changes_since(&self, position: u64) -> StoreResult<Changes> {
        let state = self.state();
        let last = state.last_change;
        if position == 0 || position == last {
            return Ok(Changes {
                position: last,
                changes: Some(Vec::new()),
            });
        }
        let listed: Vec<Changed> = state
            .changes
            .range(position.saturating_add(1)..)
            .map(|(_, c)| c.clone())
            .collect();
        let missing = last.checked_sub(position);
        let is_whole = missing == Some(listed.len() as u64) && listed.len() <= CHANGES_LISTED_MAX;
        Ok(Changes {
            position: last,
            changes: is_whole.then_some(listed),
        })
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        let limit = limit as usize;
        let mut state = self.state();
        let tokens: Vec<[u8; 16]> = state
            .revoked_tokens
            .iter()
            .filter(|(_, expires_at)| **expires_at < now)
            .map(|(id, _)| *id)
            .take(limit)
            .collect();
        for id in &tokens {
            state.revoked_tokens.remove(id);
        }
        let values: Vec<(i16, [u8; 32])> = state
            .used_once
            .iter()
            .filter(|(_, spent)| spent.expires_at < now)
            .map(|(value, _)| *value)
            .take(limit - tokens.len())
            .collect();
        for value in &values {
            state.used_once.remove(value);
        }
        let deleted = tokens.len() + values.len();
        let changes = state.delete_old_changes(now, limit - deleted);
        Ok((deleted + changes) as u64)
    }
}
