//! `/oauth2/auth/requests/logout`: what the logout app is asked, and what it answers.

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::Serialize;
use tessera_protocol::client::ClientMetadata;
use tessera_protocol::flow::logout::{LogoutLeg, LogoutRequest};
use tessera_protocol::time::Timestamp;

use super::answer;
use super::challenge::{self, RedirectTo};
use super::client_write::shown;
use crate::admin::{Admin, Generation};
use crate::logout_request::{self, NotOpened};
use crate::reply::{self, AdminError, Failure};
use crate::state::AppState;
use crate::{clock, ids};

const CHALLENGE: &str = "logout_challenge";

#[derive(Serialize)]
struct Shown {
    challenge: String,
    subject: String,
    sid: String,
    request_url: String,
    rp_initiated: bool,
    /// Compat: v1 has neither of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_at: Option<Option<Timestamp>>,
    client: Option<ClientMetadata>,
    /// Compat: these two are our own, and left out where the request has none. `client_id` would tell what `client`
    /// tells, or what nobody has checked.
    #[serde(skip_serializing_if = "String::is_empty")]
    logout_hint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ui_locales: String,
}

/// Shows the request; 410 once its session has ended.
pub(crate) async fn get(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(show(&admin, &uri).await)
}

async fn show(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let app = &admin.app;
    let (challenge, request) = open(app, uri).await?;
    if app.store.find_login_session(request.sid).await?.is_none() {
        let again = RedirectTo {
            redirect_to: request.request_url,
        };
        return Ok(reply::json(StatusCode::GONE, &again));
    }
    let client = match request.is_rp_initiated() {
        // Admin reads bypass the cache.
        true => app.store.find_client(&request.client_id).await?,
        false => None,
    };
    let expires_at = request
        .requested_at
        .plus(app.settings.ttl.login_consent_request);
    // Compat: v26 shows times of a logout that no client asked for.
    let is_v26 = admin.generation == Generation::V26;
    let time = |time: Timestamp| is_v26.then(|| (!request.is_rp_initiated()).then_some(time));
    Ok(reply::json(
        StatusCode::OK,
        &Shown {
            challenge,
            sid: ids::uuid(&request.sid),
            rp_initiated: request.is_rp_initiated(),
            expires_at: time(expires_at),
            requested_at: time(request.requested_at),
            client: client.map(|client| shown(client.metadata, admin.generation)),
            subject: request.subject,
            request_url: request.request_url,
            logout_hint: request.logout_hint,
            ui_locales: request.ui_locales,
        },
    ))
}

async fn open(app: &AppState, uri: &Uri) -> Result<(String, LogoutRequest), Failure> {
    let challenge = challenge::in_query(uri, CHALLENGE).unwrap_or_default();
    match logout_request::open(app, &challenge, LogoutLeg::Challenge, clock::now()).await {
        Ok(request) => Ok((challenge, request)),
        Err(NotOpened::Fault(fault)) => Err(fault.into()),
        Err(NotOpened::Unknown) => Err(AdminError::not_found().into()),
        Err(NotOpened::Expired(_)) => Err(challenge::expired().into()),
    }
}

/// The person wants to log out.
pub(crate) async fn accept(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(take(&admin.app, &uri).await)
}

async fn take(app: &AppState, uri: &Uri) -> Result<Response, Failure> {
    let (_, request) = open(app, uri).await?;
    let redirect_to = logout_request::confirm(app, &request);
    Ok(reply::json(StatusCode::OK, &RedirectTo { redirect_to }))
}

/// The person does not: nothing is to be done.
pub(crate) async fn reject(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(refuse(&admin, &uri).await)
}

/// Compat: v1 does not look at the challenge; v26 says of an unknown one what it says of those of logins.
async fn refuse(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let challenge = challenge::in_query(uri, CHALLENGE).unwrap_or_default();
    let now = clock::now();
    let opened = logout_request::open(&admin.app, &challenge, LogoutLeg::Challenge, now).await;
    match opened {
        Err(NotOpened::Fault(fault)) => Err(fault.into()),
        _ if admin.generation == Generation::V1 => Ok(reply::no_content()),
        Err(NotOpened::Unknown) => Err(challenge::not_found().into()),
        Err(NotOpened::Expired(_)) => Err(challenge::expired().into()),
        Ok(_) => Ok(reply::no_content()),
    }
}
