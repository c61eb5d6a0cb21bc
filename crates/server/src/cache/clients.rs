//! Clients by id.
//!
//! Freshness: a change by this process is seen at once, by another within a second (the change log); after ten
//! seconds without the log everything is dropped. Absence is never cached.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;
use tessera_protocol::client::Client;
use tessera_store::{Store, StoreError};

/// Most clients kept.
const CLIENTS_MAX: usize = 10_000;

/// The cache.
#[derive(Debug)]
pub(crate) struct ClientCache {
    clients: Cache<Box<str>, Arc<Client>>,
    /// Counts evictions, so that a client read before one is not kept after it.
    evictions: AtomicU64,
}

impl Default for ClientCache {
    fn default() -> Self {
        Self {
            clients: Cache::new(CLIENTS_MAX),
            evictions: AtomicU64::new(0),
        }
    }
}

impl ClientCache {
    /// The client, from memory or from the store.
    pub(crate) async fn load(
        &self,
        store: &dyn Store,
        client_id: &str,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some(client) = self.clients.get(client_id) {
            return Ok(Some(client));
        }
        // No database can hold such an id, so no client has it.
        if client_id.contains('\0') {
            return Ok(None);
        }
        let before = self.evictions.load(Ordering::SeqCst);
        let Some(record) = store.find_client(client_id).await? else {
            return Ok(None);
        };
        let client = Arc::new(Client::new(record));
        self.clients.insert(client_id.into(), Arc::clone(&client));
        if self.evictions.load(Ordering::SeqCst) != before {
            self.clients.remove(client_id);
        }
        Ok(Some(client))
    }

    /// Forgets one client.
    pub(crate) fn evict(&self, client_id: &str) {
        self.evictions.fetch_add(1, Ordering::SeqCst);
        self.clients.remove(client_id);
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.evictions.fetch_add(1, Ordering::SeqCst);
        self.clients.clear();
    }
}
