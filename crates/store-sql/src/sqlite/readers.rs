//! The read-only connections, one for each thread that reads at the same time.
//!
//! Invariant: a read blocks only when there are more readers at once than connections.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::available_parallelism;

use rusqlite::Connection;
use tessera_store::{StoreError, StoreResult};

use super::{SharedConnection, connect, fault};

/// Connections beyond one per core, for lists on threads that may block.
const SPARE_READERS: usize = 2;

pub(super) struct Readers {
    source: Source,
}

enum Source {
    File {
        path: PathBuf,
        slots: Vec<Mutex<Slot>>,
    },
    Memory(SharedConnection),
}

enum Slot {
    Unused,
    Open(Connection),
    Closed,
}

impl Readers {
    pub(super) fn of_file(path: &Path) -> Self {
        let slots = available_parallelism().map_or(1, usize::from) + SPARE_READERS;
        let slots = (0..slots).map(|_| Mutex::new(Slot::Unused)).collect();
        Self {
            source: Source::File {
                path: path.to_owned(),
                slots,
            },
        }
    }

    pub(super) fn of_memory(shared: &SharedConnection) -> Self {
        Self {
            source: Source::Memory(Arc::clone(shared)),
        }
    }

    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> StoreResult<T> {
        match &self.source {
            Source::Memory(shared) => {
                let connection = shared.lock().unwrap_or_else(PoisonError::into_inner);
                query(&connection).map_err(|e| fault(&e))
            }
            Source::File { path, slots } => {
                let mut slot = free_slot(slots)?;
                if matches!(*slot, Slot::Unused) {
                    *slot = Slot::Open(connect::reader(path).map_err(|e| fault(&e))?);
                }
                match &*slot {
                    Slot::Open(connection) => query(connection).map_err(|e| fault(&e)),
                    _ => Err(closed()),
                }
            }
        }
    }

    pub(super) fn close(&self) {
        if let Source::File { slots, .. } = &self.source {
            for slot in slots {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Slot::Closed;
            }
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".to_owned())
}

/// The connection that this thread used before, or any other that is free.
fn free_slot(slots: &[Mutex<Slot>]) -> StoreResult<MutexGuard<'_, Slot>> {
    let own = thread_number() % slots.len().max(1);
    let (before, from_own) = slots.split_at(own);
    for slot in from_own.iter().chain(before) {
        match slot.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    let own = from_own.first().ok_or_else(closed)?;
    Ok(own.lock().unwrap_or_else(PoisonError::into_inner))
}

fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}
