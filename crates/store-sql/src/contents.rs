//! What lies in a database, seen without changing it.
//!
//! Invariant: looking makes no file, and changes neither the mode of one nor its journal. Only beside a log that was left
//! when its last user crashed, SQLite makes its shared memory anew.

use tessera_store::StoreResult;

use crate::{OpenOptions, postgres, sqlite};

/// How the tables of Ory Hydra are called.
const HYDRA_PREFIX: &str = "hydra_";
/// Tables that this server has had since its first release.
const OWN_TABLES: [&str; 2] = ["schema_migrations", "server_state"];

/// Whose tables a database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Whether this server's tables are there, whichever release made them.
    pub has_schema: bool,
    /// Tables of Ory Hydra.
    pub hydra_tables: Vec<String>,
}

impl Contents {
    fn of(tables: Vec<String>) -> Self {
        Self {
            has_schema: OWN_TABLES
                .iter()
                .all(|own| tables.iter().any(|table| table == own)),
            hydra_tables: tables
                .into_iter()
                .filter(|table| table.starts_with(HYDRA_PREFIX))
                .collect(),
        }
    }
}

/// Looks at a database; a file that does not exist holds nothing.
///
/// # Errors
/// It cannot be reached, or is none.
pub async fn look(options: &OpenOptions) -> StoreResult<Contents> {
    let tables = match options {
        OpenOptions::Sqlite(options) => match &options.path {
            Some(path) if path.exists() => sqlite::tables(path).await?,
            _ => Vec::new(),
        },
        OpenOptions::Postgres(options) => postgres::tables(options).await?,
    };
    Ok(Contents::of(tables))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn tables_are_told_apart() {
        let of = |names: &[&str]| Contents::of(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(of(&[]), Contents::default());
        let hydra = of(&["hydra_client", "networks", "schema_migration"]);
        assert!(!hydra.has_schema);
        assert_eq!(hydra.hydra_tables, ["hydra_client"]);
        assert!(of(&["schema_migrations", "server_state", "clients"]).has_schema);
        assert!(!of(&["schema_migrations", "posts"]).has_schema);
    }

    fn options(path: &Path) -> OpenOptions {
        OpenOptions::Sqlite(crate::SqliteOptions {
            path: Some(path.to_owned()),
            synchronous_full: true,
        })
    }

    #[tokio::test]
    async fn looking_at_a_file_leaves_it_as_it_is() {
        for (name, mode) in [
            ("hydra.sqlite", "DELETE"),
            ("hydra.sqlite", "WAL"),
            ("50% of #1? \u{fc}.sqlite", "WAL"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            assert_eq!(look(&options(&path)).await, Ok(Contents::default()));
            assert!(!path.exists());
            let made = rusqlite::Connection::open(&path).unwrap();
            made.pragma_update(None, "journal_mode", mode).unwrap();
            made.execute_batch(
                "CREATE TABLE hydra_client (id TEXT); CREATE TABLE networks (id TEXT);",
            )
            .unwrap();
            drop(made);
            let seen = || {
                let permissions = path.metadata().unwrap().permissions();
                (std::fs::read(&path).unwrap(), permissions)
            };
            let before = seen();
            let expected = Contents {
                has_schema: false,
                hydra_tables: vec!["hydra_client".to_owned()],
            };
            assert_eq!(look(&options(&path)).await, Ok(expected));
            assert_eq!(seen(), before);
            let files = folder.path().read_dir().unwrap();
            assert_eq!(files.count(), 1, "{name} {mode}");
        }
    }

    /// What its log holds is seen while it is in use.
    #[tokio::test]
    async fn tables_of_a_file_in_use_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hydra.sqlite");
        let user = rusqlite::Connection::open(&path).unwrap();
        user.pragma_update(None, "journal_mode", "WAL").unwrap();
        user.execute_batch("CREATE TABLE hydra_client (id TEXT);")
            .unwrap();
        let found = look(&options(&path)).await.unwrap();
        assert_eq!(found.hydra_tables, ["hydra_client"]);
    }
}
