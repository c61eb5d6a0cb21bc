//! What every change of a client shares: rules that need the network, hashing, and the optimistic replace.

use axum::extract::{FromRequestParts, Path};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tessera_protocol::client::{ClientMetadata, ClientRecord};
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::registration;
use tessera_protocol::time::Timestamp;
use tessera_store::ReplaceClient;

use crate::admin::Generation;
use crate::reply::{AdminError, Failure};
use crate::state::AppState;

/// Letters of generated secrets; all of them survive form encoding of RFC 6749 2.3.1.
const SECRET_ALPHABET: &[u8; 66] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890_-.~";
/// Length of generated secrets: 157 bits.
const SECRET_LENGTH: usize = 26;
/// How often a change starts again when someone else was faster.
const ATTEMPTS: usize = 5;

/// What Go's `url.PathEscape` leaves as it is.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The id of a client in a path. A segment that is no text names none.
pub(crate) struct ClientId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for ClientId {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(super::answer(Err(AdminError::not_found().into()))),
        }
    }
}

/// An id as one segment of a path.
pub(crate) fn escaped(id: &str) -> String {
    utf8_percent_encode(id, PATH_SEGMENT).to_string()
}

/// The object as a generation of the API shows it.
pub(crate) fn shown(mut metadata: ClientMetadata, generation: Generation) -> ClientMetadata {
    let lifespans = &mut metadata.lifespans;
    match generation {
        Generation::V1 => {
            lifespans
                .password_grant_access_token_lifespan
                .get_or_insert(None);
            lifespans
                .password_grant_refresh_token_lifespan
                .get_or_insert(None);
        }
        Generation::V26 => {
            lifespans.password_grant_access_token_lifespan = None;
            lifespans.password_grant_refresh_token_lifespan = None;
        }
    }
    metadata
}

/// Checks every rule; those of the protocol first, then those that need the network.
pub(crate) async fn validated(
    app: &AppState,
    metadata: ClientMetadata,
) -> Result<ClientMetadata, Failure> {
    let metadata =
        registration::validate(metadata, &app.rules).map_err(|e| AdminError::metadata(&e))?;
    check_addresses(app, &metadata).await?;
    check_sector(app, &metadata).await?;
    Ok(metadata)
}

fn refused(hint: String) -> AdminError {
    AdminError::metadata(&OAuthError::new(ErrorCode::InvalidClientMetadata, hint))
}

/// Security: what the server will call later must not lead into the operator's own network.
async fn check_addresses(app: &AppState, metadata: &ClientMetadata) -> Result<(), AdminError> {
    let single = [
        ("jwks_uri", &metadata.jwks_uri),
        ("backchannel_logout_uri", &metadata.backchannel_logout_uri),
        ("sector_identifier_uri", &metadata.sector_identifier_uri),
    ];
    let listed = metadata
        .request_uris
        .iter()
        .map(|uri| ("request_uris", uri));
    for (name, uri) in single.into_iter().chain(listed) {
        if uri.is_empty() {
            continue;
        }
        if let Err(why) = app.egress.check_address(uri).await {
            return Err(refused(format!(
                "Member '{name}' is {}: {why}.",
                quoted(uri)
            )));
        }
    }
    Ok(())
}

/// Spec: OpenID Connect Dynamic Client Registration 1.0 5
async fn check_sector(app: &AppState, metadata: &ClientMetadata) -> Result<(), AdminError> {
    let uri = &metadata.sector_identifier_uri;
    if uri.is_empty() {
        return Ok(());
    }
    let body = app.egress.fetch(uri).await.map_err(|why| {
        refused(format!(
            "The document at 'sector_identifier_uri' cannot be fetched: {why}."
        ))
    })?;
    let listed: Vec<String> = serde_json::from_slice(&body).map_err(|_| {
        refused("The document at 'sector_identifier_uri' is not a JSON list of texts.".to_owned())
    })?;
    match metadata
        .redirect_uris
        .iter()
        .flatten()
        .find(|uri| !listed.contains(uri))
    {
        Some(missing) => Err(refused(format!(
            "The document at 'sector_identifier_uri' does not list redirect URI {}.",
            quoted(missing)
        ))),
        None if listed.is_empty() => Err(refused(
            "The document at 'sector_identifier_uri' is an empty list.".to_owned(),
        )),
        None => Ok(()),
    }
}

/// A new secret.
pub(crate) fn generated_secret(app: &AppState) -> String {
    let mut secret = String::with_capacity(SECRET_LENGTH);
    while secret.len() < SECRET_LENGTH {
        // Rejection keeps the letters equally likely: 198 is the largest multiple of 66 in a byte.
        for byte in app.random::<64>().into_iter().filter(|byte| *byte < 198) {
            if let Some(letter) = SECRET_ALPHABET.get(usize::from(byte) % SECRET_ALPHABET.len())
                && secret.len() < SECRET_LENGTH
            {
                secret.push(char::from(*letter));
            }
        }
    }
    secret
}

/// The slow hash of a secret, as configured.
pub(crate) async fn hashed(
    app: &AppState,
    client_id: &str,
    secret: &str,
) -> Result<String, Failure> {
    app.hash_pool
        .hash(client_id, secret.to_owned())
        .await?
        .map_err(|e| refused(format!("Member 'client_secret' cannot be hashed: {e}.")).into())
}

/// An id that no database can hold names no client.
pub(crate) fn storable(id: &str) -> Result<(), AdminError> {
    if id.contains('\0') {
        Err(AdminError::not_found())
    } else {
        Ok(())
    }
}

/// The stored client. Admin reads bypass the cache.
pub(crate) async fn find(app: &AppState, id: &str) -> Result<ClientRecord, Failure> {
    storable(id)?;
    match app.store.find_client(id).await? {
        Some(record) => Ok(record),
        None => Err(AdminError::not_found().into()),
    }
}

/// Replaces a client by what `change` makes of it, again if someone else was faster.
pub(crate) async fn replace(
    app: &AppState,
    id: &str,
    now: Timestamp,
    change: impl Fn(&ClientRecord, Timestamp) -> ClientRecord,
) -> Result<ClientRecord, Failure> {
    for _ in 0..ATTEMPTS {
        let current = find(app, id).await?;
        let next = ClientRecord {
            version: u64::from_le_bytes(app.random::<8>()),
            ..change(&current, now)
        };
        if replace_once(app, &next, current.version).await? {
            return Ok(next);
        }
    }
    Err(contended().into())
}

/// One attempt; `false` when someone else was faster.
pub(crate) async fn replace_once(
    app: &AppState,
    next: &ClientRecord,
    expected_version: u64,
) -> Result<bool, Failure> {
    let outcome = app.store.replace_client(next, expected_version).await?;
    app.clients.evict(&next.metadata.client_id);
    match outcome {
        ReplaceClient::Done => Ok(true),
        ReplaceClient::Changed => Ok(false),
        ReplaceClient::Unknown => Err(AdminError::not_found().into()),
    }
}

/// Too many others change the same client.
pub(crate) fn contended() -> AdminError {
    AdminError {
        status: StatusCode::CONFLICT,
        error: "Unable to serialize access due to a concurrent update in another session",
        description: "The client is being changed by others at the same time; try again.".into(),
    }
}
