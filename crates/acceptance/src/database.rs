//! A fresh database for one server.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::binary;
use crate::report;

/// Names the variable with the DSN of a PostgreSQL superuser, or with `none` to leave PostgreSQL out.
pub const POSTGRES_VAR: &str = "TESSERA_TEST_POSTGRES";

/// Which engine a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Every engine. Where PostgreSQL is left out on purpose, says so; a variable that is not set fails the test.
    pub fn at_hand() -> Vec<Self> {
        if superuser_dsn().is_some() {
            return vec![Self::Sqlite, Self::Postgres];
        }
        report::say(&format!("NOT RUN on PostgreSQL: {POSTGRES_VAR} is none"));
        vec![Self::Sqlite]
    }
}

/// A database of one test. A PostgreSQL one is dropped with this value, a SQLite one with its folder.
#[derive(Debug)]
pub struct Database {
    dsn: String,
    postgres_name: Option<String>,
}

/// `None` where the variable is `none`.
fn superuser_dsn() -> Option<String> {
    let value = std::env::var(POSTGRES_VAR).unwrap_or_default();
    assert!(
        !value.is_empty(),
        "no PostgreSQL: run scripts/with-postgres.sh cargo test ..., or set {POSTGRES_VAR}=none to leave it out"
    );
    (value != "none").then_some(value)
}

impl Database {
    /// An empty database; a file of SQLite lies in `dir`. Nothing is migrated yet.
    pub fn fresh(engine: Engine, dir: &Path) -> Self {
        match engine {
            Engine::Sqlite => Self {
                dsn: format!("sqlite://{}", dir.join("db.sqlite").display()),
                postgres_name: None,
            },
            Engine::Postgres => Self::fresh_postgres(),
        }
    }

    fn fresh_postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let superuser = superuser_dsn().expect("the variable with the superuser's DSN is set");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("acceptance_{}_{number}", std::process::id());
        psql(
            &superuser,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        );
        Self {
            dsn: dsn_of(&superuser, &name),
            postgres_name: Some(name),
        }
    }

    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    /// Its name, on PostgreSQL.
    pub fn postgres_name(&self) -> Option<&str> {
        self.postgres_name.as_deref()
    }

    /// Runs one statement on it.
    pub fn execute(&self, statement: &str) {
        match self.dsn.strip_prefix("sqlite://") {
            Some(path) => rusqlite::Connection::open(path)
                .and_then(|file| file.execute_batch(statement))
                .expect("SQLite runs the statement"),
            None => psql(&self.dsn, statement),
        }
    }

    /// Whether `migrate sql` has to run before the server starts.
    pub fn needs_migration(&self) -> bool {
        self.postgres_name.is_some()
    }

    /// Runs `migrate sql up --yes` on it, if its engine needs that.
    pub fn migrate(&self, dir: &Path) {
        if !self.needs_migration() {
            return;
        }
        let args = ["migrate", "sql", "up", "--yes", &self.dsn].map(str::to_owned);
        let output = binary::run(&binary::path(), &args, &[], "", dir);
        assert_eq!(
            output.exit_code,
            Some(0),
            "migrate sql up failed: {output:?}"
        );
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.postgres_name
            && let Some(superuser) = superuser_dsn()
        {
            psql(
                &superuser,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}

/// The same DSN with another database name.
fn dsn_of(superuser: &str, name: &str) -> String {
    let (address, query) = superuser
        .split_once('?')
        .unwrap_or((superuser, "sslmode=disable"));
    let authority = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority..]
        .find('/')
        .map_or(address.len(), |at| authority + at);
    format!("{}/{name}?{query}", &address[..end])
}

/// Runs one statement as the superuser.
pub fn as_superuser(statement: &str) {
    psql(&superuser_dsn().expect("PostgreSQL is at hand"), statement);
}

fn psql(dsn: &str, statement: &str) {
    let output = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            statement,
            dsn,
        ])
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .output()
        .expect("psql runs");
    let failed = !output.status.success();
    if failed && !std::thread::panicking() {
        panic!("{statement}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[cfg(test)]
mod tests {
    use super::dsn_of;

    #[test]
    fn only_the_database_name_changes() {
        let dsn = dsn_of("postgres://u:p@h:5432/postgres?sslmode=disable&x=/y", "new");
        assert_eq!(dsn, "postgres://u:p@h:5432/new?sslmode=disable&x=/y");
        assert_eq!(
            dsn_of("postgres://h", "new"),
            "postgres://h/new?sslmode=disable"
        );
    }
}
