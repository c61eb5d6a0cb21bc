//! Writes answers: the two error forms, and JSON as the reference server prints it.
//!
//! Compat: data-plane answers say `application/json;charset=UTF-8` and end without a newline; everything else
//! says `application/json; charset=utf-8` and ends with one; errors of the admin form have no charset.

use std::borrow::Cow;
use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_store::StoreError;

use crate::pages::html;

const DATA_PLANE_JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");
/// The type of JSON answers outside of the data plane.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const ERROR_JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// Seconds after which a refused request is worth another try.
const RETRY_SECS: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An OAuth 2.0 error, in the form of the data plane.
    OAuth(OAuthError),
    /// The same, where the client tried HTTP Basic: a 401 names that scheme.
    OAuthBasic(OAuthError),
    /// An error of the admin API.
    Admin(AdminError),
    /// The server's own failure; its text never reaches a client.
    Fault(Fault),
}

/// An error of the admin API: `error` and `error_description`, with a status.
#[derive(Debug)]
pub(crate) struct AdminError {
    /// HTTP status.
    pub status: StatusCode,
    /// `error`.
    pub error: &'static str,
    /// `error_description`; may be empty.
    pub description: Cow<'static, str>,
}

/// A failure of the server or of what it depends on.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What failed, for the log.
    pub source: String,
    /// Whether a later try may succeed.
    pub is_temporary: bool,
    /// Whether callers caused it by asking too much; then it is no news for the log.
    pub is_overload: bool,
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self::Admin(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self {
            is_temporary: matches!(error, StoreError::Unavailable(_)),
            source: error.to_string(),
            is_overload: false,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl Fault {
    /// A failure that another try will not cure.
    pub(crate) fn permanent(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            is_temporary: false,
            is_overload: false,
        }
    }

    /// A failure that may pass.
    pub(crate) fn temporary(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            is_temporary: true,
            is_overload: false,
        }
    }

    /// What callers are told; the rest is for the log, which gets it here.
    pub(crate) fn told(&self) -> OAuthError {
        if self.is_overload {
            tracing::debug!(source = %self.source, "A request was refused to bound the load.");
        } else {
            tracing::error!(source = %self.source, "A request failed because of the server itself.");
        }
        match self.is_temporary {
            true => OAuthError::new(ErrorCode::TemporarilyUnavailable, "Try again in a moment."),
            false => OAuthError::new(ErrorCode::ServerError, "The log of the server says why."),
        }
    }

    /// Says when another try may succeed, if one may.
    pub(crate) fn add_pause(&self, reply: &mut Response) {
        if self.is_temporary {
            reply.headers_mut().insert(RETRY_AFTER, RETRY_SECS);
        }
    }

    /// More was asked than can be done in time.
    pub(crate) fn overload(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            is_temporary: true,
            is_overload: true,
        }
    }
}

impl AdminError {
    /// 400 with the general sentence for malformed requests.
    pub(crate) fn bad_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "The request was malformed or contained invalid parameters",
            description: description.into(),
        }
    }

    /// 404 for a row that is not there.
    pub(crate) const fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: "Unable to locate the resource",
            description: Cow::Borrowed(""),
        }
    }

    /// 409 for an id that is taken.
    pub(crate) const fn conflict() -> Self {
        Self {
            status: StatusCode::CONFLICT,
            error: "Unable to insert or update resource because a resource with that value exists already",
            description: Cow::Borrowed(""),
        }
    }

    /// A metadata rule that was broken, in the admin form.
    pub(crate) fn metadata(error: &OAuthError) -> Self {
        Self {
            status: status(error.code),
            error: error.code.wire(),
            description: Cow::Owned(error.full_description(false)),
        }
    }
}

/// How errors are shown: `oauth2.expose_internal_errors` and v1's `oauth2.include_legacy_error_fields`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ErrorStyle {
    /// Whether debug texts are shown.
    pub expose_debug: bool,
    /// Whether hint, status and debug are members of their own.
    pub legacy_fields: bool,
}

#[derive(Default, Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_debug: Option<&'a str>,
}

impl Failure {
    /// The answer.
    pub(crate) fn into_reply(self, style: ErrorStyle) -> Response {
        match self {
            Self::OAuth(error) => oauth_error(&error, style),
            Self::OAuthBasic(error) => {
                let mut reply = oauth_error(&error, style);
                if reply.status() == StatusCode::UNAUTHORIZED {
                    reply.headers_mut().insert(
                        WWW_AUTHENTICATE,
                        HeaderValue::from_static(
                            "Basic realm=\"oauth2\", charset=\"UTF-8\", error=\"invalid_client\"",
                        ),
                    );
                }
                reply
            }
            Self::Admin(error) => admin_error(&error),
            Self::Fault(fault) => {
                let mut reply = oauth_error(&fault.told(), style);
                fault.add_pause(&mut reply);
                reply
            }
        }
    }
}

