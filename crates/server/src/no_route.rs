//! What is answered where there is no such path, or no such method on it.
//!
//! Compat: texts and types as the reference server's router writes them.

use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::pages::fallback::notice;
use crate::reply::JSON;

/// What an unknown path is answered with, in the form that `Accept` prefers.
///
/// Compat: HTML unless the request prefers plain text or JSON; with equal weights plain text comes before JSON.
pub(crate) fn not_found(headers: &HeaderMap) -> Response {
    const REASON: &str = "The requested route does not exist. Make sure you are using the right path, domain, and port.";
    let accept = headers
        .get(ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("*/*");
    let (content_type, body) = match preferred(accept) {
        Form::Json => (
            JSON,
            format!(
                "{{\n  \"error\": {{\n    \"code\": 404,\n    \"message\": \"Not Found\",\n    \"reason\": \"{REASON}\"\n  }}\n}}\n"
            ),
        ),
        Form::Plain => (
            HeaderValue::from_static("text/plain; charset=utf-8"),
            format!("Error 404 - {REASON}"),
        ),
        Form::Html => {
            return notice("404 - Route not found", REASON)
                .status(StatusCode::NOT_FOUND)
                .into_reply();
        }
    };
    let mut reply = (StatusCode::NOT_FOUND, body).into_response();
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Plain,
    Json,
}

fn preferred(accept: &str) -> Form {
    let mut best: Option<(f32, u8, Form)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|p| p.strip_prefix("q="))
            .and_then(|q| q.parse::<f32>().ok())
            .unwrap_or(1.0);
        let (rank, form) = match media {
            "text/html" | "text/*" => (3, Form::Html),
            "text/plain" => (2, Form::Plain),
            "application/json" | "application/*" => (1, Form::Json),
            "*/*" => (0, Form::Html),
            _ => continue,
        };
        if best.is_none_or(|(w, r, _)| weight > w || weight >= w && rank > r) {
            best = Some((weight, rank, form));
        }
    }
    best.map_or(Form::Html, |(_, _, form)| form)
}

/// 405 with what is allowed.
pub(crate) fn method_not_allowed() -> Response {
    let mut reply = (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n").into_response();
    reply
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_chooses_the_form() {
        for (accept, form) in [
            ("*/*", Form::Html),
            ("application/json", Form::Json),
            ("application/json, text/plain, */*", Form::Plain),
            ("application/*", Form::Json),
            ("text/*", Form::Html),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Form::Html),
            ("application/json, text/html;q=0.5", Form::Json),
            ("image/png", Form::Html),
        ] {
            assert_eq!(preferred(accept), form, "{accept}");
        }
    }
}
