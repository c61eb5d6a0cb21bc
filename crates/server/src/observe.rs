//! What happens around every request: its path is tidied, its answer is counted and logged.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::config::{Listener, Serve};
use crate::metrics::Answered;
use crate::pages::fallback::notice;
use crate::state::App;
use crate::{cors, no_route, termination};

/// Compat: v26 says this on every answer to GET that says nothing else.
const NEVER_CACHED: HeaderValue =
    HeaderValue::from_static("private, no-cache, no-store, must-revalidate");

/// Adds the fallbacks of a port and what stands around all of its routes, the observer outermost.
pub(crate) fn wrap(router: Router, app: App, port: Port) -> Router {
    let router = router
        .fallback(async |headers: HeaderMap| no_route::not_found(&headers))
        .method_not_allowed_fallback(async || no_route::method_not_allowed());
    let router = cors::wrap(router, &app, port);
    let listener = port.listener(&app.settings.serve);
    let router = termination::wrap(router, &app.settings, listener);
    let quiet_probes = listener.request_log.disable_for_health;
    router.layer(from_fn_with_state((app, quiet_probes), observe))
}

/// The listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Public,
    Admin,
}

impl Port {
    /// Its settings.
    pub(crate) fn listener(self, serve: &Serve) -> &Listener {
        match self {
            Self::Public => &serve.public,
            Self::Admin => &serve.admin,
        }
    }
}

async fn observe(
    State((app, quiet_probes)): State<(App, bool)>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let uri = request.uri().clone();
    let announced = content_length(request.headers());
    let mut reply = next.run(request).await;
    if method == Method::GET && !reply.headers().contains_key(CACHE_CONTROL) {
        reply.headers_mut().insert(CACHE_CONTROL, NEVER_CACHED);
    }
    let took = started.elapsed();
    let endpoint = endpoint_label(matched.as_ref());
    app.metrics.request(&Answered {
        endpoint,
        method: &method,
        code: reply.status().as_u16(),
        took,
        request_bytes: announced,
        response_bytes: axum::body::HttpBody::size_hint(reply.body()).lower(),
    });
    if !(quiet_probes && is_probe(uri.path())) {
        log(&method, uri.path(), &reply, took);
    }
    reply
}

/// Whether orchestrators and monitoring ask for this path, with the prefix of the admin port or without.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(
        path.strip_prefix("/admin").unwrap_or(path),
        "/health/alive" | "/health/ready" | "/metrics/prometheus"
    )
}

fn log(method: &Method, path: &str, reply: &Response, took: Duration) {
    // Security: neither query nor headers nor bodies: each of them may hold a secret.
    tracing::info!(
        target: "access",
        method = method.as_str(),
        path,
        status = reply.status().as_u16(),
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "completed handling request"
    );
}

fn content_length(headers: &HeaderMap) -> u64 {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

/// The route template as a label. The templates are few, so their texts live for ever.
fn endpoint_label(matched: Option<&MatchedPath>) -> &'static str {
    use std::sync::{PoisonError, RwLock};
    static LABELS: RwLock<Vec<(String, &'static str)>> = RwLock::new(Vec::new());
    let Some(matched) = matched.map(MatchedPath::as_str) else {
        return "";
    };
    {
        let known = LABELS.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, label)) = known.iter().find(|(template, _)| template == matched) {
            return label;
        }
    }
    // Compat: every placeholder reads `{param}`.
    let label: &'static str = matched.replace("{id}", "{param}").leak();
    LABELS
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .push((matched.to_owned(), label));
    label
}

/// Routes a request after tidying its path.
///
/// Compat: exactly one trailing slash is forgiven; an unclean path is redirected to the clean one; a letter that was
/// escaped without need is the letter.
pub(crate) async fn route(router: Router, mut request: Request) -> Result<Response, Infallible> {
    let path = request.uri().path();
    if is_unclean(path) && !path.ends_with("//") {
        return Ok(redirect(&request));
    }
    let has_slash = path.len() > 1 && path.ends_with('/') && !path.ends_with("//");
    if has_slash || path.contains('%') {
        let kept = if has_slash {
            path.strip_suffix('/').unwrap_or(path)
        } else {
            path
        };
        let tidy = unescape_unreserved(kept);
        if let Some(uri) = with_path(request.uri(), &tidy) {
            *request.uri_mut() = uri;
        }
    }
    let is_head = request.method() == Method::HEAD;
    let mut reply = tower::ServiceExt::oneshot(router, request).await?;
    if is_head {
        *reply.body_mut() = Body::empty();
    }
    match reply.status() {
        StatusCode::METHOD_NOT_ALLOWED => sort_allow(reply.headers_mut()),
        // The router says so where it has no route for OPTIONS, though a preflight was answered around it.
        StatusCode::NO_CONTENT => {
            reply.headers_mut().remove(ALLOW);
        }
        _ => {}
    }
    Ok(reply)
}

fn redirect(request: &Request) -> Response {
    let mut location = clean(request.uri().path());
    if let Some(query) = request.uri().query() {
        location.push('?');
        location.push_str(query);
    }
    let mut reply = notice("Moved", "This path is written shorter.")
        .status(StatusCode::TEMPORARY_REDIRECT)
        .into_reply();
    let headers = reply.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(LOCATION, location);
    }
    if request.method() == Method::GET {
        headers.insert(CACHE_CONTROL, NEVER_CACHED);
    }
    reply
}

/// Spec: RFC 3986 6.2.2.2: `%68` is `h`. What has a meaning of its own, such as `%2F`, stays escaped.
fn unescape_unreserved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let decoded = tail
            .get(1..3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded.map(char::from) {
            Some(c) if c.is_ascii_alphanumeric() || "-._~".contains(c) => {
                out.push(c);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                out.push('%');
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Compat: `Allow: DELETE, GET, HEAD`, sorted, comma and blank.
fn sort_allow(headers: &mut HeaderMap) {
    let Some(value) = headers.get(ALLOW).and_then(|v| v.to_str().ok()) else {
        return;
    };
    let mut methods: Vec<&str> = value.split(',').map(str::trim).collect();
    methods.sort_unstable();
    if let Ok(sorted) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert(ALLOW, sorted);
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

fn is_unclean(path: &str) -> bool {
    path.contains("//")
        || path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
}

fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_no_escape_is_unescaped() {
        assert_eq!(
            unescape_unreserved("/%68ealth/a%2Fb%zz%"),
            "/health/a%2Fb%zz%"
        );
    }

    #[test]
    fn unclean_paths_are_cleaned() {
        for (path, want) in [
            ("//a/b", "/a/b"),
            ("/a//b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/x/../a", "/a"),
            ("/..", "/"),
        ] {
            assert!(is_unclean(path));
            assert_eq!(clean(path), want);
        }
        assert!(!is_unclean("/a/b..c/.well-known"));
    }
}
