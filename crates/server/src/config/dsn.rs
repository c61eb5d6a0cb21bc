//! The database address.
//!
//! Compat: the forms of the reference server. Pool parameters are taken out of the URL. Of SQLite's, `mode` counts; those
//! of other drivers are accepted: `cache` and `vfs` style ones have no effect, pragmas that this server sets itself are not
//! overridden.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration::parse_duration;
use super::secrets::SecretString;

/// File name of the default database.
const DEFAULT_FILE: &str = "tessera.sqlite";

/// A database address, read. The default is the one that leaves no trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Dsn {
    /// An SQLite file.
    SqliteFile {
        path: PathBuf,
        /// `mode=rw`: the file is not made when it is missing.
        must_exist: bool,
        /// No address was given; the file is in the state directory, which may not exist yet.
        is_default: bool,
    },
    /// SQLite in memory; gone when the process ends.
    #[default]
    SqliteMemory,
    /// PostgreSQL, or something that speaks its protocol.
    Postgres {
        /// `postgres://` URL without the parameters that are listed here.
        url: SecretString,
        /// The address says that the server is CockroachDB.
        is_cockroach: bool,
        pool: Pool,
        /// `prepared=off`: no prepared statements, for poolers that cannot keep them apart.
        prepared: bool,
    },
}

/// Limits of the connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// `None`: unlimited.
    pub max_conns: Option<usize>,
    pub max_idle_conns: usize,
    /// `None`: unlimited.
    pub max_conn_lifetime: Option<Duration>,
    /// `None`: unlimited.
    pub max_conn_idle_time: Option<Duration>,
}

impl Pool {
    /// The reference's defaults on this many CPUs.
    #[must_use]
    pub fn for_cpus(cpus: usize) -> Self {
        let cpus = cpus.max(1);
        Self {
            max_conns: Some(cpus.saturating_mul(2)),
            max_idle_conns: cpus,
            max_conn_lifetime: None,
            max_conn_idle_time: None,
        }
    }
}

/// Why an address cannot be used; says what to do. Never holds the address itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsnError(pub String);

impl fmt::Display for DsnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DsnError {}

impl Dsn {
    /// The file in the state directory.
    #[must_use]
    pub fn default_file(state_directory: &Path) -> Self {
        let path = state_directory.join(DEFAULT_FILE);
        Self::SqliteFile {
            path,
            must_exist: false,
            is_default: true,
        }
    }

