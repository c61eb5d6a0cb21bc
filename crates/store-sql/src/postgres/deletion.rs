//! Deletion of grants on PostgreSQL, in steps that are short however many there are.

use tessera_protocol::grant::record::GrantId;
use tessera_protocol::time::Timestamp;
use tessera_store::{GrantPlace, GrantSelector, StoreResult, check_selector};
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore, column};
use crate::rows::{id, text_key};

// What a grant remembers goes with it, unless a newer grant is remembered by now.
pub(super) const DELETE_ONE: &str = "WITH gone AS (
        DELETE FROM grants WHERE grant_id = $1 RETURNING subject_key, client_key, grant_id
    )
    DELETE FROM remembered_consents USING gone
    WHERE remembered_consents.subject_key = gone.subject_key
        AND remembered_consents.client_key = gone.client_key
        AND remembered_consents.grant_id = gone.grant_id";

// A row that another holds is waited for, not skipped: what was there when the deletion began is gone at its end. The
// rows are locked in the order of the index, so that two deletions do not wait for each other. The last row is the
// place from which the next step goes on.
pub(super) const DELETE_OF: &str = "WITH old AS MATERIALIZED (
        SELECT requested_at, grant_id FROM grants
        WHERE subject_key = $1 AND ($2 IS NULL OR client_key = $2)
            AND (requested_at, grant_id) > ($3, $4)
        ORDER BY requested_at, grant_id LIMIT $5 FOR UPDATE
    ), gone AS (
        DELETE FROM grants USING old WHERE grants.grant_id = old.grant_id
        RETURNING grants.subject_key, grants.client_key, grants.grant_id
    ), forgotten AS (
        DELETE FROM remembered_consents USING gone
        WHERE remembered_consents.subject_key = gone.subject_key
            AND remembered_consents.client_key = gone.client_key
            AND remembered_consents.grant_id = gone.grant_id
    )
    SELECT requested_at, grant_id FROM old ORDER BY requested_at, grant_id OFFSET $5 - 1";

pub(super) async fn delete(
    store: &PostgresStore,
    selector: &GrantSelector<'_>,
    after: Option<GrantPlace>,
    limit: u32,
) -> StoreResult<Option<GrantPlace>> {
    check_selector(selector)?;
    match *selector {
        GrantSelector::One(grant_id) => delete_one(store, grant_id).await.map(|()| None),
        GrantSelector::OfClient { subject, client_id } => {
            delete_of(store, subject, Some(client_id), after, limit).await
        }
        GrantSelector::OfSubject(subject) => delete_of(store, subject, None, after, limit).await,
    }
}

async fn delete_one(store: &PostgresStore, grant_id: GrantId) -> StoreResult<()> {
    let values = [(&&grant_id[..] as _, Type::BYTEA)];
    store
        .run(IfLost::Repeat, DELETE_ONE, &values)
        .await
        .map(|_| ())
}

async fn delete_of(
    store: &PostgresStore,
    subject: &str,
    client_id: Option<&str>,
    after: Option<GrantPlace>,
    limit: u32,
) -> StoreResult<Option<GrantPlace>> {
    if limit == 0 {
        return Ok(None);
    }
    let (subject, client) = (text_key(subject), client_id.map(text_key));
    // No id is empty, so this comes before the first grant.
    let (at, after_id) = after.map_or((i64::MIN, Vec::new()), |(at, id)| {
        (at.as_micros(), id.to_vec())
    });
    let values = [
        (&&subject[..] as _, Type::BYTEA),
        (&client.as_ref().map(|key| &key[..]) as _, Type::BYTEA),
        (&at as _, Type::INT8),
        (&after_id as _, Type::BYTEA),
        (&i64::from(limit) as _, Type::INT8),
    ];
    let rows = store.run(IfLost::Repeat, DELETE_OF, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (at, grant_id): (i64, Vec<u8>) = (column(row, 0)?, column(row, 1)?);
    Ok(Some((Timestamp::from_micros(at), id(&grant_id)?)))
}
