//! The storage contract over SQL databases: SQLite in the process, PostgreSQL over the network.
//!
//! Invariant: SQL is written per engine, in the open, beside the function that runs it; nothing rewrites it.
//! Invariant: the two engines share the form of a row (`rows.rs`) and the list of migrations, nothing else.
//! Invariant: only this crate names a database driver.

#![warn(missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tessera_store::{Store, StoreError, StoreResult};

mod contents;
mod migrations;
mod postgres;
mod rows;
mod sqlite;

pub use contents::{Contents, look};
pub use migrations::{MigrationState, MigrationStatus, Migrations, StepKind};

/// Which database, and how to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenOptions {
    /// SQLite in this process.
    Sqlite(SqliteOptions),
    /// PostgreSQL, or what speaks its protocol.
    Postgres(PostgresOptions),
}

/// How to use SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The database file; `None` keeps everything in memory, until the process ends.
    pub path: Option<PathBuf>,
    /// Whether a commit survives the loss of power; without it, it survives a crash of the process only.
    pub synchronous_full: bool,
}

/// How to use PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?…` as libpq takes it: `sslmode`, `sslrootcert`, `options`,
    /// `connect_timeout`, `application_name` and more.
    pub url: String,
    /// Most connections for writes, lists and clean-up; reads by key have two more of their own.
    pub max_conns: u32,
    /// Most of those kept open while idle.
    pub max_idle_conns: u32,
    /// Whether statements are prepared once per connection; off for poolers that do not know them.
    pub prepared: bool,
}

/// An opened database.
pub struct Opened {
    /// What the server talks to.
    pub store: Arc<dyn Store>,
    /// What `migrate` talks to; nothing is migrated unless it is told to.
    pub migrations: Arc<dyn Migrations>,
    engine: Engine,
}

enum Engine {
    Sqlite(Arc<sqlite::SqliteStore>),
    Postgres(Arc<postgres::PostgresStore>),
}

/// Opens a database without changing its schema.
///
/// SQLite answers an error when the file cannot be used. PostgreSQL is connected when first asked something, so
/// that a server may start before its database; only an unusable URL or certificate file is an error here.
pub async fn open(options: &OpenOptions) -> StoreResult<Opened> {
    match options {
        OpenOptions::Sqlite(options) => {
            let store = Arc::new(sqlite::SqliteStore::open(options.clone()).await?);
            Ok(Opened {
                store: Arc::<sqlite::SqliteStore>::clone(&store),
                migrations: Arc::new(store.migrations()),
                engine: Engine::Sqlite(store),
            })
        }
        OpenOptions::Postgres(options) => {
            let store = Arc::new(postgres::PostgresStore::open(options)?);
            Ok(Opened {
                store: Arc::<postgres::PostgresStore>::clone(&store),
                migrations: Arc::new(store.migrations()),
                engine: Engine::Postgres(store),
            })
        }
    }
}

impl Opened {
    /// Whether the server migrates this database itself at start.
    pub const fn is_embedded(&self) -> bool {
        matches!(self.engine, Engine::Sqlite(_))
    }

    /// Writes a consistent copy of the database while it is in use; refuses a file that exists.
    pub async fn backup(&self, file: &Path) -> StoreResult<()> {
        match &self.engine {
            Engine::Sqlite(store) => store.backup(file).await,
            Engine::Postgres(_) => Err(StoreError::Bug(
                "PostgreSQL is backed up with its own tools (pg_dump)".to_owned(),
            )),
        }
    }

    /// Finishes what is queued and closes the database; later operations answer `Unavailable`.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(store) => store.close().await,
            Engine::Postgres(store) => store.close(),
        }
    }
}
