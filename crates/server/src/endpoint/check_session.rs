//! `GET /oauth2/sessions/check`: the page of `check_session_iframe`, where session management is on.
//!
//! Spec: OpenID Connect Session Management 1.0 3.2

use axum::extract::State;
use axum::response::Response;

use crate::pages;
use crate::state::App;

/// Answers the page.
pub(crate) async fn get(State(app): State<App>) -> Response {
    pages::check_session::page(app.cookies.browser_state().unwrap_or_default())
}
