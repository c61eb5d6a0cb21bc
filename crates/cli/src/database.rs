//! Opens the database that a command works on.
//!
//! Invariant: only `serve` and `migrate` make a database; a command that was pointed at the wrong place leaves nothing there.

use std::path::Path;
use std::time::Duration;

use tessera_server::config::{self, Dsn, Settings, SqliteSynchronous};
use tessera_store::{Readiness, StoreError};
use tessera_store_sql::{Contents, OpenOptions, Opened, PostgresOptions, SqliteOptions};

use tokio::runtime::Runtime;

use crate::{
    args,
    failure::{Failure, Outcome},
};

/// How long a server that migrates nothing waits to learn whose tables a database holds: it starts before its database as well.
pub(crate) const GLANCE: Duration = Duration::from_secs(2);
/// The same for those who are about to add tables.
pub(crate) const LOOK: Duration = Duration::from_secs(15);

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
    check_place(dsn)?;
    tessera_store_sql::open(&options(dsn, synchronous_full))
        .await
        .map_err(|e| Failure::Error(e.to_string()))
}

/// Compat: as SQLite has it, `mode=rw` makes no file, and nothing makes a folder; only the state directory is ours to make.
fn check_place(dsn: &Dsn) -> Outcome {
    let Dsn::SqliteFile {
        path,
        must_exist,
        is_default: false,
    } = dsn
    else {
        return Ok(());
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Failure::Error(format!(
            "the folder {} of the database does not exist; make it, or name another file in dsn (DSN)",
            folder.display()
        )));
    }
    if *must_exist && !path.exists() {
        return Err(Failure::Error(format!(
            "there is no database at {}, and `mode=rw` in dsn (DSN) forbids to make one; name the right file, or write \
             `mode=rwc`",
            path.display()
        )));
    }
    Ok(())
}

/// Opens the database of a server that has run before, for commands that make no sense on a new one.
pub(crate) async fn open_existing(dsn: &Dsn) -> Result<Opened, Failure> {
    match dsn {
        Dsn::SqliteMemory => {
            return Err(Failure::Error(
                "the database is `memory`, which lives and ends with its server's process; this command needs one that \
                 others can open"
                    .to_owned(),
            ));
        }
        Dsn::SqliteFile {
            path, is_default, ..
        } if !path.exists() => {
            return Err(Failure::Error(no_file(path, *is_default)));
        }
        _ => {}
    }
    let contents = look(dsn)
        .await
        .map_err(|e| Failure::Error(format!("{}: {e}", name(dsn))))?;
    refuse_hydra(dsn, &contents)?;
    if !contents.has_schema {
        return Err(Failure::Error(format!(
            "{} holds no tables of this server; name the right database, or run `{} migrate sql up` to make them",
            name(dsn),
            args::program_name()
        )));
    }
    open(dsn, true).await
}

/// The same, for commands that need every table of this release.
pub(crate) async fn open_migrated(dsn: &Dsn) -> Result<Opened, Failure> {
    let opened = open_existing(dsn).await?;
    match opened.store.readiness().await {
        Ok(Readiness::Ready) => Ok(opened),
        Ok(Readiness::MigrationsPending) => Err(Failure::Error(format!(
            "{} has pending migrations; run `{} migrate sql up` first",
            name(dsn),
            args::program_name()
        ))),
        Ok(Readiness::SchemaTooNew(needed)) => Err(Failure::Error(needed)),
        Err(error) => Err(Failure::Error(error.to_string())),
    }
}

fn no_file(path: &Path, is_default: bool) -> String {
    let path = path.display();
    let why = if is_default {
        "; without a dsn the file in the state directory is meant (TESSERA_STATE_DIR, or that of the user who runs this)"
    } else {
        ""
    };
    format!(
        "there is no database at {path}{why}. Name the server's database in the environment variable DSN \
         (sqlite:///path/to/file.sqlite), or its configuration with -c"
    )
}

