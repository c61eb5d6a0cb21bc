//! Reads what handlers need from a request, within limits.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tessera_protocol::client_auth;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::parameters::Basic;

use crate::multipart;
use crate::reply::{AdminError, Failure};

/// Largest body read.
pub(crate) const BODY_MAX: usize = 1024 * 1024;
/// Longest time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Why a body was not read.
enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

async fn collect(body: Body) -> Result<Bytes, Unread> {
    let limited = Limited::new(body, BODY_MAX).collect();
    match tokio::time::timeout(BODY_TIME, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::Broken),
        Err(_) => Err(Unread::TooSlow),
    }
}

/// The form of a request, as bytes to be parsed. A body of any other content type is an empty form.
///
/// Compat: `multipart/form-data` is read as well, and query parameters never are.
pub(crate) async fn form(request: Request) -> Result<(HeaderMap, Bytes), OAuthError> {
    let (head, body) = request.into_parts();
    let form = form_of(&head.headers, form_body(body).await?)?;
    Ok((head.headers, form))
}

/// The same for whoever comes before the handler, which gets the request as it came.
pub(crate) async fn look_into_form(request: Request) -> Result<(Request, Bytes), OAuthError> {
    let (head, body) = request.into_parts();
    let body = form_body(body).await?;
    // A form that cannot be read is the handler's to refuse.
    let form = form_of(&head.headers, body.clone()).unwrap_or_default();
    Ok((Request::from_parts(head, Body::from(body)), form))
}

async fn form_body(body: Body) -> Result<Bytes, OAuthError> {
    collect(body).await.map_err(|unread| {
        let hint = match unread {
            Unread::TooLarge => "The body is larger than 1 MiB.",
            Unread::TooSlow => "The body did not arrive within 5 seconds.",
            Unread::Broken => "The body ended early.",
        };
        OAuthError::new(ErrorCode::InvalidRequest, hint)
    })
}

fn form_of(headers: &HeaderMap, body: Bytes) -> Result<Bytes, OAuthError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(body);
    }
    if !media.eq_ignore_ascii_case("multipart/form-data") {
        return Ok(Bytes::new());
    }
    let encoded = multipart::to_urlencoded(content_type, &body).ok_or_else(|| {
        OAuthError::new(
            ErrorCode::InvalidRequest,
            "The multipart body cannot be parsed; check its boundary.",
        )
    })?;
    Ok(Bytes::from(encoded))
}

/// The body of an admin request.
pub(crate) async fn admin_body(request: Request) -> Result<Bytes, Failure> {
    collect(request.into_body()).await.map_err(|unread| {
        let refused = |status: StatusCode, description: &'static str| AdminError {
            status,
            ..AdminError::bad_request(description)
        };
        Failure::Admin(match unread {
            Unread::TooLarge => refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request body is larger than 1 MiB.",
            ),
            Unread::TooSlow => refused(
                StatusCode::REQUEST_TIMEOUT,
                "The request body did not arrive within 5 seconds.",
            ),
            Unread::Broken => refused(StatusCode::BAD_REQUEST, "The request body ended early."),
        })
    })
}

/// User and password of `Authorization: Basic`, if that is what the header says.
pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<Basic<'static>>, OAuthError> {
    let Some(header) = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(None);
    };
    client_auth::decode_basic(header)
        .transpose()
        .map(|decoded| decoded.map(|(user, password)| (user.into(), password.into())))
}
