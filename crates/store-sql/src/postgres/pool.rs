//! Who uses which connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tessera_store::{StoreError, StoreResult};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, SemaphorePermit};
use tokio_postgres::{Error, Row};

use super::connect::Connector;
use super::connection::{Connection, Value};

/// The right to use a connection. One of the pool that is dropped in the middle of a statement is closed.
pub(super) struct Lease<'p> {
    connection: Arc<Connection>,
    /// Where the connection goes back to, unless it is shared.
    home: Option<(&'p Pool, SemaphorePermit<'p>)>,
}

impl Lease<'_> {
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        self.connection.rows(sql, values).await
    }

    /// The connection is good for the next one.
    pub(super) fn give_back(self) {
        if let Some((pool, _permit)) = self.home {
            pool.keep(self.connection);
        }
    }

    /// The connection is not to be used again, by anybody.
    pub(super) fn discard(self) {
        self.connection.sever();
    }
}

/// Connections on which the reads of many requests are pipelined.
pub(super) struct SharedConnections {
    connector: Arc<Connector>,
    slots: Vec<AsyncMutex<Option<Arc<Connection>>>>,
    next: AtomicUsize,
}

impl SharedConnections {
    pub(super) fn new(connector: Arc<Connector>, count: usize) -> Self {
        let slots = (0..count.max(1)).map(|_| AsyncMutex::new(None)).collect();
        Self {
            connector,
            slots,
            next: AtomicUsize::new(0),
        }
    }

    /// The next connection in turn; connects it when it is not open.
    pub(super) async fn lease(&self) -> StoreResult<Lease<'static>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let slot = self
            .slots
            .get(turn)
            .ok_or_else(|| StoreError::Bug("no connection".to_owned()))?;
        let mut held = slot.lock().await;
        if let Some(connection) = held.as_ref()
            && connection.is_open()
        {
            return Ok(Lease {
                connection: Arc::clone(connection),
                home: None,
            });
        }
        let connection = Arc::new(self.connector.connect().await?);
        *held = Some(Arc::clone(&connection));
        Ok(Lease {
            connection,
            home: None,
        })
    }

    pub(super) fn close(&self) {
        for slot in &self.slots {
            // Whoever holds the slot is connecting, and finds the connector closed.
            if let Ok(mut held) = slot.try_lock() {
                *held = None;
            }
        }
    }
}

/// Connections that one operation uses at a time.
pub(super) struct Pool {
    connector: Arc<Connector>,
    permits: Semaphore,
    idle: Mutex<Vec<Arc<Connection>>>,
    idle_max: usize,
}

impl Pool {
    pub(super) fn new(connector: Arc<Connector>, conns_max: u32, idle_max: u32) -> Self {
        Self {
            connector,
            permits: Semaphore::new(conns_max.max(1) as usize),
            idle: Mutex::new(Vec::new()),
            idle_max: idle_max.min(conns_max) as usize,
        }
    }

    /// The connection used last, so that the rest may stay idle; a new one when none is idle.
    pub(super) async fn lease(&self) -> StoreResult<Lease<'_>> {
        let closed = |_| StoreError::Unavailable("the database is closed".to_owned());
        let permit = self.permits.acquire().await.map_err(closed)?;
        let connection = match self.idle_connection() {
            Some(connection) => connection,
            None => Arc::new(self.connector.connect().await?),
        };
        Ok(Lease {
            connection,
            home: Some((self, permit)),
        })
    }

    fn idle_connection(&self) -> Option<Arc<Connection>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: Arc<Connection>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max && !self.permits.is_closed() {
            idle.push(connection);
        }
    }

    pub(super) fn close(&self) {
        self.permits.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
