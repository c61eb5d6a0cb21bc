//! `GET` and `POST /oauth2/sessions/logout`: the end-session endpoint.
//!
//! Spec: OpenID Connect RP-Initiated Logout 1.0
//!
//! Compat: the logout app is always asked, save where there is nothing to end.

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method};
use std::sync::Arc;
use tessera_protocol::authorize::parameters::{RequestParameters, length_of, set_query};
use tessera_protocol::authorize::redirect_uri::is_for_the_browser;
use tessera_protocol::client::Client;
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::flow::logout::{LogoutLeg, LogoutRequest};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::id_token_hint::Hint;

use crate::authorize::Refusal;
use crate::authorize::sealed::browser_session;
use crate::logout_request::{self, NotOpened};
use crate::state::{App, AppState};
use crate::{clock, end_session, extract, hint, ids, pages, reply};

/// Answers a visit by either method.
pub(crate) async fn any(State(app): State<App>, request: Request) -> Response {
    let method = request.method().clone();
    let reply = respond(&app, request)
        .await
        .unwrap_or_else(|refusal| refusal.into_reply(&app));
    // Security: the address holds a challenge.
    reply::uncached(reply::to_visit(reply, &method), &method)
}

async fn respond(app: &AppState, request: Request) -> Result<Response, Refusal> {
    let now = clock::now();
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    let (headers, body): (HeaderMap, _) = if request.method() == Method::POST {
        extract::form(request).await.map_err(Refusal::Page)?
    } else {
        (request.into_parts().0.headers, bytes::Bytes::new())
    };
    let in_query = RequestParameters::parse(query.as_bytes(), b"").map_err(Refusal::Page)?;
    let verifier = in_query.get("logout_verifier");
    if !verifier.is_empty() {
        return complete(app, &headers, verifier, now).await;
    }
    let parameters = RequestParameters::parse(query.as_bytes(), &body).map_err(Refusal::Page)?;
    let request_url = match query {
        "" => uri.path().to_owned(),
        query => format!("{}?{query}", uri.path()),
    };
    start(app, &headers, &parameters, request_url, now).await
}

async fn start(
    app: &AppState,
    headers: &HeaderMap,
    parameters: &RequestParameters,
    request_url: String,
    now: Timestamp,
) -> Result<Response, Refusal> {
    parameters.check_repeated().map_err(Refusal::Page)?;
    check_length(parameters)?;
    let hint = hint::read(app, parameters.get("id_token_hint"), now)
        .await?
        .map_err(Refusal::Page)?;
    let request = match hint {
        Some(hint) => of_client(app, parameters, &hint).await?,
        None => of_browser(app, headers, parameters, now).await?,
    };
    let Some(mut request) = request else {
        return Ok(reply::found(&target(app, parameters)));
    };
    request.request_url = request_url;
    request.logout_hint = parameters.get("logout_hint").to_owned();
    request.ui_locales = parameters.get("ui_locales").to_owned();
    request.requested_at = now;
    let challenge = logout_request::challenge(app, &request).await?;
    let mut url = app.settings.logout_url();
    set_query(
        &mut url,
        std::iter::once(("logout_challenge", challenge.as_str())),
    );
    Ok(reply::found(&url))
}

/// Security: a long request becomes a row, so what nobody signed has an end.
fn check_length(parameters: &RequestParameters) -> Result<(), Refusal> {
    const UNSIGNED_MAX: usize = 32 * 1024;
    let unsigned = parameters
        .sent()
        .filter(|(name, _)| *name != "id_token_hint");
    let length = length_of(unsigned);
    match length <= UNSIGNED_MAX {
        true => Ok(()),
        false => Err(refuse(format!(
            "The parameters of the request have {length} bytes beside the 'id_token_hint', and {UNSIGNED_MAX} fit."
        ))),
    }
}

