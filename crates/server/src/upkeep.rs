//! Deletes what has expired, in small batches, for as long as the server runs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock;
use crate::state::App;

/// Pause between rounds when there is little to do.
const INTERVAL: Duration = Duration::from_secs(60);
/// Pause between batches while there is much to do.
const BREATHER: Duration = Duration::from_millis(50);
/// Rows per batch.
const BATCH: u32 = 500;

/// The janitor.
pub(crate) async fn delete_expired(app: App) {
    loop {
        let pause = match app.store.delete_expired(clock::now(), BATCH).await {
            Ok(swept) => {
                app.metrics
                    .expired_rows_deleted
                    .fetch_add(swept.deleted, Ordering::Relaxed);
                if swept.has_more { BREATHER } else { INTERVAL }
            }
            Err(error) => {
                tracing::warn!(%error, "Expired rows could not be deleted; they will be later.");
                INTERVAL
            }
        };
        tokio::time::sleep(pause).await;
    }
}
