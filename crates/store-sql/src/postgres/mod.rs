//! PostgreSQL, and what speaks its protocol: one statement per operation.
//!
//! Invariant: reads by key share a few pipelined connections; everything else takes a connection of the pool.
//! Invariant: every operation has a deadline; a connection that misses it is dropped, not waited for.
//! Invariant: no session state and no advisory lock on the data path, so that poolers and distributed databases work.

mod clients;
mod codes;
mod connect;
mod connection;
mod consents;
mod deletion;
mod fault;
mod grants;
mod keys;
mod migrate;
mod pool;
mod refresh;
mod replay;
mod sealing;
mod sessions;
mod sweep;
#[cfg(test)]
mod tests;
mod tls;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use tessera_store::{StoreError, StoreResult};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;

use self::connect::Connector;
use self::connection::Value;
use self::fault::{Fault, Remedy};
use self::pool::{Lease, Pool, SharedConnections};
use crate::PostgresOptions;

/// How long an operation may take, all its tries together.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often a statement is tried that lost against another transaction.
const TRANSACTION_TRIES: u32 = 4;

/// How long to wait before such a try; doubled each time.
const TRANSACTION_PAUSE: Duration = Duration::from_millis(5);

/// How often a statement is run whose guard failed against a row that its snapshot does not show yet.
const SNAPSHOT_TRIES: u32 = 5;

/// Connections that reads by key share, beside those of the pool.
const SHARED_CONNECTIONS: usize = 2;

/// Whether a statement may be sent again when its answer was lost with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfLost {
    /// A repeat changes nothing more, and answers the same.
    Repeat,
    /// A repeat would answer something else.
    GiveUp,
}

/// Names of the tables that a connection sees without naming a schema.
pub(crate) async fn tables(options: &PostgresOptions) -> StoreResult<Vec<String>> {
    const TABLES: &str = "SELECT table_name::text FROM information_schema.tables
        WHERE table_schema = ANY (current_schemas(false)) ORDER BY table_name";
    let connection = Connector::new(options)?.connect_directly().await?;
    let rows = connection.once(TABLES, &[]).await;
    let rows = rows.map_err(|e| fault::fault(&e).error)?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// The contract over PostgreSQL.
pub(crate) struct PostgresStore {
    connector: Arc<Connector>,
    shared: SharedConnections,
    pool: Pool,
}

impl PostgresStore {
    pub(crate) fn open(options: &PostgresOptions) -> StoreResult<Self> {
        let connector = Arc::new(Connector::new(options)?);
        Ok(Self {
            shared: SharedConnections::new(Arc::clone(&connector), SHARED_CONNECTIONS),
            pool: Pool::new(
                Arc::clone(&connector),
                options.max_conns,
                options.max_idle_conns,
            ),
            connector,
        })
    }

    pub(crate) fn migrations(&self) -> migrate::PostgresMigrations {
        migrate::PostgresMigrations::new(Arc::clone(&self.connector))
    }

    pub(crate) fn close(&self) {
        self.connector.close();
        self.pool.close();
        self.shared.close();
    }

    /// A read by key, on a connection that others use at the same time.
    async fn read(&self, sql: &'static str, values: &[Value<'_>]) -> StoreResult<Vec<Row>> {
        run(Lane::Shared(&self.shared), IfLost::Repeat, sql, values).await
    }

    /// Anything else, on a connection of its own.
    async fn run(
        &self,
        if_lost: IfLost,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> StoreResult<Vec<Row>> {
        run(Lane::Pool(&self.pool), if_lost, sql, values).await
    }
}

/// Where a statement gets its connection.
#[derive(Clone, Copy)]
enum Lane<'p> {
    Shared(&'p SharedConnections),
    Pool(&'p Pool),
}

impl<'p> Lane<'p> {
    async fn lease(self) -> StoreResult<Lease<'p>> {
        match self {
            Self::Shared(shared) => shared.lease().await,
            Self::Pool(pool) => pool.lease().await,
        }
    }
}

/// Runs a statement within the deadline, again where that is safe and may help.
async fn run(
    lane: Lane<'_>,
    if_lost: IfLost,
    sql: &'static str,
    values: &[Value<'_>],
) -> StoreResult<Vec<Row>> {
    let deadline = Instant::now() + DEADLINE;
    let too_late = |what: &str| {
        StoreError::Unavailable(format!("{what} took more than {} s", DEADLINE.as_secs()))
    };
    let mut may_repeat = if_lost == IfLost::Repeat;
    let mut tries = 1;
    loop {
        let leased = timeout_at(deadline, lane.lease()).await;
        let leased = leased.map_err(|_| too_late("getting a connection"))??;
        let Ok(answer) = timeout_at(deadline, leased.rows(sql, values)).await else {
            leased.discard();
            return Err(too_late("a statement"));
        };
        let Fault { error, remedy } = match answer {
            Ok(rows) => {
                leased.give_back();
                return Ok(rows);
            }
            Err(error) => fault::fault(&error),
        };
        match remedy {
            Remedy::None => {
                leased.give_back();
                return Err(error);
            }
            Remedy::Repeat => {
                leased.give_back();
                if tries == TRANSACTION_TRIES {
                    return Err(error);
                }
                tokio::time::sleep(TRANSACTION_PAUSE * 2_u32.pow(tries)).await;
                tries += 1;
            }
            Remedy::Reconnect => {
                leased.discard();
                if !may_repeat {
                    return Err(error);
                }
                may_repeat = false;
            }
        }
    }
}

/// A column of a row.
fn column<'r, T: tokio_postgres::types::FromSql<'r>>(row: &'r Row, index: usize) -> StoreResult<T> {
    row.try_get(index)
        .map_err(|e| StoreError::Corrupt(e.to_string()))
}
