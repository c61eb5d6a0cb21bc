//! The public port's routes.

use axum::Router;
use axum::routing::{MethodRouter, get, options, post};
use http::StatusCode;

use crate::endpoint::{discovery, health, introspect, jwks, revoke, root, token};
use crate::observe;
use crate::state::App;

/// One route per line.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new()
        .route("/", get(root::get))
        .route("/oauth2/token", with_options(post(token::post)))
        .route("/oauth2/revoke", with_options(post(revoke::post)))
        .route(
            "/.well-known/openid-configuration",
            with_options(get(discovery::get)),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            with_options(get(discovery::get)),
        )
        .route("/.well-known/jwks.json", with_options(get(jwks::get)))
        .route("/health/alive", get(health::alive))
        .route("/health/ready", get(health::ready));
    if app.settings.oauth2.public_introspection {
        router = router.route("/oauth2/introspect", with_options(post(introspect::public)));
    }
    #[cfg(feature = "floor")]
    {
        router = router.route("/floor", post(crate::endpoint::floor::post));
    }
    let quiet_probes = app.settings.serve.public.request_log.disable_for_health;
    observe::wrap(router.with_state(App::clone(&app)), app, quiet_probes)
}

/// Compat: these routes answer a plain OPTIONS with an empty 200.
fn with_options(route: MethodRouter<App>) -> MethodRouter<App> {
    route.merge(options(async || StatusCode::OK))
}
