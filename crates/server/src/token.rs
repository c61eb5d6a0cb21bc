//! Makes and reads access tokens in the form that the client and the server chose.

use tessera_crypto::OsEntropy;
use tessera_crypto::jose::Jws;
use tessera_protocol::client::Client;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::access::{AccessToken, ReadToken};
use tessera_protocol::token::{jwt_access, opaque};
use uuid::Uuid;

use crate::cache::keys::ACCESS_TOKEN_SET;
use crate::config::AccessTokenStrategy;
use crate::reply::Fault;
use crate::state::AppState;
use crate::watch;

/// Whether this client gets JWT access tokens.
pub(crate) fn is_jwt(app: &AppState, client: &Client) -> bool {
    match client.metadata().access_token_strategy.as_str() {
        "jwt" => true,
        "opaque" => false,
        _ => app.settings.strategies.access_token == AccessTokenStrategy::Jwt,
    }
}

/// The wire form of a new token.
pub(crate) async fn issue(
    app: &AppState,
    client: &Client,
    token: &AccessToken,
    now: Timestamp,
) -> Result<String, Fault> {
    if !is_jwt(app, client) {
        let mut wire = String::with_capacity(256);
        let prefix = &app.settings.oauth2.token_prefix.access;
        opaque::seal(token, prefix, &app.seals.access, &OsEntropy, &mut wire);
        return Ok(wire);
    }
    let keys = app.key_set(ACCESS_TOKEN_SET, now).await?;
    let Some(key) = keys.first() else {
        return Err(Fault::permanent(format!(
            "key set '{ACCESS_TOKEN_SET}' is empty"
        )));
    };
    let jti = Uuid::new_v4().to_string();
    let sealing = (&app.seals.reference, &OsEntropy as _);
    jwt_access::sign(token, &jti, &app.issuer, &app.claims, &key.signing, sealing)
        .map_err(|e| Fault::permanent(format!("a token could not be signed: {}", e.0)))
}

/// Reads a token of either form; `None` when it is not one of this server's. Both forms stay good whatever
/// form is issued now.
pub(crate) async fn read(
    app: &AppState,
    wire: &str,
    now: Timestamp,
) -> Result<Option<ReadToken>, Fault> {
    let prefix = &app.settings.oauth2.token_prefix.access;
    if wire.starts_with(prefix.as_str()) {
        return Ok(opaque::open(wire, prefix, &app.seals.access));
    }
    let Ok(jws) = Jws::parse(wire) else {
        return Ok(None);
    };
    let Some(kid) = jws.header.kid.as_deref() else {
        return Ok(None);
    };
    let mut keys = app.key_set(ACCESS_TOKEN_SET, now).await?;
    if !keys.iter().any(|key| key.signing.kid() == kid) {
        // Another process may have made this key a moment ago.
        watch::look_again(app, now).await?;
        keys = app.key_set(ACCESS_TOKEN_SET, now).await?;
    }
    let verified = keys.iter().any(|key| {
        key.signing.kid() == kid
            && key.signing.alg().as_str() == jws.header.alg
            && jws.verify(&key.verifying)
    });
    Ok(if verified {
        jwt_access::read(&jws, &app.issuer, &app.seals.reference)
    } else {
        None
    })
}
