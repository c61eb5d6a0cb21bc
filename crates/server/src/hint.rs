//! `id_token_hint`: an ID token of this server, as a statement about who is meant.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.1; OpenID Connect RP-Initiated Logout 1.0 2
//!
//! Compat: signed with any key that is still published, so that a rotation of keys breaks nothing.

use tessera_crypto::jose::Jws;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::id_token_hint::{Hint, read_hint};

use crate::reply::Fault;
use crate::signing;
use crate::state::AppState;

/// Reads a hint; `None` when there is none.
pub(crate) async fn read(
    app: &AppState,
    wire: &str,
    now: Timestamp,
) -> Result<Result<Option<Hint>, OAuthError>, Fault> {
    let refuse = |hint: &'static str| Ok(Err(OAuthError::new(ErrorCode::InvalidRequest, hint)));
    if wire.is_empty() {
        return Ok(Ok(None));
    }
    let Ok(jws) = Jws::parse(wire) else {
        return refuse("Parameter 'id_token_hint' is no signed JSON Web Token.");
    };
    if !signing::is_ours(app, &jws, now).await? {
        return refuse("Parameter 'id_token_hint' is not signed with a key of this server.");
    }
    let read = read_hint(&jws, &app.issuer);
    Ok(read
        .map(Some)
        .map_err(|e| OAuthError::new(ErrorCode::InvalidRequest, e.to_string())))
}
