//! Refresh tokens on PostgreSQL.

use tessera_protocol::grant::record::RefreshId;
use tessera_store::{RotateRefresh, RotatedRefresh, StoreResult, StoredRefresh};
use tokio_postgres::types::Type;

use super::grants::{grant_columns, has_client, issues_tokens, stored_grant};
use super::{IfLost, PostgresStore, column};
use crate::rows::{StoredGrant, StoredRefreshRow, grace_begins, refresh_kept};

pub(super) const FIND: &str = concat!(
    "SELECT ",
    grant_columns!(),
    ", tokens.refresh_id, tokens.issued_at, tokens.expires_at, tokens.first_used_at,
        tokens.used_times, ",
    issues_tokens!(),
    " FROM refresh_tokens AS tokens JOIN grants ON grants.grant_id = tokens.grant_id
    WHERE tokens.refresh_id = $1"
);

// `token` is what the snapshot shows. `used` decides: its guard is tested again on the newest row when another holds
// the lock. A token that is there and was not used is a reuse, unless the snapshot shows it usable and its grant
// dead. What is issued here while another revokes the grant is dead, because every use reads the grant. A repeat whose
// next token is there already changes nothing, also when another attempt used the token since.
// Locks: the token, then its grant.
pub(super) const ROTATE: &str = concat!(
    "WITH token AS MATERIALIZED (
        SELECT first_used_at IS NULL OR first_used_at > $4 AND ($5 = 0 OR used_times < $5)
                AS is_usable,
            EXISTS (SELECT 1 FROM grants
                WHERE grants.grant_id = $2 AND ",
    issues_tokens!(),
    ") AS is_live,
            EXISTS (SELECT 1 FROM refresh_tokens AS next
                WHERE next.refresh_id = $8 AND next.grant_id = $2) AS is_repeat
        FROM refresh_tokens WHERE refresh_id = $1 AND grant_id = $2
    ), used AS (
        UPDATE refresh_tokens SET used_by = $3, first_used_at = COALESCE(first_used_at, $6),
            used_times = used_times + CASE WHEN used_by = $3 THEN 0 ELSE 1 END,
            kept_until = $7, swept_at = LEAST(swept_at, $7)
        FROM token
        WHERE refresh_tokens.refresh_id = $1 AND NOT token.is_repeat
            AND (refresh_tokens.used_by = $3
                OR token.is_live AND (refresh_tokens.first_used_at IS NULL
                    OR refresh_tokens.first_used_at > $4
                        AND ($5 = 0 OR refresh_tokens.used_times < $5)))
        RETURNING 1
    ), issued AS (
        INSERT INTO refresh_tokens
            (refresh_id, grant_id, issued_at, expires_at, used_times, kept_until, swept_at)
        SELECT $8, $9, $10, $11, 0, $15, $12 FROM used
        ON CONFLICT (refresh_id) DO NOTHING
    ), renewed AS (
        UPDATE grants SET tokens_until = GREATEST(tokens_until, $13),
            session = COALESCE($14, session)
        WHERE grant_id = $2 AND EXISTS (SELECT 1 FROM used)
    ), reused AS (
        SELECT 1 FROM token WHERE NOT EXISTS (SELECT 1 FROM used)
            AND NOT token.is_repeat AND (NOT token.is_usable OR token.is_live)
    ), revoked AS (
        UPDATE grants SET tokens_revoked = 1
        WHERE grant_id = $2 AND EXISTS (SELECT 1 FROM reused)
    )
    SELECT EXISTS (SELECT 1 FROM used) OR EXISTS (SELECT 1 FROM token WHERE is_repeat),
        EXISTS (SELECT 1 FROM reused)"
);

pub(super) async fn find(
    store: &PostgresStore,
    refresh_id: RefreshId,
) -> StoreResult<Option<StoredRefresh>> {
    let rows = store.read(FIND, &[(&&refresh_id[..], Type::BYTEA)]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let after = StoredGrant::COLUMNS;
    let found = StoredRefreshRow {
        grant: stored_grant(row)?,
        refresh_id: column(row, after)?,
        issued_at: column(row, after + 1)?,
        expires_at: column(row, after + 2)?,
        first_used_at: column(row, after + 3)?,
        used_times: column(row, after + 4)?,
        is_live: column(row, after + 5)?,
    };
    found.into_stored().map(Some)
}

pub(super) async fn rotate(
    store: &PostgresStore,
    rotate: &RotateRefresh<'_>,
) -> StoreResult<RotatedRefresh> {
    let next = rotate.next;
    let (kept_until, swept_at) = refresh_kept(next, rotate.tokens_until);
    let values = [
        (&&rotate.refresh_id[..] as _, Type::BYTEA),
        (&&rotate.grant_id[..] as _, Type::BYTEA),
        (&rotate.attempt.cast_signed() as _, Type::INT8),
        (&grace_begins(rotate.now, rotate.grace) as _, Type::INT8),
        (&i64::from(rotate.uses_max) as _, Type::INT8),
        (&rotate.now.as_micros() as _, Type::INT8),
        (&rotate.kept_until.as_micros() as _, Type::INT8),
        (&&next.refresh_id[..] as _, Type::BYTEA),
        (&&next.grant_id[..] as _, Type::BYTEA),
        (&next.issued_at.as_micros() as _, Type::INT8),
        (&next.expires_at.as_micros() as _, Type::INT8),
        (&swept_at as _, Type::INT8),
        (&rotate.tokens_until.as_micros() as _, Type::INT8),
        (&rotate.session as _, Type::BYTEA),
        (&kept_until as _, Type::INT8),
    ];
    let rows = store.run(IfLost::Repeat, ROTATE, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(RotatedRefresh::Gone);
    };
    Ok(match (column(row, 0)?, column(row, 1)?) {
        (true, _) => RotatedRefresh::Done,
        (false, true) => RotatedRefresh::Reused,
        (false, false) => RotatedRefresh::Gone,
    })
}
