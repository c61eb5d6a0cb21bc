//! Schema changes on SQLite. The lock is the database's own: `BEGIN IMMEDIATE`.

use std::sync::PoisonError;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use tessera_store::StoreResult;

use super::{Place, connect, fault, on_blocking_thread};
use crate::migrations::{
    AppliedStep, MigrationState, MigrationStatus, Migrations, STEPS, Step, StepKind, check_known,
    checksum, compare,
};

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    release TEXT NOT NULL,
    checksum TEXT NOT NULL
)";

const TABLE_EXISTS: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";

const APPLIED: &str =
    "SELECT version, name, kind, release, checksum FROM schema_migrations ORDER BY version";

const ADD: &str = "INSERT INTO schema_migrations (version, name, kind, release, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5)";

const REMOVE: &str = "DELETE FROM schema_migrations WHERE version = ?1";

/// The schema of one SQLite database.
pub(crate) struct SqliteMigrations {
    place: Place,
}

impl SqliteMigrations {
    pub(super) fn new(place: Place) -> Self {
        Self { place }
    }

    async fn on_connection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let place = self.place.clone();
        on_blocking_thread(move || match place {
            Place::File(path) => work(&connect::direct(&path).map_err(|e| fault(&e))?),
            Place::Memory(shared) => work(&shared.lock().unwrap_or_else(PoisonError::into_inner)),
        })
        .await
    }
}

/// Where every step stands.
pub(super) fn status(connection: &Connection) -> rusqlite::Result<Vec<MigrationStatus>> {
    Ok(compare(STEPS, |step| step.sqlite, &applied(connection)?))
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<AppliedStep>> {
    if connection
        .query_row(TABLE_EXISTS, [], |_| Ok(()))
        .optional()?
        .is_none()
    {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(APPLIED)?;
    let rows = statement.query_map([], |row| {
        Ok(AppliedStep {
            version: row.get(0)?,
            name: row.get(1)?,
            kind: StepKind::of_word(&row.get::<_, String>(2)?),
            release: row.get(3)?,
            checksum: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// Runs `work` as a whole or not at all, and alone.
fn locked<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|e| fault(&e))?;
    let done = work(connection).and_then(|value| {
        connection
            .execute_batch("COMMIT")
            .map(|()| value)
            .map_err(|e| fault(&e))
    });
    if done.is_err() && !connection.is_autocommit() {
        connection
            .execute_batch("ROLLBACK")
            .map_err(|e| fault(&e))?;
    }
    done
}

fn apply(connection: &Connection, step: &Step) -> rusqlite::Result<()> {
    connection.execute_batch(step.sqlite.up)?;
    let kind = step.kind.word();
    let row = params![
        step.version,
        step.name,
        kind,
        step.release,
        checksum(&step.sqlite)
    ];
    connection.execute(ADD, row).map(|_| ())
}

fn revert(connection: &Connection, step: &Step) -> rusqlite::Result<()> {
    connection.execute_batch(step.sqlite.down)?;
    connection.execute(REMOVE, [step.version]).map(|_| ())
}

fn step_of(version: u32) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.version == version)
}

fn up(connection: &Connection) -> StoreResult<Vec<MigrationStatus>> {
    connection
        .execute(CREATE_TABLE, [])
        .map_err(|e| fault(&e))?;
    let status = status(connection).map_err(|e| fault(&e))?;
    check_known(&status)?;
    let mut done = Vec::new();
    for pending in status
        .into_iter()
        .filter(|s| s.state == MigrationState::Pending)
    {
        if let Some(step) = step_of(pending.version) {
            apply(connection, step).map_err(|e| fault(&e))?;
            done.push(MigrationStatus {
                state: MigrationState::Applied,
                ..pending
            });
        }
    }
    Ok(done)
}

fn down(connection: &Connection, steps: u32) -> StoreResult<Vec<MigrationStatus>> {
    let status = status(connection).map_err(|e| fault(&e))?;
    check_known(&status)?;
    let mut done = Vec::new();
    let applied = status
        .into_iter()
        .rev()
        .filter(|s| s.state == MigrationState::Applied);
    for last in applied.take(steps as usize) {
        if let Some(step) = step_of(last.version) {
            revert(connection, step).map_err(|e| fault(&e))?;
            done.push(MigrationStatus {
                state: MigrationState::Pending,
                ..last
            });
        }
    }
    Ok(done)
}

#[async_trait]
impl Migrations for SqliteMigrations {
    async fn status(&self) -> StoreResult<Vec<MigrationStatus>> {
        self.on_connection(|connection| status(connection).map_err(|e| fault(&e)))
            .await
    }

    async fn up(&self) -> StoreResult<Vec<MigrationStatus>> {
        self.on_connection(|connection| locked(connection, up))
            .await
    }

    async fn down(&self, steps: u32) -> StoreResult<Vec<MigrationStatus>> {
        self.on_connection(move |connection| locked(connection, |c| down(c, steps)))
            .await
    }
}
