//! Authorization codes on PostgreSQL.

use tessera_protocol::grant::record::{CodeId, RefreshRecord};
use tessera_store::{RedeemCode, RedeemedCode, StoreResult, StoredCode};
use tokio_postgres::types::Type;

use super::grants::{grant_columns, has_client, issues_tokens, stored_grant};
use super::{IfLost, PostgresStore, column};
use crate::rows::{LOOK_AGAIN_MICROS, StoredCodeRow, StoredGrant, refresh_kept};

pub(super) const LOAD: &str = concat!(
    "SELECT ",
    grant_columns!(),
    ", codes.code_id, codes.used_by, codes.expires_at, codes.document, ",
    issues_tokens!(),
    " FROM authorization_codes AS codes JOIN grants ON grants.grant_id = codes.grant_id
    WHERE codes.code_id = $1"
);

// `code` is what the snapshot shows. `spent` decides: its guard is tested again on the newest row when another holds
// the lock, so one attempt alone gets through. A code that is there and was not spent by this attempt is a replay,
// unless it is unspent and its grant is dead. Locks: the code, then its grant.
pub(super) const REDEEM: &str = concat!(
    "WITH code AS MATERIALIZED (
        SELECT used_by, EXISTS (SELECT 1 FROM grants
            WHERE grants.grant_id = $2 AND ",
    issues_tokens!(),
    ") AS is_live
        FROM authorization_codes WHERE code_id = $1 AND grant_id = $2
    ), spent AS (
        UPDATE authorization_codes SET used_by = $3, kept_until = $4 FROM code
        WHERE authorization_codes.code_id = $1
            AND (authorization_codes.used_by = $3
                OR authorization_codes.used_by IS NULL AND code.is_live)
        RETURNING 1
    ), issued AS (
        INSERT INTO refresh_tokens
            (refresh_id, grant_id, issued_at, expires_at, used_times, kept_until, swept_at)
        SELECT $5, $6, $7, $8, 0, $13, $9 FROM spent WHERE $5 IS NOT NULL
        ON CONFLICT (refresh_id) DO NOTHING
    ), renewed AS (
        UPDATE grants SET tokens_until = GREATEST(tokens_until, $10),
            session = COALESCE($11, session),
            swept_at = GREATEST(swept_at, LEAST($10, swept_at + $12))
        WHERE grant_id = $2 AND EXISTS (SELECT 1 FROM spent)
    ), replayed AS (
        SELECT 1 FROM code WHERE NOT EXISTS (SELECT 1 FROM spent)
            AND (code.used_by IS NOT NULL OR code.is_live)
    ), revoked AS (
        UPDATE grants SET tokens_revoked = 1
        WHERE grant_id = $2 AND EXISTS (SELECT 1 FROM replayed)
    )
    SELECT EXISTS (SELECT 1 FROM spent), EXISTS (SELECT 1 FROM replayed)"
);

pub(super) const BURN: &str =
    "UPDATE authorization_codes SET used_by = $2 WHERE code_id = $1 AND used_by IS NULL";

pub(super) async fn load(
    store: &PostgresStore,
    code_id: CodeId,
) -> StoreResult<Option<StoredCode>> {
    let rows = store.read(LOAD, &[(&&code_id[..], Type::BYTEA)]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let after = StoredGrant::COLUMNS;
    let found = StoredCodeRow {
        grant: stored_grant(row)?,
        code_id: column(row, after)?,
        used_by: column(row, after + 1)?,
        expires_at: column(row, after + 2)?,
        document: column(row, after + 3)?,
        is_live: column(row, after + 4)?,
    };
    found.into_stored().map(Some)
}

pub(super) async fn redeem(
    store: &PostgresStore,
    redeem: &RedeemCode<'_>,
) -> StoreResult<RedeemedCode> {
    let refresh = redeem.refresh;
    let kept = refresh.map(|r| refresh_kept(r, redeem.tokens_until));
    let micros = |of: fn(&RefreshRecord) -> i64| refresh.map(of);
    let values = [
        (&&redeem.code_id[..] as _, Type::BYTEA),
        (&&redeem.grant_id[..] as _, Type::BYTEA),
        (&redeem.attempt.cast_signed() as _, Type::INT8),
        (&redeem.kept_until.as_micros() as _, Type::INT8),
        (&refresh.map(|r| &r.refresh_id[..]) as _, Type::BYTEA),
        (&refresh.map(|r| &r.grant_id[..]) as _, Type::BYTEA),
        (&micros(|r| r.issued_at.as_micros()) as _, Type::INT8),
        (&micros(|r| r.expires_at.as_micros()) as _, Type::INT8),
        (&kept.map(|(_, swept_at)| swept_at) as _, Type::INT8),
        (&redeem.tokens_until.as_micros() as _, Type::INT8),
        (&redeem.session as _, Type::BYTEA),
        (&LOOK_AGAIN_MICROS as _, Type::INT8),
        (&kept.map(|(kept_until, _)| kept_until) as _, Type::INT8),
    ];
    let rows = store.run(IfLost::Repeat, REDEEM, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(RedeemedCode::Gone);
    };
    Ok(match (column(row, 0)?, column(row, 1)?) {
        (true, _) => RedeemedCode::Done,
        (false, true) => RedeemedCode::AlreadyUsed,
        (false, false) => RedeemedCode::Gone,
    })
}

pub(super) async fn burn(store: &PostgresStore, code_id: CodeId, attempt: u64) -> StoreResult<()> {
    let values = [
        (&&code_id[..] as _, Type::BYTEA),
        (&attempt.cast_signed() as _, Type::INT8),
    ];
    store.run(IfLost::Repeat, BURN, &values).await.map(|_| ())
}
