//! Seals anew what the database keeps under an older system secret, in the background, so that the secret may go.
//!
//! Invariant: a grant is replaced only if it still is what was read, so that whoever writes to it meanwhile wins.
//! Invariant: nothing is forgotten: what a flow kept under an older secret before the start may still become a grant, so
//! the work is done only when a look that began after the last such flow has ended finds nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tessera_protocol::time::Timestamp;
use tessera_protocol::token::access::MARGIN;
use tessera_store::StoreError;

use crate::at_rest::{self, Renewal};
use crate::clock;
use crate::state::{App, AppState};

/// Grants per page; each is written by itself.
const PAGE: u32 = 100;
/// Pause after a page: others come first.
const BREATHER: Duration = Duration::from_millis(20);
/// Pause between looks at all grants while there is something left.
const INTERVAL: Duration = Duration::from_secs(60);
/// A line in the log for so many grants.
const PROGRESS: u64 = 10_000;

/// What a look at all grants found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Look {
    /// Grants.
    seen: u64,
    /// Those that were sealed anew.
    renewed: u64,
    /// Those that someone else wrote meanwhile.
    missed: u64,
    /// Those that no listed secret opens.
    lost: u64,
}

impl Look {
    /// Whether nothing was left to do.
    const fn is_clean(&self) -> bool {
        self.renewed == 0 && self.missed == 0
    }
}

/// Works until nothing is left. With one secret there is nothing to do.
pub(crate) async fn run(app: App) {
    if app.settings.secrets.system.len() < 2 {
        return;
    }
    app.metrics.resealing.store(1, Ordering::Relaxed);
    let flow_life = app.settings.ttl.login_consent_request;
    let settled_at = clock::now().plus(flow_life).plus(MARGIN);
    loop {
        let begun_at = clock::now();
        match look(&app).await {
            Ok(look) if look.is_clean() && begun_at > settled_at => {
                app.metrics.resealing.store(0, Ordering::Relaxed);
                tracing::info!(
                    lost = look.lost,
                    "No grant is left that an older system secret opens; `tessera doctor` says when one may go."
                );
                return;
            }
            Ok(look) => {
                say(&look);
                tokio::time::sleep(pause(look.is_clean(), clock::now(), settled_at)).await;
            }
            Err(error) => {
                tracing::warn!(%error, "Grants could not be sealed again; they will be later.");
                tokio::time::sleep(INTERVAL).await;
            }
        }
    }
}

fn say(look: &Look) {
    if look.renewed > 0 {
        tracing::info!(
            grants = look.renewed,
            "Grants were sealed again under the newest system secret."
        );
    }
    if look.lost > 0 {
        tracing::error!(
            grants = look.lost,
            "Grants cannot be opened: no secret in secrets.system sealed them; put the former secret back at the end of \
             the list."
        );
    }
}

/// When to look again: soon while there was something, else when no flow from before the start goes on.
fn pause(is_clean: bool, now: Timestamp, settled_at: Timestamp) -> Duration {
    let left = settled_at.as_micros().saturating_sub(now.as_micros());
    let left = Duration::from_micros(left.max(0).unsigned_abs()) + Duration::from_secs(1);
    if is_clean { left } else { INTERVAL.min(left) }
}

/// Looks at every grant once.
async fn look(app: &AppState) -> Result<Look, StoreError> {
    let mut look = Look::default();
    let mut after = None;
    loop {
        let page = app.store.sealed_grants(after, PAGE).await?;
        for grant in &page {
            let Renewal { renewed, is_lost } = at_rest::renew(app, grant);
            look.lost = look.lost.saturating_add(is_lost.into());
            if let Some(renewed) = renewed {
                let is_stored = app.store.reseal_grant(&renewed, grant).await?;
                look.renewed = look.renewed.saturating_add(is_stored.into());
                look.missed = look.missed.saturating_add((!is_stored).into());
                let count = u64::from(is_stored);
                app.metrics
                    .grants_resealed
                    .fetch_add(count, Ordering::Relaxed);
            }
            look.seen = look.seen.saturating_add(1);
            if look.seen.is_multiple_of(PROGRESS) && look.renewed > 0 {
                tracing::info!(
                    seen = look.seen,
                    renewed = look.renewed,
                    "Sealing grants again under the newest system secret."
                );
            }
        }
        after = page.last().map(|grant| grant.grant_id);
        if after.is_none() {
            return Ok(look);
        }
        tokio::time::sleep(BREATHER).await;
    }
}
