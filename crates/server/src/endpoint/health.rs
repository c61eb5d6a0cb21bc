//! Health, version and metrics.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tessera_store::Readiness;

use crate::reply;
use crate::state::App;

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct NotReady {
    errors: Errors,
}

#[derive(Serialize)]
struct Errors {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    migrations: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shutdown: Option<&'static str>,
}

/// The process runs.
pub(crate) async fn alive() -> Response {
    reply::json(StatusCode::OK, &Status { status: "ok" })
}

/// The process can serve: the database answers and has the schema this release needs.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let mut errors = Errors {
        database: None,
        migrations: None,
        shutdown: None,
    };
    if app.is_draining.load(Ordering::Acquire) {
        errors.shutdown = Some("the server is shutting down");
    } else {
        match app.store.readiness().await {
            Ok(Readiness::Ready) => return alive().await,
            Ok(Readiness::MigrationsPending) => {
                errors.migrations =
                    Some("migrations have to be applied: run 'tessera migrate sql up'");
            }
            Ok(Readiness::SchemaTooNew(_)) => {
                errors.migrations = Some("the schema is newer than this release can use");
            }
            Err(_) => errors.database = Some("the database does not answer"),
        }
    }
    not_ready(errors)
}

/// What a server that is still starting says.
pub(crate) fn starting(waits_for_migrations: bool) -> Response {
    let (database, migrations) = if waits_for_migrations {
        (
            None,
            Some("migrations have to be applied: run 'tessera migrate sql up'"),
        )
    } else {
        (Some("the database does not answer yet"), None)
    };
    not_ready(Errors {
        database,
        migrations,
        shutdown: None,
    })
}

fn not_ready(errors: Errors) -> Response {
    let mut reply = reply::json(StatusCode::SERVICE_UNAVAILABLE, &NotReady { errors });
    reply
        .headers_mut()
        .insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

/// The release.
pub(crate) async fn version(State(app): State<App>) -> Response {
    reply::json(
        StatusCode::OK,
        &Version {
            version: app.version,
        },
    )
}

/// Prometheus text.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let mut reply = app.metrics.render(app.version).into_response();
    reply.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    reply
}
