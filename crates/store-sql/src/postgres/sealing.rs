//! What grants keep sealed, on PostgreSQL, for those who seal it anew.

use tessera_protocol::grant::record::GrantId;
use tessera_store::{SealedGrant, StoreResult};
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore, column};
use crate::rows::sealed_grant;

pub(super) const PAGE: &str = "SELECT grant_id, document, session, context FROM grants
    WHERE grant_id > $1 ORDER BY grant_id LIMIT $2";

// A repeat finds what it stored.
pub(super) const RESEAL: &str = "UPDATE grants SET session = $2, context = $3
    WHERE grant_id = $1
        AND (session = $4 AND context = $5 OR session = $2 AND context = $3)
    RETURNING 1";

pub(super) async fn page(
    store: &PostgresStore,
    after: Option<GrantId>,
    limit: u32,
) -> StoreResult<Vec<SealedGrant>> {
    // No id is empty, so this comes before the first grant.
    let after = after.map(|id| id.to_vec()).unwrap_or_default();
    let values = [
        (&after as _, Type::BYTEA),
        (&i64::from(limit) as _, Type::INT8),
    ];
    let rows = store.run(IfLost::Repeat, PAGE, &values).await?;
    let sealed = rows.iter().map(|row| {
        let grant_id: Vec<u8> = column(row, 0)?;
        sealed_grant(&grant_id, column(row, 1)?, column(row, 2)?, column(row, 3)?)
    });
    sealed.collect()
}

pub(super) async fn reseal(
    store: &PostgresStore,
    renewed: &SealedGrant,
    expected: &SealedGrant,
) -> StoreResult<bool> {
    let values = [
        (&&expected.grant_id[..] as _, Type::BYTEA),
        (&renewed.session as _, Type::BYTEA),
        (&renewed.context as _, Type::BYTEA),
        (&expected.session as _, Type::BYTEA),
        (&expected.context as _, Type::BYTEA),
    ];
    let rows = store.run(IfLost::Repeat, RESEAL, &values).await?;
    Ok(!rows.is_empty())
}
