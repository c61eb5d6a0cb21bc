//! The one writer: a thread that owns the only writable connection and lets waiting writes share a commit.
//!
//! Invariant: a write is answered after its commit, never before.
//! Invariant: a job happens as a whole or not at all, also when another job of its batch fails.
//! Invariant: a batch holds one job per guarded key, so no answer rests on a row that is not yet committed.
//! Invariant: there is no timer; while one commit runs the next batch gathers, and a lone write never waits. Before a batch
//! the writer lets those run that are ready to: where no processor is free they may be about to write as well.

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tessera_store::{StoreError, StoreResult};
use tokio::sync::oneshot;

use super::{SharedConnection, fault};
use crate::rows::TextKey;

/// Writes that may wait; more are refused.
const QUEUE_MAX: usize = 4_096;

/// Writes that share a commit at most; beyond it the commit is no longer what costs.
const BATCH_MAX: usize = 256;

/// What a write is guarded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    Client(TextKey),
    Token([u8; 16]),
    KeySet(TextKey),
    Value(i16, [u8; 32]),
    Grant([u8; 16]),
    Code([u8; 16]),
    Subject(TextKey),
    Session([u8; 16]),
    Pending([u8; 16]),
    Notices,
    Server,
    CleanUp,
}

/// What a job did, and how its caller hears of it once the fate of its batch is known.
struct Ran {
    has_failed: bool,
    answer: Box<dyn FnOnce(StoreResult<()>)>,
}

type Run = dyn FnOnce(StoreResult<&Connection>) -> Option<Ran> + Send;

struct Job {
    guard: Guard,
    /// Runs on the connection; told of an error instead, passes it on and has run nothing.
    run: Box<Run>,
}

/// The handle by which writes are queued.
pub(super) struct Writer {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: SharedConnection) -> StoreResult<Self> {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let lane = Lane {
            connection,
            queue,
            deferred: VecDeque::new(),
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || lane.run())
            .map_err(|e| StoreError::Unavailable(format!("no thread for the writer: {e}")))?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        guard: Guard,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (sender, answer) = oneshot::channel::<StoreResult<T>>();
        // A caller that went away does not hear the answer; that is all a failed send means.
        let run = move |connection: StoreResult<&Connection>| match connection {
            Err(error) => {
                let _ = sender.send(Err(error));
                None
            }
            Ok(connection) => {
                let outcome = job(connection).map_err(|e| fault(&e));
                let has_failed = outcome.is_err();
                let answer = move |fate: StoreResult<()>| {
                    let _ = sender.send(fate.and(outcome));
                };
                Some(Ran {
                    has_failed,
                    answer: Box::new(answer),
                })
            }
        };
        self.queue(Job {
            guard,
            run: Box::new(run),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn queue(&self, job: Job) -> StoreResult<()> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = jobs.as_ref().ok_or_else(stopped)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable(format!("{QUEUE_MAX} writes are waiting already"))
            }
            TrySendError::Disconnected(_) => stopped(),
        })
    }

    /// Takes no more writes, and waits for those that were taken.
    pub(super) async fn close(&self) {
        drop(
            self.jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A writer that panicked has nothing left to wait for.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

/// The thread's side.
struct Lane {
    connection: SharedConnection,
    queue: Receiver<Job>,
    /// Jobs whose guarded key was in the last batch already, in their order.
    deferred: VecDeque<Job>,
}

impl Lane {
    fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            let connection = self
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            commit(&connection, batch);
        }
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log was left in place");
        }
    }

    /// What waits, at least one job; `None` once nobody can send any more.
    fn next_batch(&mut self) -> Option<Vec<Job>> {
        let mut batch = Batch::default();
        for job in std::mem::take(&mut self.deferred) {
            self.deferred.extend(batch.admit(job));
        }
        if batch.jobs.is_empty() {
            self.deferred.extend(batch.admit(self.queue.recv().ok()?));
            std::thread::yield_now();
        }
        while batch.jobs.len() < BATCH_MAX && self.deferred.len() < BATCH_MAX {
            let Ok(job) = self.queue.try_recv() else {
                break;
            };
            self.deferred.extend(batch.admit(job));
        }
        Some(batch.jobs)
    }
}

#[derive(Default)]
struct Batch {
    jobs: Vec<Job>,
    guards: HashSet<Guard>,
}

impl Batch {
    /// Takes the job, or gives it back when another of its guarded key is in.
    fn admit(&mut self, job: Job) -> Option<Job> {
        if !self.guards.insert(job.guard) {
            return Some(job);
        }
        self.jobs.push(job);
        None
    }
}

/// Runs a batch in one transaction and answers every job.
fn commit(connection: &Connection, batch: Vec<Job>) {
    let mut fate = connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|e| fault(&e));
    let mut ran = Vec::with_capacity(batch.len());
    for job in batch {
        match &fate {
            Err(error) => drop((job.run)(Err(error.clone()))),
            Ok(()) => fate = run_one(connection, job, &mut ran),
        }
    }
    if fate.is_ok() {
        fate = connection
            .execute_batch("COMMIT")
            .map_err(|e| lost(&e.to_string()));
    }
    if let Err(error) = &fate {
        tracing::warn!(%error, jobs = ran.len(), "a batch of writes was lost");
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction cannot be rolled back");
        }
    }
    for job in ran {
        (job.answer)(fate.clone());
    }
}

/// Runs one job under a savepoint; an error is the end of the whole batch.
fn run_one(connection: &Connection, job: Job, ran: &mut Vec<Ran>) -> StoreResult<()> {
    let step = |sql: &str| {
        let done = connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]));
        done.map(|_| ()).map_err(|e| lost(&e.to_string()))
    };
    if let Err(error) = step("SAVEPOINT job") {
        drop((job.run)(Err(error.clone())));
        return Err(error);
    }
    let Some(done) = (job.run)(Ok(connection)) else {
        return Ok(());
    };
    let has_failed = done.has_failed;
    ran.push(done);
    // SQLite ends the transaction by itself after some errors: what the other jobs did is gone with it.
    if connection.is_autocommit() {
        return Err(lost("SQLite rolled the transaction back"));
    }
    if has_failed {
        step("ROLLBACK TO job")?;
    }
    step("RELEASE job")
}

fn lost(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the transaction was lost: {why}"))
}
