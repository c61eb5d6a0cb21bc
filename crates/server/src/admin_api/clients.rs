//! `/clients` and `/clients/{id}`.
//!
//! Spec: RFC 7591 3.2.1 (the answer), RFC 6902 (patch)

use axum::extract::{Request, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use tessera_crypto::b64;
use tessera_protocol::client::{ClientMetadata, ClientRecord};
use tessera_protocol::registration::{self, DecodeError};
use tessera_protocol::time::Timestamp;
use tessera_store::{ClientFilter, CreateClient};
use uuid::Uuid;

use super::client_write::{self, ClientId, escaped, shown};
use super::{add_headers, answer, paging, patch};
use crate::admin::{Admin, Generation};
use crate::reply::{self, AdminError, Failure};
use crate::{clock, extract};

/// What a registration access token begins with.
const REGISTRATION_TOKEN_PREFIX: &str = "tsg_";

/// A body that is no client object.
#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function value in map_err"
)]
pub(crate) fn undecodable(error: DecodeError) -> AdminError {
    AdminError::bad_request(format!("Unable to decode the request body: {error}"))
}

/// Registers a client.
pub(crate) async fn create(State(admin): State<Admin>, request: Request) -> Response {
    answer(create_client(&admin, request).await)
}

async fn create_client(admin: &Admin, request: Request) -> Result<Response, Failure> {
    let app = &admin.app;
    let body = extract::admin_body(request).await?;
    let now = clock::now();
    let mut metadata = registration::decode(&body).map_err(undecodable)?;
    if metadata.client_id.is_empty() {
        metadata.client_id = Uuid::new_v4().to_string();
    }
    let metadata = client_write::validated(app, metadata).await?;
    let secret = match &metadata.client_secret {
        Some(secret) if !secret.is_empty() => secret.clone(),
        _ => client_write::generated_secret(app),
    };
    let hash = client_write::hashed(app, &metadata.client_id, &secret).await?;
    let mut registration_token = REGISTRATION_TOKEN_PREFIX.to_owned();
    b64::encode_into(&app.random::<32>(), &mut registration_token);
    let metadata = ClientMetadata {
        client_secret: None,
        created_at: now,
        updated_at: now,
        ..metadata
    };
    let record = ClientRecord {
        metadata: registration::read_back_form(metadata.clone()),
        secret_hashes: vec![hash],
        registration_token_hash: Some(tessera_crypto::sha256(registration_token.as_bytes())),
        token_epoch: u64::from_le_bytes(app.random::<8>()),
        version: u64::from_le_bytes(app.random::<8>()),
    };
    match app.store.create_client(&record).await? {
        CreateClient::Done => {}
        CreateClient::IdTaken => return Err(AdminError::conflict().into()),
    }
    app.clients.evict(&metadata.client_id);
    let is_public = metadata.token_endpoint_auth_method == "none";
    let id = escaped(&metadata.client_id);
    let location = match admin.generation {
        Generation::V1 => format!("/clients/{id}"),
        Generation::V26 => format!("/admin/clients/{id}"),
    };
    let metadata = ClientMetadata {
        client_secret: (!is_public).then_some(secret),
        registration_access_token: registration_token,
        registration_client_uri: app.settings.public_path(&format!("/oauth2/register/{id}")),
        ..metadata
    };
    Ok(reply::created(
        &location,
        &shown(metadata, admin.generation),
    ))
}

/// Shows one client.
pub(crate) async fn get(State(admin): State<Admin>, ClientId(id): ClientId) -> Response {
    answer(get_client(&admin, &id).await)
}

async fn get_client(admin: &Admin, id: &str) -> Result<Response, Failure> {
    let record = client_write::find(&admin.app, id).await?;
    Ok(reply::json(
        StatusCode::OK,
        &shown(record.metadata, admin.generation),
    ))
}

/// Lists clients.
pub(crate) async fn list(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(list_clients(&admin, &uri).await)
}

async fn list_clients(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let app = &admin.app;
    let now = clock::now();
    let request = paging::ListRequest::parse(uri, "clients", &app.seals.page, now)?;
    let filter = ClientFilter {
        name: request.given("client_name"),
        owner: request.given("owner"),
    };
    let (records, headers) = match admin.generation {
        Generation::V26 => {
            let (page, wanted) = request.keyset_page()?;
            let mut records = app.store.list_clients(&filter, &page).await?;
            let next = (records.len() > wanted).then(|| {
                records.truncate(wanted);
                records.last().map(|last| last.metadata.client_id.clone())
            });
            let link = request.keyset_links(&app.seals.page, next.flatten().as_deref(), now);
            (records, vec![("link", link)])
        }
        Generation::V1 => {
            let page = request.offset_page();
            let records = app.store.list_clients(&filter, &page).await?;
            let total = app.store.count_clients().await?;
            let link = request.offset_links(total);
            (
                records,
                vec![("link", link), ("x-total-count", total.to_string())],
            )
        }
    };
    let shown: Vec<_> = records
        .into_iter()
        .map(|record| shown(record.metadata, admin.generation))
        .collect();
    let mut reply = reply::json(StatusCode::OK, &shown);
    add_headers(reply.headers_mut(), headers);
    Ok(reply)
}

