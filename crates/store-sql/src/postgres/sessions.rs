//! Login sessions, pending rows and logout notices on PostgreSQL.

use std::slice;

use async_trait::async_trait;
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;
use tessera_store::{
    FinishLogin, FinishedLogin, LogoutNotice, Pending, Sessions, StoreError, StoreResult,
    check_login, check_notice, check_text,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::grants::has_client;
use super::{IfLost, PostgresStore, SNAPSHOT_TRIES, column};
use crate::rows::{StoredNotice, StoredSession, pending, remembered, text_key};

pub(super) const KEEP_PENDING: &str =
    "INSERT INTO pending (pending_id, session, context, request, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (pending_id) DO NOTHING";

pub(super) const FIND_PENDING: &str =
    "SELECT session, context, request, expires_at FROM pending WHERE pending_id = $1";

pub(super) const FIND: &str = "SELECT sid, subject, authenticated_at, is_remembered, expires_at,
        provider_session_id
    FROM login_sessions WHERE sid = $1";

// The leg is claimed when the used session is there, and everything else hangs on the claim. A session that is retired
// and replaced under the same name is replaced alone: one statement may change a row once. The lock waits for whoever
// retires the used session, so that a login that extends it does not revive it.
pub(super) const FINISH: &str = concat!(
    "WITH used AS MATERIALIZED (
        SELECT sid FROM login_sessions
        WHERE sid = $6 AND is_remembered = 1 AND expires_at >= $5
        FOR NO KEY UPDATE
    ), claimed AS (
        INSERT INTO used_once (single_use, value_hash, attempt, expires_at)
        SELECT $1, $2, $3, $4 WHERE $6 IS NULL OR EXISTS (SELECT 1 FROM used)
        ON CONFLICT (single_use, value_hash) DO UPDATE
            SET attempt = excluded.attempt, expires_at = excluded.expires_at
            WHERE used_once.expires_at < $5
        RETURNING 1
    ), retired AS (
        UPDATE login_sessions SET is_remembered = 0
        WHERE sid = $7 AND ($8 IS NULL OR sid <> $8) AND EXISTS (SELECT 1 FROM claimed)
    ), put AS (
        INSERT INTO login_sessions (sid, subject_key, subject, authenticated_at, is_remembered,
            expires_at, provider_session_id)
        SELECT $8, $9, $10, $11, $12, $13, $14 FROM claimed WHERE $8 IS NOT NULL
        ON CONFLICT (sid) DO UPDATE SET subject_key = excluded.subject_key,
            subject = excluded.subject, authenticated_at = excluded.authenticated_at,
            is_remembered = excluded.is_remembered, expires_at = excluded.expires_at,
            provider_session_id = CASE WHEN excluded.provider_session_id = ''
                THEN login_sessions.provider_session_id ELSE excluded.provider_session_id END
    )
    SELECT EXISTS (SELECT 1 FROM claimed),
        (SELECT attempt FROM used_once
            WHERE single_use = $1 AND value_hash = $2 AND expires_at >= $5),
        $6 IS NULL OR EXISTS (SELECT 1 FROM used),
        (SELECT grants.document FROM remembered_consents
            JOIN grants ON grants.grant_id = remembered_consents.grant_id
        WHERE remembered_consents.subject_key = $15 AND remembered_consents.client_key = $16
            AND grants.remembered_until >= $5 AND ",
    has_client!(),
    ")"
);

pub(super) const CLIENTS: &str = concat!(
    "SELECT DISTINCT client_id FROM grants WHERE sid = $1 AND ",
    has_client!(),
    " ORDER BY client_id LIMIT $2"
);

// The deletion waits for whoever gives a grant under the session just now, but this statement's snapshot does not show
// that grant: who is to be told is asked for by a statement after this one.
pub(super) const END: &str = "WITH gone AS (
        DELETE FROM login_sessions WHERE sid = $1 RETURNING 1
    ), queued AS (
        INSERT INTO logout_notices (notice_id, client_id, sid, attempts, due_at, expires_at)
        SELECT * FROM unnest($2, $3, $4, $5, $6, $7) WHERE EXISTS (SELECT 1 FROM gone)
        ON CONFLICT (notice_id) DO NOTHING
    )
    SELECT EXISTS (SELECT 1 FROM gone)";

pub(super) const RETIRE: &str = "UPDATE login_sessions SET is_remembered = 0 WHERE sid = $1";

// Whoever holds a session is waited for, as for grants.
pub(super) const END_OF: &str = "WITH old AS MATERIALIZED (
        SELECT sid FROM login_sessions WHERE subject_key = $1 LIMIT $2 FOR UPDATE
    ), gone AS (
        DELETE FROM login_sessions USING old WHERE login_sessions.sid = old.sid
        RETURNING login_sessions.sid
    ), announced AS (
        INSERT INTO logout_notices (notice_id, client_id, sid, attempts, due_at, expires_at)
        SELECT sid, '', sid, 0, $3, $4 FROM gone
        ON CONFLICT (notice_id) DO NOTHING
    )
    SELECT count(*) FROM old";

