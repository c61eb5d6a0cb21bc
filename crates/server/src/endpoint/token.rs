//! `POST /oauth2/token`.
//!
//! Spec: RFC 6749 3.2, 5.1; OpenID Connect Core 1.0 3.1.3.3

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use tessera_protocol::client::Client;
use tessera_protocol::grant::client_credentials;
use tessera_protocol::grant::record::SessionClaims;
use tessera_protocol::grant::request::{Grant, TokenRequest, not_offered};
use tessera_protocol::scope;
use tessera_protocol::time::Timestamp;

use crate::hook::{self, Expiries, Facts};
use crate::reply::{self, Failure};
use crate::state::{App, AppState};
use crate::{client_auth, clock, extract, redeem_code, refresh, token};

/// Compat: Hydra sorts the members.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    pub(crate) scope: String,
    pub(crate) token_type: &'static str,
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
    let tokens = match &request.grant {
        Grant::AuthorizationCode(request) => {
            redeem_code::redeem(app, &client, request, &form, now).await?
        }
        Grant::RefreshToken(request) => refresh::refresh(app, &client, request, &form, now).await?,
        Grant::ClientCredentials(request) => machine(app, &client, request, &form, now).await?,
        Grant::NotOffered(grant_type) => return Err(not_offered(&client, grant_type).into()),
    };
    Ok(reply::data_plane(StatusCode::OK, reply::to_json(&tokens)))
}

async fn machine(
    app: &AppState,
    client: &Client,
    request: &client_credentials::Request<'_>,
    form: &[u8],
    now: Timestamp,
) -> Result<Tokens, Failure> {
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
    let mut granted = client_credentials::decide(request, client, &context)?;
    if app.settings.oauth2.token_hook.is_some() {
        let listed = |text: &str| scope::split(text).map(str::to_owned).collect::<Vec<_>>();
        let facts = Facts {
            grant_type: client_credentials::GRANT_TYPE,
            client_id: client.id(),
            requested_scope: &listed(&request.scope),
            granted_scope: &listed(&granted.scope),
            granted_audience: &granted.audience,
            payload: &hook::payload(form),
            subject: client.id(),
            session: &SessionClaims::default(),
            now,
            expiries: Expiries {
                access_token: granted.expires_at,
                ..Expiries::default()
            },
            grant: None,
            id_token_kid: "",
            access_token_kid: &token::kid(app, client, now).await?,
        };
        if let Some(session) = hook::run(app, &facts).await? {
            granted.set_claims(&session);
        }
    }
    Ok(Tokens {
        access_token: token::issue(app, client, &granted, now).await?,
        expires_in: granted.expires_in(now),
        scope: granted.scope,
        token_type: "bearer",
        ..Tokens::default()
    })
}
