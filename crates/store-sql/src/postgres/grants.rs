//! Liveness of tokens on PostgreSQL.

use async_trait::async_trait;
use tessera_protocol::time::Timestamp;
use tessera_store::{Grants, Liveness, StoreResult, TokenAnchor};
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore};
use crate::rows::text_key;

pub(super) const CHECK_LIVE: &str = "SELECT 1 FROM clients, server_state
    WHERE clients.client_key = $1 AND clients.token_epoch = $2
        AND server_state.id = 1 AND server_state.token_epoch = $3
        AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE token_id = $4)";

pub(super) const REVOKE: &str = "INSERT INTO revoked_tokens (token_id, expires_at) VALUES ($1, $2)
    ON CONFLICT (token_id) DO NOTHING";

#[async_trait]
impl Grants for PostgresStore {
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness> {
        let key = text_key(anchor.client_id);
        let values = [
            (&&key[..] as _, Type::BYTEA),
            (&anchor.client_epoch.cast_signed() as _, Type::INT8),
            (&anchor.server_epoch.cast_signed() as _, Type::INT8),
            (&&anchor.token_id[..] as _, Type::BYTEA),
        ];
        let rows = self.read(CHECK_LIVE, &values).await?;
        Ok(if rows.is_empty() {
            Liveness::Revoked
        } else {
            Liveness::Live
        })
    }

    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()> {
        let values = [
            (&&token_id[..] as _, Type::BYTEA),
            (&expires_at.as_micros() as _, Type::INT8),
        ];
        self.run(IfLost::Repeat, REVOKE, &values).await.map(|_| ())
    }
}