pub(super) const LIST: &str = "WITH gone AS (
        DELETE FROM logout_notices WHERE notice_id = $1 RETURNING 1
    )
    INSERT INTO logout_notices (notice_id, client_id, sid, attempts, due_at, expires_at)
    SELECT * FROM unnest($2, $3, $4, $5, $6, $7) WHERE EXISTS (SELECT 1 FROM gone)
    ON CONFLICT (notice_id) DO NOTHING";

pub(super) const IS_QUEUED: &str =
    "SELECT 1 FROM logout_notices WHERE notice_id = $1 AND expires_at = $2";

pub(super) const TAKE: &str = "WITH due AS MATERIALIZED (
        SELECT notice_id FROM logout_notices WHERE due_at <= $1 AND expires_at >= $1
        ORDER BY due_at, notice_id LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE logout_notices SET attempts = attempts + 1, due_at = $2 FROM due
    WHERE logout_notices.notice_id = due.notice_id
    RETURNING logout_notices.notice_id, client_id, sid, attempts, due_at, expires_at";

pub(super) const DELETE_NOTICE: &str = "DELETE FROM logout_notices WHERE notice_id = $1";

fn session(row: &Row) -> StoreResult<LoginSession> {
    let stored = StoredSession {
        sid: column(row, 0)?,
        subject: column(row, 1)?,
        authenticated_at: column(row, 2)?,
        is_remembered: column(row, 3)?,
        expires_at: column(row, 4)?,
        provider_session_id: column(row, 5)?,
    };
    stored.into_session()
}

fn notice(row: &Row) -> StoreResult<LogoutNotice> {
    let stored = StoredNotice {
        notice_id: column(row, 0)?,
        client_id: column(row, 1)?,
        sid: column(row, 2)?,
        attempts: column(row, 3)?,
        due_at: column(row, 4)?,
        expires_at: column(row, 5)?,
    };
    stored.into_notice()
}

/// What a run of [`FINISH`] says; nothing when it lost against a leg that its snapshot does not show yet.
fn finished(row: &Row, attempt: i64) -> StoreResult<Option<FinishedLogin>> {
    let spent_by: Option<i64> = column(row, 1)?;
    if column(row, 0)? || spent_by == Some(attempt) {
        let document: Option<&str> = column(row, 3)?;
        let recalled = document.map(remembered).transpose()?;
        return Ok(Some(FinishedLogin::Done(recalled)));
    }
    if spent_by.is_some() {
        return Ok(Some(FinishedLogin::AlreadyFinished));
    }
    let has_session: bool = column(row, 2)?;
    Ok((!has_session).then_some(FinishedLogin::SessionGone))
}

impl PostgresStore {
    /// Runs a statement that queues notices when the row with this id goes.
    async fn queue(
        &self,
        sql: &'static str,
        id: &[u8; 16],
        notices: &[LogoutNotice],
    ) -> StoreResult<Vec<Row>> {
        let ids: Vec<&[u8]> = notices.iter().map(|n| &n.id[..]).collect();
        let clients: Vec<&str> = notices.iter().map(|n| &n.client_id[..]).collect();
        let sids: Vec<&[u8]> = notices.iter().map(|n| &n.sid[..]).collect();
        let micros = |of: fn(&LogoutNotice) -> i64| notices.iter().map(of).collect::<Vec<i64>>();
        let values = [
            (&&id[..] as _, Type::BYTEA),
            (&ids as _, Type::BYTEA_ARRAY),
            (&clients as _, Type::TEXT_ARRAY),
            (&sids as _, Type::BYTEA_ARRAY),
            (&micros(|n| n.attempts.into()) as _, Type::INT8_ARRAY),
            (&micros(|n| n.due_at.as_micros()) as _, Type::INT8_ARRAY),
            (&micros(|n| n.expires_at.as_micros()) as _, Type::INT8_ARRAY),
        ];
        self.run(IfLost::Repeat, sql, &values).await
    }
}

#[async_trait]
impl Sessions for PostgresStore {
    async fn keep_pending(&self, pending: &Pending) -> StoreResult<()> {
        let values = [
            (&&pending.id[..] as _, Type::BYTEA),
            (&pending.session as _, Type::BYTEA),
            (&pending.context as _, Type::BYTEA),
            (&pending.request as _, Type::BYTEA),
            (&pending.expires_at.as_micros() as _, Type::INT8),
        ];
        self.run(IfLost::Repeat, KEEP_PENDING, &values)
            .await
            .map(|_| ())
    }

    async fn find_pending(&self, id: [u8; 16]) -> StoreResult<Option<Pending>> {
        let rows = self.read(FIND_PENDING, &[(&&id[..], Type::BYTEA)]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(pending(
            id,
            column(row, 0)?,
            column(row, 1)?,
            column(row, 2)?,
            column(row, 3)?,
        )))
    }

    async fn find_login_session(&self, sid: SessionId) -> StoreResult<Option<LoginSession>> {
        let rows = self.read(FIND, &[(&&sid[..], Type::BYTEA)]).await?;
        rows.first().map(session).transpose()
    }

