//! `/oauth2/auth/requests/login`: what the login app is asked, and what it answers.

use axum::extract::{Request, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_protocol::authorize::request::AuthorizeRequest;
use tessera_protocol::client::ClientMetadata;
use tessera_protocol::flow::{AcceptedLogin, Flow, Leg, Rejection};
use tessera_protocol::time::Timestamp;
use tessera_store::SingleUse;

use super::answer;
use super::challenge::{self, REJECT_MEMBERS, RedirectTo, RejectBody, Requested};
use crate::admin::{Admin, Generation};
use crate::authorize::sealed::{self, Opened};
use crate::reply::{self, AdminError, Failure};
use crate::state::AppState;
use crate::{clock, extract, hint, ids};

const CHALLENGE: &str = "login_challenge";

#[derive(Serialize)]
struct LoginRequest {
    challenge: String,
    #[serde(flatten)]
    requested: Requested,
    skip: bool,
    subject: String,
    oidc_context: Value,
    client: ClientMetadata,
    request_url: String,
    session_id: String,
}

/// Shows the request.
pub(crate) async fn get(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(show(&admin, &uri).await)
}

async fn show(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let app = &admin.app;
    let now = clock::now();
    let challenge = challenge::in_query(uri, CHALLENGE)?;
    let Opened { flow, parameters } =
        challenge::open(app, &challenge, Leg::LoginChallenge, now).await?;
    if challenge::is_handled(admin, &flow, SingleUse::LoginLeg).await? {
        return Ok(challenge::gone(app, &parameters));
    }
    let request = AuthorizeRequest::new(&parameters);
    let hinted = hint::read(app, request.get("id_token_hint"), now).await?;
    let claims = hinted.ok().flatten().map(|hint| hint.claims);
    let known = flow.known_login.as_ref();
    Ok(reply::json(
        StatusCode::OK,
        &LoginRequest {
            challenge,
            requested: Requested::of(&request),
            skip: known.is_some(),
            subject: known.map(|known| known.subject.clone()).unwrap_or_default(),
            oidc_context: request.oidc_context(claims),
            client: challenge::client(admin, &parameters).await?,
            request_url: parameters.url(&app.auth_url, None),
            session_id: ids::uuid(&flow.sid),
        },
    ))
}

/// What the app says of a login.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AcceptBody {
    subject: Option<String>,
    remember: Option<bool>,
    remember_for: Option<i64>,
    extend_session_lifespan: Option<bool>,
    acr: Option<String>,
    amr: Option<Vec<String>>,
    identity_provider_session_id: Option<String>,
    force_subject_identifier: Option<String>,
    context: Option<Value>,
}

const ACCEPT_MEMBERS: [&str; 9] = [
    "subject",
    "remember",
    "remember_for",
    "extend_session_lifespan",
    "acr",
    "amr",
    "identity_provider_session_id",
    "force_subject_identifier",
    "context",
];

/// Takes the login.
pub(crate) async fn accept(State(admin): State<Admin>, uri: Uri, request: Request) -> Response {
    answer(take(&admin, &uri, request).await)
}

async fn take(admin: &Admin, uri: &Uri, request: Request) -> Result<Response, Failure> {
    let app = &admin.app;
    let challenge = challenge::in_query(uri, CHALLENGE)?;
    let body = extract::admin_body(request).await?;
    let body: AcceptBody = challenge::decode(admin, &body, &ACCEPT_MEMBERS)?;
    let subject = body.subject.clone().unwrap_or_default();
    if subject.is_empty() {
        return Err(challenge::invalid_request(
            "Member 'subject' is missing or empty; it names the person who logged in.",
        )
        .into());
    }
    let now = clock::now();
    let mut opened = challenge::open(app, &challenge, Leg::LoginChallenge, now).await?;
    if challenge::is_handled(admin, &opened.flow, SingleUse::LoginLeg).await? {
        return Err(AdminError::conflict().into());
    }
    let known = opened.flow.known_login.as_ref();
    if known.is_some_and(|known| known.subject != subject) {
        if admin.generation == Generation::V1 {
            return Err(challenge::invalid_request(
                "Member 'subject' is not the person of the login that was skipped.",
            )
            .into());
        }
        // Compat: the person changed their mind about who they are: they log in anew.
        opened.parameters.set("prompt", "login".to_owned());
        let again = opened.parameters.url(&app.auth_url, None);
        return Ok(reply::json(
            StatusCode::OK,
            &RedirectTo { redirect_to: again },
        ));
    }
    let context_pending = sealed::keep(app, &opened.flow, None, body.context.as_ref()).await?;
    let login = accepted(body, subject, &opened.flow, context_pending, now);
    go_back(app, opened, Ok(login))
}

fn accepted(
    body: AcceptBody,
    subject: String,
    flow: &Flow,
    context_pending: Option<[u8; 16]>,
    now: Timestamp,
) -> AcceptedLogin {
    let known = flow.known_login.as_ref();
    AcceptedLogin {
        subject,
        auth_time: known.map_or(now.whole_seconds(), |known| known.auth_time),
        // Compat: a login that was skipped stays remembered.
        remember: known.is_some() || body.remember.unwrap_or_default(),
        remember_for: body.remember_for.unwrap_or_default(),
        extend_session_lifespan: body.extend_session_lifespan.unwrap_or_default(),
        acr: body.acr.unwrap_or_default(),
        amr: body.amr.unwrap_or_default(),
        identity_provider_session_id: body.identity_provider_session_id.unwrap_or_default(),
        force_subject_identifier: body.force_subject_identifier.unwrap_or_default(),
        context_pending,
    }
}

/// Takes a refusal.
pub(crate) async fn reject(State(admin): State<Admin>, uri: Uri, request: Request) -> Response {
    answer(refuse(&admin, &uri, request).await)
}

async fn refuse(admin: &Admin, uri: &Uri, request: Request) -> Result<Response, Failure> {
    let challenge = challenge::in_query(uri, CHALLENGE)?;
    let body = extract::admin_body(request).await?;
    let body: RejectBody = challenge::decode(admin, &body, &REJECT_MEMBERS)?;
    let opened = challenge::open(&admin.app, &challenge, Leg::LoginChallenge, clock::now()).await?;
    let rejection = body.into_rejection("login request denied");
    go_back(&admin.app, opened, Err(rejection))
}

fn go_back(
    app: &AppState,
    opened: Opened,
    answer: Result<AcceptedLogin, Rejection>,
) -> Result<Response, Failure> {
    let url = sealed::answer_login(app, opened, answer);
    Ok(reply::json(StatusCode::OK, &RedirectTo::short(url)?))
}
