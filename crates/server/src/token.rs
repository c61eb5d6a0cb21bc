//! Makes and reads access tokens in the form that the client and the server chose.
//!
//! Invariant: what is issued can be read back: a JWT that this server would not look at is refused instead.

use tessera_crypto::OsEntropy;
use tessera_crypto::jose::{JWS_CHARS_MAX, Jws};
use tessera_protocol::client::Client;
use tessera_protocol::grant::record::{GrantContent, GrantId, GrantRecord, SessionClaims};
use tessera_protocol::scope;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::access::{AccessToken, ReadToken};
use tessera_protocol::token::{jwt_access, opaque};
use uuid::Uuid;

use crate::cache::keys::ACCESS_TOKEN_SET;
use crate::config::AccessTokenStrategy;
use crate::reply::Fault;
use crate::state::AppState;
use crate::{at_rest, ids, watch};

/// Whether this client gets JWT access tokens.
pub(crate) fn is_jwt(app: &AppState, client: &Client) -> bool {
    let by_default = app.settings.strategies.access_token == AccessTokenStrategy::Jwt;
    client.metadata().gets_jwt(by_default)
}

/// The id of the key that signs a client's next access token; empty where it gets opaque ones.
pub(crate) async fn kid(app: &AppState, client: &Client, now: Timestamp) -> Result<String, Fault> {
    if !is_jwt(app, client) {
        return Ok(String::new());
    }
    let keys = app.key_set(ACCESS_TOKEN_SET, now).await?;
    let kid = keys.first().map(|key| key.signing.kid().to_owned());
    Ok(kid.unwrap_or_default())
}

/// The wire form of a new token.
pub(crate) async fn issue(
    app: &AppState,
    client: &Client,
    token: &AccessToken,
    now: Timestamp,
) -> Result<String, Fault> {
    if !is_jwt(app, client) {
        return seal_opaque(app, token, now).await;
    }
    let keys = app.key_set(ACCESS_TOKEN_SET, now).await?;
    let Some(key) = keys.first() else {
        return Err(Fault::permanent(format!(
            "key set '{ACCESS_TOKEN_SET}' is empty"
        )));
    };
    let jti = Uuid::new_v4().to_string();
    let sealing = (&app.seals.reference, &OsEntropy as _);
    let wire = jwt_access::sign(token, &jti, &app.issuer, &app.claims, &key.signing, sealing)
        .map_err(|e| Fault::permanent(format!("a token could not be signed: {}", e.0)))?;
    if wire.len() > JWS_CHARS_MAX {
        return Err(too_long(&token.client_id, wire.len()));
    }
    Ok(wire)
}

/// A JWT holds all its claims, so what an app or a hook may add has an end.
fn too_long(client_id: &str, chars: usize) -> Fault {
    Fault::permanent(format!(
        "an access token for client '{client_id}' was not issued: as a JWT it would have {chars} characters, and more \
         than {JWS_CHARS_MAX} are never read; let the token hook or the consent app give fewer claims, or set the \
         client's access_token_strategy (or strategies.access_token) to opaque, which keeps them out of the token"
    ))
}

/// An opaque token. Claims that would make a machine's long are kept in a grant, as those of a person are; a person's
/// token never holds them.
async fn seal_opaque(app: &AppState, token: &AccessToken, now: Timestamp) -> Result<String, Fault> {
    let prefix = &app.settings.oauth2.token_prefix.access;
    let sealed = |token: &AccessToken| {
        let mut wire = String::with_capacity(256);
        opaque::seal(token, prefix, &app.seals.access, &OsEntropy, &mut wire);
        wire
    };
    let wire = sealed(token);
    if !opaque::is_long(token, &wire) {
        return Ok(wire);
    }
    let kept = AccessToken {
        ext_grant: Some(keep_claims(app, token, now).await?),
        ..token.clone()
    };
    Ok(sealed(&kept))
}

/// Keeps the custom claims of a machine's token. The grant is nobody's: it has no subject, so that nothing that is done
/// about a person, who may be named as the client is, touches it; and it ends when the token has.
async fn keep_claims(
    app: &AppState,
    token: &AccessToken,
    now: Timestamp,
) -> Result<GrantId, Fault> {
    let grant_id = app.fresh_id();
    let claims = SessionClaims {
        access_token: serde_json::from_str(&token.ext)
            .map_err(|e| Fault::permanent(e.to_string()))?,
        ..SessionClaims::default()
    };
    let mut grant = GrantRecord {
        grant_id,
        client_id: token.client_id.clone(),
        subject: String::new(),
        sid: None,
        requested_at: now,
        remembered_until: None,
        tokens_until: token.revoked_until(),
        server_epoch: token.server_epoch,
        was_asked: false,
        content: GrantContent {
            scope: scope::split(&token.scope).map(str::to_owned).collect(),
            audience: token.audience.clone(),
            handled_at: now,
            // It stands for the flow to which seals are bound.
            login_challenge: ids::hex(&grant_id),
            ..GrantContent::default()
        },
        session: Vec::new(),
        context: Vec::new(),
    };
    grant.session = at_rest::seal_claims(app, &grant, &claims)?;
    app.store.keep_grant(&grant, now).await?;
    Ok(grant_id)
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
