//! The memory store keeps the contract that it specifies.

use std::sync::Arc;

use tessera_store::contract::{self, Fresh};
use tessera_store::memory::MemoryStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract() {
    contract::run(async || Arc::new(MemoryStore::new()) as Fresh).await;
}
