//! Logout requests in URLs: sealed, and kept in a row where no short URL could carry them.
//!
//! Invariant: a challenge and a verifier stay under 500 characters, whatever the client sent.

use tessera_crypto::OsEntropy;
use tessera_protocol::flow::logout::{self, LogoutLeg, LogoutRequest};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::access::MARGIN;
use tessera_store::{Pending, StoreError};

use crate::at_rest::{self, Part};
use crate::reply::Fault;
use crate::state::AppState;

/// The endpoint's path.
pub(crate) const PATH: &str = "/oauth2/sessions/logout";
/// A longer challenge is kept in a row. One without an `id_token_hint` is shorter.
const CHALLENGE_MAX: usize = 480;

/// Why a logout cannot go on.
pub(crate) enum NotOpened {
    /// Not sealed by this server for this leg.
    Unknown,
    /// Its time is over; the address of a fresh start, which the browser alone may see.
    Expired(String),
    /// The server's own failure.
    Fault(Fault),
}

impl From<StoreError> for NotOpened {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// The challenge of a new request.
pub(crate) async fn challenge(app: &AppState, request: &LogoutRequest) -> Result<String, Fault> {
    let seal = |request| {
        let keys = &app.seals.challenge;
        logout::seal(request, LogoutLeg::Challenge, keys, &OsEntropy)
    };
    let wire = seal(request);
    if wire.len() <= CHALLENGE_MAX {
        return Ok(wire);
    }
    let id = app.fresh_id();
    let kept = Pending {
        id,
        request: Some(at_rest::seal(
            app,
            &id,
            Part::Request,
            &logout::write(request),
        )),
        expires_at: ends_at(app, request).plus(MARGIN),
        ..Pending::default()
    };
    app.store.keep_pending(&kept).await?;
    Ok(seal(&LogoutRequest {
        pending: Some(id),
        requested_at: request.requested_at,
        ..LogoutRequest::default()
    }))
}

/// Takes the person's word that a session shall end. Answers where the browser goes.
pub(crate) fn confirm(app: &AppState, request: &LogoutRequest) -> String {
    let keys = &app.seals.challenge;
    let verifier = logout::seal(request, LogoutLeg::Verifier, keys, &OsEntropy);
    let back = app.settings.public_path(PATH);
    format!("{back}?logout_verifier={verifier}")
}

/// Opens a challenge or verifier that has not expired.
pub(crate) async fn open(
    app: &AppState,
    wire: &str,
    leg: LogoutLeg,
    now: Timestamp,
) -> Result<LogoutRequest, NotOpened> {
    let opened = logout::open(wire, leg, &app.seals.challenge);
    let mut request = opened.ok_or(NotOpened::Unknown)?;
    let is_expired = ends_at(app, &request) < now;
    if let Some(id) = request.pending {
        request = match kept(app, id).await? {
            Some(kept) => kept,
            // The row may be gone by now.
            None if is_expired => LogoutRequest::default(),
            None => return Err(NotOpened::Unknown),
        };
        request.pending = Some(id);
    }
    if is_expired {
        let path = match request.request_url.as_str() {
            "" => PATH,
            path => path,
        };
        return Err(NotOpened::Expired(app.settings.public_path(path)));
    }
    Ok(request)
}

async fn kept(app: &AppState, id: [u8; 16]) -> Result<Option<LogoutRequest>, StoreError> {
    let row = app.store.find_pending(id).await?;
    let sealed = row.and_then(|pending| pending.request);
    let plain = sealed.and_then(|sealed| at_rest::open(app, &id, Part::Request, &sealed));
    Ok(plain.and_then(|plain| logout::read(&plain)))
}

fn ends_at(app: &AppState, request: &LogoutRequest) -> Timestamp {
    let ttl = app.settings.ttl.login_consent_request;
    request.requested_at.plus(ttl)
}
