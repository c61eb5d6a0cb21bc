//! `POST /oauth2/revoke`.
//!
//! Spec: RFC 7009

use axum::extract::{Request, State};
use axum::response::Response;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::introspect::TokenQuery;

use crate::reply::{self, Failure};
use crate::state::{App, AppState};
use crate::{client_auth, clock, extract, token};

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
    if query.token.is_empty() {
        return Err(
            OAuthError::new(ErrorCode::InvalidRequest, "Parameter 'token' is missing.").into(),
        );
    }
    if let Some(read) = token::read(app, &query.token, now).await?
        && read.token.client_id == client.id()
        && !read.token.has_expired(now)
    {
        app.store
            .revoke_token(read.token_id, read.token.revoked_until())
            .await?;
    }
    Ok(reply::done())
}