    /// Reads an address. Warnings name parameters that could not be read.
    ///
    /// # Errors
    /// The scheme is unknown, or names an engine that this build does not have.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>), DsnError> {
        let text = text.trim();
        if text == "memory" {
            return Ok((Self::SqliteMemory, Vec::new()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(DsnError(
                "has no scheme; write `memory`, `sqlite:///path/to/file.sqlite` or \
                 `postgres://user:password@host:5432/database`"
                    .to_owned(),
            ));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" | "sqlite3" => sqlite(rest).map(|dsn| (dsn, Vec::new())),
            "postgres" | "postgresql" | "pg" | "pgx" => Ok(postgres(rest, false)),
            "cockroach" | "cockroachdb" | "crdb" => Ok(postgres(rest, true)),
            "mysql" | "mariadb" => Err(DsnError(
                "names MySQL, which this build does not support; use PostgreSQL or SQLite, with an \
                 empty database: existing data cannot be brought over yet"
                    .to_owned(),
            )),
            other => Err(DsnError(format!(
                "has the unknown scheme `{other}`; known are `sqlite`, `postgres`, `cockroach`, and \
                 the word `memory`"
            ))),
        }
    }
}

/// The directory for the database and generated secrets when nothing else is said:
/// `$TESSERA_STATE_DIR`, `$XDG_STATE_HOME/tessera`, `~/.local/state/tessera`, `./tessera-state`.
#[must_use]
pub fn state_directory(env: &[(String, String)]) -> PathBuf {
    let variable = |name: &str| {
        let found = env
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    };
    variable("TESSERA_STATE_DIR")
        // The base directory specification: a relative path is to be ignored.
        .or_else(|| {
            let base = variable("XDG_STATE_HOME").filter(|path| path.is_absolute())?;
            Some(base.join("tessera"))
        })
        .or_else(|| Some(variable("HOME")?.join(".local/state/tessera")))
        .unwrap_or_else(|| PathBuf::from("tessera-state"))
}

fn sqlite(rest: &str) -> Result<Dsn, DsnError> {
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mode = parameters(query)
        .find(|(key, _)| key == "mode")
        .map(|(_, value)| value);
    let name = name.strip_prefix("file:").unwrap_or(name);
    if name == ":memory:" || mode.as_deref() == Some("memory") {
        return Ok(Dsn::SqliteMemory);
    }
    if name.is_empty() {
        return Err(DsnError(
            "names no file; write `sqlite:///path/to/file.sqlite` or `memory`".to_owned(),
        ));
    }
    let path = percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .into_owned();
    // `file:///x` has an empty authority.
    let path = path.strip_prefix("//").map_or(path.clone(), str::to_owned);
    if mode.as_deref() == Some("ro") {
        return Err(DsnError(
            "asks for a database that is only read (`mode=ro`), and this server writes to its own; write `mode=rw` for \
             a file that must exist, or `mode=rwc`"
                .to_owned(),
        ));
    }
    let must_exist = mode.as_deref() == Some("rw");
    Ok(Dsn::SqliteFile {
        path: PathBuf::from(path),
        must_exist,
        is_default: false,
    })
}

fn postgres(rest: &str, is_cockroach: bool) -> (Dsn, Vec<String>) {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut pool = Pool::for_cpus(cpus);
    let mut prepared = true;
    let mut warnings = Vec::new();
    let mut kept = Vec::new();
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let understood = match key {
            "max_conns" => value
                .parse()
                .map(|n| pool.max_conns = (n > 0).then_some(n))
                .is_ok(),
            "max_idle_conns" => value.parse().map(|n| pool.max_idle_conns = n).is_ok(),
            "max_conn_lifetime" => limit(value).map(|d| pool.max_conn_lifetime = d).is_some(),
            "max_conn_idle_time" => limit(value).map(|d| pool.max_conn_idle_time = d).is_some(),
            "prepared" => switch(value).map(|on| prepared = on).is_some(),
            // Options of the reference's migration library; nothing here depends on them.
            "migration_table_name" | "retry_limit" | "retry_sleep" | "lock" => true,
            _ => {
                kept.push(pair);
                true
            }
        };
        if !understood {
            warnings.push(format!(
                "dsn: the value of the parameter `{key}` cannot be read; its default is used"
            ));
        }
    }
    if let Some(max_conns) = pool.max_conns {
        pool.max_idle_conns = pool.max_idle_conns.min(max_conns);
    }
    let location = if is_cockroach {
        with_port(location, 26257)
    } else {
        location.to_owned()
    };
    let mark = if kept.is_empty() { "" } else { "?" };
    let url = SecretString::from(format!("postgres://{location}{mark}{}", kept.join("&")));
    (
        Dsn::Postgres {
            url,
            is_cockroach,
            pool,
            prepared,
        },
        warnings,
    )
}

/// `user@host/db` with a port, if it has none.
fn with_port(location: &str, port: u16) -> String {
    let (authority, path) = match location.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (location, String::new()),
    };
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let has_port = host.rsplit_once(':').is_some_and(|(before, digits)| {
        !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (!before.contains(':') || before.ends_with(']'))
    });
    if has_port || host.is_empty() {
        location.to_owned()
    } else {
        format!("{authority}:{port}{path}")
    }
}

fn limit(text: &str) -> Option<Option<Duration>> {
    if text == "0" {
        return Some(None);
    }
    let duration = parse_duration(text).or_else(|| fraction(text))?;
    Some(Some(duration).filter(|duration| !duration.is_zero()))
}

/// `1.5h`: Go's syntax, which addresses may use, has fractions.
fn fraction(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| c.is_ascii_alphabetic())?)?;
    let factor: f64 = number.parse().ok()?;
    let one = parse_duration(&format!("1{unit}"))?;
    Duration::try_from_secs_f64(one.as_secs_f64() * factor).ok()
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "off" | "false" | "0" | "no" => Some(false),
        "on" | "true" | "1" | "yes" => Some(true),
        _ => None,
    }
}

