//! Authenticates the client of a request: the effects around `tessera_protocol::client_auth`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tessera_crypto::jose::Jwk;
use tessera_protocol::client::{AuthMethod, Client};
use tessera_protocol::client_auth::{self, Assertion, Method, Presented, SecretCheck};
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::time::Timestamp;
use tessera_store::{Claim, ClaimOutcome, SingleUse};

use crate::hash_pool::Against;
use crate::reply::{Failure, Fault};
use crate::state::AppState;

/// The client of a request, or why there is none.
pub(crate) async fn authenticate(
    app: &AppState,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Result<Arc<Client>, Failure> {
    let outcome = match presented.method()? {
        Method::Secret { client_id, secret } => {
            by_secret(app, presented, client_id, secret, now).await
        }
        Method::Assertion {
            client_id,
            assertion,
        } => by_assertion(app, client_id, assertion, now).await,
    };
    outcome.map_err(|failure| match failure {
        Failure::OAuth(error) if error.code == ErrorCode::InvalidClient => {
            app.metrics
                .failed_authentications
                .fetch_add(1, Ordering::Relaxed);
            // Spec: RFC 6749 5.2: a 401 names the scheme that the client tried.
            if presented.used_basic() {
                Failure::OAuthBasic(error)
            } else {
                Failure::OAuth(error)
            }
        }
        other => other,
    })
}

async fn by_secret(
    app: &AppState,
    presented: &Presented<'_>,
    client_id: &str,
    secret: &str,
    now: Timestamp,
) -> Result<Arc<Client>, Failure> {
    let known = app.clients.load(&*app.store, client_id).await?;
    if secret.is_empty() && !known.as_ref().is_some_and(|client| client.is_public()) {
        // Security: no secret costs no hash, whether or not the client exists.
        return Err(client_auth::failed()
            .with_debug("The secret is missing.")
            .into());
    }
    let Some(client) = known else {
        // Security: an unknown client costs what a wrong secret costs.
        app.hash_pool
            .check(client_id, secret, Against::NoClient)
            .await?;
        return Err(client_auth::failed()
            .with_debug("There is no such client.")
            .into());
    };
    match client_auth::check_secret_method(&client, presented)? {
        SecretCheck::Public => return Ok(client),
        SecretCheck::Compare => {}
    }
    let hashes = &client.record().secret_hashes;
    if app.verified.knows(client_id, hashes, secret, now) {
        return Ok(client);
    }
    let matched = app
        .hash_pool
        .check(client_id, secret, Against::Hashes(hashes))
        .await?;
    let Some(hash) = matched.and_then(|index| hashes.get(index)) else {
        return Err(client_auth::failed()
            .with_debug("The secret does not match.")
            .into());
    };
    app.verified.remember(client_id, hash, secret, now);
    Ok(client)
}

async fn by_assertion(
    app: &AppState,
    client_id: Option<&str>,
    assertion: &str,
    now: Timestamp,
) -> Result<Arc<Client>, Failure> {
    let assertion = Assertion::parse(assertion)?;
    let client_id = assertion.client_id(client_id)?;
    let Some(client) = app.clients.load(&*app.store, client_id).await? else {
        return Err(client_auth::failed()
            .with_debug("There is no such client.")
            .into());
    };
    if client.auth_method() != AuthMethod::PrivateKeyJwt {
        return Err(OAuthError::new(
            ErrorCode::InvalidClient,
            format!(
                "The request holds a 'client_assertion', but the client is registered with \
                 'token_endpoint_auth_method' {}.",
                quoted(client.auth_method_name())
            ),
        )
        .into());
    }
    let by_value = client.metadata().jwks.as_ref();
    let fetched;
    let keys = match by_value.and_then(|jwks| jwks.keys.as_deref()) {
        Some(keys) if !keys.is_empty() => keys,
        _ => {
            fetched = published_keys(app, &client, assertion.kid(), now).await?;
            fetched.as_slice()
        }
    };
    let audiences: Vec<&str> = app.assertion_audiences.iter().map(String::as_str).collect();
    let spent = assertion.check(&client, keys, &audiences, now)?;
    let claim = Claim {
        single_use: SingleUse::ClientAssertion,
        value_hash: tessera_crypto::sha256(
            &[client.id().as_bytes(), &[0], spent.jti.as_bytes()].concat(),
        ),
        attempt: u64::from_le_bytes(app.random::<8>()),
        expires_at: spent.expires_at,
    };
    match app.store.claim(&claim, now).await? {
        ClaimOutcome::Fresh => Ok(client),
        ClaimOutcome::Replayed => Err(OAuthError::new(
            ErrorCode::InvalidClient,
            "The 'jti' of the 'client_assertion' was used before; sign a new assertion for every request.",
        )
        .into()),
    }
}

/// The keys that the client publishes at its `jwks_uri`.
async fn published_keys(
    app: &AppState,
    client: &Client,
    kid: Option<&str>,
    now: Timestamp,
) -> Result<Arc<Vec<Jwk>>, Failure> {
    let metadata = client.metadata();
    if metadata.jwks_uri.is_empty() {
        return Err(OAuthError::new(
            ErrorCode::InvalidClient,
            "The client has neither 'jwks' nor 'jwks_uri', so its assertion cannot be verified.",
        )
        .into());
    }
    app.jwks
        .keys(&app.egress, &metadata.jwks_uri, kid, now)
        .await
        .map_err(|why| {
            Failure::Fault(Fault::temporary(format!(
                "the keys of client {} cannot be fetched: {why}",
                quoted(client.id())
            )))
        })
}
