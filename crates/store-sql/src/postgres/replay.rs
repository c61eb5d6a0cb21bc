//! Values that may be used once, on PostgreSQL.

use async_trait::async_trait;
use tessera_protocol::time::Timestamp;
use tessera_store::{Claim, ClaimOutcome, Replay, SingleUse, StoreResult};
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore};

pub(super) const CLAIM: &str = "INSERT INTO used_once (single_use, value_hash, attempt, expires_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (single_use, value_hash) DO UPDATE
        SET attempt = excluded.attempt, expires_at = excluded.expires_at
        WHERE used_once.expires_at < $5 OR used_once.attempt = excluded.attempt
    RETURNING 1";

pub(super) const SPENT: &str = "SELECT 1 FROM used_once
    WHERE single_use = $1 AND value_hash = $2 AND expires_at >= $3";

#[async_trait]
impl Replay for PostgresStore {
    async fn claim(&self, claim: &Claim, now: Timestamp) -> StoreResult<ClaimOutcome> {
        let values = [
            (&claim.single_use.code() as _, Type::INT2),
            (&&claim.value_hash[..] as _, Type::BYTEA),
            (&claim.attempt.cast_signed() as _, Type::INT8),
            (&claim.expires_at.as_micros() as _, Type::INT8),
            (&now.as_micros() as _, Type::INT8),
        ];
        let rows = self.run(IfLost::Repeat, CLAIM, &values).await?;
        Ok(if rows.is_empty() {
            ClaimOutcome::Replayed
        } else {
            ClaimOutcome::Fresh
        })
    }

    async fn is_spent(
        &self,
        single_use: SingleUse,
        value_hash: [u8; 32],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let values = [
            (&single_use.code() as _, Type::INT2),
            (&&value_hash[..] as _, Type::BYTEA),
            (&now.as_micros() as _, Type::INT8),
        ];
        Ok(!self.read(SPENT, &values).await?.is_empty())
    }
}
