//! Takes the parameters of a request object into the request: by value, or fetched from where the client keeps it.
//!
//! Spec: OpenID Connect Core 1.0 6.1, 6.2; RFC 9101 5.2
//!
//! Security: only registered URIs are fetched, without redirects, within bounds. Why one cannot be fetched would tell
//! whoever registered it what lies at an address of the operator's network, so that is for the log, and for answers with
//! `oauth2.expose_internal_errors`.
//! Compat: plain http is fetched where it is registered, as Hydra does; an object from there must be signed.

use std::sync::Arc;

use tessera_crypto::jose::Jwk;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::authorize::request_object::RequestObject;
use tessera_protocol::client::Client;
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::time::Timestamp;

use crate::authorize::Refusal;
use crate::egress::{DOCUMENT, EgressError};
use crate::state::AppState;

/// The request with what its object says; as it is, when it has none or its client is unknown.
pub(crate) async fn merged(
    app: &AppState,
    parameters: RequestParameters,
    now: Timestamp,
) -> Result<RequestParameters, Refusal> {
    let (by_value, by_uri) = (parameters.get("request"), parameters.get("request_uri"));
    if by_value.is_empty() && by_uri.is_empty() {
        return Ok(parameters);
    }
    if !by_value.is_empty() && !by_uri.is_empty() {
        return Err(Refusal::Page(OAuthError::new(
            ErrorCode::InvalidRequest,
            "Parameters 'request' and 'request_uri' are both given; use one of them.",
        )));
    }
    let loaded = app
        .clients
        .load(&*app.store, parameters.get("client_id"))
        .await?;
    let Some(client) = loaded else {
        return Ok(parameters);
    };
    let fetched;
    let object = match by_value {
        "" => {
            fetched = fetch(app, &client, by_uri).await?;
            of_uri(app, &client, &fetched, by_uri)
        }
        by_value => RequestObject::parse(by_value),
    }
    .map_err(Refusal::Page)?;
    let is_anybodys = object.is_unsigned() && by_uri.is_empty();
    let keys = match object.is_unsigned() {
        true => Arc::default(),
        false => keys(app, &client, object.kid(), now).await?,
    };
    let said = object
        .check(&parameters, &client, &keys, &app.issuer, now)
        .map_err(Refusal::Page)?;
    let merged = parameters.with_object(said);
    if is_anybodys {
        merged.check_length().map_err(Refusal::Page)?;
    }
    Ok(merged)
}

async fn fetch(app: &AppState, client: &Client, uri: &str) -> Result<String, Refusal> {
    let mut registered = client.metadata().request_uris.iter();
    if !registered.any(|known| known == uri) {
        return Err(Refusal::Page(OAuthError::new(
            ErrorCode::InvalidRequestUri,
            format!(
                "Parameter 'request_uri' is {}, which is not one of the client's 'request_uris'.",
                quoted(uri)
            ),
        )));
    }
    // The fragment stands for the content, so what differs in it is not the same.
    let fetched = app.request_objects.share(uri, download(app, uri)).await;
    fetched.map_err(|why| Refusal::Page(unusable(client, why)))
}

async fn download(app: &AppState, uri: &str) -> Result<String, EgressError> {
    let bare = uri.split('#').next().unwrap_or(uri);
    let body = app.egress.fetch(bare).await?;
    String::from_utf8(body).map_err(|_| "the answer is no text".to_owned())
}

/// The object that was fetched.
fn of_uri<'a>(
    app: &AppState,
    client: &Client,
    fetched: &'a str,
    uri: &str,
) -> Result<RequestObject<'a>, OAuthError> {
    // Security: what is no object is told as what was not there, or any document could be asked for.
    let object =
        RequestObject::parse(fetched).map_err(|error| unusable(client, error.hint.into_owned()))?;
    object.check_source(uri, app.settings.is_development())?;
    Ok(object)
}

/// Says to the log why, and to everybody else that it is so.
fn unusable(client: &Client, why: String) -> OAuthError {
    tracing::info!(client_id = client.id(), %why, "A client's 'request_uri' gave no request object.");
    OAuthError::new(
        ErrorCode::InvalidRequestUri,
        format!(
            "Parameter 'request_uri' gave no request object. Within {} seconds it must answer 200, without a redirect, \
             with a JSON Web Token of at most {} bytes; the log of the server says what happened.",
            DOCUMENT.time.as_secs(),
            DOCUMENT.body_max
        ),
    )
    .with_debug(why)
}

async fn keys(
    app: &AppState,
    client: &Client,
    kid: Option<&str>,
    now: Timestamp,
) -> Result<Arc<Vec<Jwk>>, Refusal> {
    let metadata = client.metadata();
    let by_value = metadata.jwks.as_ref().and_then(|jwks| jwks.keys.as_ref());
    if let Some(keys) = by_value.filter(|keys| !keys.is_empty()) {
        return Ok(Arc::new(keys.clone()));
    }
    if metadata.jwks_uri.is_empty() {
        return Err(Refusal::Page(OAuthError::new(
            ErrorCode::InvalidRequestObject,
            "The client has neither 'jwks' nor 'jwks_uri', so its request object cannot be verified.",
        )));
    }
    app.jwks
        .keys(&app.egress, &metadata.jwks_uri, kid, now)
        .await
        .map_err(|why| {
            tracing::info!(client_id = client.id(), %why, "The keys of a client could not be fetched.");
            let error = OAuthError::new(
                ErrorCode::InvalidRequestObject,
                "The keys of the client cannot be fetched from its 'jwks_uri'; the log of the server says why.",
            );
            Refusal::Page(error.with_debug(why))
        })
}
