//! Tells clients on the back channel that a session ended: in the background, again after failures, for an hour.
//!
//! Spec: OpenID Connect Back-Channel Logout 1.0 2.5, 2.8
//!
//! Invariant: a notice is a row until it was delivered or given up, so a restart or another process goes on with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::logout_token::{self, LogoutToken};
use tessera_store::{LogoutNotice, StoreError};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::egress::{Bounds, PostError};
use crate::reply::Fault;
use crate::state::{App, AppState};
use crate::{clock, end_session, signing};

/// How often the rows are looked at when nobody says that there are new ones.
const PAUSE: Duration = Duration::from_secs(5);
/// Notices that are sent at the same time.
const PLACES: u32 = 64;
/// How long an attempt may take before another process may try.
const ATTEMPT_TIME: Duration = Duration::from_secs(30);
/// Bounds of one attempt. What a body says does not matter, but it has to end.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(10),
    body_max: 64 * 1024,
};
/// Attempts before a client is given up.
///
/// Compat: one more than Hydra's.
const ATTEMPTS_MAX: u32 = 4;

/// Sends until the server stops. A place that becomes free is taken at once, so that a client that does not answer holds up
/// itself.
pub(crate) async fn run(app: App) {
    let mut sending = JoinSet::new();
    loop {
        if let Err(error) = take_due(&app, &mut sending).await {
            tracing::debug!(%error, "Logout notices could not be read.");
        }
        tokio::select! {
            Some(sent) = sending.join_next() => {
                // One that cannot be sent does not keep the others back.
                let outcome = sent.unwrap_or_else(|e| Err(Fault::permanent(e.to_string())));
                if let Err(fault) = outcome {
                    tracing::debug!(source = %fault.source, "A logout notice could not be sent.");
                }
            }
            () = app.logout_notices.notified() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Fills the free places.
async fn take_due(app: &App, sending: &mut JoinSet<Result<(), Fault>>) -> Result<(), StoreError> {
    let free = PLACES.saturating_sub(u32::try_from(sending.len()).unwrap_or(PLACES));
    if free == 0 {
        return Ok(());
    }
    let now = clock::now();
    let retry_at = now.plus(ATTEMPT_TIME);
    let due = app.store.take_due_notices(now, retry_at, free).await?;
    for notice in due {
        let app = Arc::clone(app);
        sending.spawn(async move { deliver(&app, notice, now).await });
    }
    Ok(())
}

async fn deliver(app: &AppState, notice: LogoutNotice, now: Timestamp) -> Result<(), Fault> {
    if notice.client_id.is_empty() {
        return Ok(end_session::list(app, &notice, now).await?);
    }
    let told = tell(app, &notice, now).await?;
    let metrics = &app.metrics;
    match told {
        Ok(()) => {
            metrics
                .logout_notices_delivered
                .fetch_add(1, Ordering::Relaxed);
        }
        Err(Untold { why, is_final }) if is_final || notice.attempts >= ATTEMPTS_MAX => {
            metrics
                .logout_notices_failed
                .fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                client_id = notice.client_id,
                attempts = notice.attempts,
                %why,
                "A client could not be told of a logout and is given up."
            );
        }
        Err(Untold { why, .. }) => {
            tracing::info!(
                client_id = notice.client_id,
                attempts = notice.attempts,
                %why,
                "A client could not be told of a logout and is tried again."
            );
            return Ok(());
        }
    }
    Ok(app.store.delete_notice(notice.id).await?)
}

/// The inner error is the client's, the outer one ours.
async fn tell(
    app: &AppState,
    notice: &LogoutNotice,
    now: Timestamp,
) -> Result<Result<(), Untold>, Fault> {
    let Some(client) = app.clients.load(&*app.store, &notice.client_id).await? else {
        return Ok(Ok(()));
    };
    let uri = &client.metadata().backchannel_logout_uri;
    if uri.is_empty() {
        return Ok(Ok(()));
    }
    let keys = signing::keys_for(app, &client, now).await?;
    let Some(key) = keys.first() else {
        return Err(Fault::permanent("the set of ID token keys is empty"));
    };
    let content = LogoutToken {
        issuer: &app.issuer,
        client_id: &notice.client_id,
        jti: &Uuid::new_v4().to_string(),
        sid: &notice.sid,
        now,
    };
    let token = logout_token::sign(&content, &key.signing)
        .map_err(|e| Fault::permanent(format!("a logout token could not be signed: {}", e.0)))?;
    Ok(post(app, uri, &token).await)
}

/// Spec: Back-Channel Logout 1.0 2.8: 200 is success, and so is 204.
async fn post(app: &AppState, uri: &str, token: &str) -> Result<(), Untold> {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let body = format!("logout_token={token}").into_bytes();
    match app.egress.post(uri, headers, body, BOUNDS).await {
        Ok(answer) if [StatusCode::OK, StatusCode::NO_CONTENT].contains(&answer.status) => Ok(()),
        Ok(answer) => Err(Untold {
            why: format!("the client answered {}", answer.status),
            is_final: !may_pass(answer.status),
        }),
        Err(PostError::Never(why)) => Err(Untold {
            why,
            is_final: true,
        }),
        Err(PostError::Lost(why)) => Err(Untold {
            why,
            is_final: false,
        }),
    }
}

/// Why a client was not told.
struct Untold {
    why: String,
    /// Whether another attempt would hear the same.
    is_final: bool,
}

/// Whether another attempt may be answered otherwise.
fn may_pass(status: StatusCode) -> bool {
    const WORTH_ANOTHER: [StatusCode; 2] =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    WORTH_ANOTHER.contains(&status)
        || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_stays_the_same_is_not_asked_for_again() {
        for (status, expected) in [
            (302, false),
            (400, false),
            (404, false),
            (408, true),
            (429, true),
            (500, true),
            (501, false),
            (503, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(may_pass(status), expected, "{status}");
        }
    }
}
