//! Deletion of grants on SQLite, in steps that are short however many there are.

use rusqlite::{Connection, Params, params};
use tessera_protocol::grant::record::GrantId;
use tessera_protocol::time::Timestamp;
use tessera_store::{GrantPlace, GrantSelector, StoreResult, check_selector};

use super::{Guard, SqliteStore};
use crate::rows::{Id, id, text_key};

pub(super) const DELETE_ONE: &str = "DELETE FROM grants WHERE grant_id = ?1
    RETURNING subject_key, client_key, grant_id";

/// What a grant remembers goes with it, unless a newer grant is remembered by now.
pub(super) const FORGET: &str = "DELETE FROM remembered_consents
    WHERE subject_key = ?1 AND client_key = ?2 AND grant_id = ?3";

pub(super) const SELECT_OF: &str = "SELECT requested_at, grant_id FROM grants
    WHERE subject_key = ?1 AND (?2 IS NULL OR client_key = ?2)
        AND (requested_at, grant_id) > (?3, ?4)
    ORDER BY requested_at, grant_id LIMIT ?5";

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

pub(super) async fn delete_some(
    store: &SqliteStore,
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

async fn delete_one(store: &SqliteStore, grant_id: GrantId) -> StoreResult<()> {
    let job = move |c: &Connection| delete(c, DELETE_ONE, [grant_id]).map(|_| ());
    store.write(Guard::Grant(grant_id), job).await
}

/// The grants are found by a reader, which may take its time over those of other clients, and deleted by key. They
/// cannot become another person's in between.
async fn delete_of(
    store: &SqliteStore,
    subject: &str,
    client_id: Option<&str>,
    after: Option<GrantPlace>,
    limit: u32,
) -> StoreResult<Option<GrantPlace>> {
    let (subject, client) = (text_key(subject), client_id.map(text_key));
    // No id is empty, so this comes before the first grant.
    let (at, after_id) = after.map_or((i64::MIN, Vec::new()), |(at, id)| {
        (at.as_micros(), id.to_vec())
    });
    let found = store
        .read_long(move |c| {
            c.prepare_cached(SELECT_OF)?
                .query_map(params![subject, client, at, after_id, limit], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()
        })
        .await?;
    let has_more = found.len() == limit as usize;
    let mut ids: Vec<Id> = Vec::with_capacity(found.len());
    for (_, grant_id) in &found {
        ids.push(id(grant_id)?);
    }
    let last = found.last().map(|(at, _)| Timestamp::from_micros(*at));
    let next = last.zip(ids.last().copied()).filter(|_| has_more);
    if !ids.is_empty() {
        store
            .write(Guard::Subject(subject), move |c| {
                ids.iter()
                    .try_for_each(|grant_id| delete(c, DELETE_ONE, [grant_id]).map(|_| ()))
            })
            .await?;
    }
    Ok(next)
}