/// The status of an error.
pub(crate) fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn oauth_error(error: &OAuthError, style: ErrorStyle) -> Response {
    let full = error.full_description(style.expose_debug && !style.legacy_fields);
    let mut body = ErrorBody {
        error: error.code.wire(),
        error_description: &full,
        ..ErrorBody::default()
    };
    if style.legacy_fields {
        body.error_description = error.description();
        body.error_hint = full
            .strip_prefix(error.description())
            .map(str::trim)
            .filter(|hint| !hint.is_empty());
        body.status_code = Some(error.code.status());
        body.error_debug = error.debug.as_deref().filter(|_| style.expose_debug);
    }
    data_plane(status(error.code), to_json(&body))
}

fn admin_error(error: &AdminError) -> Response {
    let body = ErrorBody {
        error: error.error,
        error_description: &error.description,
        ..ErrorBody::default()
    };
    let mut reply = (error.status, with_newline(to_json(&body))).into_response();
    reply.headers_mut().insert(CONTENT_TYPE, ERROR_JSON);
    reply
}

/// An answer of the token, introspection and revocation endpoints: never cached.
pub(crate) fn data_plane(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, DATA_PLANE_JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(PRAGMA, NO_CACHE);
    reply
}

/// 200 without a body, never cached: a revocation that is done.
pub(crate) fn done() -> Response {
    let mut reply = Response::new(Body::empty());
    reply.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    reply.headers_mut().insert(PRAGMA, NO_CACHE);
    reply
}

/// A JSON answer of the admin form.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    json_bytes(status, with_newline(to_json(body)))
}

/// JSON that was printed before.
pub(crate) fn json_bytes(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// 201 with the place of what was made.
pub(crate) fn created(location: &str, body: &impl Serialize) -> Response {
    let mut reply = json(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::from_bytes(location.as_bytes()) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

/// 302.
pub(crate) fn found(url: &str) -> Response {
    let mut reply = Response::default();
    *reply.status_mut() = StatusCode::FOUND;
    if let Ok(url) = HeaderValue::from_str(url) {
        reply.headers_mut().insert(LOCATION, url);
    }
    reply
}

/// 303: the browser goes on with GET, whatever came before.
pub(crate) fn see_other(url: &str) -> Response {
    let mut reply = found(url);
    *reply.status_mut() = StatusCode::SEE_OTHER;
    reply
}

/// The answer of a page that is visited by either method.
///
/// Compat: a 302 to GET has a small body with a link.
pub(crate) fn to_visit(mut reply: Response, method: &Method) -> Response {
    if reply.status() == StatusCode::FOUND
        && [Method::GET, Method::HEAD].contains(method)
        && let Some(url) = reply.headers().get(LOCATION).and_then(|v| v.to_str().ok())
    {
        let link = format!("<a href=\"{}\">Found</a>.\n\n", html::escape(url));
        *reply.body_mut() = link.into();
        reply.headers_mut().insert(CONTENT_TYPE, HTML);
    }
    reply
}

/// Sees to it that an answer to POST is not cached; answers to GET never are.
pub(crate) fn uncached(mut reply: Response, method: &Method) -> Response {
    if *method == Method::POST {
        reply.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    }
    reply
}

/// 204.
pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// JSON text with a newline at the end.
pub(crate) fn with_newline(mut json: Vec<u8>) -> Vec<u8> {
    json.push(b'\n');
    json
}

/// JSON as Go prints it: `<`, `>`, `&` and the two separators of lines and paragraphs are escaped.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut printer = serde_json::Serializer::with_formatter(&mut out, GoFormatter);
    if let Err(error) = value.serialize(&mut printer) {
        tracing::error!(%error, "A value could not be printed as JSON.");
    }
    out
}

struct GoFormatter;

/// The byte that both separators begin with in UTF-8, and other characters do as well.
const SEPARATOR_LEAD: u8 = 0xe2;

impl serde_json::ser::Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let may_be_special = |b: u8| matches!(b, b'<' | b'>' | b'&' | SEPARATOR_LEAD);
        let mut rest = fragment;
        while let Some(at) = rest.bytes().position(may_be_special) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            match chars.next() {
                Some(special @ ('<' | '>' | '&' | '\u{2028}' | '\u{2029}')) => {
                    write!(writer, "\\u{:04x}", u32::from(special))?;
                }
                Some(other) => writer.write_all(other.encode_utf8(&mut [0; 4]).as_bytes())?,
                None => {}
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_as_go_escapes_it() {
        let json = to_json(&["a<b>&\u{2028}€…", "\"ü\n"]);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"["a\u003cb\u003e\u0026\u2028€…","\"ü\n"]"#
        );
    }
}
