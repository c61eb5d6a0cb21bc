//! `GET /` on the public port: what this is.

use axum::extract::State;
use axum::response::Response;

use crate::pages::html::Html;
use crate::pages::layout::Page;
use crate::state::App;

/// Compat: Hydra redirects this path to itself.
pub(crate) async fn get(State(app): State<App>) -> Response {
    let body = Html::new(
        "<p>This is an OAuth 2.0 authorization server. Its metadata is at \
         <a href=\".well-known/openid-configuration\">.well-known/openid-configuration</a>. Release ",
    )
    .text(app.version)
    .markup(".</p>\n");
    Page::new("Tessera", "Tessera", body).into_reply()
}
