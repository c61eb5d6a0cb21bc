//! Flows in URLs: sealing, opening, and what becomes a row because no URL could carry it.

use axum::http::HeaderMap;
use serde_json::Value;
use tessera_crypto::OsEntropy;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::flow::{
    self, AcceptedConsent, AcceptedLogin, ConsentRequest, Flow, Leg, Rejection, Step,
};
use tessera_protocol::grant::record::SessionClaims;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::access::MARGIN;
use tessera_store::{Claim, Pending, SingleUse, StoreError};

use crate::at_rest::{self, Part};
use crate::reply::{self, Fault};
use crate::state::AppState;

/// A request that makes a longer challenge than this is kept in a row.
const CHALLENGE_MAX: usize = 1_500;

/// Seals a flow at its start. A long request is kept in a row, of which the challenge carries the name.
///
/// Security: its client, destination and length were checked, so no stranger fills the store with whatever they like.
/// What is kept is what counts: of a request object what it says, not the object.
pub(super) async fn seal_start(app: &AppState, flow: &mut Flow) -> Result<String, Fault> {
    let wire = flow::seal(flow, Leg::LoginChallenge, &app.seals.challenge, &OsEntropy);
    if wire.len() <= CHALLENGE_MAX {
        return Ok(wire);
    }
    let parameters = flow.parameters.without_object();
    let parts: Vec<_> = parameters.sent().collect();
    let plain = serde_json::to_vec(&parts).map_err(|e| Fault::permanent(e.to_string()))?;
    let id = app.fresh_id();
    let pending = Pending {
        id,
        request: Some(at_rest::seal(app, &flow.flow_id, Part::Request, &plain)),
        expires_at: ends_at(app, flow),
        ..Pending::default()
    };
    app.store.keep_pending(&pending).await?;
    let client_id = flow.parameters.get("client_id").to_owned();
    let kept_here = vec![("client_id".to_owned(), client_id)];
    flow.parameters = RequestParameters::from_parts(kept_here, Vec::new());
    flow.request_pending = Some(id);
    Ok(flow::seal(
        flow,
        Leg::LoginChallenge,
        &app.seals.challenge,
        &OsEntropy,
    ))
}

/// Seals a flow for a later leg.
pub(crate) fn seal(app: &AppState, flow: &Flow, leg: Leg) -> String {
    flow::seal(flow, leg, &app.seals.challenge, &OsEntropy)
}

/// Takes the answer to a login request. Answers where the browser goes.
pub(crate) fn answer_login(
    app: &AppState,
    opened: Opened,
    answer: Result<AcceptedLogin, Rejection>,
) -> String {
    let flow = Flow {
        step: Step::LoginAnswered(answer),
        ..opened.flow
    };
    let verifier = seal(app, &flow, Leg::LoginVerifier);
    return_url(
        app,
        &flow,
        &opened.parameters,
        ("login_verifier", &verifier),
    )
}

/// Takes the answer to a consent request. Answers where the browser goes.
pub(crate) fn answer_consent(
    app: &AppState,
    opened: Opened,
    asked: ConsentRequest,
    answer: Result<AcceptedConsent, Rejection>,
) -> String {
    let flow = Flow {
        step: Step::ConsentAnswered(asked, answer),
        ..opened.flow
    };
    let verifier = seal(app, &flow, Leg::ConsentVerifier);
    return_url(
        app,
        &flow,
        &opened.parameters,
        ("consent_verifier", &verifier),
    )
}

/// Back to the authorization endpoint. A request that is kept in a row is not repeated in the URL, which could be too
/// long for what stands in between.
fn return_url(
    app: &AppState,
    flow: &Flow,
    request: &RequestParameters,
    added: (&str, &str),
) -> String {
    let repeated = match flow.request_pending {
        Some(_) => &flow.parameters,
        None => request,
    };
    repeated.url(&app.auth_url, Some(added))
}