/// Replaces a client.
pub(crate) async fn put(
    State(admin): State<Admin>,
    ClientId(id): ClientId,
    request: Request,
) -> Response {
    answer(put_client(&admin, &id, request).await)
}

async fn put_client(admin: &Admin, id: &str, request: Request) -> Result<Response, Failure> {
    let app = &admin.app;
    let body = extract::admin_body(request).await?;
    let mut metadata = registration::decode(&body).map_err(undecodable)?;
    id.clone_into(&mut metadata.client_id);
    let metadata = client_write::validated(app, metadata).await?;
    let secret = metadata
        .client_secret
        .clone()
        .filter(|secret| !secret.is_empty());
    let hash = match &secret {
        Some(secret) => Some(client_write::hashed(app, id, secret).await?),
        None => None,
    };
    let stored = client_write::replace(app, id, clock::now(), |current, now| {
        let mut metadata = registration::read_back_form(metadata.clone());
        metadata.created_at = current.metadata.created_at;
        metadata.updated_at = now;
        ClientRecord {
            metadata,
            secret_hashes: match &hash {
                Some(hash) => vec![hash.clone()],
                None => current.secret_hashes.clone(),
            },
            // Compat: after an admin PUT the registration token stops working.
            registration_token_hash: None,
            ..current.clone()
        }
    })
    .await?;
    let metadata = ClientMetadata {
        created_at: stored.metadata.created_at,
        updated_at: stored.metadata.updated_at,
        client_secret: secret,
        ..metadata
    };
    Ok(reply::json(
        StatusCode::OK,
        &shown(metadata, admin.generation),
    ))
}

/// Changes a client by a JSON Patch.
pub(crate) async fn patch(
    State(admin): State<Admin>,
    ClientId(id): ClientId,
    request: Request,
) -> Response {
    answer(patch_client(&admin, &id, request).await)
}

async fn patch_client(admin: &Admin, id: &str, request: Request) -> Result<Response, Failure> {
    const ATTEMPTS: usize = 5;
    let app = &admin.app;
    let body = extract::admin_body(request).await?;
    for _ in 0..ATTEMPTS {
        let now: Timestamp = clock::now();
        let current = client_write::find(app, id).await?;
        let patched = patch::apply(
            &body,
            shown(current.metadata.clone(), admin.generation),
            admin.generation,
        )?;
        if patched.metadata.client_id != id {
            return Err(AdminError::bad_request(
                "The patch changes 'client_id'; a client keeps its id. Create another client instead.",
            )
            .into());
        }
        let metadata = client_write::validated(app, patched.metadata).await?;
        let secret = metadata
            .client_secret
            .clone()
            .filter(|secret| !secret.is_empty());
        let mut next = ClientRecord {
            metadata: registration::read_back_form(metadata.clone()),
            version: u64::from_le_bytes(app.random::<8>()),
            ..current.clone()
        };
        next.metadata.created_at = current.metadata.created_at;
        next.metadata.updated_at = now;
        match &secret {
            Some(secret) => {
                next.secret_hashes = vec![client_write::hashed(app, id, secret).await?];
            }
            // Compat: without a secret in its place the newest one stays; those before it end.
            None if patched.names_secret => next.secret_hashes.truncate(1),
            None => {}
        }
        // Compat: v1 keeps the registration token after a patch, v26 does not.
        if admin.generation == Generation::V26 {
            next.registration_token_hash = None;
        }
        if client_write::replace_once(app, &next, current.version).await? {
            let metadata = ClientMetadata {
                client_secret: secret,
                ..next.metadata
            };
            return Ok(reply::json(
                StatusCode::OK,
                &shown(metadata, admin.generation),
            ));
        }
    }
    Err(client_write::contended().into())
}

/// Deletes a client and all its tokens.
pub(crate) async fn delete(State(admin): State<Admin>, ClientId(id): ClientId) -> Response {
    answer(delete_client(&admin, &id).await)
}

async fn delete_client(admin: &Admin, id: &str) -> Result<Response, Failure> {
    client_write::storable(id)?;
    let existed = admin.app.store.delete_client(id).await?;
    admin.app.clients.evict(id);
    if existed {
        Ok(reply::no_content())
    } else {
        Err(AdminError::not_found().into())
    }
}