fn parameters(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    url::form_urlencoded::parse(query.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Dsn {
        Dsn::parse(text).unwrap().0
    }

    #[test]
    fn memory_has_many_spellings() {
        for text in [
            "memory",
            "sqlite://:memory:?_fk=true",
            "sqlite://file::memory:?_fk=true&cache=shared",
            "sqlite://file:x?mode=memory&cache=shared",
            "sqlite3://file:abc.sqlite?_fk=true&mode=memory",
        ] {
            assert_eq!(parsed(text), Dsn::SqliteMemory, "{text}");
        }
    }

    #[test]
    fn files_are_absolute_or_relative() {
        let rows = [
            (
                "sqlite:///mnt/sqlite/db.sqlite?_fk=true&mode=rwc",
                "/mnt/sqlite/db.sqlite",
                false,
            ),
            ("sqlite3://rel.sqlite?_fk=true", "rel.sqlite", false),
            ("sqlite://file:rel.sqlite?mode=rw", "rel.sqlite", true),
            (
                "sqlite://./a%20b.sqlite?_journal=WAL&_busy_timeout=5",
                "./a b.sqlite",
                false,
            ),
            ("sqlite://file:///abs.sqlite", "/abs.sqlite", false),
        ];
        for (text, path, must_exist) in rows {
            let expected = Dsn::SqliteFile {
                path: path.into(),
                must_exist,
                is_default: false,
            };
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    fn postgres_of(text: &str) -> (String, bool, Pool, bool) {
        match parsed(text) {
            Dsn::Postgres {
                url,
                is_cockroach,
                pool,
                prepared,
            } => (url.expose().to_owned(), is_cockroach, pool, prepared),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pool_parameters_leave_the_url() {
        let (url, is_cockroach, pool, prepared) = postgres_of(
            "postgres://u:p@h:5432/db?sslmode=disable&max_conns=20&max_idle_conns=4\
             &max_conn_lifetime=1h&max_conn_idle_time=1.5m&prepared=off",
        );
        assert_eq!(url, "postgres://u:p@h:5432/db?sslmode=disable");
        assert!(!is_cockroach && !prepared);
        assert_eq!(
            pool,
            Pool {
                max_conns: Some(20),
                max_idle_conns: 4,
                max_conn_lifetime: Some(Duration::from_secs(3600)),
                max_conn_idle_time: Some(Duration::from_secs(90)),
            }
        );
        let (_, _, pool, prepared) = postgres_of("pgx://u@h/db?max_conns=0");
        assert_eq!((pool.max_conns, prepared), (None, true));
    }

    #[test]
    fn synonyms_become_postgres() {
        let rows = [
            ("postgresql://u@h/db", "postgres://u@h/db"),
            ("pg://u@h/db", "postgres://u@h/db"),
            (
                "cockroach://root@h/db?sslmode=disable",
                "postgres://root@h:26257/db?sslmode=disable",
            ),
            (
                "crdb://root:a%3Ab@[::1]/db",
                "postgres://root:a%3Ab@[::1]:26257/db",
            ),
            ("cockroachdb://root@h:1/db", "postgres://root@h:1/db"),
        ];
        for (text, url) in rows {
            let (got, is_cockroach, _, _) = postgres_of(text);
            assert_eq!(
                (got.as_str(), is_cockroach),
                (url, text.starts_with('c')),
                "{text}"
            );
        }
    }

    #[test]
    fn bad_parameters_warn_and_go() {
        let (dsn, warnings) = Dsn::parse("postgres://u@h/db?max_conns=lots").unwrap();
        assert_eq!(warnings.len(), 1);
        let Dsn::Postgres { url, .. } = dsn else {
            panic!()
        };
        assert_eq!(url.expose(), "postgres://u@h/db");
    }

    #[test]
    fn refusals_say_what_to_do_and_hide_the_address() {
        for (text, part) in [
            ("mysql://root:hunter2@tcp(h:3306)/db", "MySQL"),
            ("redis://:hunter2@h", "unknown scheme `redis`"),
            ("hunter2", "no scheme"),
            ("sqlite://?password=hunter2", "no file"),
            ("sqlite:///hunter2.sqlite?mode=ro", "mode=rw"),
        ] {
            let message = Dsn::parse(text).unwrap_err().to_string();
            assert!(
                message.contains(part) && !message.contains("hunter2"),
                "{message}"
            );
        }
        let secret = format!("{:?}", parsed("postgres://u:hunter2@h/db"));
        assert!(!secret.contains("hunter2"));
    }

    #[test]
    fn state_directory_follows_the_environment() {
        let env = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let home = ("HOME", "/home/u");
        let rows = [
            (
                env(&[("TESSERA_STATE_DIR", "/s"), ("XDG_STATE_HOME", "/x"), home]),
                "/s",
            ),
            (env(&[("XDG_STATE_HOME", "/x"), home]), "/x/tessera"),
            (
                env(&[("XDG_STATE_HOME", "relative"), home]),
                "/home/u/.local/state/tessera",
            ),
            (env(&[("HOME", "")]), "tessera-state"),
        ];
        for (env, path) in rows {
            assert_eq!(state_directory(&env), PathBuf::from(path));
        }
    }
}
