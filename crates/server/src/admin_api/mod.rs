//! The admin API: one file per kind of resource.

pub(crate) mod challenge;
pub(crate) mod client_write;
pub(crate) mod clients;
pub(crate) mod consent;
pub(crate) mod lifespans;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod paging;
pub(crate) mod patch;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod tokens;

use axum::response::Response;
use http::HeaderMap;

use crate::reply::{ErrorStyle, Failure};

/// The answer of an admin endpoint.
fn answer(outcome: Result<Response, Failure>) -> Response {
    outcome.unwrap_or_else(|failure| failure.into_reply(ErrorStyle::default()))
}

/// Adds headers whose values are made of what was asked.
fn add_headers(headers: &mut HeaderMap, added: Vec<(&'static str, String)>) {
    for (name, value) in added {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
}