/// What messages call a database.
fn name(dsn: &Dsn) -> String {
    match dsn {
        Dsn::SqliteFile { path, .. } => path.display().to_string(),
        Dsn::SqliteMemory => "memory".to_owned(),
        Dsn::Postgres { .. } => "the PostgreSQL database".to_owned(),
    }
}

async fn look(dsn: &Dsn) -> Result<Contents, StoreError> {
    tessera_store_sql::look(&options(dsn, true)).await
}

/// Refuses a database that is Hydra's alone, before anything is added to it.
///
/// Security: a server that started beside the tables of another would know none of its clients and consents, and say
/// nothing. A database that cannot be looked at now is left to those who open it.
pub(crate) async fn refuse_foreign(dsn: &Dsn, limit: Duration) -> Outcome {
    match tokio::time::timeout(limit, look(dsn)).await {
        Ok(Ok(contents)) => refuse_hydra(dsn, &contents),
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

fn refuse_hydra(dsn: &Dsn, contents: &Contents) -> Outcome {
    /// Enough to recognize a database by.
    const SHOWN: usize = 3;
    if contents.has_schema || contents.hydra_tables.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = contents
        .hydra_tables
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect();
    Err(Failure::Error(format!(
        "{} is a database of Ory Hydra: it holds {} ({} such tables) and none of this server's. The import of a Hydra \
         database is not there yet, and a server on top of one would know none of its clients and sessions. Nothing was \
         changed; name an empty database in dsn (DSN), such as another SQLite file, or a PostgreSQL database of its own",
        name(dsn),
        shown.join(", "),
        contents.hydra_tables.len(),
    )))
}

fn options(dsn: &Dsn, synchronous_full: bool) -> OpenOptions {
    match dsn {
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
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, must_exist: bool) -> Dsn {
        Dsn::SqliteFile {
            path: path.to_owned(),
            must_exist,
            is_default: false,
        }
    }

    fn why<T>(result: Result<T, Failure>) -> String {
        match result {
            Err(Failure::Error(why) | Failure::Notice(why)) => why,
            Err(Failure::Reported) => String::new(),
            Ok(_) => panic!("not refused"),
        }
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.sqlite");
        let refused = why(open_existing(&file(&path, false)).await);
        assert!(
            refused.contains(&path.display().to_string()) && refused.contains("DSN"),
            "{refused}"
        );
        assert!(why(open_existing(&Dsn::SqliteMemory).await).contains("`memory`"));
        assert!(why(open(&file(&path, true), true).await).contains("mode=rw"));
        let deep = folder.path().join("a/b.sqlite");
        assert!(why(open(&file(&deep, false), true).await).contains("folder"));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_file_without_our_tables_is_refused_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.sqlite");
        std::fs::write(&path, "").unwrap();
        let refused = why(open_existing(&file(&path, false)).await);
        assert!(refused.contains("migrate sql up"), "{refused}");
        assert_eq!(path.metadata().unwrap().len(), 0);
        let opened = open(&file(&path, true), true).await.unwrap();
        opened.migrations.up().await.unwrap();
        opened.close().await;
        open_migrated(&file(&path, true))
            .await
            .unwrap()
            .close()
            .await;
    }

    #[test]
    fn a_database_of_hydra_alone_is_refused() {
        let dsn = file(Path::new("/x/db.sqlite"), false);
        let mut contents = Contents {
            has_schema: false,
            hydra_tables: vec!["hydra_client".to_owned(), "hydra_jwk".to_owned()],
        };
        let refused = why(refuse_hydra(&dsn, &contents));
        for part in ["/x/db.sqlite", "hydra_client, hydra_jwk", "empty database"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        contents.has_schema = true;
        assert_eq!(refuse_hydra(&dsn, &contents), Ok(()));
        assert_eq!(refuse_hydra(&dsn, &Contents::default()), Ok(()));
    }
}
