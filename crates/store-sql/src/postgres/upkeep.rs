//! The server's own state, the change log and clean-up on PostgreSQL.

use async_trait::async_trait;
use tessera_protocol::time::Timestamp;
use tessera_store::{
    CHANGES_KEPT_MICROS, Changes, Readiness, StoreError, StoreResult, Swept, Upkeep, check_text,
};
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore, column, migrate, sweep};
use crate::migrations::readiness;
use crate::rows::ChangeReader;

pub(super) const CHANGES_SINCE: &str = "SELECT change_counter.seq, changes.kind, changes.name
    FROM change_counter LEFT JOIN changes ON changes.seq > $1 AND $1 <> 0
    WHERE change_counter.id = 1 ORDER BY changes.seq LIMIT $2";

const SET_FIRST_EPOCH: &str =
    "UPDATE server_state SET token_epoch = $1 WHERE id = 1 AND token_epoch IS NULL";
const EPOCH: &str = "SELECT token_epoch FROM server_state WHERE id = 1";

// A repeat must not replace what another made of the epoch since; see that of clients.
const SET_EPOCH: &str = "WITH renewed AS (
        UPDATE server_state SET token_epoch = $1
        WHERE id = 1 AND token_epoch IS NOT DISTINCT FROM $2 RETURNING 1
    ), advanced AS (
        UPDATE change_counter SET seq = seq + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM renewed)
        RETURNING seq
    )
    INSERT INTO changes (seq, kind, name) SELECT seq, 3, '' FROM advanced";

const SET_FIRST_SECRET: &str =
    "UPDATE server_state SET generated_secret = $1 WHERE id = 1 AND generated_secret IS NULL";
const SECRET: &str = "SELECT generated_secret FROM server_state WHERE id = 1";

// The rows are found by index and deleted by key; those that another process is deleting are left to it.
pub(super) const DELETE_TOKENS: &str = "WITH old AS MATERIALIZED (
        SELECT token_id FROM revoked_tokens WHERE expires_at < $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM revoked_tokens USING old WHERE revoked_tokens.token_id = old.token_id RETURNING 1
    )
    SELECT count(*) FROM gone";

pub(super) const DELETE_VALUES: &str = "WITH old AS MATERIALIZED (
        SELECT single_use, value_hash FROM used_once WHERE expires_at < $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM used_once USING old
        WHERE used_once.single_use = old.single_use AND used_once.value_hash = old.value_hash
        RETURNING 1
    )
    SELECT count(*) FROM gone";

const DELETE_CHANGES: &str = "WITH old AS MATERIALIZED (
        SELECT changes.seq FROM changes
        WHERE changes.seq <=
            (SELECT marked_seq FROM change_counter WHERE id = 1 AND marked_at <= $1)
        ORDER BY changes.seq LIMIT $2
    ), gone AS (
        DELETE FROM changes USING old WHERE changes.seq = old.seq RETURNING 1
    )
    SELECT count(*) FROM gone";

const MARK_CHANGES: &str = "UPDATE change_counter SET marked_seq = seq, marked_at = $2
    WHERE id = 1 AND marked_at <= $1
        AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.seq <= marked_seq)";

fn missing(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} is missing"))
}

#[async_trait]
impl Upkeep for PostgresStore {
    async fn readiness(&self) -> StoreResult<Readiness> {
        let exists = self.run(IfLost::Repeat, migrate::TABLE_EXISTS, &[]).await?;
        if !exists
            .first()
            .map_or(Ok(false), |row| column::<bool>(row, 0))?
        {
            return Ok(Readiness::MigrationsPending);
        }
        let rows = self.run(IfLost::Repeat, migrate::APPLIED, &[]).await?;
        Ok(readiness(&migrate::status_of(&rows)?))
    }

    async fn server_epoch(&self, proposed: u64) -> StoreResult<u64> {
        let values = [(&proposed.cast_signed() as _, Type::INT8)];
        self.run(IfLost::Repeat, SET_FIRST_EPOCH, &values).await?;
        let rows = self.run(IfLost::Repeat, EPOCH, &[]).await?;
        let row = rows.first().ok_or_else(|| missing("the server's epoch"))?;
        Ok(column::<i64>(row, 0)?.cast_unsigned())
    }

    async fn renew_server_epoch(&self, epoch: u64) -> StoreResult<()> {
        let rows = self.run(IfLost::Repeat, EPOCH, &[]).await?;
        let row = rows.first().ok_or_else(|| missing("the server's state"))?;
        let before: Option<i64> = column(row, 0)?;
        let values = [
            (&epoch.cast_signed() as _, Type::INT8),
            (&before as _, Type::INT8),
        ];
        self.run(IfLost::Repeat, SET_EPOCH, &values)
            .await
            .map(|_| ())
    }

    async fn generated_secret(&self, proposed: &str) -> StoreResult<String> {
        check_text(proposed)?;
        self.run(
            IfLost::Repeat,
            SET_FIRST_SECRET,
            &[(&proposed as _, Type::TEXT)],
        )
        .await?;
        let rows = self.run(IfLost::Repeat, SECRET, &[]).await?;
        column(
            rows.first()
                .ok_or_else(|| missing("the generated secret"))?,
            0,
        )
    }

    async fn changes_since(&self, position: u64) -> StoreResult<Changes> {
        let values = [
            (&position.cast_signed() as _, Type::INT8),
            (&ChangeReader::ROWS_MAX as _, Type::INT8),
        ];
        let mut reader = ChangeReader::default();
        for row in self.read(CHANGES_SINCE, &values).await? {
            let kind: Option<i16> = column(&row, 1)?;
            let name: Option<String> = column(&row, 2)?;
            reader.take(column(&row, 0)?, kind.zip(name));
        }
        Ok(reader.finish(position))
    }

    /// Several statements: what one of them deleted stays deleted when the next one fails.
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> StoreResult<Swept> {
        let now = now.as_micros();
        let kept_since = now.saturating_sub(CHANGES_KEPT_MICROS);
        let mut left = i64::from(limit);
        let put_off = sweep::look_again(self, now, left).await?;
        for (sql, before) in [
            (DELETE_TOKENS, now),
            (DELETE_VALUES, now),
            (sweep::DELETE_CODES, now),
            (sweep::DELETE_REFRESH_TOKENS, now),
            (sweep::DELETE_GRANTS, now),
            (sweep::DELETE_SESSIONS, now),
            (sweep::DELETE_PENDING, now),
            (sweep::DELETE_NOTICES, now),
            (DELETE_CHANGES, kept_since),
        ] {
            let values = [(&before as _, Type::INT8), (&left as _, Type::INT8)];
            let rows = self.run(IfLost::GiveUp, sql, &values).await?;
            left -= rows.first().map_or(Ok(0), |row| column::<i64>(row, 0))?;
        }
        let values = [(&kept_since as _, Type::INT8), (&now as _, Type::INT8)];
        self.run(IfLost::Repeat, MARK_CHANGES, &values).await?;
        let deleted = (i64::from(limit) - left).cast_unsigned();
        Ok(Swept::of(limit.into(), deleted, put_off))
    }
}
