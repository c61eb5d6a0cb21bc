//! `GET /` on the public port: what this is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::reply;
use crate::state::App;

/// Compat: Hydra redirects this path to itself.
pub(crate) async fn get(State(app): State<App>) -> Response {
    let text = format!(
        "This is an OAuth 2.0 authorization server. Its metadata is at \
         <a href=\".well-known/openid-configuration\">.well-known/openid-configuration</a>. Release {}.",
        app.version
    );
    let mut reply = reply::page("Tessera", &text).into_response();
    reply.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    reply
}
