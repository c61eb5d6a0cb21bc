//! The end of a flow on SQLite.

use rusqlite::{Connection, OptionalExtension, params};
use tessera_protocol::time::Timestamp;
use tessera_store::{Claim, FinishConsent, FinishedConsent, StoreResult};

use super::{Guard, SqliteStore, replay};
use crate::rows::{GrantColumns, Id, code_document};

pub(super) const CLIENT_BORN: &str = "SELECT created_at FROM clients WHERE client_key = ?1";

pub(super) const HAS_SESSION: &str =
    "SELECT 1 FROM login_sessions WHERE sid = ?1 AND expires_at >= ?2";

pub(super) const SESSION: &str = "SELECT session FROM grants WHERE grant_id = ?1";

pub(super) const INSERT: &str =
    "INSERT INTO grants (grant_id, client_key, client_born, subject_key,
        sid, requested_at, remembered_until, tokens_until, tokens_revoked, server_epoch, was_asked,
        swept_at, client_id, subject, document, session, context)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?16, ?9, ?10, ?11, ?12, ?13,
        COALESCE((SELECT session FROM pending WHERE pending_id = ?14), x''),
        COALESCE((SELECT context FROM pending WHERE pending_id = ?14),
            (SELECT context FROM pending WHERE pending_id = ?15), x''))
    RETURNING session";

/// What was remembered for ever ends with its tokens when a newer grant takes its place.
pub(super) const END_OLDER: &str = "UPDATE grants SET remembered_until = NULL
    WHERE grant_id = (SELECT grant_id FROM remembered_consents
            WHERE subject_key = ?1 AND client_key = ?2)
        AND remembered_until = 9223372036854775807";

pub(super) const REMEMBER: &str =
    "INSERT INTO remembered_consents (subject_key, client_key, grant_id) VALUES (?1, ?2, ?3)
    ON CONFLICT (subject_key, client_key) DO UPDATE SET grant_id = excluded.grant_id";

pub(super) const INSERT_CODE: &str =
    "INSERT INTO authorization_codes (code_id, grant_id, expires_at, kept_until, document)
    VALUES (?1, ?2, ?3, ?3, ?4)";

struct Code {
    code_id: Id,
    grant_id: Id,
    expires_at: i64,
    document: String,
}

/// A [`FinishConsent`] that the writer's thread may keep.
struct Finish {
    claim: Claim,
    grant: GrantColumns,
    consent_pending: Option<Id>,
    login_pending: Option<Id>,
    code: Option<Code>,
    now: Timestamp,
}

pub(super) async fn finish(
    store: &SqliteStore,
    finish: &FinishConsent<'_>,
    now: Timestamp,
) -> StoreResult<FinishedConsent> {
    let code = finish.code.map(|code| {
        Ok(Code {
            code_id: code.code_id,
            grant_id: code.grant_id,
            expires_at: code.expires_at.as_micros(),
            document: code_document(code)?,
        })
    });
    let finish = Finish {
        claim: *finish.claim,
        grant: GrantColumns::of(finish.grant, now)?,
        consent_pending: finish.consent_pending,
        login_pending: finish.login_pending,
        code: code.transpose()?,
        now,
    };
    let guard = Guard::Value(finish.claim.single_use.code(), finish.claim.value_hash);
    store.write(guard, move |c| finish.run(c)).await
}

impl Finish {
    fn run(self, connection: &Connection) -> rusqlite::Result<FinishedConsent> {
        let grant = &self.grant;
        if let Some(attempt) = replay::spent_by(connection, &self.claim, self.now)? {
            if attempt != self.claim.attempt {
                return Ok(FinishedConsent::AlreadyFinished);
            }
            let session: Option<Vec<u8>> = connection
                .prepare_cached(SESSION)?
                .query_row([grant.grant_id], |row| row.get(0))
                .optional()?;
            let session = session.unwrap_or_default();
            return Ok(FinishedConsent::Done { session });
        }
        let client_born: Option<i64> = connection
            .prepare_cached(CLIENT_BORN)?
            .query_row([grant.client_key], |row| row.get(0))
            .optional()?;
        let Some(client_born) = client_born else {
            return Ok(FinishedConsent::AlreadyFinished);
        };
        if let Some(sid) = grant.sid
            && !connection
                .prepare_cached(HAS_SESSION)?
                .exists(params![sid, self.now.as_micros()])?
        {
            return Ok(FinishedConsent::SessionGone);
        }
        replay::spend(connection, &self.claim, self.now)?;
        let session = self.insert(connection, client_born)?;
        if grant.remembered_until.is_some() {
            let pair = params![grant.subject_key, grant.client_key];
            connection.prepare_cached(END_OLDER)?.execute(pair)?;
            connection.prepare_cached(REMEMBER)?.execute(params![
                grant.subject_key,
                grant.client_key,
                grant.grant_id
            ])?;
        }
        if let Some(code) = &self.code {
            connection.prepare_cached(INSERT_CODE)?.execute(params![
                code.code_id,
                code.grant_id,
                code.expires_at,
                code.document
            ])?;
        }
        Ok(FinishedConsent::Done { session })
    }

    /// Stores the grant and answers the session that it took.
    fn insert(&self, connection: &Connection, client_born: i64) -> rusqlite::Result<Vec<u8>> {
        let grant = &self.grant;
        let values = params![
            grant.grant_id,
            grant.client_key,
            client_born,
            grant.subject_key,
            grant.sid,
            grant.requested_at,
            grant.remembered_until,
            grant.tokens_until,
            grant.was_asked,
            grant.swept_at,
            grant.client_id,
            grant.subject,
            grant.document,
            self.consent_pending,
            self.login_pending,
            grant.server_epoch,
        ];
        connection
            .prepare_cached(INSERT)?
            .query_row(values, |row| row.get(0))
    }
}
