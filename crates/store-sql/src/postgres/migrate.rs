//! Schema changes on PostgreSQL. A session's advisory lock on a connection of its own keeps others out; behind a
//! pooler that shares sessions, `migrate` needs the database's own address.

use std::sync::Arc;

use async_trait::async_trait;
use tessera_store::{StoreError, StoreResult};
use tokio_postgres::types::Type;

use super::column;
use super::connect::Connector;
use super::connection::Connection;
use super::fault::fault;
use crate::migrations::{
    AppliedStep, MigrationState, MigrationStatus, Migrations, STEPS, StepKind, check_known,
    checksum, compare,
};

const LOCK: &str = "SELECT pg_advisory_lock(7310587119023)";

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    release TEXT NOT NULL,
    checksum TEXT NOT NULL
)";

pub(super) const TABLE_EXISTS: &str = "SELECT to_regclass('schema_migrations') IS NOT NULL";

pub(super) const APPLIED: &str =
    "SELECT version, name, kind, release, checksum FROM schema_migrations ORDER BY version";

const ADD: &str = "INSERT INTO schema_migrations (version, name, kind, release, checksum)
    VALUES ($1, $2, $3, $4, $5)";

const REMOVE: &str = "DELETE FROM schema_migrations WHERE version = $1";

/// The schema of one PostgreSQL database.
pub(crate) struct PostgresMigrations {
    connector: Arc<Connector>,
}

impl PostgresMigrations {
    pub(super) fn new(connector: Arc<Connector>) -> Self {
        Self { connector }
    }

    /// A connection that holds the lock until it is dropped.
    async fn locked(&self) -> StoreResult<Connection> {
        let connection = self.connector.connect_directly().await?;
        connection
            .once(LOCK, &[])
            .await
            .map_err(|e| fault(&e).error)?;
        Ok(connection)
    }
}

/// One row of `schema_migrations`.
pub(super) fn applied_step(row: &tokio_postgres::Row) -> StoreResult<AppliedStep> {
    let version: i32 = column(row, 0)?;
    Ok(AppliedStep {
        version: u32::try_from(version)
            .map_err(|_| StoreError::Corrupt("a schema version".to_owned()))?,
        name: column(row, 1)?,
        kind: StepKind::of_word(column(row, 2)?),
        release: column(row, 3)?,
        checksum: column(row, 4)?,
    })
}

/// Where every step stands, given the rows that the database has.
pub(super) fn status_of(rows: &[tokio_postgres::Row]) -> StoreResult<Vec<MigrationStatus>> {
    let applied = rows
        .iter()
        .map(applied_step)
        .collect::<StoreResult<Vec<_>>>()?;
    Ok(compare(STEPS, |step| step.postgres, &applied))
}

async fn status(connection: &Connection) -> StoreResult<Vec<MigrationStatus>> {
    let exists = connection
        .once(TABLE_EXISTS, &[])
        .await
        .map_err(|e| fault(&e).error)?;
    let exists = exists.first().map_or(Ok(false), |row| column(row, 0))?;
    let rows = match exists {
        true => connection
            .once(APPLIED, &[])
            .await
            .map_err(|e| fault(&e).error)?,
        false => Vec::new(),
    };
    status_of(&rows)
}

/// Runs a script and the note of it as a whole.
async fn in_transaction(
    connection: &Connection,
    script: &str,
    note: &str,
    values: &[super::connection::Value<'_>],
) -> StoreResult<()> {
    let done = async {
        connection.script("BEGIN").await?;
        connection.script(script).await?;
        connection.once(note, values).await?;
        connection.script("COMMIT").await
    };
    // An open transaction ends with the connection, which its caller drops.
    done.await.map_err(|e| fault(&e).error)
}

#[async_trait]
impl Migrations for PostgresMigrations {
    async fn status(&self) -> StoreResult<Vec<MigrationStatus>> {
        status(&self.connector.connect_directly().await?).await
    }

    async fn up(&self) -> StoreResult<Vec<MigrationStatus>> {
        let connection = self.locked().await?;
        connection
            .script(CREATE_TABLE)
            .await
            .map_err(|e| fault(&e).error)?;
        let status = status(&connection).await?;
        check_known(&status)?;
        let mut done = Vec::new();
        for pending in status
            .into_iter()
            .filter(|s| s.state == MigrationState::Pending)
        {
            let Some(step) = STEPS.iter().find(|step| step.version == pending.version) else {
                continue;
            };
            let version = pending.version.cast_signed();
            let values = [
                (&version as _, Type::INT4),
                (&step.name as _, Type::TEXT),
                (&step.kind.word() as _, Type::TEXT),
                (&step.release as _, Type::TEXT),
                (&checksum(&step.postgres) as _, Type::TEXT),
            ];
            in_transaction(&connection, step.postgres.up, ADD, &values).await?;
            done.push(MigrationStatus {
                state: MigrationState::Applied,
                ..pending
            });
        }
        Ok(done)
    }

    async fn down(&self, steps: u32) -> StoreResult<Vec<MigrationStatus>> {
        let connection = self.locked().await?;
        let status = status(&connection).await?;
        check_known(&status)?;
        let mut done = Vec::new();
        let applied = status
            .into_iter()
            .rev()
            .filter(|s| s.state == MigrationState::Applied);
        for last in applied.take(steps as usize) {
            let Some(step) = STEPS.iter().find(|step| step.version == last.version) else {
                continue;
            };
            let version = last.version.cast_signed();
            let values = [(&version as _, Type::INT4)];
            in_transaction(&connection, step.postgres.down, REMOVE, &values).await?;
            done.push(MigrationStatus {
                state: MigrationState::Pending,
                ..last
            });
        }
        Ok(done)
    }
}
