//! Login sessions, pending rows and logout notices on SQLite.

use std::slice;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;
use tessera_store::{
    Claim, FinishLogin, FinishedLogin, LogoutNotice, Pending, Sessions, StoreResult, check_login,
    check_notice, check_text,
};

use super::grants::has_client;
use super::{Guard, SqliteStore, replay};
use crate::rows::{Id, StoredNotice, StoredSession, TextKey, pending, remembered, text_key};

pub(super) const KEEP_PENDING: &str =
    "INSERT INTO pending (pending_id, session, context, request, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (pending_id) DO NOTHING";

pub(super) const FIND_PENDING: &str =
    "SELECT session, context, request, expires_at FROM pending WHERE pending_id = ?1";

pub(super) const FIND: &str = "SELECT sid, subject, authenticated_at, is_remembered, expires_at,
        provider_session_id
    FROM login_sessions WHERE sid = ?1";

pub(super) const IS_USABLE: &str = "SELECT 1 FROM login_sessions
    WHERE sid = ?1 AND is_remembered = 1 AND expires_at >= ?2";

pub(super) const PUT: &str = "INSERT INTO login_sessions (sid, subject_key, subject,
        authenticated_at, is_remembered, expires_at, provider_session_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (sid) DO UPDATE SET subject_key = excluded.subject_key, subject = excluded.subject,
        authenticated_at = excluded.authenticated_at, is_remembered = excluded.is_remembered,
        expires_at = excluded.expires_at,
        provider_session_id = CASE WHEN excluded.provider_session_id = ''
            THEN login_sessions.provider_session_id ELSE excluded.provider_session_id END";

pub(super) const REMEMBERED: &str = concat!(
    "SELECT grants.document FROM remembered_consents
        JOIN grants ON grants.grant_id = remembered_consents.grant_id
    WHERE remembered_consents.subject_key = ?1 AND remembered_consents.client_key = ?2
        AND grants.remembered_until >= ?3 AND ",
    has_client!()
);

pub(super) const CLIENTS: &str = concat!(
    "SELECT DISTINCT client_id FROM grants WHERE sid = ?1 AND ",
    has_client!(),
    " ORDER BY client_id LIMIT ?2"
);

pub(super) const END: &str = "DELETE FROM login_sessions WHERE sid = ?1";

pub(super) const RETIRE: &str = "UPDATE login_sessions SET is_remembered = 0 WHERE sid = ?1";

pub(super) const SOME_OF: &str = "SELECT sid FROM login_sessions WHERE subject_key = ?1 LIMIT ?2";

pub(super) const ANNOUNCE: &str =
    "INSERT INTO logout_notices (notice_id, client_id, sid, attempts, due_at, expires_at)
    VALUES (?1, '', ?1, 0, ?2, ?3)
    ON CONFLICT (notice_id) DO NOTHING";

pub(super) const QUEUE: &str =
    "INSERT INTO logout_notices (notice_id, client_id, sid, attempts, due_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (notice_id) DO NOTHING";

pub(super) const IS_QUEUED: &str =
    "SELECT 1 FROM logout_notices WHERE notice_id = ?1 AND expires_at = ?2";

pub(super) const TAKE: &str = "UPDATE logout_notices SET attempts = attempts + 1, due_at = ?2
    WHERE notice_id IN (SELECT notice_id FROM logout_notices
        WHERE due_at <= ?1 AND expires_at >= ?1 ORDER BY due_at, notice_id LIMIT ?3)
    RETURNING notice_id, client_id, sid, attempts, due_at, expires_at";

pub(super) const DELETE_NOTICE: &str = "DELETE FROM logout_notices WHERE notice_id = ?1";

/// A [`FinishLogin`] that the writer's thread may keep.
struct Finish {
    claim: Claim,
    new_session: Option<LoginSession>,
    used_session: Option<Id>,
    retired_session: Option<Id>,
    subject: TextKey,
    client: TextKey,
    now: Timestamp,
}

