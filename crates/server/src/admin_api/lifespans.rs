//! `PUT /clients/{id}/lifespans`: replaces the whole set of a client's lifespans.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use tessera_protocol::client::ClientRecord;
use tessera_protocol::registration;

use super::answer;
use super::client_write::{self, ClientId, shown};
use super::clients::undecodable;
use crate::admin::Admin;
use crate::reply::{self, Failure};
use crate::{clock, extract};

/// Absent members become `null`.
pub(crate) async fn put(
    State(admin): State<Admin>,
    ClientId(id): ClientId,
    request: Request,
) -> Response {
    answer(respond(&admin, &id, request).await)
}

async fn respond(admin: &Admin, id: &str, request: Request) -> Result<Response, Failure> {
    let app = &admin.app;
    // Compat: an unknown client is answered before a bad body is.
    client_write::find(app, id).await?;
    let body = extract::admin_body(request).await?;
    let lifespans = registration::decode(&body).map_err(undecodable)?.lifespans;
    let stored = client_write::replace(app, id, clock::now(), |current, now| {
        let mut next: ClientRecord = current.clone();
        next.metadata.lifespans = lifespans.clone();
        next.metadata.updated_at = now;
        next
    })
    .await?;
    Ok(reply::json(
        StatusCode::OK,
        &shown(stored.metadata, admin.generation),
    ))
}
