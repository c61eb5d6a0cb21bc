//! Liveness of tokens on SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use tessera_protocol::time::Timestamp;
use tessera_store::{Grants, Liveness, StoreResult, TokenAnchor};

use super::{Guard, SqliteStore};
use crate::rows::text_key;

pub(super) const CHECK_LIVE: &str = "SELECT 1 FROM clients, server_state
    WHERE clients.client_key = ?1 AND clients.token_epoch = ?2
        AND server_state.id = 1 AND server_state.token_epoch = ?3
        AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE token_id = ?4)";

const REVOKE: &str = "INSERT INTO revoked_tokens (token_id, expires_at) VALUES (?1, ?2)
    ON CONFLICT (token_id) DO NOTHING";

#[async_trait]
impl Grants for SqliteStore {
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness> {
        let values = params![
            text_key(anchor.client_id),
            anchor.client_epoch.cast_signed(),
            anchor.server_epoch.cast_signed(),
            anchor.token_id,
        ];
        let live = self.read(|c| {
            c.prepare_cached(CHECK_LIVE)?
                .query_row(values, |_| Ok(()))
                .optional()
        })?;
        Ok(if live.is_some() {
            Liveness::Live
        } else {
            Liveness::Revoked
        })
    }

    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()> {
        self.write(Guard::Token(token_id), move |c| {
            c.prepare_cached(REVOKE)?
                .execute(params![token_id, expires_at.as_micros()])
                .map(|_| ())
        })
        .await
    }
}
