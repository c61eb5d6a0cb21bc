//! Grants and liveness of tokens on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use tessera_protocol::grant::record::{CodeId, GrantId, GrantRecord, RefreshId};
use tessera_protocol::time::Timestamp;
use tessera_store::{
    FinishConsent, FinishedConsent, GrantList, GrantSelector, Grants, Liveness, RedeemCode,
    RedeemedCode, RotateRefresh, RotatedRefresh, StoreResult, StoredCode, StoredRefresh,
    TokenAnchor, check_selector, check_text,
};

use super::{Guard, SqliteStore, codes, consents, refresh};
use crate::rows::{Id, StoredGrant, text_key};

/// The columns of [`StoredGrant`], in their order.
macro_rules! grant_columns {
    () => {
        "grants.grant_id, grants.client_id, grants.subject, grants.sid, grants.requested_at,
        grants.remembered_until, grants.tokens_until, grants.was_asked, grants.document,
        grants.session, grants.context, grants.server_epoch"
    };
}
pub(super) use grant_columns;

/// Whether the client of a grant still is the one that it was given to.
macro_rules! has_client {
    () => {
        "EXISTS (SELECT 1 FROM clients WHERE clients.client_key = grants.client_key
            AND clients.created_at = grants.client_born)"
    };
}
pub(super) use has_client;

/// Whether a grant still issues tokens: neither it, nor its client, nor all tokens of the server were revoked.
macro_rules! issues_tokens {
    () => {
        concat!(
            "(grants.tokens_revoked = 0
            AND EXISTS (SELECT 1 FROM server_state WHERE server_state.id = 1
                AND server_state.token_epoch = grants.server_epoch)
            AND ",
            has_client!(),
            ")"
        )
    };
}
pub(super) use issues_tokens;

pub(super) const CHECK_MACHINE: &str = "SELECT 1 FROM clients, server_state
    WHERE clients.client_key = ?1 AND clients.token_epoch = ?2
        AND server_state.id = 1 AND server_state.token_epoch = ?3
        AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE token_id = ?4)";

pub(super) const CHECK_PERSON: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants, clients, server_state
    WHERE grants.grant_id = ?1 AND grants.tokens_revoked = 0
        AND clients.client_key = grants.client_key AND clients.created_at = grants.client_born
        AND clients.token_epoch = ?2
        AND server_state.id = 1 AND server_state.token_epoch = ?3
        AND (?4 IS NULL OR EXISTS (SELECT 1 FROM refresh_tokens WHERE refresh_id = ?4
            AND refresh_tokens.grant_id = ?1 AND first_used_at IS NULL))"
);

pub(super) const REVOKE_TOKEN: &str =
    "INSERT INTO revoked_tokens (token_id, expires_at) VALUES (?1, ?2)
    ON CONFLICT (token_id) DO NOTHING";

pub(super) const REVOKE: &str = "UPDATE grants SET tokens_revoked = 1 WHERE grant_id = ?1";

pub(super) const DELETE_ONE: &str = "DELETE FROM grants WHERE grant_id = ?1
    RETURNING subject_key, client_key, grant_id";

pub(super) const DELETE_OF_CLIENT: &str = "DELETE FROM grants
    WHERE subject_key = ?1 AND client_key = ?2
    RETURNING subject_key, client_key, grant_id";

pub(super) const DELETE_OF_SUBJECT: &str = "DELETE FROM grants WHERE subject_key = ?1
    RETURNING subject_key, client_key, grant_id";

pub(super) const FORGET: &str = "DELETE FROM remembered_consents
    WHERE subject_key = ?1 AND client_key = ?2 AND grant_id = ?3";

pub(super) const LIST_NEWEST: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants
    WHERE subject_key = ?1 AND was_asked = 1 AND (?2 IS NULL OR sid = ?2)
        AND (tokens_until >= ?3 OR remembered_until >= ?3)
        AND (requested_at, grant_id) < (?4, ?5) AND ",
    has_client!(),
    " ORDER BY requested_at DESC, grant_id DESC LIMIT ?6 OFFSET ?7"
);

pub(super) const LIST_OLDEST: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants
    WHERE subject_key = ?1 AND was_asked = 1 AND (?2 IS NULL OR sid = ?2)
        AND (tokens_until >= ?3 OR remembered_until >= ?3)
        AND (requested_at, grant_id) > (?4, ?5) AND ",
    has_client!(),
    " ORDER BY requested_at, grant_id LIMIT ?6 OFFSET ?7"
);

pub(super) const COUNT: &str = concat!(
    "SELECT count(*) FROM grants
    WHERE subject_key = ?1 AND was_asked = 1 AND (?2 IS NULL OR sid = ?2)
        AND (tokens_until >= ?3 OR remembered_until >= ?3) AND ",
    has_client!()
);

/// The grant whose columns begin at `first`.
pub(super) fn stored_grant(row: &Row<'_>, first: usize) -> rusqlite::Result<StoredGrant> {
    Ok(StoredGrant {
        grant_id: row.get(first)?,
        client_id: row.get(first + 1)?,
        subject: row.get(first + 2)?,
        sid: row.get(first + 3)?,
        requested_at: row.get(first + 4)?,
        remembered_until: row.get(first + 5)?,
        tokens_until: row.get(first + 6)?,
        was_asked: row.get(first + 7)?,
        document: row.get(first + 8)?,
        session: row.get(first + 9)?,
        context: row.get(first + 10)?,
        server_epoch: row.get(first + 11)?,
    })
}

pub(super) fn revoke(connection: &Connection, grant_id: Id) -> rusqlite::Result<()> {
    connection
        .prepare_cached(REVOKE)?
        .execute([grant_id])
        .map(|_| ())
}

