//! `POST /oauth2/token`.
//!
//! Spec: RFC 6749 3.2

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use tessera_protocol::grant::client_credentials;
use tessera_protocol::grant::request::{Grant, TokenRequest, not_offered};

use crate::reply::{self, Failure};
use crate::state::{App, AppState};
use crate::{client_auth, clock, extract, token};

/// Compat: Hydra sorts the members.
#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    expires_in: i64,
    scope: &'a str,
    token_type: &'static str,
}

/// Answers a token request.
pub(crate) async fn post(State(app): State<App>, request: Request) -> Response {
    respond(&app, request)
        .await
        .unwrap_or_else(|failure| failure.into_reply(app.error_style))
}

async fn respond(app: &AppState, request: Request) -> Result<Response, Failure> {
    let now = clock::now();
    let (headers, form) = extract::form(request).await?;
    let request = TokenRequest::parse(&form, extract::basic(&headers)?)?;
    let client = client_auth::authenticate(app, &request.presented, now).await?;
    let granted = match &request.grant {
        Grant::ClientCredentials(request) => {
            let context = client_credentials::Context {
                now,
                lifespan: app.settings.ttl.access_token,
                scope_strategy: app.scope_strategy,
                grant_all_scopes_by_default: app
                    .settings
                    .oauth2
                    .client_credentials
                    .default_grant_allowed_scope,
                server_epoch: app.server_epoch(),
            };
            client_credentials::decide(request, &client, &context)?
        }
        Grant::NotOffered(grant_type) => return Err(not_offered(&client, grant_type).into()),
    };
    let wire = token::issue(app, &client, &granted, now).await?;
    let body = Body {
        access_token: &wire,
        expires_in: granted.expires_in(now),
        scope: &granted.scope,
        token_type: "bearer",
    };
    Ok(reply::data_plane(StatusCode::OK, reply::to_json(&body)))
}
