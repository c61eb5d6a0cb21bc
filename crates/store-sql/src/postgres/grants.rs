//! Grants and liveness of tokens on PostgreSQL.

use async_trait::async_trait;
use tessera_protocol::grant::record::{CodeId, GrantId, GrantRecord, RefreshId};
use tessera_protocol::time::Timestamp;
use tessera_store::{
    FinishConsent, FinishedConsent, GrantList, GrantPlace, GrantSelector, Grants, Liveness,
    RedeemCode, RedeemedCode, RotateRefresh, RotatedRefresh, SealedGrant, StoreResult, StoredCode,
    StoredRefresh, TokenAnchor, check_text,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::Value;
use super::{IfLost, PostgresStore, codes, column, consents, deletion, refresh, sealing};
use crate::rows::{GrantColumns, StoredGrant, text_key};

/// The columns of [`StoredGrant`], in their order.
macro_rules! grant_columns {
    () => {
        grant_columns!("grants.sid")
    };
    ($sid:expr) => {
        concat!(
            "grants.grant_id, grants.client_id, grants.subject, ",
            $sid,
            ", grants.requested_at,
        grants.remembered_until, grants.tokens_until, grants.was_asked, grants.document,
        grants.session, grants.context, grants.server_epoch"
        )
    };
}
pub(super) use grant_columns;

/// The columns of a grant that is listed, which names its session only while that exists.
macro_rules! listed_columns {
    () => {
        grant_columns!(
            "(SELECT login_sessions.sid FROM login_sessions
            WHERE login_sessions.sid = grants.sid)"
        )
    };
}

/// Whether the client of a grant still is the one that it was given to.
macro_rules! has_client {
    () => {
        "EXISTS (SELECT 1 FROM clients WHERE clients.client_key = grants.client_key
            AND clients.created_at = grants.client_born)"
    };
}
pub(super) use has_client;

/// Whether a grant is listed: it is the person's, of the session if one is meant, and not over. `$lapsed` is the parameter
/// that says whether it may have ceased to be remembered.
macro_rules! is_listed {
    ($lapsed:literal) => {
        concat!(
            "(subject_key = $1 AND was_asked = 1
        AND ($2 IS NULL OR (sid = $2
            AND EXISTS (SELECT 1 FROM login_sessions WHERE login_sessions.sid = $2)))
        AND (tokens_until >= $3 OR remembered_until >= $3)
        AND (",
            $lapsed,
            " OR remembered_until IS NULL OR remembered_until >= $3)
        AND ",
            has_client!(),
            ")"
        )
    };
}

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
    WHERE clients.client_key = $1 AND clients.token_epoch = $2
        AND server_state.id = 1 AND server_state.token_epoch = $3
        AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE token_id = $4)";

pub(super) const CHECK_PERSON: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants, clients, server_state
    WHERE grants.grant_id = $1 AND grants.tokens_revoked = 0
        AND clients.client_key = grants.client_key AND clients.created_at = grants.client_born
        AND clients.token_epoch = $2
        AND server_state.id = 1 AND server_state.token_epoch = $3
        AND ($4 IS NULL OR EXISTS (SELECT 1 FROM refresh_tokens WHERE refresh_id = $4
            AND refresh_tokens.grant_id = $1 AND first_used_at IS NULL))"
);

pub(super) const REVOKE_TOKEN: &str =
    "INSERT INTO revoked_tokens (token_id, expires_at) VALUES ($1, $2)
    ON CONFLICT (token_id) DO NOTHING";

pub(super) const REVOKE: &str =
    "UPDATE grants SET tokens_revoked = 1 WHERE grant_id = $1 AND tokens_revoked = 0";

pub(super) const KEEP: &str =
    "INSERT INTO grants (grant_id, client_key, client_born, subject_key, sid, requested_at,
        remembered_until, tokens_until, tokens_revoked, server_epoch, was_asked, swept_at,
        client_id, subject, document, session, context)
    SELECT $1, $2, clients.created_at, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $13, $14, $15
    FROM clients WHERE clients.client_key = $2
    ON CONFLICT (grant_id) DO NOTHING";

