//! The public port's routes.

use axum::Router;
use axum::routing::{MethodRouter, get, options, post};
use http::StatusCode;

use crate::builtin_login;
use crate::endpoint::{
    authorize, check_session, discovery, fallbacks, health, introspect, jwks, logout, revoke, root,
    token, userinfo,
};
use crate::observe::{self, Port};
use crate::state::App;

/// One route per line.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new()
        .route("/", get(root::get))
        .route("/oauth2/auth", get(authorize::any).post(authorize::any))
        .route("/oauth2/token", with_options(post(token::post)))
        .route(
            "/userinfo",
            with_options(get(userinfo::any).post(userinfo::any)),
        )
        .route(
            "/oauth2/sessions/logout",
            get(logout::any).post(logout::any),
        )
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
        .route("/oauth2/fallbacks/error", get(fallbacks::error))
        .route(
            "/oauth2/fallbacks/logout/callback",
            get(fallbacks::logout_callback),
        )
        .route("/oauth2/fallbacks/device", get(fallbacks::device))
        .route("/oauth2/fallbacks/device/done", get(fallbacks::device_done))
        .route("/health/alive", get(health::alive))
        .route("/health/ready", get(health::ready));
    if app.settings.oauth2.public_introspection {
        router = router.route("/oauth2/introspect", with_options(post(introspect::public)));
    }
    if app.settings.oidc.session_management.enabled {
        router = router.route("/oauth2/sessions/check", get(check_session::get));
    }
    router = match app.users {
        Some(_) => with_builtin_login(router, &app),
        None => router
            .route("/oauth2/fallbacks/login", get(fallbacks::login))
            .route("/oauth2/fallbacks/consent", get(fallbacks::consent))
            .route("/oauth2/fallbacks/logout", get(fallbacks::logout)),
    };
    #[cfg(feature = "floor")]
    {
        router = router.route("/floor", post(crate::endpoint::floor::post));
    }
    observe::wrap(router.with_state(App::clone(&app)), app, Port::Public)
}

/// The pages that people log in at where no other page is configured.
fn with_builtin_login(router: Router<App>, app: &App) -> Router<App> {
    let logout = match app.settings.urls.logout {
        Some(_) => get(fallbacks::logout),
        None => get(builtin_login::logout).post(builtin_login::logout),
    };
    router
        .route(
            "/oauth2/fallbacks/login",
            get(builtin_login::login).post(builtin_login::login),
        )
        .route(
            "/oauth2/fallbacks/consent",
            get(builtin_login::consent).post(builtin_login::consent),
        )
        .route("/oauth2/fallbacks/logout", logout)
}

/// Compat: these routes answer a plain OPTIONS with an empty 200.
fn with_options(route: MethodRouter<App>) -> MethodRouter<App> {
    route.merge(options(async || StatusCode::OK))
}