    async fn finish_login(
        &self,
        finish: &FinishLogin<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedLogin> {
        check_login(finish)?;
        let (claim, new) = (finish.claim, finish.new_session);
        let attempt = claim.attempt.cast_signed();
        let (subject, client) = (text_key(finish.subject), text_key(finish.client_id));
        let new_subject = new.map(|new| text_key(&new.subject));
        let provider_session_id = new.map(|new| &new.identity_provider_session_id[..]);
        let values = [
            (&claim.single_use.code() as _, Type::INT2),
            (&&claim.value_hash[..] as _, Type::BYTEA),
            (&attempt as _, Type::INT8),
            (&claim.expires_at.as_micros() as _, Type::INT8),
            (&now.as_micros() as _, Type::INT8),
            (
                &finish.used_session.as_ref().map(|id| &id[..]) as _,
                Type::BYTEA,
            ),
            (
                &finish.retired_session.as_ref().map(|id| &id[..]) as _,
                Type::BYTEA,
            ),
            (&new.map(|new| &new.sid[..]) as _, Type::BYTEA),
            (&new_subject.as_ref().map(|key| &key[..]) as _, Type::BYTEA),
            (&new.map(|new| &new.subject[..]) as _, Type::TEXT),
            (
                &new.map(|new| new.authenticated_at.as_micros()) as _,
                Type::INT8,
            ),
            (
                &new.map(|new| i16::from(new.is_remembered)) as _,
                Type::INT2,
            ),
            (&new.map(|new| new.expires_at.as_micros()) as _, Type::INT8),
            (&provider_session_id as _, Type::TEXT),
            (&&subject[..] as _, Type::BYTEA),
            (&&client[..] as _, Type::BYTEA),
        ];
        for _ in 0..SNAPSHOT_TRIES {
            let rows = self.run(IfLost::Repeat, FINISH, &values).await?;
            let row = rows
                .first()
                .ok_or_else(|| StoreError::Bug("no row was answered".to_owned()))?;
            if let Some(finished) = finished(row, attempt)? {
                return Ok(finished);
            }
        }
        Err(StoreError::Unavailable(
            "others keep ending this login".to_owned(),
        ))
    }

    async fn retire_login_session(&self, sid: SessionId) -> StoreResult<()> {
        let values = [(&&sid[..] as _, Type::BYTEA)];
        self.run(IfLost::Repeat, RETIRE, &values).await.map(|_| ())
    }

    async fn clients_of_session(&self, sid: SessionId, limit: u32) -> StoreResult<Vec<String>> {
        let values = [
            (&&sid[..] as _, Type::BYTEA),
            (&i64::from(limit) as _, Type::INT8),
        ];
        let rows = self.run(IfLost::Repeat, CLIENTS, &values).await?;
        rows.iter().map(|row| column(row, 0)).collect()
    }

    async fn end_login_session(
        &self,
        sid: SessionId,
        announcement: &LogoutNotice,
    ) -> StoreResult<bool> {
        check_notice(announcement)?;
        let rows = self.queue(END, &sid, slice::from_ref(announcement)).await?;
        if rows.first().map_or(Ok(false), |row| column(row, 0))? {
            return Ok(true);
        }
        // A repeat knows itself by what its first try queued. It may have waited for that, so its snapshot does not
        // show it.
        let values = [
            (&&announcement.id[..] as _, Type::BYTEA),
            (&announcement.expires_at.as_micros() as _, Type::INT8),
        ];
        let queued = self.run(IfLost::Repeat, IS_QUEUED, &values).await?;
        Ok(!queued.is_empty())
    }

    async fn end_login_sessions_of(
        &self,
        subject: &str,
        limit: u32,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<u64> {
        check_text(subject)?;
        let key = text_key(subject);
        let values = [
            (&&key[..] as _, Type::BYTEA),
            (&i64::from(limit) as _, Type::INT8),
            (&now.as_micros() as _, Type::INT8),
            (&expires_at.as_micros() as _, Type::INT8),
        ];
        let rows = self.run(IfLost::Repeat, END_OF, &values).await?;
        let ended = rows.first().map_or(Ok(0), |row| column::<i64>(row, 0))?;
        Ok(ended.cast_unsigned())
    }

    async fn list_notices(
        &self,
        announcement: [u8; 16],
        notices: &[LogoutNotice],
    ) -> StoreResult<()> {
        notices.iter().try_for_each(check_notice)?;
        self.queue(LIST, &announcement, notices).await.map(|_| ())
    }

    /// What is taken by an answer that is lost is tried again when it is due again.
    async fn take_due_notices(
        &self,
        now: Timestamp,
        retry_at: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<LogoutNotice>> {
        let values = [
            (&now.as_micros() as _, Type::INT8),
            (&retry_at.as_micros() as _, Type::INT8),
            (&i64::from(limit) as _, Type::INT8),
        ];
        let rows = self.run(IfLost::GiveUp, TAKE, &values).await?;
        rows.iter().map(notice).collect()
    }

    async fn delete_notice(&self, id: [u8; 16]) -> StoreResult<()> {
        let values = [(&&id[..] as _, Type::BYTEA)];
        self.run(IfLost::Repeat, DELETE_NOTICE, &values)
            .await
            .map(|_| ())
    }
}
