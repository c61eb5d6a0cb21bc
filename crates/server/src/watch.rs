//! Follows the change log, so that what other processes change is forgotten here within a second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tessera_protocol::time::Timestamp;
use tessera_store::{Changed, StoreError};

use crate::clock;
use crate::state::{App, AppState};

/// How often the log is read.
const INTERVAL: Duration = Duration::from_secs(1);
/// What an unknown key id or a look at the published keys may cost: one more reading of the log in this time.
const MOMENT: Duration = Duration::from_millis(100);
/// Without the log for this long, everything cached is dropped.
const BLIND_MAX: Duration = Duration::from_secs(10);

/// Where this process is in the log.
#[derive(Debug)]
pub(crate) struct Position {
    inner: Mutex<Seen>,
}

impl Position {
    /// Of a process whose caches are still empty.
    pub(crate) fn at_start(position: u64, now: Timestamp) -> Self {
        Self {
            inner: Mutex::new(Seen { position, at: now }),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    position: u64,
    at: Timestamp,
}

/// Reads the log for as long as the server runs. Trouble is said when it begins and when it ends.
pub(crate) async fn follow(app: App) {
    let mut is_blind = false;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = clock::now();
        match catch_up(&app, now).await {
            Ok(()) if is_blind => {
                is_blind = false;
                tracing::info!("The change log can be read again.");
            }
            Ok(()) => {}
            Err(error) => {
                if !is_blind {
                    is_blind = true;
                    tracing::warn!(%error, "The change log cannot be read; cached clients and keys may be old.");
                }
                let seen = *app.log_position.seen();
                if seen.at.plus(BLIND_MAX) < now {
                    app.clients.clear();
                    app.keys.clear();
                }
            }
        }
    }
}

/// Reads the log now, unless it was read a moment ago.
pub(crate) async fn look_again(app: &AppState, now: Timestamp) -> Result<(), StoreError> {
    let seen = *app.log_position.seen();
    if seen.at.plus(MOMENT) < now {
        catch_up(app, now).await
    } else {
        Ok(())
    }
}

/// Forgets what changed since the last look.
pub(crate) async fn catch_up(app: &AppState, now: Timestamp) -> Result<(), StoreError> {
    let before = *app.log_position.seen();
    let news = app.store.changes_since(before.position).await?;
    match &news.changes {
        Some(changes) => {
            for change in changes {
                match change {
                    Changed::Client(id) => app.clients.evict(id),
                    Changed::KeySet(set) => app.keys.evict(set),
                    Changed::ServerEpoch => app.reload_server_epoch().await?,
                }
            }
        }
        None => {
            app.clients.clear();
            app.keys.clear();
            app.reload_server_epoch().await?;
        }
    }
    let mut seen = app.log_position.seen();
    seen.position = seen.position.max(news.position);
    seen.at = seen.at.max(now);
    Ok(())
}
