//! Opens the database that a command works on.

use tessera_server::config::{self, Dsn, Settings, SqliteSynchronous};
use tessera_store_sql::{OpenOptions, Opened, PostgresOptions, SqliteOptions};

use tokio::runtime::Runtime;

use crate::failure::Failure;

/// The process environment as the configuration reads it; a name or value that is not UTF-8 names no key.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The database of a command that needs nothing else of the configuration.
pub(crate) fn address(files: &[String], dsn: Option<&str>) -> Result<Dsn, Failure> {
    let sources = config::Sources {
        files: files.iter().map(Into::into).collect(),
        dsn: dsn.map(str::to_owned),
        env: environment(),
        ..config::Sources::default()
    };
    let (dsn, warnings) =
        config::load_dsn(&sources).map_err(|errors| Failure::Notice(errors.to_string()))?;
    for warning in warnings {
        crate::print::stderr(&format!("{warning}\n"));
    }
    Ok(dsn)
}

/// The database that a command changes for others; it has to be named.
///
/// Compat: a migration job without a DSN fails rather than migrating a file that nobody asked for.
pub(crate) fn named_address(files: &[String], dsn: Option<&str>) -> Result<Dsn, Failure> {
    match address(files, dsn)? {
        Dsn::SqliteFile { is_default: true, .. } => Err(Failure::Error(
            "dsn must be set: name the database as an argument, in the environment variable DSN or in the \
             configuration"
                .to_owned(),
        )),
        dsn => Ok(dsn),
    }
}

/// Opens a database; its schema is left alone.
pub(crate) async fn open(dsn: &Dsn, synchronous_full: bool) -> Result<Opened, Failure> {
    let options = match dsn {
        Dsn::SqliteMemory => OpenOptions::Sqlite(SqliteOptions {
            path: None,
            synchronous_full,
        }),
        Dsn::SqliteFile { path, .. } => OpenOptions::Sqlite(SqliteOptions {
            path: Some(path.clone()),
            synchronous_full,
        }),
        Dsn::Postgres {
            url,
            pool,
            prepared,
            ..
        } => OpenOptions::Postgres(PostgresOptions {
            url: url.expose().to_owned(),
            max_conns: count(pool.max_conns.unwrap_or(usize::MAX)),
            max_idle_conns: count(pool.max_idle_conns),
            prepared: *prepared,
        }),
    };
    tessera_store_sql::open(&options)
        .await
        .map_err(|e| Failure::Error(e.to_string()))
}

fn count(connections: usize) -> u32 {
    u32::try_from(connections).unwrap_or(u32::MAX)
}

/// Whether commits of the server's database survive the loss of power.
pub(crate) fn is_synchronous_full(settings: &Settings) -> bool {
    settings.storage.sqlite.synchronous == SqliteSynchronous::Full
}

/// What the database part of a short command runs on.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Error(format!("no runtime could be started: {e}")))
}