/// What became of a login; `Done` comes with the document of the remembered grant.
enum LoginEnd {
    Done(Option<String>),
    AlreadyFinished,
    SessionGone,
}

impl Finish {
    fn run(self, connection: &Connection) -> rusqlite::Result<LoginEnd> {
        match replay::spent_by(connection, &self.claim, self.now)? {
            Some(attempt) if attempt == self.claim.attempt => return self.done(connection),
            Some(_) => return Ok(LoginEnd::AlreadyFinished),
            None => {}
        }
        if let Some(used) = self.used_session {
            let values = params![used, self.now.as_micros()];
            if !connection.prepare_cached(IS_USABLE)?.exists(values)? {
                return Ok(LoginEnd::SessionGone);
            }
        }
        replay::spend(connection, &self.claim, self.now)?;
        if let Some(retired) = self.retired_session {
            connection.prepare_cached(RETIRE)?.execute([retired])?;
        }
        if let Some(session) = &self.new_session {
            put(connection, session)?;
        }
        self.done(connection)
    }

    fn done(&self, connection: &Connection) -> rusqlite::Result<LoginEnd> {
        let values = params![self.subject, self.client, self.now.as_micros()];
        let document = connection
            .prepare_cached(REMEMBERED)?
            .query_row(values, |row| row.get(0))
            .optional()?;
        Ok(LoginEnd::Done(document))
    }
}

fn put(connection: &Connection, session: &LoginSession) -> rusqlite::Result<()> {
    let values = params![
        session.sid,
        text_key(&session.subject),
        session.subject,
        session.authenticated_at.as_micros(),
        i16::from(session.is_remembered),
        session.expires_at.as_micros(),
        session.identity_provider_session_id,
    ];
    connection.prepare_cached(PUT)?.execute(values).map(|_| ())
}

fn end(
    connection: &Connection,
    sid: SessionId,
    announcement: &LogoutNotice,
) -> rusqlite::Result<bool> {
    if connection.prepare_cached(END)?.execute([sid])? == 0 {
        return connection.prepare_cached(IS_QUEUED)?.exists(params![
            announcement.id,
            announcement.expires_at.as_micros()
        ]);
    }
    queue(connection, slice::from_ref(announcement)).map(|()| true)
}

fn queue(connection: &Connection, notices: &[LogoutNotice]) -> rusqlite::Result<()> {
    let mut queue = connection.prepare_cached(QUEUE)?;
    for notice in notices {
        queue.execute(params![
            notice.id,
            notice.client_id,
            notice.sid,
            notice.attempts,
            notice.due_at.as_micros(),
            notice.expires_at.as_micros(),
        ])?;
    }
    Ok(())
}

fn stored_session(row: &Row<'_>) -> rusqlite::Result<StoredSession> {
    Ok(StoredSession {
        sid: row.get(0)?,
        subject: row.get(1)?,
        authenticated_at: row.get(2)?,
        is_remembered: row.get(3)?,
        expires_at: row.get(4)?,
        provider_session_id: row.get(5)?,
    })
}