pub(super) const LIST_NEWEST: &str = concat!(
    "SELECT ",
    listed_columns!(),
    " FROM grants WHERE ",
    is_listed!("$8"),
    " AND (requested_at, grant_id) < ($4, $5)
    ORDER BY requested_at DESC, grant_id DESC LIMIT $6 OFFSET $7"
);

pub(super) const LIST_OLDEST: &str = concat!(
    "SELECT ",
    listed_columns!(),
    " FROM grants WHERE ",
    is_listed!("$8"),
    " AND (requested_at, grant_id) > ($4, $5)
    ORDER BY requested_at, grant_id LIMIT $6 OFFSET $7"
);

pub(super) const COUNT: &str = concat!("SELECT count(*) FROM grants WHERE ", is_listed!("$4"));

/// The grant whose columns begin the row.
pub(super) fn stored_grant(row: &Row) -> StoreResult<StoredGrant> {
    Ok(StoredGrant {
        grant_id: column(row, 0)?,
        client_id: column(row, 1)?,
        subject: column(row, 2)?,
        sid: column(row, 3)?,
        requested_at: column(row, 4)?,
        remembered_until: column(row, 5)?,
        tokens_until: column(row, 6)?,
        was_asked: column(row, 7)?,
        document: column(row, 8)?,
        session: column(row, 9)?,
        context: column(row, 10)?,
        server_epoch: column(row, 11)?,
    })
}

