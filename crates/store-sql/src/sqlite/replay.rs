//! Values that may be used once, on SQLite.

use async_trait::async_trait;
use rusqlite::params;
use tessera_protocol::time::Timestamp;
use tessera_store::{Claim, ClaimOutcome, Replay, StoreResult};

use super::{Guard, SqliteStore};

pub(super) const CLAIM: &str = "INSERT INTO used_once (single_use, value_hash, attempt, expires_at)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (single_use, value_hash) DO UPDATE
        SET attempt = excluded.attempt, expires_at = excluded.expires_at
        WHERE used_once.expires_at < ?5 OR used_once.attempt = excluded.attempt";

#[async_trait]
impl Replay for SqliteStore {
    async fn claim(&self, claim: &Claim, now: Timestamp) -> StoreResult<ClaimOutcome> {
        let claim = *claim;
        let single_use = claim.single_use.code();
        let changed = self
            .write(Guard::Value(single_use, claim.value_hash), move |c| {
                c.prepare_cached(CLAIM)?.execute(params![
                    single_use,
                    claim.value_hash,
                    claim.attempt.cast_signed(),
                    claim.expires_at.as_micros(),
                    now.as_micros(),
                ])
            })
            .await?;
        Ok(if changed == 1 {
            ClaimOutcome::Fresh
        } else {
            ClaimOutcome::Replayed
        })
    }
}