fn stored_notice(row: &Row<'_>) -> rusqlite::Result<StoredNotice> {
    Ok(StoredNotice {
        notice_id: row.get(0)?,
        client_id: row.get(1)?,
        sid: row.get(2)?,
        attempts: row.get(3)?,
        due_at: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

#[async_trait]
impl Sessions for SqliteStore {
    async fn keep_pending(&self, pending: &Pending) -> StoreResult<()> {
        let pending = pending.clone();
        self.write(Guard::Pending(pending.id), move |c| {
            let values = params![
                pending.id,
                pending.session,
                pending.context,
                pending.request,
                pending.expires_at.as_micros(),
            ];
            c.prepare_cached(KEEP_PENDING)?.execute(values).map(|_| ())
        })
        .await
    }

    async fn find_pending(&self, id: [u8; 16]) -> StoreResult<Option<Pending>> {
        self.read(|c| {
            c.prepare_cached(FIND_PENDING)?
                .query_row([id], |row| {
                    let (session, context) = (row.get(0)?, row.get(1)?);
                    Ok(pending(id, session, context, row.get(2)?, row.get(3)?))
                })
                .optional()
        })
    }

    async fn find_login_session(&self, sid: SessionId) -> StoreResult<Option<LoginSession>> {
        let found = self.read(|c| {
            c.prepare_cached(FIND)?
                .query_row([sid], stored_session)
                .optional()
        })?;
        found.map(StoredSession::into_session).transpose()
    }

    async fn finish_login(
        &self,
        finish: &FinishLogin<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedLogin> {
        check_login(finish)?;
        let finish = Finish {
            claim: *finish.claim,
            new_session: finish.new_session.cloned(),
            used_session: finish.used_session,
            retired_session: finish.retired_session,
            subject: text_key(finish.subject),
            client: text_key(finish.client_id),
            now,
        };
        let guard = Guard::Value(finish.claim.single_use.code(), finish.claim.value_hash);
        Ok(match self.write(guard, move |c| finish.run(c)).await? {
            LoginEnd::Done(document) => {
                FinishedLogin::Done(document.as_deref().map(remembered).transpose()?)
            }
            LoginEnd::AlreadyFinished => FinishedLogin::AlreadyFinished,
            LoginEnd::SessionGone => FinishedLogin::SessionGone,
        })
    }

    async fn retire_login_session(&self, sid: SessionId) -> StoreResult<()> {
        self.write(Guard::Session(sid), move |c| {
            c.prepare_cached(RETIRE)?.execute([sid]).map(|_| ())
        })
        .await
    }

    async fn clients_of_session(&self, sid: SessionId, limit: u32) -> StoreResult<Vec<String>> {
        self.read_long(move |c| {
            c.prepare_cached(CLIENTS)?
                .query_map(params![sid, limit], |row| row.get(0))?
                .collect()
        })
        .await
    }

    async fn end_login_session(
        &self,
        sid: SessionId,
        announcement: &LogoutNotice,
    ) -> StoreResult<bool> {
        check_notice(announcement)?;
        let announcement = announcement.clone();
        self.write(Guard::Session(sid), move |c| end(c, sid, &announcement))
            .await
    }

    async fn end_login_sessions_of(
        &self,
        subject: &str,
        limit: u32,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<u64> {
        check_text(subject)?;
        let subject = text_key(subject);
        self.write(Guard::Subject(subject), move |c| {
            let mut meant = c.prepare_cached(SOME_OF)?;
            let sids = meant
                .query_map(params![subject, limit], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<SessionId>>>()?;
            for sid in &sids {
                let values = params![sid, now.as_micros(), expires_at.as_micros()];
                c.prepare_cached(ANNOUNCE)?.execute(values)?;
                c.prepare_cached(END)?.execute([sid])?;
            }
            Ok(sids.len() as u64)
        })
        .await
    }

    async fn list_notices(
        &self,
        announcement: [u8; 16],
        notices: &[LogoutNotice],
    ) -> StoreResult<()> {
        notices.iter().try_for_each(check_notice)?;
        let notices = notices.to_vec();
        self.write(Guard::Notices, move |c| {
            let gone = c.prepare_cached(DELETE_NOTICE)?.execute([announcement])?;
            if gone == 0 {
                return Ok(());
            }
            queue(c, &notices)
        })
        .await
    }

    async fn take_due_notices(
        &self,
        now: Timestamp,
        retry_at: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<LogoutNotice>> {
        let (now, retry_at) = (now.as_micros(), retry_at.as_micros());
        let taken = self
            .write(Guard::Notices, move |c| {
                c.prepare_cached(TAKE)?
                    .query_map(params![now, retry_at, limit], stored_notice)?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        taken.into_iter().map(StoredNotice::into_notice).collect()
    }

    async fn delete_notice(&self, id: [u8; 16]) -> StoreResult<()> {
        self.write(Guard::Notices, move |c| {
            c.prepare_cached(DELETE_NOTICE)?.execute([id]).map(|_| ())
        })
        .await
    }
}