impl PostgresStore {
    async fn check_machine(&self, values: &[Value<'_>]) -> StoreResult<Liveness> {
        let rows = self.read(CHECK_MACHINE, values).await?;
        Ok(if rows.is_empty() {
            Liveness::Revoked
        } else {
            Liveness::Live(None)
        })
    }

    async fn check_person(&self, values: &[Value<'_>]) -> StoreResult<Liveness> {
        let rows = self.read(CHECK_PERSON, values).await?;
        let Some(row) = rows.first() else {
            return Ok(Liveness::Revoked);
        };
        let grant = stored_grant(row)?.into_record()?;
        Ok(Liveness::Live(Some(Box::new(grant))))
    }
}

#[async_trait]
impl Grants for PostgresStore {
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness> {
        match *anchor {
            TokenAnchor::Machine {
                token_id,
                client_id,
                client_epoch,
                server_epoch,
            } => {
                let key = text_key(client_id);
                self.check_machine(&[
                    (&&key[..] as _, Type::BYTEA),
                    (&client_epoch.cast_signed() as _, Type::INT8),
                    (&server_epoch.cast_signed() as _, Type::INT8),
                    (&&token_id[..] as _, Type::BYTEA),
                ])
                .await
            }
            TokenAnchor::Person {
                grant_id,
                refresh_id,
                client_epoch,
                server_epoch,
            } => {
                self.check_person(&[
                    (&&grant_id[..] as _, Type::BYTEA),
                    (&client_epoch.cast_signed() as _, Type::INT8),
                    (&server_epoch.cast_signed() as _, Type::INT8),
                    (&refresh_id.as_ref().map(|id| &id[..]) as _, Type::BYTEA),
                ])
                .await
            }
        }
    }

    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()> {
        let values = [
            (&&token_id[..] as _, Type::BYTEA),
            (&expires_at.as_micros() as _, Type::INT8),
        ];
        self.run(IfLost::Repeat, REVOKE_TOKEN, &values)
            .await
            .map(|_| ())
    }

    async fn finish_consent(
        &self,
        finish: &FinishConsent<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedConsent> {
        consents::finish(self, finish, now).await
    }

    async fn load_code(&self, code_id: CodeId) -> StoreResult<Option<StoredCode>> {
        codes::load(self, code_id).await
    }

    async fn redeem_code(&self, redeem: &RedeemCode<'_>) -> StoreResult<RedeemedCode> {
        codes::redeem(self, redeem).await
    }

    async fn burn_code(&self, code_id: CodeId, attempt: u64) -> StoreResult<()> {
        codes::burn(self, code_id, attempt).await
    }

    async fn find_refresh(&self, refresh_id: RefreshId) -> StoreResult<Option<StoredRefresh>> {
        refresh::find(self, refresh_id).await
    }

    async fn rotate_refresh(&self, rotate: &RotateRefresh<'_>) -> StoreResult<RotatedRefresh> {
        refresh::rotate(self, rotate).await
    }

    async fn revoke_grant(&self, grant_id: GrantId) -> StoreResult<()> {
        let values = [(&&grant_id[..] as _, Type::BYTEA)];
        self.run(IfLost::Repeat, REVOKE, &values).await.map(|_| ())
    }

    async fn delete_grants(
        &self,
        selector: &GrantSelector<'_>,
        after: Option<GrantPlace>,
        limit: u32,
    ) -> StoreResult<Option<GrantPlace>> {
        deletion::delete(self, selector, after, limit).await
    }

    async fn keep_grant(&self, grant: &GrantRecord, now: Timestamp) -> StoreResult<()> {
        let row = GrantColumns::of(grant, now)?;
        let values = [
            (&&row.grant_id[..] as _, Type::BYTEA),
            (&&row.client_key[..] as _, Type::BYTEA),
            (&&row.subject_key[..] as _, Type::BYTEA),
            (&row.sid.as_ref().map(|id| &id[..]) as _, Type::BYTEA),
            (&row.requested_at as _, Type::INT8),
            (&row.remembered_until as _, Type::INT8),
            (&row.tokens_until as _, Type::INT8),
            (&row.server_epoch as _, Type::INT8),
            (&row.was_asked as _, Type::INT2),
            (&row.swept_at as _, Type::INT8),
            (&row.client_id as _, Type::TEXT),
            (&row.subject as _, Type::TEXT),
            (&row.document as _, Type::TEXT),
            (&grant.session as _, Type::BYTEA),
            (&grant.context as _, Type::BYTEA),
        ];
        self.run(IfLost::Repeat, KEEP, &values).await.map(|_| ())
    }

    async fn sealed_grants(
        &self,
        after: Option<GrantId>,
        limit: u32,
    ) -> StoreResult<Vec<SealedGrant>> {
        sealing::page(self, after, limit).await
    }

    async fn reseal_grant(
        &self,
        renewed: &SealedGrant,
        expected: &SealedGrant,
    ) -> StoreResult<bool> {
        sealing::reseal(self, renewed, expected).await
    }

    async fn list_grants(&self, list: &GrantList<'_>) -> StoreResult<Vec<GrantRecord>> {
        check_text(list.subject)?;
        let subject = text_key(list.subject);
        // Whatever comes before the first grant in the order of the list: no id is empty or has 17 bytes.
        let (sql, before_all) = if list.newest_first {
            (LIST_NEWEST, (i64::MAX, vec![u8::MAX; 17]))
        } else {
            (LIST_OLDEST, (i64::MIN, Vec::new()))
        };
        let after = list.after.map(|(at, id)| (at.as_micros(), id.to_vec()));
        let (after_at, after_id) = after.unwrap_or(before_all);
        let values = [
            (&&subject[..] as _, Type::BYTEA),
            (&list.sid.as_ref().map(|sid| &sid[..]) as _, Type::BYTEA),
            (&list.now.as_micros() as _, Type::INT8),
            (&after_at as _, Type::INT8),
            (&after_id as _, Type::BYTEA),
            (&i64::from(list.limit) as _, Type::INT8),
            (
                &i64::try_from(list.offset).unwrap_or(i64::MAX) as _,
                Type::INT8,
            ),
            (&list.includes_lapsed as _, Type::BOOL),
        ];
        let rows = self.run(IfLost::Repeat, sql, &values).await?;
        rows.iter()
            .map(|row| stored_grant(row)?.into_record())
            .collect()
    }

    async fn count_grants(&self, list: &GrantList<'_>) -> StoreResult<u64> {
        check_text(list.subject)?;
        let subject = text_key(list.subject);
        let values = [
            (&&subject[..] as _, Type::BYTEA),
            (&list.sid.as_ref().map(|sid| &sid[..]) as _, Type::BYTEA),
            (&list.now.as_micros() as _, Type::INT8),
            (&list.includes_lapsed as _, Type::BOOL),
        ];
        let rows = self.run(IfLost::Repeat, COUNT, &values).await?;
        let count = rows.first().map_or(Ok(0), |row| column::<i64>(row, 0))?;
        Ok(count.cast_unsigned())
    }
}
