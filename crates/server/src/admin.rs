//! The admin port's routes: under `/admin` in the form of v26, without the prefix in that of v1.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{delete, get, post, put};

use crate::admin_api::{clients, consent, lifespans, login, logout, secrets, sessions, tokens};
use crate::admin_guard;
use crate::endpoint::{health, introspect};
use crate::observe::{self, Port};
use crate::state::App;

/// Which generation of the API a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Paths without a prefix.
    V1,
    /// Paths under `/admin`.
    V26,
}

impl Generation {
    const fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "",
            Self::V26 => "/admin",
        }
    }
}

/// What admin handlers get.
#[derive(Clone)]
pub(crate) struct Admin {
    /// The shared state.
    pub app: App,
    /// The generation of the path that was called.
    pub generation: Generation,
}

impl FromRef<Admin> for App {
    fn from_ref(admin: &Admin) -> Self {
        Self::clone(&admin.app)
    }
}

/// Both generations on one router.
pub(crate) fn router(app: App) -> Router {
    let of = |generation| {
        routes(generation).with_state(Admin {
            app: App::clone(&app),
            generation,
        })
    };
    let router = of(Generation::V1).merge(of(Generation::V26));
    observe::wrap(admin_guard::wrap(router, &app), app, Port::Admin)
}

/// One route per line.
fn routes(generation: Generation) -> Router<Admin> {
    let at = |path| format!("{}{path}", generation.prefix());
    let router = Router::new()
        .route(&at("/clients"), get(clients::list).post(clients::create))
        .route(
            &at("/clients/{id}"),
            get(clients::get)
                .put(clients::put)
                .patch(clients::patch)
                .delete(clients::delete),
        )
        .route(&at("/clients/{id}/lifespans"), put(lifespans::put))
        .route(
            &at("/clients/{id}/secrets/rotate"),
            post(secrets::rotate).delete(secrets::drop_rotated),
        )
        .route(&at("/oauth2/auth/requests/login"), get(login::get))
        .route(
            &at("/oauth2/auth/requests/login/accept"),
            put(login::accept),
        )
        .route(
            &at("/oauth2/auth/requests/login/reject"),
            put(login::reject),
        )
        .route(&at("/oauth2/auth/requests/consent"), get(consent::get))
        .route(
            &at("/oauth2/auth/requests/consent/accept"),
            put(consent::accept),
        )
        .route(
            &at("/oauth2/auth/requests/consent/reject"),
            put(consent::reject),
        )
        .route(&at("/oauth2/auth/requests/logout"), get(logout::get))
        .route(
            &at("/oauth2/auth/requests/logout/accept"),
            put(logout::accept),
        )
        .route(
            &at("/oauth2/auth/requests/logout/reject"),
            put(logout::reject),
        )
        .route(
            &at("/oauth2/auth/sessions/consent"),
            get(sessions::list_consents).delete(sessions::revoke_consents),
        )
        .route(
            &at("/oauth2/auth/sessions/login"),
            delete(sessions::revoke_logins),
        )
        .route(&at("/oauth2/introspect"), post(introspect::admin))
        .route(&at("/oauth2/tokens"), delete(tokens::delete_of_client))
        .route(&at("/health/alive"), get(health::alive))
        .route(&at("/health/ready"), get(health::ready))
        .route(&at("/version"), get(health::version))
        .route(&at("/metrics/prometheus"), get(health::metrics));
    match generation {
        Generation::V1 => router.route(&at("/oauth2/flush"), post(tokens::flush)),
        Generation::V26 => router,
    }
}
