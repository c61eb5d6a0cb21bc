//! The server's own state, the change log and clean-up on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tessera_protocol::time::Timestamp;
use tessera_store::{
    CHANGES_KEPT_MICROS, Changed, Changes, Readiness, StoreResult, Swept, Upkeep, check_text,
};

use super::{Guard, SqliteStore, migrate, sweep};
use crate::migrations::readiness;
use crate::rows::{ChangeReader, change_columns};

const ADVANCE: &str = "UPDATE change_counter SET seq = seq + 1 WHERE id = 1";

const LOG: &str = "INSERT INTO changes (seq, kind, name)
    SELECT seq, ?1, ?2 FROM change_counter WHERE id = 1";

pub(super) const CHANGES_SINCE: &str = "SELECT change_counter.seq, changes.kind, changes.name
    FROM change_counter LEFT JOIN changes ON changes.seq > ?1 AND ?1 <> 0
    WHERE change_counter.id = 1 ORDER BY changes.seq LIMIT ?2";

const SET_FIRST_EPOCH: &str =
    "UPDATE server_state SET token_epoch = ?1 WHERE id = 1 AND token_epoch IS NULL";
const EPOCH: &str = "SELECT token_epoch FROM server_state WHERE id = 1";
const SET_EPOCH: &str = "UPDATE server_state SET token_epoch = ?1 WHERE id = 1";

const SET_FIRST_SECRET: &str =
    "UPDATE server_state SET generated_secret = ?1 WHERE id = 1 AND generated_secret IS NULL";
const SECRET: &str = "SELECT generated_secret FROM server_state WHERE id = 1";

pub(super) const DELETE_TOKENS: &str = "DELETE FROM revoked_tokens WHERE token_id IN
    (SELECT token_id FROM revoked_tokens WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";

pub(super) const DELETE_VALUES: &str = "DELETE FROM used_once WHERE (single_use, value_hash) IN
    (SELECT single_use, value_hash FROM used_once WHERE expires_at < ?1
        ORDER BY expires_at LIMIT ?2)";

pub(super) const DELETE_CHANGES: &str = "DELETE FROM changes WHERE seq IN
    (SELECT changes.seq FROM changes
        WHERE changes.seq <= (SELECT marked_seq FROM change_counter WHERE id = 1 AND marked_at <= ?1)
        ORDER BY changes.seq LIMIT ?2)";

pub(super) const MARK_CHANGES: &str = "UPDATE change_counter SET marked_seq = seq, marked_at = ?2
    WHERE id = 1 AND marked_at <= ?1
        AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.seq <= marked_seq)";

/// Adds to the change log, in the transaction of the change.
pub(super) fn log_change(connection: &Connection, changed: &Changed) -> rusqlite::Result<()> {
    let (kind, name) = change_columns(changed);
    connection.prepare_cached(ADVANCE)?.execute([])?;
    connection
        .prepare_cached(LOG)?
        .execute(params![kind, name])
        .map(|_| ())
}

/// Runs a statement that deletes at most `limit` rows and answers how many are left of the limit.
fn delete(connection: &Connection, sql: &str, before: i64, limit: i64) -> rusqlite::Result<i64> {
    let deleted = connection.prepare_cached(sql)?.execute([before, limit])?;
    Ok(limit.saturating_sub(i64::try_from(deleted).unwrap_or(limit)))
}

fn delete_expired(connection: &Connection, now: Timestamp, limit: u32) -> rusqlite::Result<Swept> {
    let limit = i64::from(limit);
    let now = now.as_micros();
    let kept_since = now.saturating_sub(CHANGES_KEPT_MICROS);
    let put_off = sweep::look_again(connection, now, limit)?;
    let mut left = limit;
    for sql in [DELETE_TOKENS, DELETE_VALUES] {
        left = delete(connection, sql, now, left)?;
    }
    for sql in sweep::BEFORE_GRANTS {
        left = delete(connection, sql, now, left)?;
    }
    left -= sweep::delete_grants(connection, now, left)?;
    for sql in sweep::AFTER_GRANTS {
        left = delete(connection, sql, now, left)?;
    }
    left = delete(connection, DELETE_CHANGES, kept_since, left)?;
    connection
        .prepare_cached(MARK_CHANGES)?
        .execute([kept_since, now])?;
    let deleted = (limit - left).cast_unsigned();
    Ok(Swept::of(limit.cast_unsigned(), deleted, put_off))
}

#[async_trait]
impl Upkeep for SqliteStore {
    async fn readiness(&self) -> StoreResult<Readiness> {
        Ok(readiness(&self.read_long(migrate::status).await?))
    }

    async fn server_epoch(&self, proposed: u64) -> StoreResult<u64> {
        let stored = self
            .write(Guard::Server, move |c| {
                c.execute(SET_FIRST_EPOCH, [proposed.cast_signed()])?;
                c.query_row(EPOCH, [], |row| row.get::<_, i64>(0))
            })
            .await?;
        Ok(stored.cast_unsigned())
    }

    async fn renew_server_epoch(&self, epoch: u64) -> StoreResult<()> {
        self.write(Guard::Server, move |c| {
            c.execute(SET_EPOCH, [epoch.cast_signed()])?;
            log_change(c, &Changed::ServerEpoch)
        })
        .await
    }

    async fn generated_secret(&self, proposed: &str) -> StoreResult<String> {
        check_text(proposed)?;
        let proposed = proposed.to_owned();
        self.write(Guard::Server, move |c| {
            c.execute(SET_FIRST_SECRET, [proposed])?;
            c.query_row(SECRET, [], |row| row.get(0))
        })
        .await
    }

    async fn changes_since(&self, position: u64) -> StoreResult<Changes> {
        let read = self.read(|c| {
            let mut reader = ChangeReader::default();
            let mut statement = c.prepare_cached(CHANGES_SINCE)?;
            let mut rows =
                statement.query(params![position.cast_signed(), ChangeReader::ROWS_MAX])?;
            while let Some(row) = rows.next()? {
                let kind: Option<i16> = row.get(1)?;
                let name: Option<String> = row.get(2)?;
                reader.take(row.get(0)?, kind.zip(name));
            }
            Ok(reader)
        })?;
        Ok(read.finish(position))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> StoreResult<Swept> {
        self.write(Guard::CleanUp, move |c| delete_expired(c, now, limit))
            .await
    }
}
