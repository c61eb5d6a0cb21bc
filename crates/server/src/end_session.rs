//! The end of a login session: its clients are told, on the front channel by the browser, on the back channel by us.
//!
//! Spec: OpenID Connect Front-Channel Logout 1.0, Back-Channel Logout 1.0
//!
//! Invariant: the session's end is stored with an announcement of it, in one step. Who is to be told is listed after
//! that, when no client can join the session any more, so that each is told once, also those whose flow ends at the
//! same moment, and although this process ends.

use std::sync::Arc;
use std::time::Duration;

use tessera_protocol::authorize::parameters::set_query;
use tessera_protocol::authorize::redirect_uri::is_web;
use tessera_protocol::client::Client;
use tessera_protocol::grant::record::SessionId;
use tessera_protocol::time::Timestamp;
use tessera_store::{LogoutNotice, StoreError};

use crate::state::AppState;
use crate::{ids, provider_session};

/// Most clients of one session that are told.
const CLIENTS_MAX: u32 = 1_000;
/// For how long a client is tried to be told.
const NOTICE_LIFE: Duration = Duration::from_secs(3_600);
/// Sessions that end in one step: few enough to hold up nobody.
const STEP: u32 = 500;

/// Ends a session. Answers the URLs that the browser has to load; `None` when the session had ended before.
pub(crate) async fn end(
    app: &AppState,
    sid: SessionId,
    now: Timestamp,
) -> Result<Option<Vec<String>>, StoreError> {
    let announcement = notice(sid, String::new(), sid, now);
    let behind = provider_session::behind(app, sid).await?;
    if !app.store.end_login_session(sid, &announcement).await? {
        return Ok(None);
    }
    app.logout_notices.notify_one();
    if let Some(behind) = behind {
        provider_session::end(app, &behind);
    }
    let clients = clients(app, sid).await.unwrap_or_else(|error| {
        // The session has ended all the same, and the back channel is tried again.
        tracing::warn!(%error, "The clients of a session could not be listed for the front channel.");
        Vec::new()
    });
    let frames = clients
        .iter()
        .map(|client| &client.metadata().frontchannel_logout_uri)
        // Security: what is framed in a page of this server must not be a script.
        .filter(|uri| is_web(uri));
    Ok(Some(frames.map(|uri| frame(app, uri, &sid)).collect()))
}

/// Ends every session of a person.
///
/// Spec: Back-Channel Logout 1.0 2.5: a client is told of the end of a session, whoever ends it.
/// Compat: the reference server tells nobody here.
pub(crate) async fn end_all_of(
    app: &AppState,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let expires_at = now.plus(NOTICE_LIFE);
    let mut ended = u64::from(STEP);
    while ended >= u64::from(STEP) {
        ended = app
            .store
            .end_login_sessions_of(subject, STEP, now, expires_at)
            .await?;
    }
    app.logout_notices.notify_one();
    Ok(())
}

/// Replaces an announcement by a notice for each client that listens.
pub(crate) async fn list(
    app: &AppState,
    announcement: &LogoutNotice,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sid = announcement.sid;
    let clients = clients(app, sid).await?;
    let notices: Vec<LogoutNotice> = clients
        .iter()
        .filter(|client| !client.metadata().backchannel_logout_uri.is_empty())
        .map(|client| notice(app.fresh_id(), client.id().to_owned(), sid, now))
        .collect();
    app.store.list_notices(announcement.id, &notices).await
}

async fn clients(app: &AppState, sid: SessionId) -> Result<Vec<Arc<Client>>, StoreError> {
    let mut clients = Vec::new();
    for id in app.store.clients_of_session(sid, CLIENTS_MAX).await? {
        clients.extend(app.clients.load(&*app.store, &id).await?);
    }
    Ok(clients)
}

fn notice(id: [u8; 16], client_id: String, sid: SessionId, now: Timestamp) -> LogoutNotice {
    LogoutNotice {
        id,
        client_id,
        sid,
        attempts: 0,
        due_at: now,
        expires_at: now.plus(NOTICE_LIFE),
    }
}

/// Spec: Front-Channel Logout 1.0 2: `iss` and `sid`, both or none, beside what the URI has of its own.
fn frame(app: &AppState, uri: &str, sid: &SessionId) -> String {
    with_session(uri, &app.issuer, &ids::uuid(sid))
}

/// A fragment would swallow the parameters, and says nothing to the client's server.
fn with_session(uri: &str, issuer: &str, sid: &str) -> String {
    let mut url = uri.split('#').next().unwrap_or_default().to_owned();
    set_query(&mut url, [("iss", issuer), ("sid", sid)].into_iter());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_names_issuer_and_session_once() {
        let added = "iss=https%3A%2F%2Fas.example%2F&sid=s";
        for (uri, expected) in [
            ("https://app.example/fc", "https://app.example/fc?"),
            ("https://app.example/fc?", "https://app.example/fc?"),
            (
                "https://app.example/fc?a=1&&b",
                "https://app.example/fc?a=1&&b&",
            ),
            (
                "https://app.example/fc?iss=old&a=1&sid=x&issue=2",
                "https://app.example/fc?a=1&issue=2&",
            ),
            ("https://app.example/fc?sid", "https://app.example/fc?"),
            (
                "https://app.example/fc?a=1#part?b",
                "https://app.example/fc?a=1&",
            ),
        ] {
            let url = with_session(uri, "https://as.example/", "s");
            assert_eq!(url, format!("{expected}{added}"), "{uri}");
        }
    }
}
