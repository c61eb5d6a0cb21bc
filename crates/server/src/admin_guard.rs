//! The optional bearer token of the admin port.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use tessera_crypto::Secret;

use crate::reply::{AdminError, Failure};
use crate::state::App;

/// Asks for the token on every path but the health checks, where `serve.admin.auth.bearer_token` is set.
pub(crate) fn wrap(router: Router, app: &App) -> Router {
    let Some(token) = &app.settings.serve.admin.auth.bearer_token else {
        return router;
    };
    router.layer(from_fn_with_state(token.secret().clone(), check))
}

async fn check(State(token): State<Secret<String>>, request: Request, next: Next) -> Response {
    let presented = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, presented)| presented.trim());
    let is_health = matches!(
        request
            .uri()
            .path()
            .strip_prefix("/admin")
            .unwrap_or(request.uri().path()),
        "/health/alive" | "/health/ready"
    );
    if is_health || presented.is_some_and(|presented| token.matches(presented.as_bytes())) {
        return next.run(request).await;
    }
    let refused = AdminError {
        status: StatusCode::UNAUTHORIZED,
        error: "The request could not be authorized",
        description: "This admin API wants the bearer token of serve.admin.auth.bearer_token."
            .into(),
    };
    let mut reply = Failure::Admin(refused).into_reply(crate::reply::ErrorStyle::default());
    reply
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    reply
}
