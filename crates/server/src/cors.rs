//! Cross-origin requests: which answers a page of another origin may read.
//!
//! A listener has a list of origins. The endpoints that clients call also let in what the calling client registered
//! as its `allowed_cors_origins`.
//!
//! Spec: the Fetch standard, CORS protocol; RFC 9700 2.6
//! Compat: who is let in, and every header, are as in v26. But a preflight, which cannot say which client will call,
//! is answered at those endpoints for any origin, as in v1: else the origins of clients would be good for nothing that
//! takes a preflight. And header names of a preflight may come in any case and order, as in v1.
//! Security: the pages that people are sent to, the authorization endpoint first, are never shared.
//! Invariant: without an `Origin` a request costs one look for that header; where CORS is off, nothing.

mod policy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tessera_protocol::client::Client;
use tessera_protocol::{bearer, form};

use crate::observe::Port;
use crate::reply::Failure;
use crate::state::{App, AppState};
use crate::{clock, extract, live_token, token};
use policy::{Place, Policy, Verdict};

/// The answer depends on who asks, also when nobody of another origin does.
const VARY_ACTUAL: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

#[derive(Clone)]
struct Layer {
    app: App,
    policy: Arc<Policy>,
}

/// Adds the rules of a listener, if it has any, to its routes and fallbacks.
pub(crate) fn wrap(router: Router, app: &App, port: Port) -> Router {
    let settings = &port.listener(&app.settings.serve).cors;
    if !settings.enabled {
        return router;
    }
    let flags = &app.settings.feature_flags;
    let layer = Layer {
        app: App::clone(app),
        policy: Arc::new(Policy::new(settings, port, flags)),
    };
    router.layer(from_fn_with_state(layer, answer))
}

async fn answer(State(layer): State<Layer>, request: Request, next: Next) -> Response {
    let Layer { app, policy } = layer;
    if policy::is_preflight(&request) {
        return preflight(&policy, request, next).await;
    }
    let Some(origin) = request.headers().get(ORIGIN).cloned() else {
        let mut reply = next.run(request).await;
        reply.headers_mut().append(VARY, VARY_ACTUAL);
        return reply;
    };
    let told = policy.is_told.then(|| Told::of(&request));
    let (mut reply, verdict) = match judge(&app, &policy, origin, request).await {
        Ok((request, verdict)) => (next.run(request).await, verdict),
        Err(unread) => (
            unread.into_reply(app.error_style),
            Verdict::Refused("the body could not be read"),
        ),
    };
    reply.headers_mut().append(VARY, VARY_ACTUAL);
    grant(&mut reply, verdict, told);
    reply
}

async fn preflight(policy: &Policy, request: Request, next: Next) -> Response {
    let told = policy.is_told.then(|| Told::of(&request));
    let verdict = policy.preflight(&request);
    let mut reply = if policy.options_passthrough {
        next.run(request).await
    } else {
        let mut reply = Response::new(Body::empty());
        *reply.status_mut() = StatusCode::NO_CONTENT;
        reply
    };
    reply.headers_mut().append(VARY, VARY_PREFLIGHT);
    grant(&mut reply, verdict, told);
    reply
}

/// What the log says about a request where `debug` is on.
struct Told {
    method: Method,
    path: String,
    origin: Option<HeaderValue>,
}

impl Told {
    fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            origin: request.headers().get(ORIGIN).cloned(),
        }
    }
}

fn grant(reply: &mut Response, verdict: Verdict, told: Option<Told>) {
    if let Some(Told {
        method,
        path,
        origin,
    }) = told
    {
        let verdict = match &verdict {
            Verdict::Granted(_) => "let in",
            Verdict::NotListed => "the listener does not list it",
            Verdict::Refused(why) => why,
        };
        tracing::info!(target: "cors", %method, path, ?origin, verdict, "cross-origin request");
    }
    if let Verdict::Granted(headers) = verdict {
        reply.headers_mut().extend(headers);
    }
}

/// Judges a request that is no preflight, by the listener's list and then by the client's.
async fn judge(
    app: &AppState,
    policy: &Policy,
    origin: HeaderValue,
    request: Request,
) -> Result<(Request, Verdict), Failure> {
    let place = policy.place(request.uri().path());
    let by_list = policy.by_list(place, request.method(), &origin);
    if by_list != Verdict::NotListed || place != Place::OfClients {
        return Ok((request, by_list));
    }
    let (request, form) = if request.method() == Method::POST {
        extract::look_into_form(request).await?
    } else {
        (request, Bytes::new())
    };
    let verdict = match caller(app, request.headers(), &form).await {
        None => Verdict::Refused("the listener does not list it, and the request names no client"),
        Some(client) if policy.is_registered(&client, &origin) => policy.granted(origin),
        Some(_) => Verdict::Refused("neither the listener nor the client lists it"),
    };
    Ok((request, verdict))
}

/// The client that a request says it is from.
///
/// Security: believed as it is said. It decides who may read the answer, and the endpoint authenticates.
/// Compat: a token that has expired still names its client, so that its app can read the refusal.
async fn caller(app: &AppState, headers: &HeaderMap, body: &[u8]) -> Option<Arc<Client>> {
    let named = form::Reader::new(body)
        .flatten()
        .find(|(name, value)| name == "client_id" && !value.is_empty())
        .map(|(_, value)| value.into_owned());
    let basic = || {
        let (user, _) = extract::basic(headers).ok().flatten()?;
        (!user.is_empty()).then(|| user.into_owned())
    };
    let client_id = match named.or_else(basic) {
        Some(client_id) => client_id,
        None => of_token(app, headers, body).await?,
    };
    app.clients.load(&*app.store, &client_id).await.ok()?
}

/// The client that a bearer token was issued to.
async fn of_token(app: &AppState, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let authorization = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let wire = bearer::token(authorization, b"", body).ok()?;
    let read = token::read(app, &wire, clock::now()).await.ok()??;
    live_token::client_of(app, &read).await.ok()?
}
