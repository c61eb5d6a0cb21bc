//! Introspection: unauthenticated on the admin port, for authenticated clients on the public one.
//!
//! Spec: RFC 7662

use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use tessera_protocol::introspect::{TokenQuery, describe, may_see};
use tessera_protocol::token::access::ReadToken;
use tessera_store::{Liveness, TokenAnchor};

use crate::reply::{self, Failure};
use crate::state::{App, AppState};
use crate::{client_auth, clock, extract, token};

/// Every negative answer is these bytes.
const INACTIVE: &[u8] = b"{\"active\":false}\n";

/// The admin port's: shows every token.
pub(crate) async fn admin(State(app): State<App>, request: Request) -> Response {
    respond(&app, request, false)
        .await
        .unwrap_or_else(|failure| failure.into_reply(app.error_style))
}

/// The public port's: shows an authenticated client its own tokens and those meant for it.
pub(crate) async fn public(State(app): State<App>, request: Request) -> Response {
    respond(&app, request, true)
        .await
        .unwrap_or_else(|failure| failure.into_reply(app.error_style))
}

async fn respond(
    app: &AppState,
    request: Request,
    wants_client: bool,
) -> Result<Response, Failure> {
    let now = clock::now();
    let (headers, form) = extract::form(request).await?;
    let basic = if wants_client {
        extract::basic(&headers)?
    } else {
        None
    };
    let query = TokenQuery::parse(&form, basic)?;
    let client = match wants_client {
        true => Some(client_auth::authenticate(app, &query.presented, now).await?),
        false => None,
    };
    if client.as_ref().is_some_and(|client| client.is_public()) {
        // Spec: RFC 7662 2.1: the endpoint requires some form of authorization.
        let refused = tessera_protocol::client_auth::failed();
        return Err(match query.presented.used_basic() {
            true => Failure::OAuthBasic(refused),
            false => refused.into(),
        });
    }
    let read = token::read(app, &query.token, now).await?;
    let seen = read.filter(|read| {
        client
            .as_ref()
            .is_none_or(|client| may_see(client.id(), &read.token))
    });
    let Some(ReadToken { token, token_id }) = seen else {
        return Ok(inactive(app));
    };
    let Some(active) = describe(&token, &app.issuer, &query.scope, app.scope_strategy, now) else {
        return Ok(inactive(app));
    };
    let anchor = TokenAnchor {
        token_id,
        client_id: &token.client_id,
        client_epoch: token.client_epoch,
        server_epoch: token.server_epoch,
    };
    Ok(match app.store.check_live(&anchor).await? {
        Liveness::Live => {
            reply::data_plane(StatusCode::OK, reply::with_newline(reply::to_json(&active)))
        }
        Liveness::Revoked => inactive(app),
    })
}

fn inactive(app: &AppState) -> Response {
    app.metrics
        .inactive_introspections
        .fetch_add(1, Ordering::Relaxed);
    reply::data_plane(StatusCode::OK, INACTIVE)
}
