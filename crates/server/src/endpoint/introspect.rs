//! Introspection: unauthenticated on the admin port, for authenticated clients on the public one.
//!
//! Spec: RFC 7662

use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use tessera_protocol::introspect::{
    Active, Question, TokenQuery, describe, describe_refresh, may_see, may_see_grant,
};
use tessera_protocol::token::access::ReadToken;

use crate::live_token::{self, LiveToken};
use crate::reply::{self, Failure};
use crate::state::{App, AppState};
use crate::{client_auth, clock, extract, refresh, token};

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
    let question = Question {
        issuer: &app.issuer,
        required_scope: &query.scope,
        strategy: app.scope_strategy,
        now,
    };
    let asker = client.as_ref().map(|client| client.id());
    let prefix = &app.settings.oauth2.token_prefix.refresh;
    if query.token.starts_with(prefix.as_str()) {
        return refresh_token(app, &query.token, asker, &question).await;
    }
    access_token(app, &query.token, asker, &question).await
}

/// Every check that needs no read comes first.
async fn access_token(
    app: &AppState,
    wire: &str,
    asker: Option<&str>,
    question: &Question<'_>,
) -> Result<Response, Failure> {
    let read = token::read(app, wire, question.now).await?;
    let may_be_live = read.filter(|read| match read {
        ReadToken::Machine { token, .. } => {
            asker.is_none_or(|asker| may_see(asker, token))
                && describe(token, None, question).is_some()
        }
        ReadToken::Person(_) => !read.has_expired(question.now),
    });
    let live = match may_be_live {
        Some(read) => live_token::check(app, read).await?,
        None => None,
    };
    let seen = live.filter(|live| asker.is_none_or(|asker| may_see(asker, &live.token)));
    let Some(LiveToken { token, person }) = &seen else {
        return Ok(inactive(app));
    };
    let grant = person.as_ref().map(|person| &person.grant);
    Ok(match describe(token, grant, question) {
        Some(active) => shown(active, asker),
        None => inactive(app),
    })
}

async fn refresh_token(
    app: &AppState,
    wire: &str,
    asker: Option<&str>,
    question: &Question<'_>,
) -> Result<Response, Failure> {
    let Some((stored, session)) = refresh::find(app, wire).await? else {
        return Ok(inactive(app));
    };
    let found = refresh::facts(&stored, &session);
    let is_seen = asker.is_none_or(|asker| may_see_grant(asker, found.grant));
    let described = describe_refresh(&found, refresh::grace(app), question);
    Ok(match described.filter(|_| is_seen) {
        Some(active) => shown(active, asker),
        None => inactive(app),
    })
}

fn shown(active: Active<'_>, asker: Option<&str>) -> Response {
    let active = match asker {
        Some(_) => active.for_client(),
        None => active,
    };
    reply::data_plane(StatusCode::OK, reply::with_newline(reply::to_json(&active)))
}

fn inactive(app: &AppState) -> Response {
    app.metrics
        .inactive_introspections
        .fetch_add(1, Ordering::Relaxed);
    reply::data_plane(StatusCode::OK, INACTIVE)
}
