//! `GET /.well-known/jwks.json`: the public halves of all published keys.
//!
//! Spec: RFC 7517 5

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tessera_crypto::jose::JwkSet;

use crate::cache::keys::{ACCESS_TOKEN_SET, ID_TOKEN_SET};
use crate::reply::{self, Failure};
use crate::state::{App, AppState};
use crate::{clock, signing, watch};

/// Answers the set.
pub(crate) async fn get(State(app): State<App>) -> Response {
    respond(&app)
        .await
        .unwrap_or_else(|failure| failure.into_reply(app.error_style))
}

async fn respond(app: &AppState) -> Result<Response, Failure> {
    let now = clock::now();
    // A key that another process signs with already must be in the answer.
    watch::look_again(app, now).await?;
    let configured = app
        .settings
        .webfinger
        .jwks
        .broadcast_keys
        .iter()
        .map(String::as_str);
    let mut sets: Vec<&str> = Vec::new();
    for set in configured.chain([ACCESS_TOKEN_SET, ID_TOKEN_SET]) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    let mut published = JwkSet { keys: Vec::new() };
    for set in sets {
        let keys = app.key_set(set, now).await?;
        published
            .keys
            .extend(keys.iter().map(|key| key.public.clone()));
    }
    // Keys of other algorithms are there once a client asked for one.
    for (set, _) in signing::other_sets(app) {
        let keys = app.known_key_set(&set).await?;
        published
            .keys
            .extend(keys.iter().map(|key| key.public.clone()));
    }
    Ok(reply::json(StatusCode::OK, &published))
}
