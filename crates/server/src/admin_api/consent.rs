//! `/oauth2/auth/requests/consent`: what the consent app is asked, and what it answers.

use axum::extract::{Request, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use tessera_protocol::authorize::request::AuthorizeRequest;
use tessera_protocol::client::ClientMetadata;
use tessera_protocol::flow::{AcceptedConsent, ConsentRequest, Flow, Leg, Rejection, Step};
use tessera_protocol::grant::record::SessionClaims;
use tessera_protocol::time::Timestamp;
use tessera_store::SingleUse;

use super::answer;
use super::challenge::{self, REJECT_MEMBERS, RedirectTo, RejectBody, Requested};
use crate::admin::{Admin, Generation};
use crate::at_rest::{self, Part};
use crate::authorize::sealed::{self, Opened};
use crate::reply::{self, AdminError, Failure};
use crate::state::AppState;
use crate::{clock, extract, hint, ids};

const CHALLENGE: &str = "consent_challenge";

#[derive(Serialize)]
struct Shown {
    challenge: String,
    consent_request_id: String,
    #[serde(flatten)]
    requested: Requested,
    skip: bool,
    subject: String,
    oidc_context: Value,
    client: ClientMetadata,
    request_url: String,
    login_challenge: String,
    login_session_id: String,
    acr: String,
    amr: Vec<String>,
    context: Value,
}

/// Shows the request.
pub(crate) async fn get(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(show(&admin, &uri).await)
}

async fn show(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let app = &admin.app;
    let now = clock::now();
    let challenge = challenge::in_query(uri, CHALLENGE)?;
    let (opened, asked) = open(app, &challenge, now).await?;
    let Opened { flow, parameters } = opened;
    if challenge::is_handled(admin, &flow, SingleUse::ConsentLeg).await? {
        return Ok(challenge::gone(app, &parameters));
    }
    let request = AuthorizeRequest::new(&parameters);
    let hinted = hint::read(app, request.get("id_token_hint"), now).await?;
    let claims = hinted.ok().flatten().map(|hint| hint.claims);
    let context = context(app, &flow, asked.login.context_pending).await?;
    Ok(reply::json(
        StatusCode::OK,
        &Shown {
            challenge,
            consent_request_id: ids::hex(&asked.grant_id),
            requested: Requested::of(&request),
            skip: asked.skip,
            subject: asked.login.subject,
            oidc_context: request.oidc_context(claims),
            client: challenge::client(admin, &parameters).await?,
            request_url: parameters.url(&app.auth_url, None),
            login_challenge: ids::hex(&flow.flow_id),
            login_session_id: ids::uuid(&flow.sid),
            acr: asked.login.acr,
            amr: asked.login.amr,
            // Compat: nothing is `null` in v26 and an empty object in v1.
            context: match (context, admin.generation) {
                (None, Generation::V1) => Value::Object(serde_json::Map::new()),
                (context, _) => context.unwrap_or_default(),
            },
        },
    ))
}

async fn open(
    app: &AppState,
    challenge: &str,
    now: Timestamp,
) -> Result<(Opened, ConsentRequest), Failure> {
    let mut opened = challenge::open(app, challenge, Leg::ConsentChallenge, now).await?;
    match std::mem::replace(&mut opened.flow.step, Step::LoginAsked) {
        Step::ConsentAsked(asked) => Ok((opened, asked)),
        _ => Err(AdminError::not_found().into()),
    }
}

/// What the login app left for the consent app.
async fn context(
    app: &AppState,
    flow: &Flow,
    pending: Option<[u8; 16]>,
) -> Result<Option<Value>, Failure> {
    let Some(id) = pending else {
        return Ok(None);
    };
    let kept = app.store.find_pending(id).await?;
    let plain = kept
        .and_then(|pending| pending.context)
        .and_then(|stored| at_rest::open(app, &flow.flow_id, Part::Context, &stored));
    Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
}

/// What the app says of a consent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AcceptBody {
    grant_scope: Option<Vec<String>>,
    grant_access_token_audience: Option<Vec<String>>,
    session: Option<SessionClaims>,
    remember: Option<bool>,
    remember_for: Option<i64>,
    context: Option<Value>,
}

const ACCEPT_MEMBERS: [&str; 7] = [
    "grant_scope",
    "grant_access_token_audience",
    "session",
    "remember",
    "remember_for",
    "context",
    "handled_at",
];

/// Takes the consent.
pub(crate) async fn accept(State(admin): State<Admin>, uri: Uri, request: Request) -> Response {
    answer(take(&admin, &uri, request).await)
}

/// Compat: the app is trusted: it may grant what was not asked for.
async fn take(admin: &Admin, uri: &Uri, request: Request) -> Result<Response, Failure> {
    let app = &admin.app;
    let now = clock::now();
    let challenge = challenge::in_query(uri, CHALLENGE)?;
    let body = extract::admin_body(request).await?;
    let body: AcceptBody = challenge::decode(admin, &body, &ACCEPT_MEMBERS)?;
    let (opened, asked) = open(app, &challenge, now).await?;
    if challenge::is_handled(admin, &opened.flow, SingleUse::ConsentLeg).await? {
        return Err(challenge::conflict().into());
    }
    let (session, context) = (body.session.as_ref(), body.context.as_ref());
    let pending = sealed::keep(app, &opened.flow, session, context).await?;
    let consent = AcceptedConsent {
        scope: each_once(body.grant_scope),
        audience: each_once(body.grant_access_token_audience),
        remember: body.remember.unwrap_or_default(),
        remember_for: body.remember_for.unwrap_or_default(),
        handled_at: now,
        pending,
    };
    go_back(app, opened, asked, Ok(consent))
}

/// What was granted, in the order of the app. An empty text is no scope and no audience.
fn each_once(granted: Option<Vec<String>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut granted = granted.unwrap_or_default();
    granted.retain(|value| !value.is_empty() && seen.insert(value.clone()));
    granted
}

/// Takes a refusal.
pub(crate) async fn reject(State(admin): State<Admin>, uri: Uri, request: Request) -> Response {
    answer(refuse(&admin, &uri, request).await)
}

async fn refuse(admin: &Admin, uri: &Uri, request: Request) -> Result<Response, Failure> {
    let challenge = challenge::in_query(uri, CHALLENGE)?;
    let body = extract::admin_body(request).await?;
    let body: RejectBody = challenge::decode(admin, &body, &REJECT_MEMBERS)?;
    let (opened, asked) = open(&admin.app, &challenge, clock::now()).await?;
    let rejection = body.into_rejection("consent request denied");
    go_back(&admin.app, opened, asked, Err(rejection))
}

fn go_back(
    app: &AppState,
    opened: Opened,
    asked: ConsentRequest,
    answer: Result<AcceptedConsent, Rejection>,
) -> Result<Response, Failure> {
    let url = sealed::answer_consent(app, opened, asked, answer);
    Ok(reply::json(StatusCode::OK, &RedirectTo::short(url)?))
}
