//! The end of a flow on PostgreSQL.

use tessera_protocol::time::Timestamp;
use tessera_store::{FinishConsent, FinishedConsent, StoreError, StoreResult};
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore, SNAPSHOT_TRIES, column};
use crate::rows::{GrantColumns, code_document};

// The leg is claimed when client and session are there, and everything else hangs on the claim. The lock keeps the
// session from ending before the grant that names it is committed. Two that remember at once do not see each other,
// so that an older grant of theirs is found by clean-up alone.
pub(super) const FINISH: &str = "WITH client AS MATERIALIZED (
        SELECT created_at FROM clients WHERE client_key = $6
    ), login AS MATERIALIZED (
        SELECT sid FROM login_sessions WHERE sid = $8 AND expires_at >= $5 FOR KEY SHARE
    ), claimed AS (
        INSERT INTO used_once (single_use, value_hash, attempt, expires_at)
        SELECT $1, $2, $3, $4 FROM client WHERE $8 IS NULL OR EXISTS (SELECT 1 FROM login)
        ON CONFLICT (single_use, value_hash) DO UPDATE
            SET attempt = excluded.attempt, expires_at = excluded.expires_at
            WHERE used_once.expires_at < $5
        RETURNING 1
    ), put AS (
        INSERT INTO grants (grant_id, client_key, client_born, subject_key, sid, requested_at,
            remembered_until, tokens_until, tokens_revoked, server_epoch, was_asked,
            swept_at, client_id, subject, document, session, context)
        SELECT $21, $6, client.created_at, $7, $8, $9, $10, $11, 0, $24, $12, $13, $14, $15, $16,
            COALESCE((SELECT session FROM pending WHERE pending_id = $17), ''),
            COALESCE((SELECT context FROM pending WHERE pending_id = $17),
                (SELECT context FROM pending WHERE pending_id = $18), '')
        FROM client, claimed
        RETURNING session
    ), ended AS (
        UPDATE grants SET remembered_until = NULL
        WHERE grant_id = (SELECT grant_id FROM remembered_consents
                WHERE subject_key = $7 AND client_key = $6)
            AND remembered_until = 9223372036854775807
            AND $10 IS NOT NULL AND EXISTS (SELECT 1 FROM put)
    ), remembered AS (
        INSERT INTO remembered_consents (subject_key, client_key, grant_id)
        SELECT $7, $6, $21 FROM put WHERE $10 IS NOT NULL
        ON CONFLICT (subject_key, client_key) DO UPDATE SET grant_id = excluded.grant_id
    ), coded AS (
        INSERT INTO authorization_codes (code_id, grant_id, expires_at, kept_until, document)
        SELECT $19, $22, $20, $20, $23 FROM put WHERE $19 IS NOT NULL
    )
    SELECT EXISTS (SELECT 1 FROM put),
        COALESCE((SELECT session FROM put), (SELECT session FROM grants WHERE grant_id = $21)),
        (SELECT attempt FROM used_once
            WHERE single_use = $1 AND value_hash = $2 AND expires_at >= $5),
        EXISTS (SELECT 1 FROM client), $8 IS NULL OR EXISTS (SELECT 1 FROM login)";

pub(super) async fn finish(
    store: &PostgresStore,
    finish: &FinishConsent<'_>,
    now: Timestamp,
) -> StoreResult<FinishedConsent> {
    let grant = GrantColumns::of(finish.grant, now)?;
    let (claim, code) = (finish.claim, finish.code);
    let attempt = claim.attempt.cast_signed();
    let code_id = code.map(|code| &code.code_id[..]);
    let code_until = code.map(|code| code.expires_at.as_micros());
    let code_grant = code.map(|code| &code.grant_id[..]);
    let values = [
        (&claim.single_use.code() as _, Type::INT2),
        (&&claim.value_hash[..] as _, Type::BYTEA),
        (&attempt as _, Type::INT8),
        (&claim.expires_at.as_micros() as _, Type::INT8),
        (&now.as_micros() as _, Type::INT8),
        (&&grant.client_key[..] as _, Type::BYTEA),
        (&&grant.subject_key[..] as _, Type::BYTEA),
        (&grant.sid.as_ref().map(|id| &id[..]) as _, Type::BYTEA),
        (&grant.requested_at as _, Type::INT8),
        (&grant.remembered_until as _, Type::INT8),
        (&grant.tokens_until as _, Type::INT8),
        (&grant.was_asked as _, Type::INT2),
        (&grant.swept_at as _, Type::INT8),
        (&grant.client_id as _, Type::TEXT),
        (&grant.subject as _, Type::TEXT),
        (&grant.document as _, Type::TEXT),
        (
            &finish.consent_pending.as_ref().map(|id| &id[..]) as _,
            Type::BYTEA,
        ),
        (
            &finish.login_pending.as_ref().map(|id| &id[..]) as _,
            Type::BYTEA,
        ),
        (&code_id as _, Type::BYTEA),
        (&code_until as _, Type::INT8),
        (&&grant.grant_id[..] as _, Type::BYTEA),
        (&code_grant as _, Type::BYTEA),
        (&code.map(code_document).transpose()? as _, Type::TEXT),
        (&grant.server_epoch as _, Type::INT8),
    ];
    for _ in 0..SNAPSHOT_TRIES {
        let rows = store.run(IfLost::Repeat, FINISH, &values).await?;
        let row = rows
            .first()
            .ok_or_else(|| StoreError::Bug("no row was answered".to_owned()))?;
        let session: Option<Vec<u8>> = column(row, 1)?;
        let spent_by: Option<i64> = column(row, 2)?;
        let session = session.unwrap_or_default();
        if column(row, 0)? || spent_by == Some(attempt) {
            return Ok(FinishedConsent::Done { session });
        }
        if spent_by.is_some() || !column::<bool>(row, 3)? {
            return Ok(FinishedConsent::AlreadyFinished);
        }
        if !column::<bool>(row, 4)? {
            return Ok(FinishedConsent::SessionGone);
        }
        // Whoever spent the leg committed after this statement began; the next one sees the row.
    }
    Err(StoreError::Unavailable(
        "others keep ending this flow".to_owned(),
    ))
}
