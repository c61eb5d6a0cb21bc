//! What grants keep sealed, on SQLite, for those who seal it anew.

use rusqlite::params;
use tessera_protocol::grant::record::GrantId;
use tessera_store::{SealedGrant, StoreResult};

use super::{Guard, SqliteStore};
use crate::rows::sealed_grant;

pub(super) const PAGE: &str = "SELECT grant_id, document, session, context FROM grants
    WHERE grant_id > ?1 ORDER BY grant_id LIMIT ?2";

pub(super) const RESEAL: &str = "UPDATE grants SET session = ?2, context = ?3
    WHERE grant_id = ?1 AND (session = ?4 AND context = ?5 OR session = ?2 AND context = ?3)";

type Row = (Vec<u8>, String, Vec<u8>, Vec<u8>);

pub(super) async fn page(
    store: &SqliteStore,
    after: Option<GrantId>,
    limit: u32,
) -> StoreResult<Vec<SealedGrant>> {
    // No id is empty, so this comes before the first grant.
    let after = after.map(|id| id.to_vec()).unwrap_or_default();
    let rows = store
        .read_long(move |c| {
            c.prepare_cached(PAGE)?
                .query_map(params![after, limit], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect::<rusqlite::Result<Vec<Row>>>()
        })
        .await?;
    rows.into_iter()
        .map(|(id, document, session, context)| sealed_grant(&id, &document, session, context))
        .collect()
}

pub(super) async fn reseal(
    store: &SqliteStore,
    renewed: &SealedGrant,
    expected: &SealedGrant,
) -> StoreResult<bool> {
    let (renewed, expected) = (renewed.clone(), expected.clone());
    let guard = Guard::Grant(expected.grant_id);
    store
        .write(guard, move |c| {
            let changed = c.prepare_cached(RESEAL)?.execute(params![
                expected.grant_id,
                renewed.session,
                renewed.context,
                expected.session,
                expected.context
            ])?;
            Ok(changed == 1)
        })
        .await
}
