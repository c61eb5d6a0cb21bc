//! Registered clients in memory.

use async_trait::async_trait;
use tessera_protocol::client::ClientRecord;

use super::MemoryStore;
use crate::{
    Changed, ClientFilter, Clients, CreateClient, Page, ReplaceClient, StoreResult, check_client,
    check_list, check_text,
};

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
