//! Databases of a run, and the loader that fills them with a million clients and revocations, or grants and refresh tokens.
//!
//! The loader copies the row of a real client or grant under other ids. Of clients it knows only what is looked up: ids,
//! their SHA-256, and that a client's document names its id. Of grants and refresh tokens it knows every column, so a
//! migration of these changes it too.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::clock;
use crate::process;

/// The client whose row is copied.
pub(crate) const TEMPLATE: &str = "bench-template";

/// The id of a copied client.
pub(crate) fn copy_id(number: u32) -> String {
    format!("bench-{number}")
}

/// A database of a run.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(PostgresServer, String),
}

/// A PostgreSQL server, by the DSN of a superuser.
#[derive(Debug, Clone)]
pub(crate) struct PostgresServer {
    dsn: String,
    /// Of the postmaster.
    pid: u32,
}

impl PostgresServer {
    pub(crate) fn new(dsn: String) -> Result<Self, String> {
        let mut server = Self { dsn, pid: 0 };
        let file = server.query(None, "SELECT pg_read_file('postmaster.pid')")?;
        let pid = file.lines().next().unwrap_or_default();
        server.pid = pid.trim().parse().map_err(|_| format!("no pid: {pid}"))?;
        Ok(server)
    }

    /// A new empty database.
    pub(crate) fn create(&self, name: &str) -> Result<Database, String> {
        self.query(None, &format!("DROP DATABASE IF EXISTS {name}"))?;
        self.query(None, &format!("CREATE DATABASE {name}"))?;
        Ok(Database::Postgres(self.clone(), name.to_owned()))
    }

    pub(crate) fn drop(&self, name: &str) -> Result<(), String> {
        self.query(None, &format!("DROP DATABASE {name} WITH (FORCE)"))
            .map(|_| ())
    }

    /// The DSN with another database in its path.
    fn dsn(&self, database: &str) -> String {
        let (front, query) = match self.dsn.split_once('?') {
            Some((front, query)) => (front, format!("?{query}")),
            None => (self.dsn.as_str(), String::new()),
        };
        let authority_at = front.find("://").map_or(0, |at| at + 3);
        let path_at = front.get(authority_at..).and_then(|rest| rest.find('/'));
        let server = path_at.map_or(front, |at| front.get(..authority_at + at).unwrap_or(front));
        format!("{server}/{database}{query}")
    }

    fn query(&self, database: Option<&str>, sql: &str) -> Result<String, String> {
        let dsn = database.map_or_else(|| self.dsn.clone(), |name| self.dsn(name));
        let output = Command::new("psql")
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql, &dsn])
            .output()
            .map_err(|e| format!("psql: {e}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Database {
    pub(crate) fn dsn(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(server, name) => server.dsn(name),
        }
    }

    pub(crate) const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(..) => "PostgreSQL",
        }
    }

    /// CPU seconds of the database's own processes.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        match self {
            Self::Sqlite(_) => 0.0,
            Self::Postgres(server, _) => process::cpu_seconds_of_tree(server.pid),
        }
    }

    /// Transactions so far, which is round trips where each statement is its own; `None` on SQLite.
    pub(crate) fn transactions(&self) -> Result<Option<f64>, String> {
        let Self::Postgres(server, name) = self else {
            return Ok(None);
        };
        // A backend that falls idle reports its last second of work only after ten; a pool has many of them.
        clock::pause(std::time::Duration::from_millis(10_500));
        let sql = format!(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'"
        );
        let count = server.query(None, &sql)?;
        count
            .parse()
            .map(Some)
            .map_err(|_| format!("no number: {count}"))
    }

    /// Copies the template `clients` times and adds as many revocations as asked for.
    pub(crate) fn fill(&self, clients: u32, revocations: u32) -> Result<(), String> {
        let expires_at = clock::unix_micros() + 3_600_000_000;
        match self {
            Self::Sqlite(path) => fill_sqlite(path, |connection| {
                copy_clients(connection, clients, revocations, expires_at)
            }),
            Self::Postgres(server, name) => {
                let run = |sql: &str| server.query(Some(name), sql).map(|_| ());
                run(&format!(
                    "INSERT INTO clients
                     SELECT sha256(convert_to('bench-' || n, 'UTF8')), token_epoch, version, created_at,
                         'bench-' || n, name, owner, registration_token_hash, secret_hashes,
                         replace(document, '{TEMPLATE}', 'bench-' || n)
                     FROM clients, generate_series(0, {clients} - 1) AS n WHERE client_id = '{TEMPLATE}'"
                ))?;
                run(&format!(
                    "INSERT INTO revoked_tokens
                     SELECT substr(sha256(convert_to(n::text, 'UTF8')), 1, 16), {expires_at}
                     FROM generate_series(1, {revocations}) AS n"
                ))?;
                run("VACUUM ANALYZE")
            }
        }
    }

    /// Copies the one grant and its refresh token `count` times, `of_subject` times for the same person and else for
    /// others.
    pub(crate) fn fill_grants(&self, count: u32, of_subject: u32) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => fill_sqlite(path, |connection| {
                let digest = |text: &str| format!("sha256({text})");
                for statement in grants_sql(digest, "numbers", of_subject) {
                    connection.execute_batch(&format!(
                        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers LIMIT {count})
                         {statement}"
                    ))?;
                }
                Ok(())
            }),
            Self::Postgres(server, name) => {
                let digest = |text: &str| format!("sha256(convert_to({text}, 'UTF8'))");
                let numbers = format!("generate_series(0, {count} - 1) AS n");
                for statement in grants_sql(digest, &numbers, of_subject) {
                    server.query(Some(name), &statement)?;
                }
                server.query(Some(name), "VACUUM ANALYZE").map(|_| ())
            }
        }
    }
}

