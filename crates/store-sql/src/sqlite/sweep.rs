//! Clean-up of what people leave behind, on SQLite.
//!
//! A row is looked at when `swept_at` has come. What still serves is put off until it ends, by 30 days at most; what
//! has ended, or lost its client or grant, goes.
//!
//! Invariant: a step looks at so many due rows and no further, however many are due: the writer is held for
//! milliseconds.

use rusqlite::{Connection, params};

use super::deletion;
use super::grants::{has_client, issues_tokens};
use crate::rows::{LOOK_AGAIN_MICROS, LOOKED_AT_MORE};

/// Whether the end of a grant's session is announced, under the session's name: its client is found by the grant. Such a grant is looked at again
/// after a minute.
macro_rules! is_announced {
    () => {
        "EXISTS (SELECT 1 FROM logout_notices WHERE logout_notices.notice_id = grants.sid)"
    };
}

/// Whether a grant that is looked at has to stay: its client is there, and its tokens live, its login session goes on
/// (a logout has to reach the client), its end is announced, or it is remembered.
macro_rules! serves {
    () => {
        concat!(
            "(",
            has_client!(),
            " AND (grants.tokens_until >= ?1 AND ",
            issues_tokens!(),
            " OR EXISTS (SELECT 1 FROM login_sessions WHERE login_sessions.sid = grants.sid
                    AND login_sessions.expires_at >= ?1)
                OR ",
            is_announced!(),
            "
                OR grants.remembered_until IS NOT NULL AND grants.remembered_until >= ?1))"
        )
    };
}

/// Whether a refresh token that is looked at has to stay.
macro_rules! renews {
    () => {
        concat!(
            "(refresh_tokens.kept_until >= ?1 AND EXISTS (SELECT 1 FROM grants
                WHERE grants.grant_id = refresh_tokens.grant_id AND ",
            issues_tokens!(),
            "))"
        )
    };
}

pub(super) const LOOK_AT_GRANTS: &str = concat!(
    "UPDATE grants SET swept_at =
        min(max(tokens_until, COALESCE(remembered_until, tokens_until),
            COALESCE((SELECT login_sessions.expires_at FROM login_sessions
                WHERE login_sessions.sid = grants.sid), tokens_until),
            CASE WHEN ",
    is_announced!(),
    " THEN ?1 + 60000000 ELSE tokens_until END), ?3)
    WHERE grant_id IN (SELECT grant_id FROM grants WHERE swept_at < ?1
            ORDER BY swept_at LIMIT ?2)
        AND ",
    serves!()
);

pub(super) const LOOK_AT_REFRESH_TOKENS: &str = concat!(
    "UPDATE refresh_tokens SET swept_at = min(kept_until, ?3)
    WHERE refresh_id IN (SELECT refresh_id FROM refresh_tokens WHERE swept_at < ?1
            ORDER BY swept_at LIMIT ?2)
        AND ",
    renews!()
);

const DELETE_CODES: &str = "DELETE FROM authorization_codes WHERE code_id IN
    (SELECT code_id FROM authorization_codes WHERE kept_until < ?1 ORDER BY kept_until LIMIT ?2)";

const DELETE_REFRESH_TOKENS: &str = concat!(
    "DELETE FROM refresh_tokens WHERE refresh_id IN
        (SELECT refresh_id FROM refresh_tokens WHERE swept_at < ?1 ORDER BY swept_at LIMIT ?2)
    AND NOT ",
    renews!()
);

pub(super) const DELETE_GRANTS: &str = concat!(
    "DELETE FROM grants WHERE grant_id IN
        (SELECT grant_id FROM grants WHERE swept_at < ?1 ORDER BY swept_at LIMIT ?2)
    AND NOT ",
    serves!(),
    " RETURNING subject_key, client_key, grant_id"
);

const DELETE_SESSIONS: &str = "DELETE FROM login_sessions WHERE sid IN
    (SELECT sid FROM login_sessions WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";

const DELETE_PENDING: &str = "DELETE FROM pending WHERE pending_id IN
    (SELECT pending_id FROM pending WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";

const DELETE_NOTICES: &str = "DELETE FROM logout_notices WHERE notice_id IN
    (SELECT notice_id FROM logout_notices WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";

/// Run in this order, before grants are deleted; each takes the time and the limit.
pub(super) const BEFORE_GRANTS: [&str; 2] = [DELETE_CODES, DELETE_REFRESH_TOKENS];

/// Likewise, after them.
pub(super) const AFTER_GRANTS: [&str; 3] = [DELETE_SESSIONS, DELETE_PENDING, DELETE_NOTICES];

/// Puts off what is due only to be looked at: of the rows that come first, so that those which follow can be deleted.
/// Answers how many that were, of the table with more.
pub(super) fn look_again(connection: &Connection, now: i64, limit: i64) -> rusqlite::Result<u64> {
    let next = now.saturating_add(LOOK_AGAIN_MICROS);
    let limit = limit.saturating_add(LOOKED_AT_MORE);
    let mut most = 0;
    for sql in [LOOK_AT_GRANTS, LOOK_AT_REFRESH_TOKENS] {
        let put_off = connection
            .prepare_cached(sql)?
            .execute(params![now, limit, next])?;
        most = most.max(put_off);
    }
    Ok(most as u64)
}

/// Deletes grants that are over, and what they remember.
pub(super) fn delete_grants(
    connection: &Connection,
    now: i64,
    limit: i64,
) -> rusqlite::Result<i64> {
    let deleted = deletion::delete(connection, DELETE_GRANTS, params![now, limit])?;
    Ok(i64::try_from(deleted).unwrap_or(limit))
}
