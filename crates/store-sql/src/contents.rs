//! What lies in a database, seen without changing it.
//!
//! Invariant: looking makes no file, and changes neither the mode of one nor its journal.

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

    #[tokio::test]
    async fn looking_at_a_file_leaves_it_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hydra.sqlite");
        let options = OpenOptions::Sqlite(crate::SqliteOptions {
            path: Some(path.clone()),
            synchronous_full: true,
        });
        assert_eq!(look(&options).await, Ok(Contents::default()));
        assert!(!path.exists());
        let made = rusqlite::Connection::open(&path).unwrap();
        made.execute_batch("CREATE TABLE hydra_client (id TEXT); CREATE TABLE networks (id TEXT);")
            .unwrap();
        drop(made);
        let before = (
            std::fs::read(&path).unwrap(),
            path.metadata().unwrap().permissions(),
        );
        let hydra_tables = vec!["hydra_client".to_owned()];
        let expected = Contents {
            has_schema: false,
            hydra_tables,
        };
        assert_eq!(look(&options).await, Ok(expected));
        let after = (
            std::fs::read(&path).unwrap(),
            path.metadata().unwrap().permissions(),
        );
        assert_eq!(after, before);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
