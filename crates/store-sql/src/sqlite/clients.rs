//! Clients on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tessera_protocol::client::ClientRecord;
use tessera_store::{
    Changed, ClientFilter, Clients, CreateClient, Page, ReplaceClient, StoreResult, check_list,
    check_text,
};

use super::upkeep::log_change;
use super::{Guard, SqliteStore};
use crate::rows::{ClientColumns, StoredClient, text_key};

const INSERT: &str = "INSERT INTO clients (client_key, token_epoch, version, created_at, client_id,
        name, owner, registration_token_hash, secret_hashes, document)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (client_key) DO NOTHING";

const VERSION: &str = "SELECT version FROM clients WHERE client_key = ?1";

pub(super) const FIND: &str = "SELECT token_epoch, version, created_at, registration_token_hash,
        secret_hashes, document
    FROM clients WHERE client_key = ?1";

const LIST: &str = "SELECT token_epoch, version, created_at, registration_token_hash,
        secret_hashes, document
    FROM clients
    WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR owner = ?2) AND client_id > ?3
    ORDER BY client_id LIMIT ?4 OFFSET ?5";

const COUNT: &str = "SELECT count(*) FROM clients";

const REPLACE: &str = "UPDATE clients SET version = ?2, name = ?3, owner = ?4,
        registration_token_hash = ?5, secret_hashes = ?6, document = ?7
    WHERE client_key = ?1 AND version = ?8";

const DELETE: &str = "DELETE FROM clients WHERE client_key = ?1";

const RENEW_EPOCH: &str = "UPDATE clients SET token_epoch = ?2 WHERE client_key = ?1";

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredClient> {
    Ok(StoredClient {
        token_epoch: row.get(0)?,
        version: row.get(1)?,
        created_at: row.get(2)?,
        registration_token_hash: row.get(3)?,
        secret_hashes: row.get(4)?,
        document: row.get(5)?,
    })
}

fn insert(connection: &Connection, client: ClientColumns) -> rusqlite::Result<CreateClient> {
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        client.client_key,
        client.token_epoch,
        client.version,
        client.created_at,
        client.client_id,
        client.name,
        client.owner,
        client.registration_token_hash,
        client.secret_hashes,
        client.document,
    ])?;
    if inserted == 1 {
        log_change(connection, &Changed::Client(client.client_id))?;
        return Ok(CreateClient::Done);
    }
    let version: i64 = connection
        .prepare_cached(VERSION)?
        .query_row([client.client_key], |row| row.get(0))?;
    Ok(if version == client.version {
        CreateClient::Done
    } else {
        CreateClient::IdTaken
    })
}

fn replace(
    connection: &Connection,
    client: ClientColumns,
    expected_version: i64,
) -> rusqlite::Result<ReplaceClient> {
    let stored: Option<i64> = connection
        .prepare_cached(VERSION)?
        .query_row([client.client_key], |row| row.get(0))
        .optional()?;
    match stored {
        None => return Ok(ReplaceClient::Unknown),
        Some(version) if version == client.version => return Ok(ReplaceClient::Done),
        Some(_) => {}
    }
    let replaced = connection.prepare_cached(REPLACE)?.execute(params![
        client.client_key,
        client.version,
        client.name,
        client.owner,
        client.registration_token_hash,
        client.secret_hashes,
        client.document,
        expected_version,
    ])?;
    if replaced == 0 {
        return Ok(ReplaceClient::Changed);
    }
    log_change(connection, &Changed::Client(client.client_id))?;
    Ok(ReplaceClient::Done)
}

#[async_trait]
impl Clients for SqliteStore {
    async fn create_client(&self, record: &ClientRecord) -> StoreResult<CreateClient> {
        let client = ClientColumns::of(record)?;
        self.write(Guard::Client(client.client_key), |c| insert(c, client))
            .await
    }

    async fn find_client(&self, client_id: &str) -> StoreResult<Option<ClientRecord>> {
        check_text(client_id)?;
        let key = text_key(client_id);
        let found = self.read(|c| c.prepare_cached(FIND)?.query_row([key], stored).optional())?;
        found.map(StoredClient::into_record).transpose()
    }

    async fn list_clients(
        &self,
        filter: &ClientFilter,
        page: &Page,
    ) -> StoreResult<Vec<ClientRecord>> {
        check_list(filter, page)?;
        let (filter, page) = (filter.clone(), page.clone());
        let offset = i64::try_from(page.offset).unwrap_or(i64::MAX);
        let found = self
            .read_long(move |c| {
                // No id is empty, so the empty text stands for the beginning.
                let after = page.after.unwrap_or_default();
                c.prepare_cached(LIST)?
                    .query_map(
                        params![filter.name, filter.owner, after, page.limit, offset],
                        stored,
                    )?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        found.into_iter().map(StoredClient::into_record).collect()
    }

    async fn count_clients(&self) -> StoreResult<u64> {
        let count = self
            .read_long(|c| c.query_row(COUNT, [], |row| row.get::<_, i64>(0)))
            .await?;
        Ok(count.cast_unsigned())
    }

    async fn replace_client(
        &self,
        record: &ClientRecord,
        expected_version: u64,
    ) -> StoreResult<ReplaceClient> {
        let client = ClientColumns::of(record)?;
        let expected = expected_version.cast_signed();
        self.write(Guard::Client(client.client_key), move |c| {
            replace(c, client, expected)
        })
        .await
    }

    async fn delete_client(&self, client_id: &str) -> StoreResult<bool> {
        check_text(client_id)?;
        let (client_id, key) = (client_id.to_owned(), text_key(client_id));
        self.write(Guard::Client(key), move |c| {
            let existed = c.prepare_cached(DELETE)?.execute([key])? == 1;
            if existed {
                log_change(c, &Changed::Client(client_id))?;
            }
            Ok(existed)
        })
        .await
    }

    async fn renew_token_epoch(&self, client_id: &str, token_epoch: u64) -> StoreResult<()> {
        check_text(client_id)?;
        let (client_id, key) = (client_id.to_owned(), text_key(client_id));
        self.write(Guard::Client(key), move |c| {
            let renewed = c
                .prepare_cached(RENEW_EPOCH)?
                .execute(params![key, token_epoch.cast_signed()])?;
            if renewed == 1 {
                log_change(c, &Changed::Client(client_id))?;
            }
            Ok(())
        })
        .await
    }
}
