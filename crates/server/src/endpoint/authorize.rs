//! `GET` and `POST /oauth2/auth`.
//!
//! Spec: RFC 6749 3.1; OpenID Connect Core 1.0 3.1.2.1 (both methods)

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method};
use tessera_protocol::authorize::parameters::RequestParameters;

use crate::authorize::{self, Refusal};
use crate::state::{App, AppState};
use crate::{clock, extract, reply};

/// Answers a visit by either method.
pub(crate) async fn any(State(app): State<App>, request: Request) -> Response {
    let method = request.method().clone();
    let reply = respond(&app, request)
        .await
        .unwrap_or_else(|refusal| refusal.into_reply(&app));
    reply::to_visit(reply, &method)
}

async fn respond(app: &AppState, request: Request) -> Result<Response, Refusal> {
    let now = clock::now();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (headers, body): (HeaderMap, _) = if request.method() == Method::POST {
        extract::form(request).await.map_err(Refusal::Page)?
    } else {
        (request.into_parts().0.headers, bytes::Bytes::new())
    };
    let parameters = RequestParameters::parse(query.as_bytes(), &body).map_err(Refusal::Page)?;
    authorize::visit(app, &headers, parameters, now).await
}
