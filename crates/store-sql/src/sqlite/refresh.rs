//! Refresh tokens on SQLite.

use rusqlite::{Connection, OptionalExtension, params};
use tessera_protocol::grant::record::{RefreshId, RefreshRecord};
use tessera_protocol::time::Timestamp;
use tessera_store::{RotateRefresh, RotatedRefresh, StoreResult, StoredRefresh};

use super::grants::{grant_columns, has_client, issues_tokens, revoke, stored_grant};
use super::{Guard, SqliteStore};
use crate::rows::{Id, StoredGrant, StoredRefreshRow, grace_begins, refresh_kept};

pub(super) const FIND: &str = concat!(
    "SELECT ",
    grant_columns!(),
    ", tokens.refresh_id, tokens.issued_at, tokens.expires_at, tokens.first_used_at,
        tokens.used_times, ",
    issues_tokens!(),
    " FROM refresh_tokens AS tokens JOIN grants ON grants.grant_id = tokens.grant_id
    WHERE tokens.refresh_id = ?1"
);

pub(super) const INSERT: &str = "INSERT INTO refresh_tokens (refresh_id, grant_id, issued_at,
        expires_at, used_times, kept_until, swept_at)
    VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)
    ON CONFLICT (refresh_id) DO NOTHING";

/// Whether this is a repeat (it used the token last, or stored the next one before another used it too), whether the
/// token may be used, and whether its grant is live.
pub(super) const STATE: &str = concat!(
    "SELECT used_by IS NOT NULL AND used_by = ?3
            OR EXISTS (SELECT 1 FROM refresh_tokens AS next
                WHERE next.refresh_id = ?6 AND next.grant_id = ?2),
        first_used_at IS NULL OR first_used_at > ?4 AND (?5 = 0 OR used_times < ?5),
        EXISTS (SELECT 1 FROM grants
            WHERE grants.grant_id = ?2 AND ",
    issues_tokens!(),
    ") FROM refresh_tokens WHERE refresh_id = ?1 AND grant_id = ?2"
);

pub(super) const USE: &str =
    "UPDATE refresh_tokens SET used_by = ?2, first_used_at = COALESCE(first_used_at, ?3),
        used_times = used_times + 1, kept_until = ?4,
        swept_at = min(swept_at, ?4)
    WHERE refresh_id = ?1";

/// Clean-up looks at the grant when it meant to, and then sees the new end.
pub(super) const RENEW: &str = "UPDATE grants SET tokens_until = max(tokens_until, ?2),
        session = COALESCE(?3, session)
    WHERE grant_id = ?1";

pub(super) fn find(
    store: &SqliteStore,
    refresh_id: RefreshId,
) -> StoreResult<Option<StoredRefresh>> {
    let found = store.read(|c| {
        c.prepare_cached(FIND)?
            .query_row([refresh_id], |row| {
                let after = StoredGrant::COLUMNS;
                Ok(StoredRefreshRow {
                    grant: stored_grant(row, 0)?,
                    refresh_id: row.get(after)?,
                    issued_at: row.get(after + 1)?,
                    expires_at: row.get(after + 2)?,
                    first_used_at: row.get(after + 3)?,
                    used_times: row.get(after + 4)?,
                    is_live: row.get(after + 5)?,
                })
            })
            .optional()
    })?;
    found.map(StoredRefreshRow::into_stored).transpose()
}

pub(super) fn insert(
    connection: &Connection,
    refresh: &RefreshRecord,
    tokens_until: Timestamp,
) -> rusqlite::Result<()> {
    let (kept_until, swept_at) = refresh_kept(refresh, tokens_until);
    let values = params![
        refresh.refresh_id,
        refresh.grant_id,
        refresh.issued_at.as_micros(),
        refresh.expires_at.as_micros(),
        kept_until,
        swept_at,
    ];
    connection
        .prepare_cached(INSERT)?
        .execute(values)
        .map(|_| ())
}

/// A [`RotateRefresh`] that the writer's thread may keep.
struct Rotate {
    refresh_id: Id,
    grant_id: Id,
    attempt: i64,
    grace_begins: i64,
    uses_max: u32,
    next: RefreshRecord,
    session: Option<Vec<u8>>,
    tokens_until: Timestamp,
    kept_until: i64,
    now: i64,
}

pub(super) async fn rotate(
    store: &SqliteStore,
    rotate: &RotateRefresh<'_>,
) -> StoreResult<RotatedRefresh> {
    let rotate = Rotate {
        refresh_id: rotate.refresh_id,
        grant_id: rotate.grant_id,
        attempt: rotate.attempt.cast_signed(),
        grace_begins: grace_begins(rotate.now, rotate.grace),
        uses_max: rotate.uses_max,
        next: rotate.next.clone(),
        session: rotate.session.map(<[u8]>::to_vec),
        tokens_until: rotate.tokens_until,
        kept_until: rotate.kept_until.as_micros(),
        now: rotate.now.as_micros(),
    };
    let guard = Guard::Grant(rotate.grant_id);
    store.write(guard, move |c| rotate.run(c)).await
}

impl Rotate {
    fn run(self, connection: &Connection) -> rusqlite::Result<RotatedRefresh> {
        let values = params![
            self.refresh_id,
            self.grant_id,
            self.attempt,
            self.grace_begins,
            self.uses_max,
            self.next.refresh_id
        ];
        let state: Option<(bool, bool, bool)> = connection
            .prepare_cached(STATE)?
            .query_row(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        match state {
            Some((true, _, _)) => return Ok(RotatedRefresh::Done),
            Some((_, false, _)) => {
                revoke(connection, self.grant_id)?;
                return Ok(RotatedRefresh::Reused);
            }
            None | Some((_, _, false)) => return Ok(RotatedRefresh::Gone),
            Some((false, true, true)) => {}
        }
        connection.prepare_cached(USE)?.execute(params![
            self.refresh_id,
            self.attempt,
            self.now,
            self.kept_until
        ])?;
        insert(connection, &self.next, self.tokens_until)?;
        connection.prepare_cached(RENEW)?.execute(params![
            self.grant_id,
            self.tokens_until.as_micros(),
            self.session
        ])?;
        Ok(RotatedRefresh::Done)
    }
}
