//! `POST /oauth2/revoke`.
//!
//! Spec: RFC 7009

use axum::extract::{Request, State};
use axum::response::Response;
use tessera_protocol::client::Client;
use tessera_protocol::grant::record::SessionClaims;
use tessera_protocol::introspect::TokenQuery;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::access::ReadToken;

use crate::reply::{self, Failure, Fault};
use crate::state::{App, AppState};
use crate::{client_auth, clock, extract, live_token, refresh, token};

/// Revokes a token of the authenticated client. Any other token is left alone, with the same answer.
pub(crate) async fn post(State(app): State<App>, request: Request) -> Response {
    respond(&app, request)
        .await
        .unwrap_or_else(|failure| failure.into_reply(app.error_style))
}

async fn respond(app: &AppState, request: Request) -> Result<Response, Failure> {
    let now = clock::now();
    let (headers, form) = extract::form(request).await?;
    let query = TokenQuery::parse(&form, extract::basic(&headers)?)?;
    let client = client_auth::authenticate(app, &query.presented, now).await?;
    // Compat: a request that names no token is answered like one that names an unknown one.
    revoke(app, &client, &query.token, now).await?;
    Ok(reply::done())
}

/// No claim is opened: a revocation holds although the secret that sealed them is gone.
///
/// Compat: either token of a person takes the whole chain along, as in Hydra.
async fn revoke(app: &AppState, client: &Client, wire: &str, now: Timestamp) -> Result<(), Fault> {
    if wire.starts_with(app.settings.oauth2.token_prefix.refresh.as_str()) {
        if let Some(stored) = refresh::find_stored(app, wire).await? {
            let unopened = SessionClaims::default();
            let found = refresh::facts(&stored, &unopened);
            let is_own = found.grant.client_id == client.id();
            // Compat: a token that was used before, and no longer may be, changes nothing.
            if is_own && found.is_live && found.is_usable(refresh::grace(app), now) {
                app.store.revoke_grant(found.grant.grant_id).await?;
            }
        }
        return Ok(());
    }
    let read = token::read(app, wire, now).await?;
    match read.filter(|read| !read.has_expired(now)) {
        Some(ReadToken::Machine { token, token_id }) if token.client_id == client.id() => {
            match token.ext_grant {
                None => {
                    let until = token.revoked_until();
                    app.store.revoke_token(token_id, until).await?;
                }
                Some(grant_id) => app.store.revoke_grant(grant_id).await?,
            }
        }
        Some(read @ ReadToken::Person(_)) => {
            let grant = live_token::grant_of(app, &read).await?;
            if let Some(own) = grant.filter(|grant| grant.client_id == client.id()) {
                app.store.revoke_grant(own.grant_id).await?;
            }
        }
        _ => {}
    }
    Ok(())
}
