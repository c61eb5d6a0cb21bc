//! Clients on PostgreSQL. A write and its row of the change log are one statement.

use async_trait::async_trait;
use tessera_protocol::client::ClientRecord;
use tessera_store::{
    ClientFilter, Clients, CreateClient, Page, ReplaceClient, StoreError, StoreResult, check_list,
    check_text,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{IfLost, PostgresStore, SNAPSHOT_TRIES, column};
use crate::rows::{ClientColumns, StoredClient, text_key};

// The conflict names no index: of two at once, either unique index of the id may be the one that tells.
const INSERT: &str = "WITH put AS (
        INSERT INTO clients (client_key, token_epoch, version, created_at, client_id, name, owner,
            registration_token_hash, secret_hashes, document)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), advanced AS (
        UPDATE change_counter SET seq = seq + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM put)
        RETURNING seq
    ), logged AS (
        INSERT INTO changes (seq, kind, name) SELECT seq, 1, $5 FROM advanced
    )
    SELECT EXISTS (SELECT 1 FROM put), (SELECT version FROM clients WHERE client_key = $1)";

pub(super) const FIND: &str = "SELECT token_epoch, version, created_at, registration_token_hash,
        secret_hashes, document
    FROM clients WHERE client_key = $1";

const LIST: &str = "SELECT token_epoch, version, created_at, registration_token_hash,
        secret_hashes, document
    FROM clients
    WHERE ($1 IS NULL OR name = $1) AND ($2 IS NULL OR owner = $2) AND client_id > $3
    ORDER BY client_id LIMIT $4 OFFSET $5";

const COUNT: &str = "SELECT count(*) FROM clients";

const REPLACE: &str = "WITH put AS (
        UPDATE clients SET version = $2, name = $3, owner = $4, registration_token_hash = $5,
            secret_hashes = $6, document = $7
        WHERE client_key = $1 AND version = $8 AND version <> $2
        RETURNING 1
    ), advanced AS (
        UPDATE change_counter SET seq = seq + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM put)
        RETURNING seq
    ), logged AS (
        INSERT INTO changes (seq, kind, name) SELECT seq, 1, $9 FROM advanced
    )
    SELECT EXISTS (SELECT 1 FROM put), (SELECT version FROM clients WHERE client_key = $1)";

const DELETE: &str = "WITH gone AS (
        DELETE FROM clients WHERE client_key = $1 RETURNING 1
    ), advanced AS (
        UPDATE change_counter SET seq = seq + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM gone)
        RETURNING seq
    ), logged AS (
        INSERT INTO changes (seq, kind, name) SELECT seq, 1, $2 FROM advanced
    )
    SELECT EXISTS (SELECT 1 FROM gone)";

const EPOCH: &str = "SELECT token_epoch FROM clients WHERE client_key = $1";

// A repeat whose answer was lost must not replace what another made of the epoch since: it would bring back to life what
// that one ended. So the epoch is replaced that was read before, or has been replaced already.
const RENEW_EPOCH: &str = "WITH renewed AS (
        UPDATE clients SET token_epoch = $3 WHERE client_key = $1 AND token_epoch = $4 RETURNING 1
    ), advanced AS (
        UPDATE change_counter SET seq = seq + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM renewed)
        RETURNING seq
    )
    INSERT INTO changes (seq, kind, name) SELECT seq, 1, $2 FROM advanced";

fn record(row: &Row) -> StoreResult<ClientRecord> {
    let stored = StoredClient {
        token_epoch: column(row, 0)?,
        version: column(row, 1)?,
        created_at: column(row, 2)?,
        registration_token_hash: column(row, 3)?,
        secret_hashes: column(row, 4)?,
        document: column(row, 5)?,
    };
    stored.into_record()
}

/// Whether the statement wrote, and the version that its snapshot showed.
fn guarded(rows: &[Row]) -> StoreResult<(bool, Option<i64>)> {
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Bug("no row was answered".to_owned()))?;
    Ok((column(row, 0)?, column(row, 1)?))
}

fn contended() -> StoreError {
    StoreError::Unavailable("others keep changing this client".to_owned())
}

