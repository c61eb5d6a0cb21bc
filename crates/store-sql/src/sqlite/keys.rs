//! Key sets on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, Row, ToSql, params};
use tessera_store::{Changed, KeyRow, Keys, StoreResult, check_key, check_text};

use super::upkeep::log_change;
use super::{Guard, SqliteStore};
use crate::rows::{TextKey, key_row, text_key};

pub(super) const OF_SET: &str = "SELECT set_name, kid, sealed_jwk, created_at FROM keys
    WHERE set_key = ?1 ORDER BY created_at DESC, kid";

const ALL: &str = "SELECT set_name, kid, sealed_jwk, created_at FROM keys
    ORDER BY set_name, created_at DESC, kid";

const CLAIM_SET: &str =
    "INSERT INTO key_sets (set_key) VALUES (?1) ON CONFLICT (set_key) DO NOTHING";

const INSERT: &str = "INSERT INTO keys (set_key, kid_key, created_at, set_name, kid, sealed_jwk)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const RESEAL: &str = "UPDATE keys SET sealed_jwk = ?3
    WHERE set_key = ?1 AND kid_key = ?2 AND sealed_jwk IN (?3, ?4)";

fn row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(key_row(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn query(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Vec<KeyRow>> {
    connection
        .prepare_cached(sql)?
        .query_map(values, row)?
        .collect()
}

fn insert_first(
    connection: &Connection,
    key: &KeyRow,
    set_key: TextKey,
) -> rusqlite::Result<Vec<KeyRow>> {
    if connection.prepare_cached(CLAIM_SET)?.execute([set_key])? == 1 {
        connection.prepare_cached(INSERT)?.execute(params![
            set_key,
            text_key(&key.kid),
            key.created_at.as_micros(),
            key.set,
            key.kid,
            key.sealed_jwk,
        ])?;
        log_change(connection, &Changed::KeySet(key.set.clone()))?;
    }
    query(connection, OF_SET, &[&set_key])
}

#[async_trait]
impl Keys for SqliteStore {
    async fn keys(&self, set: &str) -> StoreResult<Vec<KeyRow>> {
        check_text(set)?;
        self.read(|c| query(c, OF_SET, &[&text_key(set)]))
    }

    async fn insert_first_key(&self, key: &KeyRow) -> StoreResult<Vec<KeyRow>> {
        check_key(key)?;
        let (key, set_key) = (key.clone(), text_key(&key.set));
        self.write(Guard::KeySet(set_key), move |c| {
            insert_first(c, &key, set_key)
        })
        .await
    }

    async fn reseal_key(&self, key: &KeyRow, expected: &[u8]) -> StoreResult<bool> {
        check_key(key)?;
        let (key, expected, set_key) = (key.clone(), expected.to_vec(), text_key(&key.set));
        self.write(Guard::KeySet(set_key), move |c| {
            let values = params![set_key, text_key(&key.kid), key.sealed_jwk, expected];
            Ok(c.prepare_cached(RESEAL)?.execute(values)? == 1)
        })
        .await
    }

    async fn all_keys(&self) -> StoreResult<Vec<KeyRow>> {
        self.read_long(|c| query(c, ALL, &[])).await
    }
}