/// Statements that copy a grant and its refresh token for each of the numbers.
fn grants_sql(digest: impl Fn(&str) -> String, numbers: &str, of_subject: u32) -> [String; 2] {
    let id = |kind: &str| format!("substr({}, 1, 16)", digest(&format!("'{kind}-' || n")));
    let (grant_id, sid, refresh_id) = (id("grant"), id("session"), id("refresh"));
    let subject = format!("CASE WHEN n < {of_subject} THEN subject ELSE 'other-' || n END");
    let subject_key = digest(&subject);
    [
        format!(
            "INSERT INTO grants (grant_id, client_key, client_born, subject_key, sid, requested_at, remembered_until,
                 tokens_until, tokens_revoked, was_asked, swept_at, client_id, subject, document, session, context,
                 server_epoch)
             SELECT {grant_id}, client_key, client_born, {subject_key}, {sid}, requested_at - n, remembered_until,
                 tokens_until, tokens_revoked, was_asked, swept_at, client_id, {subject}, document, session, context,
                 server_epoch
             FROM grants, {numbers}"
        ),
        format!(
            "INSERT INTO refresh_tokens
             SELECT {refresh_id}, {grant_id}, issued_at, expires_at, used_by, first_used_at, used_times, kept_until,
                 swept_at
             FROM refresh_tokens, {numbers}"
        ),
    ]
}

/// Runs inserts in one transaction, with a function `sha256`.
fn fill_sqlite(
    path: &Path,
    insert: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<(), String> {
    let run = || -> rusqlite::Result<()> {
        let connection = Connection::open(path)?;
        connection.create_scalar_function(
            "sha256",
            1,
            FunctionFlags::SQLITE_DETERMINISTIC,
            |context| Ok(tessera_crypto::sha256(context.get::<String>(0)?.as_bytes()).to_vec()),
        )?;
        connection
            .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN;")?;
        insert(&connection)?;
        connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")
    };
    run().map_err(|e| format!("{}: {e}", path.display()))
}

fn copy_clients(
    connection: &Connection,
    clients: u32,
    revocations: u32,
    expires_at: i64,
) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers LIMIT {clients})
         INSERT INTO clients
         SELECT sha256('bench-' || n), token_epoch, version, created_at, 'bench-' || n, name, owner,
             registration_token_hash, secret_hashes, replace(document, '{TEMPLATE}', 'bench-' || n)
         FROM clients, numbers WHERE client_id = '{TEMPLATE}';"
    ))?;
    if revocations > 0 {
        connection.execute_batch(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {revocations})
             INSERT INTO revoked_tokens SELECT randomblob(16), {expires_at} FROM numbers ORDER BY 1;"
        ))?;
    }
    Ok(())
}