/// Keeps claims for tokens and what is given for later, if there is any of it. Answers the name of the row.
pub(crate) async fn keep(
    app: &AppState,
    flow: &Flow,
    session: Option<&SessionClaims>,
    context: Option<&Value>,
) -> Result<Option<[u8; 16]>, StoreError> {
    let session = session.filter(|session| !session.is_empty());
    let context = context.filter(|context| !context.is_null());
    if session.is_none() && context.is_none() {
        return Ok(None);
    }
    let sealed_as = |part, plain: Vec<u8>| at_rest::seal(app, &flow.flow_id, part, &plain);
    let pending = Pending {
        id: app.fresh_id(),
        session: session.map(|session| sealed_as(Part::Session, reply::to_json(session))),
        context: context.map(|context| sealed_as(Part::Context, reply::to_json(context))),
        expires_at: ends_at(app, flow),
        ..Pending::default()
    };
    app.store.keep_pending(&pending).await?;
    Ok(Some(pending.id))
}

/// A flow as it was opened.
pub(crate) struct Opened {
    /// The flow.
    pub flow: Flow,
    /// The whole request, wherever it was kept.
    pub parameters: RequestParameters,
}

/// Why a flow cannot go on.
pub(crate) enum NotOpened {
    /// Not sealed by this server for this leg.
    Unknown,
    /// Its time is over. The request is told, for a fresh start.
    Expired(Box<Opened>),
    /// The server's own failure.
    Fault(Fault),
}

impl From<StoreError> for NotOpened {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// Opens a challenge or verifier that has not expired.
pub(crate) async fn open(
    app: &AppState,
    wire: &str,
    leg: Leg,
    now: Timestamp,
) -> Result<Opened, NotOpened> {
    let Some(flow) = flow::open(wire, leg, &app.seals.challenge) else {
        return Err(NotOpened::Unknown);
    };
    let parameters = match flow.request_pending {
        None => flow.parameters.clone(),
        Some(id) => kept_request(app, &flow, id)
            .await?
            .ok_or(NotOpened::Unknown)?,
    };
    let is_expired = flow
        .requested_at
        .plus(app.settings.ttl.login_consent_request)
        < now;
    let opened = Opened { flow, parameters };
    if is_expired {
        return Err(NotOpened::Expired(Box::new(opened)));
    }
    Ok(opened)
}

async fn kept_request(
    app: &AppState,
    flow: &Flow,
    id: [u8; 16],
) -> Result<Option<RequestParameters>, StoreError> {
    let kept = app.store.find_pending(id).await?;
    let plain = kept
        .and_then(|pending| pending.request)
        .and_then(|sealed| at_rest::open(app, &flow.flow_id, Part::Request, &sealed));
    Ok(plain
        .and_then(|plain| serde_json::from_slice(&plain).ok())
        .map(|sent| RequestParameters::from_parts(sent, Vec::new())))
}

/// When a flow is over.
fn ends_at(app: &AppState, flow: &Flow) -> Timestamp {
    flow.requested_at
        .plus(app.settings.ttl.login_consent_request)
        .plus(MARGIN)
}

/// What stands for a flow among the values that are spent: a hash, but for the time that the flow's id begins with, so that
/// these rows, too, stand together.
pub(crate) fn spent_as(flow: &Flow) -> [u8; 32] {
    let mut value = tessera_crypto::sha256(&flow.flow_id);
    if let (Some(head), Some(time)) = (value.first_chunk_mut::<6>(), flow.flow_id.first_chunk()) {
        *head = *time;
    }
    value
}

/// Spends a leg of a flow.
pub(super) fn claim(app: &AppState, flow: &Flow, single_use: SingleUse) -> Claim {
    Claim {
        single_use,
        value_hash: spent_as(flow),
        attempt: u64::from_le_bytes(app.random::<8>()),
        expires_at: ends_at(app, flow),
    }
}

/// The browser's session, if it is remembered and has not ended.
pub(crate) async fn browser_session(
    app: &AppState,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<tessera_protocol::grant::record::LoginSession>, StoreError> {
    let Some(sid) = app.cookies.session(headers) else {
        return Ok(None);
    };
    let found = app.store.find_login_session(sid).await?;
    Ok(found.filter(|session| session.is_remembered && session.expires_at > now))
}