/// A logout that a client asks for. `None` when the session has ended already.
async fn of_client(
    app: &AppState,
    parameters: &RequestParameters,
    hint: &Hint,
) -> Result<Option<LogoutRequest>, Refusal> {
    let client = client_of(app, parameters, hint).await?;
    let redirect_uri = parameters.get("post_logout_redirect_uri");
    let registered = &client.metadata().post_logout_redirect_uris;
    // Security: a client that was registered elsewhere may have what would not be registered here.
    if is_for_the_browser(redirect_uri) {
        return Err(refuse(format!(
            "Parameter 'post_logout_redirect_uri' is {}, whose scheme a browser runs or opens itself.",
            quoted(redirect_uri)
        )));
    }
    if !redirect_uri.is_empty() && !registered.iter().any(|known| known == redirect_uri) {
        return Err(refuse(format!(
            "Parameter 'post_logout_redirect_uri' is {}, which is not one of the client's \
             'post_logout_redirect_uris'.",
            quoted(redirect_uri)
        )));
    }
    let Some(sid) = ids::parse(&hint.sid) else {
        return Err(refuse(
            "The 'id_token_hint' has no 'sid', so it names no session that could end.".to_owned(),
        ));
    };
    let Some(session) = app.store.find_login_session(sid).await? else {
        return Ok(None);
    };
    Ok(Some(LogoutRequest {
        sid,
        subject: session.subject,
        client_id: client.id().to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        state: parameters.get("state").to_owned(),
        ..LogoutRequest::default()
    }))
}

/// The first audience of the hint that is a client; it must be the one that `client_id` names, if it names one.
async fn client_of(
    app: &AppState,
    parameters: &RequestParameters,
    hint: &Hint,
) -> Result<Arc<Client>, Refusal> {
    let named = parameters.get("client_id");
    for audience in &hint.aud {
        if !named.is_empty() && named != audience {
            continue;
        }
        if let Some(client) = app.clients.load(&*app.store, audience).await? {
            return Ok(client);
        }
    }
    Err(refuse(match named {
        "" => "No audience of the 'id_token_hint' is a client of this server.".to_owned(),
        named => format!(
            "Parameter 'client_id' is {}, which is no audience of the 'id_token_hint'.",
            quoted(named)
        ),
    }))
}

/// A logout that nobody but the browser asks for. `None` when it has no session.
async fn of_browser(
    app: &AppState,
    headers: &HeaderMap,
    parameters: &RequestParameters,
    now: Timestamp,
) -> Result<Option<LogoutRequest>, Refusal> {
    for name in ["state", "post_logout_redirect_uri"] {
        if !parameters.get(name).is_empty() {
            return Err(refuse(format!(
                "Parameter '{name}' is given without 'id_token_hint', which says whose it is."
            )));
        }
    }
    let session = browser_session(app, headers, now).await?;
    Ok(session.map(|session| LogoutRequest {
        sid: session.sid,
        subject: session.subject,
        ..LogoutRequest::default()
    }))
}

async fn complete(
    app: &AppState,
    headers: &HeaderMap,
    verifier: &str,
    now: Timestamp,
) -> Result<Response, Refusal> {
    let opened = logout_request::open(app, verifier, LogoutLeg::Verifier, now).await;
    let request = opened.map_err(|why| match why {
        NotOpened::Unknown => Refusal::Page(OAuthError::new(
            ErrorCode::NotFound,
            "The logout verifier was not made by this server, or has been altered.",
        )),
        NotOpened::Expired(_) => Refusal::Page(OAuthError::new(
            ErrorCode::RequestUnauthorized,
            "The logout request has expired; start again.",
        )),
        NotOpened::Fault(fault) => fault.into(),
    })?;
    let target = with_state(app, &request.redirect_uri, &request.state);
    if !request.is_rp_initiated() {
        // Security: a verifier that is handed to somebody else logs nobody out.
        let session = browser_session(app, headers, now).await?;
        if session.is_none_or(|session| session.sid != request.sid) {
            return Ok(reply::found(&target));
        }
    }
    let Some(frames) = end_session::end(app, request.sid, now).await? else {
        return Ok(reply::found(&target));
    };
    let mut reply = match frames.as_slice() {
        [] => reply::found(&target),
        frames => pages::frontchannel_logout::page(frames, &target),
    };
    app.cookies
        .forget_session(headers, reply.headers_mut(), &request.sid);
    Ok(reply)
}

/// Where a logout with nothing to end goes on.
fn target(app: &AppState, parameters: &RequestParameters) -> String {
    with_state(
        app,
        parameters.get("post_logout_redirect_uri"),
        parameters.get("state"),
    )
}

/// `state` goes with the client's own URI only.
fn with_state(app: &AppState, redirect_uri: &str, state: &str) -> String {
    if redirect_uri.is_empty() {
        return app.settings.post_logout_redirect_url();
    }
    let mut url = redirect_uri.to_owned();
    if !state.is_empty() {
        set_query(&mut url, std::iter::once(("state", state)));
    }
    url
}

fn refuse(hint: String) -> Refusal {
    Refusal::Page(OAuthError::new(ErrorCode::InvalidRequest, hint))
}