/// Runs a statement that deletes grants, and deletes what they remember; answers how many went.
pub(super) fn delete(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<usize> {
    let deleted = connection
        .prepare_cached(sql)?
        .query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>>>()?;
    let mut forget = connection.prepare_cached(FORGET)?;
    for (subject_key, client_key, grant_id) in &deleted {
        forget.execute(params![subject_key, client_key, grant_id])?;
    }
    Ok(deleted.len())
}

impl SqliteStore {
    fn check_machine(&self, values: impl Params) -> StoreResult<Liveness> {
        let live = self.read(|c| {
            c.prepare_cached(CHECK_MACHINE)?
                .query_row(values, |_| Ok(()))
                .optional()
        })?;
        Ok(match live {
            Some(()) => Liveness::Live(None),
            None => Liveness::Revoked,
        })
    }

    fn check_person(&self, values: impl Params) -> StoreResult<Liveness> {
        let live = self.read(|c| {
            c.prepare_cached(CHECK_PERSON)?
                .query_row(values, |row| stored_grant(row, 0))
                .optional()
        })?;
        let live = live.map(StoredGrant::into_record).transpose()?;
        Ok(live.map_or(Liveness::Revoked, |grant| {
            Liveness::Live(Some(Box::new(grant)))
        }))
    }
}

#[async_trait]
impl Grants for SqliteStore {
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness> {
        match *anchor {
            TokenAnchor::Machine {
                token_id,
                client_id,
                client_epoch,
                server_epoch,
            } => self.check_machine(params![
                text_key(client_id),
                client_epoch.cast_signed(),
                server_epoch.cast_signed(),
                token_id,
            ]),
            TokenAnchor::Person {
                grant_id,
                refresh_id,
                client_epoch,
                server_epoch,
            } => self.check_person(params![
                grant_id,
                client_epoch.cast_signed(),
                server_epoch.cast_signed(),
                refresh_id,
            ]),
        }
    }

    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()> {
        self.write(Guard::Token(token_id), move |c| {
            c.prepare_cached(REVOKE_TOKEN)?
                .execute(params![token_id, expires_at.as_micros()])
                .map(|_| ())
        })
        .await
    }

    async fn finish_consent(
        &self,
        finish: &FinishConsent<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedConsent> {
        consents::finish(self, finish, now).await
    }

    async fn load_code(&self, code_id: CodeId) -> StoreResult<Option<StoredCode>> {
        codes::load(self, code_id)
    }

    async fn redeem_code(&self, redeem: &RedeemCode<'_>) -> StoreResult<RedeemedCode> {
        codes::redeem(self, redeem).await
    }

    async fn burn_code(&self, code_id: CodeId, attempt: u64) -> StoreResult<()> {
        codes::burn(self, code_id, attempt).await
    }

    async fn find_refresh(&self, refresh_id: RefreshId) -> StoreResult<Option<StoredRefresh>> {
        refresh::find(self, refresh_id)
    }

    async fn rotate_refresh(&self, rotate: &RotateRefresh<'_>) -> StoreResult<RotatedRefresh> {
        refresh::rotate(self, rotate).await
    }

    async fn revoke_grant(&self, grant_id: GrantId) -> StoreResult<()> {
        self.write(Guard::Grant(grant_id), move |c| revoke(c, grant_id))
            .await
    }

    async fn delete_grants(&self, selector: &GrantSelector<'_>) -> StoreResult<()> {
        check_selector(selector)?;
        match *selector {
            GrantSelector::One(grant_id) => {
                self.write(Guard::Grant(grant_id), move |c| {
                    delete(c, DELETE_ONE, [grant_id]).map(|_| ())
                })
                .await
            }
            GrantSelector::OfClient { subject, client_id } => {
                let (subject, client) = (text_key(subject), text_key(client_id));
                self.write(Guard::Subject(subject), move |c| {
                    delete(c, DELETE_OF_CLIENT, [subject, client]).map(|_| ())
                })
                .await
            }
            GrantSelector::OfSubject(subject) => {
                let subject = text_key(subject);
                self.write(Guard::Subject(subject), move |c| {
                    delete(c, DELETE_OF_SUBJECT, [subject]).map(|_| ())
                })
                .await
            }
        }
    }

    async fn list_grants(&self, list: &GrantList<'_>) -> StoreResult<Vec<GrantRecord>> {
        check_text(list.subject)?;
        let (subject, sid, now) = (text_key(list.subject), list.sid, list.now.as_micros());
        // Whatever comes before the first grant in the order of the list: no id is empty or has 17 bytes.
        let (sql, before_all) = if list.newest_first {
            (LIST_NEWEST, (i64::MAX, vec![u8::MAX; 17]))
        } else {
            (LIST_OLDEST, (i64::MIN, Vec::new()))
        };
        let after = list.after.map(|(at, id)| (at.as_micros(), id.to_vec()));
        let (after_at, after_id) = after.unwrap_or(before_all);
        let limit = list.limit;
        let offset = i64::try_from(list.offset).unwrap_or(i64::MAX);
        let found = self
            .read_long(move |c| {
                let values = params![subject, sid, now, after_at, after_id, limit, offset];
                c.prepare_cached(sql)?
                    .query_map(values, |row| stored_grant(row, 0))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        found.into_iter().map(StoredGrant::into_record).collect()
    }

    async fn count_grants(&self, list: &GrantList<'_>) -> StoreResult<u64> {
        check_text(list.subject)?;
        let (subject, sid, now) = (text_key(list.subject), list.sid, list.now.as_micros());
        let count: i64 = self
            .read_long(move |c| {
                c.prepare_cached(COUNT)?
                    .query_row(params![subject, sid, now], |row| row.get(0))
            })
            .await?;
        Ok(count.cast_unsigned())
    }
}
