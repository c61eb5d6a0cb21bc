//! Clean-up of what people leave behind, on PostgreSQL.
//!
//! A row is looked at when `swept_at` has come. What still serves is put off until it ends, by 30 days at most; what
//! has ended, or lost its client or grant, goes. Rows that another process is working at are left to it.
//!
//! Invariant: a step looks at so many due rows and no further, however many are due.

use tessera_store::StoreResult;
use tokio_postgres::types::Type;

use super::grants::{has_client, issues_tokens};
use super::{IfLost, PostgresStore, column};
use crate::rows::{LOOK_AGAIN_MICROS, LOOKED_AT_MORE};

/// Whether the end of a grant's session is announced, under the session's name: its client is found by the grant. Such a grant is looked at again
/// after a minute.
macro_rules! is_announced {
    () => {
        "EXISTS (SELECT 1 FROM logout_notices WHERE logout_notices.notice_id = grants.sid)"
    };
}

/// Whether a grant that is looked at has to stay: its client is there, and its tokens live, its login session goes on
/// (a logout has to reach the client), its end is announced, or it is remembered. One that is remembered for ever has to be
/// the one that counts: of two that were stored at once, the older is not.
macro_rules! serves {
    () => {
        concat!(
            "(",
            has_client!(),
            " AND (grants.tokens_until >= $1 AND ",
            issues_tokens!(),
            " OR EXISTS (SELECT 1 FROM login_sessions WHERE login_sessions.sid = grants.sid
                    AND login_sessions.expires_at >= $1)
                OR ",
            is_announced!(),
            "
                OR grants.remembered_until IS NOT NULL AND grants.remembered_until >= $1
                    AND (grants.remembered_until < 9223372036854775807
                        OR EXISTS (SELECT 1 FROM remembered_consents AS newest
                            WHERE newest.subject_key = grants.subject_key
                                AND newest.client_key = grants.client_key
                                AND newest.grant_id = grants.grant_id))))"
        )
    };
}

/// Whether a refresh token that is looked at has to stay.
macro_rules! renews {
    () => {
        concat!(
            "(refresh_tokens.kept_until >= $1 AND EXISTS (SELECT 1 FROM grants
                WHERE grants.grant_id = refresh_tokens.grant_id AND ",
            issues_tokens!(),
            "))"
        )
    };
}

pub(super) const LOOK_AT_GRANTS: &str = concat!(
    "WITH due AS MATERIALIZED (
        SELECT grant_id FROM grants WHERE swept_at < $1
        ORDER BY swept_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), put_off AS (
        UPDATE grants SET swept_at =
            LEAST(GREATEST(tokens_until, remembered_until, (SELECT login_sessions.expires_at
                FROM login_sessions WHERE login_sessions.sid = grants.sid),
                CASE WHEN ",
    is_announced!(),
    " THEN $1 + 60000000 END), $3)
        FROM due WHERE grants.grant_id = due.grant_id AND ",
    serves!(),
    " RETURNING 1
    )
    SELECT count(*) FROM put_off"
);

pub(super) const LOOK_AT_REFRESH_TOKENS: &str = concat!(
    "WITH due AS MATERIALIZED (
        SELECT refresh_id FROM refresh_tokens WHERE swept_at < $1
        ORDER BY swept_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), put_off AS (
        UPDATE refresh_tokens SET swept_at = LEAST(kept_until, $3)
        FROM due WHERE refresh_tokens.refresh_id = due.refresh_id AND ",
    renews!(),
    " RETURNING 1
    )
    SELECT count(*) FROM put_off"
);

pub(super) const DELETE_CODES: &str = "WITH old AS MATERIALIZED (
        SELECT code_id FROM authorization_codes WHERE kept_until < $1
        ORDER BY kept_until LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM authorization_codes USING old
        WHERE authorization_codes.code_id = old.code_id RETURNING 1
    )
    SELECT count(*) FROM gone";

pub(super) const DELETE_REFRESH_TOKENS: &str = concat!(
    "WITH old AS MATERIALIZED (
        SELECT refresh_id FROM refresh_tokens WHERE swept_at < $1
        ORDER BY swept_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM refresh_tokens USING old
        WHERE refresh_tokens.refresh_id = old.refresh_id AND NOT ",
    renews!(),
    " RETURNING 1
    )
    SELECT count(*) FROM gone"
);

pub(super) const DELETE_GRANTS: &str = concat!(
    "WITH old AS MATERIALIZED (
        SELECT grant_id FROM grants WHERE swept_at < $1
        ORDER BY swept_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM grants USING old WHERE grants.grant_id = old.grant_id AND NOT ",
    serves!(),
    " RETURNING grants.subject_key, grants.client_key, grants.grant_id
    ), forgotten AS (
        DELETE FROM remembered_consents USING gone
        WHERE remembered_consents.subject_key = gone.subject_key
            AND remembered_consents.client_key = gone.client_key
            AND remembered_consents.grant_id = gone.grant_id
    )
    SELECT count(*) FROM gone"
);

pub(super) const DELETE_SESSIONS: &str = "WITH old AS MATERIALIZED (
        SELECT sid FROM login_sessions WHERE expires_at < $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM login_sessions USING old WHERE login_sessions.sid = old.sid RETURNING 1
    )
    SELECT count(*) FROM gone";

pub(super) const DELETE_PENDING: &str = "WITH old AS MATERIALIZED (
        SELECT pending_id FROM pending WHERE expires_at < $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM pending USING old WHERE pending.pending_id = old.pending_id RETURNING 1
    )
    SELECT count(*) FROM gone";

pub(super) const DELETE_NOTICES: &str = "WITH old AS MATERIALIZED (
        SELECT notice_id FROM logout_notices WHERE expires_at < $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM logout_notices USING old
        WHERE logout_notices.notice_id = old.notice_id RETURNING 1
    )
    SELECT count(*) FROM gone";

/// Puts off what is due only to be looked at: of the rows that come first, so that those which follow can be deleted.
/// Answers how many that were, of the table with more. A repeat would not count what its first try put off.
pub(super) async fn look_again(store: &PostgresStore, now: i64, limit: i64) -> StoreResult<u64> {
    let next = now.saturating_add(LOOK_AGAIN_MICROS);
    let limit = limit.saturating_add(LOOKED_AT_MORE);
    let values = [
        (&now as _, Type::INT8),
        (&limit as _, Type::INT8),
        (&next as _, Type::INT8),
    ];
    let mut most = 0;
    for sql in [LOOK_AT_GRANTS, LOOK_AT_REFRESH_TOKENS] {
        let rows = store.run(IfLost::GiveUp, sql, &values).await?;
        let put_off = rows.first().map_or(Ok(0), |row| column::<i64>(row, 0))?;
        most = most.max(put_off);
    }
    Ok(most.cast_unsigned())
}
