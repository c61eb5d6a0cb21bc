//! Values that may be used once, on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use tessera_protocol::time::Timestamp;
use tessera_store::{Claim, ClaimOutcome, Replay, SingleUse, StoreResult};

use super::{Guard, SqliteStore};

pub(super) const CLAIM: &str = "INSERT INTO used_once (single_use, value_hash, attempt, expires_at)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (single_use, value_hash) DO UPDATE
        SET attempt = excluded.attempt, expires_at = excluded.expires_at
        WHERE used_once.expires_at < ?5 OR used_once.attempt = excluded.attempt";

pub(super) const SPENT: &str = "SELECT attempt FROM used_once
    WHERE single_use = ?1 AND value_hash = ?2 AND expires_at >= ?3";

/// The attempt that spent a value, unless the row has expired.
pub(super) fn spent_by(
    connection: &Connection,
    claim: &Claim,
    now: Timestamp,
) -> rusqlite::Result<Option<u64>> {
    let values = params![claim.single_use.code(), claim.value_hash, now.as_micros()];
    let attempt: Option<i64> = connection
        .prepare_cached(SPENT)?
        .query_row(values, |row| row.get(0))
        .optional()?;
    Ok(attempt.map(i64::cast_unsigned))
}

/// Spends a value; answers whether it was this attempt that spent it.
pub(super) fn spend(
    connection: &Connection,
    claim: &Claim,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let changed = connection.prepare_cached(CLAIM)?.execute(params![
        claim.single_use.code(),
        claim.value_hash,
        claim.attempt.cast_signed(),
        claim.expires_at.as_micros(),
        now.as_micros(),
    ])?;
    Ok(changed == 1)
}

#[async_trait]
impl Replay for SqliteStore {
    async fn claim(&self, claim: &Claim, now: Timestamp) -> StoreResult<ClaimOutcome> {
        let claim = *claim;
        let guard = Guard::Value(claim.single_use.code(), claim.value_hash);
        let is_fresh = self.write(guard, move |c| spend(c, &claim, now)).await?;
        Ok(if is_fresh {
            ClaimOutcome::Fresh
        } else {
            ClaimOutcome::Replayed
        })
    }

    async fn is_spent(
        &self,
        single_use: SingleUse,
        value_hash: [u8; 32],
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.read(|c| {
            c.prepare_cached(SPENT)?
                .exists(params![single_use.code(), value_hash, now.as_micros()])
        })
    }
}
