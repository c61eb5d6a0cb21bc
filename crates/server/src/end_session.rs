//! The end of a login session: its clients are told, on the front channel by the browser, on the back channel by us.
//!
//! Spec: OpenID Connect Front-Channel Logout 1.0, Back-Channel Logout 1.0
//!
//! Invariant: the session's end and its notices are stored in one step, so that each client is told once, and is told
//! although this process ends.

use std::sync::Arc;
use std::time::Duration;

use tessera_crypto::OsEntropy;
use tessera_protocol::authorize::parameters::append_query;
use tessera_protocol::authorize::redirect_uri::is_web;
use tessera_protocol::client::Client;
use tessera_protocol::flow::logout::{self, LogoutLeg, LogoutRequest};
use tessera_protocol::grant::record::SessionId;
use tessera_protocol::time::Timestamp;
use tessera_store::LogoutNotice;

use crate::ids;
use crate::reply::Fault;
use crate::state::AppState;

/// Most clients of one session that are told.
const CLIENTS_MAX: u32 = 1_000;
/// For how long a client is tried to be told.
const NOTICE_LIFE: Duration = Duration::from_secs(3_600);

/// Takes the person's word that a session shall end. Answers where the browser goes.
pub(crate) fn confirm(app: &AppState, request: &LogoutRequest) -> String {
    let keys = &app.seals.challenge;
    let verifier = logout::seal(request, LogoutLeg::Verifier, keys, &OsEntropy);
    let back = app.settings.public_path("/oauth2/sessions/logout");
    format!("{back}?logout_verifier={verifier}")
}

/// Ends a session. Answers the URLs that the browser has to load; `None` when the session had ended before.
pub(crate) async fn end(
    app: &AppState,
    sid: SessionId,
    now: Timestamp,
) -> Result<Option<Vec<String>>, Fault> {
    let mut clients: Vec<Arc<Client>> = Vec::new();
    for id in app.store.clients_of_session(sid, CLIENTS_MAX).await? {
        clients.extend(app.clients.load(&*app.store, &id).await?);
    }
    let notices: Vec<LogoutNotice> = clients
        .iter()
        .filter(|client| !client.metadata().backchannel_logout_uri.is_empty())
        .map(|client| LogoutNotice {
            id: app.random::<16>(),
            client_id: client.id().to_owned(),
            sid,
            attempts: 0,
            due_at: now,
            expires_at: now.plus(NOTICE_LIFE),
        })
        .collect();
    if !app.store.end_login_session(sid, &notices).await? {
        return Ok(None);
    }
    if !notices.is_empty() {
        app.logout_notices.notify_one();
    }
    let frames = clients
        .iter()
        .map(|client| &client.metadata().frontchannel_logout_uri)
        // Security: what is framed in a page of this server must not be a script.
        .filter(|uri| is_web(uri));
    Ok(Some(frames.map(|uri| frame(app, uri, &sid)).collect()))
}

/// Spec: Front-Channel Logout 1.0 2: `iss` and `sid`, both or none.
fn frame(app: &AppState, uri: &str, sid: &SessionId) -> String {
    let mut url = uri.to_owned();
    let sid = ids::uuid(sid);
    let pairs = [("iss", app.issuer.as_str()), ("sid", sid.as_str())];
    append_query(&mut url, pairs.into_iter());
    url
}
