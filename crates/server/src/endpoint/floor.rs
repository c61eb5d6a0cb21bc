//! `POST /floor`: what any answer costs on this HTTP stack, for the benchmark.
//!
//! Invariant: only built with the feature `floor`. It goes through the same listener, router and observer as every
//! other route, reads the form, and answers a constant of the size of a token or introspection answer.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use tessera_protocol::form::Reader;

use crate::{extract, reply};

/// 300 bytes: a token answer has about 290, an introspection about 260.
static ANSWER: [u8; 300] = [b' '; 300];

/// Answers the constant, if the form holds a parameter.
pub(crate) async fn post(request: Request) -> Result<Response, StatusCode> {
    let refused = |_| StatusCode::BAD_REQUEST;
    let (_, form) = extract::form(request).await.map_err(refused)?;
    let parameters = Reader::new(&form).filter(Result::is_ok).count();
    if parameters == 0 {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(reply::data_plane(StatusCode::OK, ANSWER.as_slice()))
}