#[async_trait]
impl Clients for PostgresStore {
    async fn create_client(&self, record: &ClientRecord) -> StoreResult<CreateClient> {
        let client = ClientColumns::of(record)?;
        let key = &client.client_key[..];
        let values = [
            (&key as _, Type::BYTEA),
            (&client.token_epoch as _, Type::INT8),
            (&client.version as _, Type::INT8),
            (&client.created_at as _, Type::INT8),
            (&client.client_id as _, Type::TEXT),
            (&client.name as _, Type::TEXT),
            (&client.owner as _, Type::TEXT),
            (&client.registration_token_hash as _, Type::BYTEA),
            (&client.secret_hashes as _, Type::TEXT),
            (&client.document as _, Type::TEXT),
        ];
        for _ in 0..SNAPSHOT_TRIES {
            match guarded(&self.run(IfLost::Repeat, INSERT, &values).await?)? {
                (true, _) => return Ok(CreateClient::Done),
                (false, Some(version)) if version == client.version => {
                    return Ok(CreateClient::Done);
                }
                (false, Some(_)) => return Ok(CreateClient::IdTaken),
                // Whoever took the id committed after this statement began; the next one sees the row.
                (false, None) => {}
            }
        }
        Err(contended())
    }

    async fn find_client(&self, client_id: &str) -> StoreResult<Option<ClientRecord>> {
        check_text(client_id)?;
        let key = text_key(client_id);
        let rows = self.read(FIND, &[(&&key[..], Type::BYTEA)]).await?;
        rows.first().map(record).transpose()
    }

    async fn list_clients(
        &self,
        filter: &ClientFilter,
        page: &Page,
    ) -> StoreResult<Vec<ClientRecord>> {
        check_list(filter, page)?;
        let offset = i64::try_from(page.offset).unwrap_or(i64::MAX);
        // No id is empty, so the empty text stands for the beginning.
        let after = page.after.as_deref().unwrap_or_default();
        let values = [
            (&filter.name as _, Type::TEXT),
            (&filter.owner as _, Type::TEXT),
            (&after as _, Type::TEXT),
            (&i64::from(page.limit) as _, Type::INT8),
            (&offset as _, Type::INT8),
        ];
        let rows = self.run(IfLost::Repeat, LIST, &values).await?;
        rows.iter().map(record).collect()
    }

    async fn count_clients(&self) -> StoreResult<u64> {
        let rows = self.run(IfLost::Repeat, COUNT, &[]).await?;
        let count = rows.first().map_or(Ok(0), |row| column::<i64>(row, 0))?;
        Ok(count.cast_unsigned())
    }

    async fn replace_client(
        &self,
        record: &ClientRecord,
        expected_version: u64,
    ) -> StoreResult<ReplaceClient> {
        let client = ClientColumns::of(record)?;
        let key = &client.client_key[..];
        let expected = expected_version.cast_signed();
        let values = [
            (&key as _, Type::BYTEA),
            (&client.version as _, Type::INT8),
            (&client.name as _, Type::TEXT),
            (&client.owner as _, Type::TEXT),
            (&client.registration_token_hash as _, Type::BYTEA),
            (&client.secret_hashes as _, Type::TEXT),
            (&client.document as _, Type::TEXT),
            (&expected as _, Type::INT8),
            (&client.client_id as _, Type::TEXT),
        ];
        for _ in 0..SNAPSHOT_TRIES {
            match guarded(&self.run(IfLost::Repeat, REPLACE, &values).await?)? {
                (true, _) => return Ok(ReplaceClient::Done),
                (false, None) => return Ok(ReplaceClient::Unknown),
                (false, Some(version)) if version == client.version => {
                    return Ok(ReplaceClient::Done);
                }
                (false, Some(version)) if version != expected => return Ok(ReplaceClient::Changed),
                // Someone changed the row after this statement began; the next one sees what it is now.
                (false, Some(_)) => {}
            }
        }
        Err(contended())
    }

    async fn delete_client(&self, client_id: &str) -> StoreResult<bool> {
        check_text(client_id)?;
        let key = text_key(client_id);
        let values = [(&&key[..] as _, Type::BYTEA), (&client_id as _, Type::TEXT)];
        let rows = self.run(IfLost::GiveUp, DELETE, &values).await?;
        rows.first().map_or(Ok(false), |row| column(row, 0))
    }

    async fn renew_token_epoch(&self, client_id: &str, token_epoch: u64) -> StoreResult<()> {
        check_text(client_id)?;
        let key = text_key(client_id);
        let found = [(&&key[..] as _, Type::BYTEA)];
        let rows = self.run(IfLost::Repeat, EPOCH, &found).await?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let before: i64 = column(row, 0)?;
        let values = [
            (&&key[..] as _, Type::BYTEA),
            (&client_id as _, Type::TEXT),
            (&token_epoch.cast_signed() as _, Type::INT8),
            (&before as _, Type::INT8),
        ];
        self.run(IfLost::Repeat, RENEW_EPOCH, &values)
            .await
            .map(|_| ())
    }
}
