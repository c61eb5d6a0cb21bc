//! Key sets on PostgreSQL.

use async_trait::async_trait;
use tessera_store::{KeyRow, Keys, StoreResult, check_key, check_text};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore, column};
use crate::rows::{key_row, text_key};

pub(super) const OF_SET: &str = "SELECT set_name, kid, sealed_jwk, created_at FROM keys
    WHERE set_key = $1 ORDER BY created_at DESC, kid";

const ALL: &str = "SELECT set_name, kid, sealed_jwk, created_at FROM keys
    ORDER BY set_name, created_at DESC, kid";

const INSERT_FIRST: &str = "WITH claimed AS (
        INSERT INTO key_sets (set_key) VALUES ($1) ON CONFLICT (set_key) DO NOTHING RETURNING set_key
    ), put AS (
        INSERT INTO keys (set_key, kid_key, created_at, set_name, kid, sealed_jwk)
        SELECT set_key, $2, $3, $4, $5, $6 FROM claimed
    ), advanced AS (
        UPDATE change_counter SET seq = seq + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM claimed)
        RETURNING seq
    )
    INSERT INTO changes (seq, kind, name) SELECT seq, 2, $4 FROM advanced";

const RESEAL: &str = "UPDATE keys SET sealed_jwk = $3
    WHERE set_key = $1 AND kid_key = $2 AND sealed_jwk IN ($3, $4)
    RETURNING 1";

fn row(row: &Row) -> StoreResult<KeyRow> {
    Ok(key_row(
        column(row, 0)?,
        column(row, 1)?,
        column(row, 2)?,
        column(row, 3)?,
    ))
}

#[async_trait]
impl Keys for PostgresStore {
    async fn keys(&self, set: &str) -> StoreResult<Vec<KeyRow>> {
        check_text(set)?;
        let key = text_key(set);
        let rows = self.read(OF_SET, &[(&&key[..], Type::BYTEA)]).await?;
        rows.iter().map(row).collect()
    }

    /// Two statements: the second one sees the row that the first one may have waited for.
    async fn insert_first_key(&self, key: &KeyRow) -> StoreResult<Vec<KeyRow>> {
        check_key(key)?;
        let (set_key, kid_key) = (text_key(&key.set), text_key(&key.kid));
        let values = [
            (&&set_key[..] as _, Type::BYTEA),
            (&&kid_key[..] as _, Type::BYTEA),
            (&key.created_at.as_micros() as _, Type::INT8),
            (&key.set as _, Type::TEXT),
            (&key.kid as _, Type::TEXT),
            (&key.sealed_jwk as _, Type::BYTEA),
        ];
        self.run(IfLost::Repeat, INSERT_FIRST, &values).await?;
        self.keys(&key.set).await
    }

    async fn reseal_key(&self, key: &KeyRow, expected: &[u8]) -> StoreResult<bool> {
        check_key(key)?;
        let (set_key, kid_key) = (text_key(&key.set), text_key(&key.kid));
        let values = [
            (&&set_key[..] as _, Type::BYTEA),
            (&&kid_key[..] as _, Type::BYTEA),
            (&key.sealed_jwk as _, Type::BYTEA),
            (&expected as _, Type::BYTEA),
        ];
        let rows = self.run(IfLost::Repeat, RESEAL, &values).await?;
        Ok(!rows.is_empty())
    }

    async fn all_keys(&self) -> StoreResult<Vec<KeyRow>> {
        let rows = self.run(IfLost::Repeat, ALL, &[]).await?;
        rows.iter().map(row).collect()
    }
}
