//! Authorization codes on SQLite.

use rusqlite::{Connection, OptionalExtension, params};
use tessera_protocol::grant::record::{CodeId, RefreshRecord};
use tessera_protocol::time::Timestamp;
use tessera_store::{RedeemCode, RedeemedCode, StoreResult, StoredCode};

use super::grants::{grant_columns, has_client, issues_tokens, revoke, stored_grant};
use super::{Guard, SqliteStore, refresh};
use crate::rows::{Id, LOOK_AGAIN_MICROS, StoredCodeRow, StoredGrant};

pub(super) const LOAD: &str = concat!(
    "SELECT ",
    grant_columns!(),
    ", codes.code_id, codes.used_by, codes.expires_at, codes.document, ",
    issues_tokens!(),
    " FROM authorization_codes AS codes JOIN grants ON grants.grant_id = codes.grant_id
    WHERE codes.code_id = ?1"
);

pub(super) const STATE: &str = concat!(
    "SELECT used_by, EXISTS (SELECT 1 FROM grants
        WHERE grants.grant_id = ?2 AND ",
    issues_tokens!(),
    ") FROM authorization_codes WHERE code_id = ?1 AND grant_id = ?2"
);

pub(super) const SPEND: &str =
    "UPDATE authorization_codes SET used_by = ?2, kept_until = ?3 WHERE code_id = ?1";

pub(super) const BURN: &str =
    "UPDATE authorization_codes SET used_by = ?2 WHERE code_id = ?1 AND used_by IS NULL";

/// Clean-up looks at the grant when its tokens end, or when it is time to look again.
pub(super) const RENEW: &str = "UPDATE grants SET tokens_until = max(tokens_until, ?2),
        session = COALESCE(?3, session), swept_at = max(swept_at, min(?2, swept_at + ?4))
    WHERE grant_id = ?1";

pub(super) fn load(store: &SqliteStore, code_id: CodeId) -> StoreResult<Option<StoredCode>> {
    let found = store.read(|c| {
        c.prepare_cached(LOAD)?
            .query_row([code_id], |row| {
                let after = StoredGrant::COLUMNS;
                Ok(StoredCodeRow {
                    grant: stored_grant(row, 0)?,
                    code_id: row.get(after)?,
                    used_by: row.get(after + 1)?,
                    expires_at: row.get(after + 2)?,
                    document: row.get(after + 3)?,
                    is_live: row.get(after + 4)?,
                })
            })
            .optional()
    })?;
    found.map(StoredCodeRow::into_stored).transpose()
}

/// A [`RedeemCode`] that the writer's thread may keep.
struct Redeem {
    code_id: Id,
    grant_id: Id,
    attempt: i64,
    refresh: Option<RefreshRecord>,
    session: Option<Vec<u8>>,
    tokens_until: Timestamp,
    kept_until: i64,
}

pub(super) async fn redeem(
    store: &SqliteStore,
    redeem: &RedeemCode<'_>,
) -> StoreResult<RedeemedCode> {
    let redeem = Redeem {
        code_id: redeem.code_id,
        grant_id: redeem.grant_id,
        attempt: redeem.attempt.cast_signed(),
        refresh: redeem.refresh.cloned(),
        session: redeem.session.map(<[u8]>::to_vec),
        tokens_until: redeem.tokens_until,
        kept_until: redeem.kept_until.as_micros(),
    };
    let guard = Guard::Grant(redeem.grant_id);
    store.write(guard, move |c| redeem.run(c)).await
}

impl Redeem {
    fn run(self, connection: &Connection) -> rusqlite::Result<RedeemedCode> {
        let state: Option<(Option<i64>, bool)> = connection
            .prepare_cached(STATE)?
            .query_row([self.code_id, self.grant_id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        match state {
            Some((Some(attempt), _)) if attempt == self.attempt => return Ok(RedeemedCode::Done),
            Some((Some(_), _)) => {
                revoke(connection, self.grant_id)?;
                return Ok(RedeemedCode::AlreadyUsed);
            }
            None | Some((None, false)) => return Ok(RedeemedCode::Gone),
            Some((None, true)) => {}
        }
        connection.prepare_cached(SPEND)?.execute(params![
            self.code_id,
            self.attempt,
            self.kept_until
        ])?;
        if let Some(issued) = &self.refresh {
            refresh::insert(connection, issued, self.tokens_until)?;
        }
        connection.prepare_cached(RENEW)?.execute(params![
            self.grant_id,
            self.tokens_until.as_micros(),
            self.session,
            LOOK_AGAIN_MICROS
        ])?;
        Ok(RedeemedCode::Done)
    }
}

pub(super) async fn burn(store: &SqliteStore, code_id: CodeId, attempt: u64) -> StoreResult<()> {
    store
        .write(Guard::Code(code_id), move |c| {
            c.prepare_cached(BURN)?
                .execute(params![code_id, attempt.cast_signed()])
                .map(|_| ())
        })
        .await
}
