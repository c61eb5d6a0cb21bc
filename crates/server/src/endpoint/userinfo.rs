//! `GET` and `POST /userinfo`.
//!
//! Spec: OpenID Connect Core 1.0 5.3; RFC 6750 3

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tessera_protocol::bearer;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::token::sealed_id;
use tessera_protocol::userinfo;
use uuid::Uuid;

use crate::live_token::{self, LiveToken};
use crate::reply::{self, AdminError, ErrorStyle, Failure, Fault};
use crate::state::{App, AppState};
use crate::{clock, extract, signing, token};

const JWT: HeaderValue = HeaderValue::from_static("application/jwt");
const UNKNOWN: &str = "The access token is unknown or was revoked.";

/// Answers by either method.
pub(crate) async fn any(State(app): State<App>, request: Request) -> Response {
    let method = request.method().clone();
    let reply = match respond(&app, request).await {
        Ok(reply) => reply,
        Err(Failure::OAuth(error)) => challenged(&error),
        Err(failure) => failure.into_reply(app.error_style),
    };
    reply::uncached(reply, &method)
}

async fn respond(app: &AppState, request: Request) -> Result<Response, Failure> {
    let now = clock::now();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (headers, form): (HeaderMap, _) = if request.method() == Method::POST {
        extract::form(request).await?
    } else {
        (request.into_parts().0.headers, bytes::Bytes::new())
    };
    let authorization = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let wire = bearer::token(authorization, query.as_bytes(), &form)?;
    let refresh_prefix = &app.settings.oauth2.token_prefix.refresh;
    if sealed_id::open(&wire, refresh_prefix, &app.seals.refresh).is_some() {
        return Ok(not_an_access_token());
    }
    let read = token::read(app, &wire, now).await?;
    if read.as_ref().is_some_and(|read| read.has_expired(now)) {
        return Err(
            OAuthError::new(ErrorCode::InvalidToken, "The access token has expired.").into(),
        );
    }
    let live = match read {
        Some(read) => live_token::check(app, read).await?,
        None => None,
    };
    let Some(LiveToken { token, person }) = live else {
        return Err(OAuthError::new(ErrorCode::RequestUnauthorized, UNKNOWN).into());
    };
    // A client that gave `openid` up for this token did so to keep the person's claims from who gets it.
    let was_granted = person.as_ref().is_some_and(|person| {
        let granted = &person.grant.content.scope;
        granted.iter().any(|scope| scope == "openid")
    });
    if was_granted && !token.has_scope("openid") {
        return Err(OAuthError::new(
            ErrorCode::InsufficientScope,
            "The access token was narrowed and lacks the scope 'openid'.",
        )
        .into());
    }
    let loaded = app.clients.load(&*app.store, &token.client_id).await?;
    let Some(client) = loaded else {
        return Err(OAuthError::new(
            ErrorCode::RequestUnauthorized,
            "The client of the access token does not exist any more.",
        )
        .into());
    };
    let about = person
        .as_ref()
        .map(|person| (&person.grant, &person.session));
    let claims = userinfo::claims(&app.issuer, &token, about);
    if userinfo::signing_alg(&client)?.is_none() {
        return Ok(reply::json(StatusCode::OK, &claims));
    }
    let keys = signing::keys_for_userinfo(app, &client, now).await?;
    let Some(key) = keys.first() else {
        return Err(Fault::permanent("the set of ID token keys is empty").into());
    };
    let jti = Uuid::new_v4().to_string();
    let signed = userinfo::sign(claims, &jti, now.as_secs(), &key.signing)
        .map_err(|e| Fault::permanent(format!("userinfo could not be signed: {}", e.0)))?;
    let mut reply = Response::new(signed.into());
    reply.headers_mut().insert(CONTENT_TYPE, JWT);
    Ok(reply)
}

/// A refresh token was presented.
///
/// Compat: the challenge says so, the body what it says of a token that is unknown.
fn not_an_access_token() -> Response {
    let refresh = OAuthError::new(ErrorCode::InvalidToken, "A refresh token opens nothing.");
    let unknown = OAuthError::new(ErrorCode::RequestUnauthorized, UNKNOWN);
    answer_with(&unknown, &refresh)
}

fn challenged(error: &OAuthError) -> Response {
    answer_with(error, error)
}

/// Spec: RFC 6750 3: a refusal of the token says which scheme is wanted, and why it failed.
///
/// Compat: the body has the form of the admin API.
fn answer_with(body: &OAuthError, error: &OAuthError) -> Response {
    let text = error.full_description(false);
    let challenge = format!(
        "Bearer error=\"{}\",error_description=\"{text}\"",
        error.code.wire()
    );
    let refused = Failure::Admin(AdminError::metadata(body));
    let mut reply = refused.into_reply(ErrorStyle::default());
    if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&reply.status())
        && let Ok(challenge) = HeaderValue::from_str(&challenge)
    {
        reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    reply
}
