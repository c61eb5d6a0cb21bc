//! SQLite: reads inline on read-only connections, writes on one thread that shares commits.

mod clients;
mod codes;
mod connect;
mod consents;
mod deletion;
mod fault;
mod grants;
mod keys;
mod migrate;
mod readers;
mod refresh;
mod replay;
mod sealing;
mod sessions;
mod sweep;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tessera_store::{StoreError, StoreResult};

use self::fault::fault;
use self::readers::Readers;
use self::writer::{Guard, Writer};
use crate::SqliteOptions;

/// A connection that several threads may use, one at a time.
type SharedConnection = Arc<Mutex<Connection>>;

/// The contract over SQLite.
pub(crate) struct SqliteStore {
    place: Place,
    readers: Arc<Readers>,
    writer: Writer,
}

/// Where the database is.
#[derive(Clone)]
enum Place {
    File(PathBuf),
    /// One connection for everything: it is the database.
    Memory(SharedConnection),
}

/// Names of the tables of a file, read without changing it.
pub(crate) async fn tables(path: &Path) -> StoreResult<Vec<String>> {
    const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let path = path.to_owned();
    on_blocking_thread(move || {
        let names = || {
            let connection = connect::onlooker(&path)?;
            let mut statement = connection.prepare(TABLES)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        };
        names().map_err(|e| fault(&e))
    })
    .await
}

impl SqliteStore {
    pub(crate) async fn open(options: SqliteOptions) -> StoreResult<Self> {
        let Some(path) = options.path else {
            let shared = Arc::new(Mutex::new(connect::memory().map_err(|e| fault(&e))?));
            return Ok(Self {
                place: Place::Memory(Arc::clone(&shared)),
                readers: Arc::new(Readers::of_memory(&shared)),
                writer: Writer::start(shared)?,
            });
        };
        let connection = connect::writer(&path, options.synchronous_full).await?;
        Ok(Self {
            readers: Arc::new(Readers::of_file(&path)),
            writer: Writer::start(Arc::new(Mutex::new(connection)))?,
            place: Place::File(path),
        })
    }

    pub(crate) fn migrations(&self) -> migrate::SqliteMigrations {
        migrate::SqliteMigrations::new(self.place.clone())
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.readers.close();
    }

    pub(crate) async fn backup(&self, file: &Path) -> StoreResult<()> {
        let (place, file) = (self.place.clone(), file.to_owned());
        on_blocking_thread(move || connect::backup(&place, &file)).await
    }

    /// Reads on the calling thread: a read by key takes microseconds, a hop to another thread takes more.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> StoreResult<T> {
        self.readers.read(query)
    }

    /// Reads on a thread that may block, for what is long.
    async fn read_long<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let readers = Arc::clone(&self.readers);
        on_blocking_thread(move || readers.read(query)).await
    }

    /// Writes; answers after the commit.
    async fn write<T: Send + 'static>(
        &self,
        guard: Guard,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.write(guard, job).await
    }
}

async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> StoreResult<T> + Send + 'static,
) -> StoreResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(StoreError::Unavailable("the server is stopping".to_owned())))
}
