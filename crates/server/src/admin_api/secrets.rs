//! `/clients/{id}/secrets/rotate`: a new secret while the old ones still work, and the end of the old ones.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tessera_protocol::client::{ClientMetadata, ClientRecord};

use super::answer;
use super::client_write::{self, ClientId, shown};
use crate::admin::Admin;
use crate::clock;
use crate::reply::{self, AdminError, Failure};

/// Most former secrets that still authenticate.
const ROTATED_MAX: usize = 5;

/// Makes a new secret and shows it; up to five former ones stay good.
pub(crate) async fn rotate(State(admin): State<Admin>, ClientId(id): ClientId) -> Response {
    answer(rotate_secret(&admin, &id).await)
}

async fn rotate_secret(admin: &Admin, id: &str) -> Result<Response, Failure> {
    let app = &admin.app;
    check_method(&client_write::find(app, id).await?)?;
    let secret = client_write::generated_secret(app);
    let hash = client_write::hashed(app, id, &secret).await?;
    let stored = client_write::replace(app, id, clock::now(), |current, now| {
        let mut next = current.clone();
        next.secret_hashes.insert(0, hash.clone());
        next.secret_hashes.truncate(ROTATED_MAX.saturating_add(1));
        next.metadata.updated_at = now;
        next
    })
    .await?;
    let metadata = ClientMetadata {
        client_secret: Some(secret),
        ..stored.metadata
    };
    Ok(reply::json(
        StatusCode::OK,
        &shown(metadata, admin.generation),
    ))
}

/// Ends all former secrets.
pub(crate) async fn drop_rotated(State(admin): State<Admin>, ClientId(id): ClientId) -> Response {
    answer(drop_former(&admin, &id).await)
}

async fn drop_former(admin: &Admin, id: &str) -> Result<Response, Failure> {
    let app = &admin.app;
    check_method(&client_write::find(app, id).await?)?;
    let stored = client_write::replace(app, id, clock::now(), |current, now| {
        let mut next = current.clone();
        next.secret_hashes.truncate(1);
        next.metadata.updated_at = now;
        next
    })
    .await?;
    Ok(reply::json(
        StatusCode::OK,
        &shown(stored.metadata, admin.generation),
    ))
}

fn check_method(record: &ClientRecord) -> Result<(), AdminError> {
    let method = record.metadata.token_endpoint_auth_method.as_str();
    if matches!(method, "" | "client_secret_basic" | "client_secret_post") {
        return Ok(());
    }
    Err(AdminError::bad_request(format!(
        "The client is configured to use the '{method}' authentication method, which does not support \
         client secret rotation."
    )))
}
