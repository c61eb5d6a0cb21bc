//! Opening the database file: who may read it, where it may lie, and how SQLite is set up.
//!
//! Security: the file is readable by its owner alone, and so are directories that are made for it.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tessera_store::{StoreError, StoreResult};

use super::{Place, fault};

/// How long a connection waits for another process.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// How often, and after which pause, the first set-up is tried again while another process does the same.
const SETUP_TRIES: u32 = 100;
const SETUP_PAUSE: Duration = Duration::from_millis(50);

/// Statements kept prepared per connection: more than there are.
const STATEMENTS_KEPT: usize = 128;

/// File systems on which the shared memory of WAL does not work between machines.
const NETWORK_FILE_SYSTEMS: [&str; 13] = [
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// The connection that writes. The pages of the log that wait for a checkpoint are many (64 MiB), so that a commit
/// rarely pays for one; the log's file shrinks to that again afterwards.
pub(super) async fn writer(path: &Path, synchronous_full: bool) -> StoreResult<Connection> {
    prepare_file(path)?;
    let mut tries = 1;
    loop {
        match try_writer(path, synchronous_full) {
            // Two processes that switch a new file to WAL at once get "busy" without waiting.
            Err(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == ErrorCode::DatabaseBusy && tries < SETUP_TRIES =>
            {
                tries += 1;
                tokio::time::sleep(SETUP_PAUSE).await;
            }
            other => return other.map_err(|e| fault(&e)),
        }
    }
}

fn try_writer(path: &Path, synchronous_full: bool) -> rusqlite::Result<Connection> {
    let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let synchronous = if synchronous_full { "FULL" } else { "NORMAL" };
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
         PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864;
         PRAGMA foreign_keys = ON; PRAGMA cache_size = -8192;"
    ))?;
    Ok(connection)
}

/// A connection that reads. Pages are mapped, not copied, so its own cache stays small; 2 GiB less a page is the most that
/// SQLite maps.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112; PRAGMA cache_size = -2048;",
    )?;
    Ok(connection)
}

/// A connection for a look at a file that may not be ours. A reader of a file in WAL mode makes the log and its shared
/// memory, and leaves them, unless it takes the file for one that nobody writes: where no journal lies beside it, nobody
/// does, and who begins just now is seen in part at worst.
pub(super) fn onlooker(path: &Path) -> rusqlite::Result<Connection> {
    let has_journal = ["-wal", "-journal"].iter().any(|suffix| {
        let mut journal = path.as_os_str().to_owned();
        journal.push(suffix);
        Path::new(&journal).exists()
    });
    if has_journal {
        return reader(path);
    }
    open_file(
        Path::new(&immutable_uri(path)),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )
}

/// The URI of a file that does not change; an absolute path has an empty authority before it.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from(if path.is_absolute() {
        "file://"
    } else {
        "file:"
    });
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(*byte));
            }
            // Writing to a String does not fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// The connection that is the database.
pub(super) fn memory() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// A connection for `migrate` and the like.
pub(super) fn direct(path: &Path) -> rusqlite::Result<Connection> {
    open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

fn open_file(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements stay compiled. Without the planner's stability guarantee SQLite looks at bound values while it plans,
/// and compiles a statement again at every use because the values have changed.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Makes the file and its directory if they are missing. SQLite gives the log the mode of the database.
fn prepare_file(path: &Path) -> StoreResult<()> {
    let failed = |what: &'static str| {
        let shown = path.display().to_string();
        move |e: io::Error| StoreError::Unavailable(format!("{what} of {shown}: {e}"))
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if !directory.exists() {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(DIRECTORY_MODE);
        builder
            .create(&directory)
            .map_err(failed("the directory cannot be made"))?;
    }
    refuse_network_file_system(&directory)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(failed("the database file cannot be opened"))?;
    let mode = file
        .metadata()
        .map_err(failed("the mode cannot be read"))?
        .permissions()
        .mode();
    if mode & 0o077 != 0
        && let Err(error) = file.set_permissions(Permissions::from_mode(FILE_MODE))
    {
        tracing::warn!(%error, path = %path.display(), "others may read the database file");
    }
    Ok(())
}

fn refuse_network_file_system(directory: &Path) -> StoreResult<()> {
    let (Ok(directory), Ok(mounts)) = (
        directory.canonicalize(),
        std::fs::read_to_string("/proc/self/mountinfo"),
    ) else {
        return Ok(());
    };
    match file_system(&mounts, &directory) {
        Some(kind) if NETWORK_FILE_SYSTEMS.contains(&kind) => {
            Err(StoreError::Unavailable(format!(
                "{} is on a network file system ({kind}), where SQLite loses data; use a local disk, or PostgreSQL",
                directory.display()
            )))
        }
        _ => Ok(()),
    }
}

/// The type of the file system that holds a directory, from the text of `/proc/self/mountinfo` (proc(5)).
fn file_system<'a>(mountinfo: &'a str, directory: &Path) -> Option<&'a str> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        directory
            .starts_with(&point)
            .then_some((point.len(), source.split(' ').next()?))
    });
    // Of two mounts on one point the later one is on top.
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

/// Copies the database into a new file, consistently, while it is in use.
pub(super) fn backup(place: &Place, file: &Path) -> StoreResult<()> {
    let failed = |e: io::Error| {
        StoreError::Unavailable(format!(
            "the backup {} cannot be written: {e}",
            file.display()
        ))
    };
    let target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(file);
    let target = target.map_err(failed)?;
    let copied = match place {
        Place::File(path) => direct(path).and_then(|connection| copy(&connection, file)),
        Place::Memory(shared) => copy(&shared.lock().unwrap_or_else(PoisonError::into_inner), file),
    };
    if let Err(error) = copied {
        std::fs::remove_file(file).map_err(failed)?;
        return Err(fault(&error));
    }
    target.sync_all().map_err(failed)?;
    let directory = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))
        .and_then(|d| d.sync_all())
        .map_err(failed)
}

fn copy(connection: &Connection, file: &Path) -> rusqlite::Result<()> {
    let file = file
        .to_str()
        .ok_or_else(|| rusqlite::Error::InvalidPath(file.to_owned()))?;
    connection.execute("VACUUM INTO ?1", [file]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_escaped_in_its_uri() {
        for (path, uri) in [
            (
                "/var/lib/db.sqlite",
                "file:///var/lib/db.sqlite?immutable=1",
            ),
            ("//double/db", "file:////double/db?immutable=1"),
            ("db", "file:db?immutable=1"),
            ("a?b#c%20\u{fc}", "file:a%3Fb%23c%2520%C3%BC?immutable=1"),
        ] {
            assert_eq!(immutable_uri(Path::new(path)), uri);
        }
    }

    #[test]
    fn the_deepest_mount_names_the_file_system() {
        let mounts = "\
21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 21 0:40 / /var rw shared:3 - xfs /dev/sdb rw
31 30 0:41 / /var/share\\040d rw - nfs4 server:/export rw
32 30 0:42 / /variety rw - cifs //server/x rw
";
        let kind = |path: &str| file_system(mounts, Path::new(path));
        assert_eq!(kind("/etc"), Some("ext4"));
        assert_eq!(kind("/var/lib/tessera"), Some("xfs"));
        assert_eq!(kind("/var/share d/tessera"), Some("nfs4"));
        assert_eq!(kind("/variety"), Some("cifs"));
    }
}
