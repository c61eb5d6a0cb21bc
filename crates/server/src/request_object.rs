//! Takes the parameters of a request object into the request: by value, or fetched from where the client keeps it.
//!
//! Spec: OpenID Connect Core 1.0 6.1, 6.2; RFC 9101 5.2
//!
//! Security: only registered URIs are fetched, without redirects.

use std::sync::Arc;

use tessera_crypto::jose::Jwk;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::authorize::request_object::RequestObject;
use tessera_protocol::client::Client;
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::time::Timestamp;

use crate::authorize::Refusal;
use crate::state::AppState;

/// Largest object fetched.
const LENGTH_MAX: usize = 64 * 1024;

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
    let compact = match by_value {
        "" => {
            fetched = fetch(app, &client, by_uri).await?;
            fetched.as_str()
        }
        by_value => by_value,
    };
    let object = RequestObject::parse(compact).map_err(Refusal::Page)?;
    let keys = match object.is_unsigned() {
        true => Arc::default(),
        false => keys(app, &client, object.kid(), now).await?,
    };
    let said = object
        .check(&parameters, &client, &keys, &app.issuer, now)
        .map_err(Refusal::Page)?;
    Ok(parameters.with_object(said))
}

async fn fetch(app: &AppState, client: &Client, uri: &str) -> Result<String, Refusal> {
    let refuse = |hint: String| Refusal::Page(OAuthError::new(ErrorCode::InvalidRequestUri, hint));
    if !client
        .metadata()
        .request_uris
        .iter()
        .any(|known| known == uri)
    {
        return Err(refuse(format!(
            "Parameter 'request_uri' is {}, which is not one of the client's 'request_uris'.",
            quoted(uri)
        )));
    }
    let bare = uri.split('#').next().unwrap_or(uri);
    let body = app
        .egress
        .fetch(bare)
        .await
        .map_err(|why| refuse(format!("The request object cannot be fetched: {why}.")))?;
    if body.len() > LENGTH_MAX {
        return Err(refuse(format!(
            "The request object is longer than {LENGTH_MAX} bytes."
        )));
    }
    String::from_utf8(body).map_err(|_| refuse("The request object is no text.".to_owned()))
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
            Refusal::Page(OAuthError::new(
                ErrorCode::InvalidRequestObject,
                format!("The keys of the client cannot be fetched: {why}."),
            ))
        })
}
