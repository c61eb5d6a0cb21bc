//! The executable specification: simple, correct, slow; for tests only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tessera_protocol::client::ClientRecord;
use tessera_protocol::grant::record::{
    CodeId, CodeRecord, GrantId, GrantRecord, LoginSession, RefreshId, RefreshRecord, SessionId,
};
use tessera_protocol::time::Timestamp;

use crate::{Changed, Claim, KeyRow, LogoutNotice, Pending};

mod clients;
mod grant_pages;
mod grants;
mod keys;
mod sessions;
mod upkeep;

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    clients: BTreeMap<String, ClientRecord>,
    revoked_tokens: BTreeMap<[u8; 16], Timestamp>,
    grants: BTreeMap<GrantId, KeptGrant>,
    codes: BTreeMap<CodeId, KeptCode>,
    refresh_tokens: BTreeMap<RefreshId, KeptRefresh>,
    /// The newest remembered grant of a person, the key's first part, and a client.
    remembered: BTreeMap<(String, String), GrantId>,
    login_sessions: BTreeMap<SessionId, LoginSession>,
    pending: BTreeMap<[u8; 16], Pending>,
    notices: BTreeMap<[u8; 16], LogoutNotice>,
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
struct KeptGrant {
    record: GrantRecord,
    /// `created_at` of the client that it belongs to; one that is made anew has another.
    client_born: Timestamp,
    tokens_revoked: bool,
    /// When clean-up looks at it next.
    swept_at: Timestamp,
}

#[derive(Debug)]
struct KeptCode {
    record: CodeRecord,
    used_by: Option<u64>,
    kept_until: Timestamp,
}

#[derive(Debug)]
struct KeptRefresh {
    record: RefreshRecord,
    used_by: Option<u64>,
    first_used_at: Option<Timestamp>,
    used_times: u32,
    kept_until: Timestamp,
    swept_at: Timestamp,
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
            grants: BTreeMap::new(),
            codes: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            remembered: BTreeMap::new(),
            login_sessions: BTreeMap::new(),
            pending: BTreeMap::new(),
            notices: BTreeMap::new(),
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

    /// The attempt that spent a value, unless the row has expired.
    fn spent_by(&self, claim: &Claim, now: Timestamp) -> Option<u64> {
        let value = (claim.single_use.code(), claim.value_hash);
        let spent = self.used_once.get(&value);
        spent
            .filter(|spent| spent.expires_at >= now)
            .map(|spent| spent.attempt)
    }

    fn spend(&mut self, claim: &Claim) {
        let spent = Spent {
            attempt: claim.attempt,
            expires_at: claim.expires_at,
        };
        let value = (claim.single_use.code(), claim.value_hash);
        self.used_once.insert(value, spent);
    }

    /// Whether the client of a grant still is the one that it was given to.
    fn has_client(&self, grant: &KeptGrant) -> bool {
        let client = self.clients.get(&grant.record.client_id);
        client.is_some_and(|client| client.metadata.created_at == grant.client_born)
    }

    /// Whether the grant still issues tokens.
    fn is_live(&self, grant: &KeptGrant) -> bool {
        let is_of_epoch = self.server_epoch == Some(grant.record.server_epoch);
        !grant.tokens_revoked && is_of_epoch && self.has_client(grant)
    }

    fn live_grant(&self, grant_id: GrantId) -> Option<&KeptGrant> {
        let grant = self.grants.get(&grant_id)?;
        self.is_live(grant).then_some(grant)
    }

    /// Revokes every token of a grant.
    fn revoke(&mut self, grant_id: GrantId) {
        if let Some(grant) = self.grants.get_mut(&grant_id) {
            grant.tokens_revoked = true;
        }
    }

    /// Deletes grants and what they remember.
    fn delete_grants(&mut self, is_meant: impl Fn(&GrantRecord) -> bool) {
        self.grants.retain(|_, grant| !is_meant(&grant.record));
        let State {
            remembered, grants, ..
        } = self;
        remembered.retain(|_, grant_id| grants.contains_key(grant_id));
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
