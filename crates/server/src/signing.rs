//! Keys for ID tokens and logout tokens: one set per algorithm, so that each client gets the one it registered for.
//!
//! Compat: the server's own algorithm has the set that Hydra names; others have it as a prefix.

use tessera_crypto::jose::{Alg, Jws};
use tessera_protocol::client::Client;
use tessera_protocol::registration::ID_TOKEN_ALGS;
use tessera_protocol::time::Timestamp;

use crate::cache::keys::{ID_TOKEN_SET, KeySet};
use crate::reply::Fault;
use crate::state::AppState;

/// The keys that sign for this client, newest first.
pub(crate) async fn keys_for(
    app: &AppState,
    client: &Client,
    now: Timestamp,
) -> Result<KeySet, Fault> {
    keys_of(app, &client.metadata().id_token_signed_response_alg, now).await
}

/// The keys that sign userinfo for this client, newest first.
pub(crate) async fn keys_for_userinfo(
    app: &AppState,
    client: &Client,
    now: Timestamp,
) -> Result<KeySet, Fault> {
    keys_of(app, &client.metadata().userinfo_signed_response_alg, now).await
}

async fn keys_of(app: &AppState, registered: &str, now: Timestamp) -> Result<KeySet, Fault> {
    let other = other_sets(app).find(|(_, alg)| alg.as_str() == registered);
    match other {
        Some((set, alg)) => app.key_set_of(&set, alg, now).await,
        None => app.key_set(ID_TOKEN_SET, now).await,
    }
}

/// The sets whose public keys are published beside the server's own.
pub(crate) fn other_sets(app: &AppState) -> impl Iterator<Item = (String, Alg)> {
    let own = app.keys.alg();
    ID_TOKEN_ALGS
        .into_iter()
        .filter(move |alg| *alg != own)
        .map(|alg| (set_name(alg), alg))
}

fn set_name(alg: Alg) -> String {
    format!("{ID_TOKEN_SET}.{}", alg.as_str())
}

/// Whether one of the published ID token keys signed this.
pub(crate) async fn is_ours(app: &AppState, jws: &Jws<'_>, now: Timestamp) -> Result<bool, Fault> {
    let signed_by = |keys: &KeySet| {
        keys.iter().any(|key| {
            Some(key.signing.kid()) == jws.header.kid.as_deref()
                && key.signing.alg().as_str() == jws.header.alg
                && jws.verify(&key.verifying)
        })
    };
    if signed_by(&app.key_set(ID_TOKEN_SET, now).await?) {
        return Ok(true);
    }
    let other = other_sets(app).find(|(_, alg)| alg.as_str() == jws.header.alg);
    match other {
        Some((set, _)) => Ok(signed_by(&app.known_key_set(&set).await?)),
        None => Ok(false),
    }
}
