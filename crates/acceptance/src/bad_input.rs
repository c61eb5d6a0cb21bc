//! Malformed requests, sent byte by byte, and the answers that are wanted: the right code, never a 5xx, never a closed
//! connection, and the server goes on.

use std::time::Duration;

use serde_json::json;

use crate::app::error_of;
use crate::database::Engine;
use crate::http::{self, Response};
use crate::machine::{self, Machine, is_active};
use crate::server::Server;

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const GRANT: &str = "grant_type=client_credentials";
/// Larger than any body that is read.
pub const TOO_LARGE: usize = 1024 * 1024 + 1;

/// Attempts of which the middle one counts.
const ATTEMPTS: usize = 9;

pub fn authority(base: &str) -> &str {
    base.strip_prefix("http://").unwrap()
}

/// A request of any bytes, with a length.
pub fn raw(base: &str, line: &str, headers: &str, body: &[u8]) -> Response {
    let host = authority(base);
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    http::send_bytes(host, &[head.as_bytes(), body].concat())
}

/// The same in chunks, without a length.
pub fn chunked(base: &str, line: &str, headers: &str, body: &[u8]) -> Response {
    let host = authority(base);
    let mut bytes = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(64 * 1024) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    http::send_bytes(host, &bytes)
}

/// The text with another letter at this place.
pub fn altered(text: &str, at: usize) -> String {
    let other = if text[at..].starts_with('A') {
        'B'
    } else {
        'A'
    };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// Middle of the times that attempts take; `attempt` has the number of the next one.
fn median(attempt: &mut impl FnMut(usize) -> Duration, first: usize) -> Duration {
    let mut times: Vec<_> = (first..first + ATTEMPTS).map(attempt).collect();
    times.sort();
    times[times.len() / 2]
}

/// Fails unless it takes as long to refuse an unknown name as it takes to refuse a wrong secret. Each gives how long an
/// attempt took, which has a number of its own.
pub fn assert_same_cost(
    mut unknown: impl FnMut(usize) -> Duration,
    mut wrong: impl FnMut(usize) -> Duration,
) {
    // Machines are noisy: the claim is wrong only if it is wrong every time.
    const TIMES: usize = 5;
    let ratios: Vec<f64> = (0..TIMES)
        .map(|time| {
            let wrong = median(&mut wrong, time * ATTEMPTS);
            let unknown = median(&mut unknown, time * ATTEMPTS);
            unknown.as_secs_f64() / wrong.as_secs_f64()
        })
        .take_while(|ratio| !(0.5..2.0).contains(ratio))
        .collect();
    assert!(ratios.len() < TIMES, "unknown to wrong: {ratios:?}");
}

/// Collects what differs, so that one run shows every row.
#[derive(Default)]
pub struct Rows(pub Vec<String>);

impl Rows {
    /// Status and `error`; an empty `error` stands for any.
    pub fn expect(&mut self, name: &str, answer: &Response, status: u16, error: &str) {
        let found = error_of(answer);
        if answer.status != status || !(error.is_empty() || error == found) {
            let body: String = answer.body.chars().take(200).collect();
            self.0.push(format!(
                "{name}: wanted {status} {error}, got {} {body}",
                answer.status
            ));
        }
    }

    /// Any refusal by 4xx.
    pub fn refused(&mut self, name: &str, answer: &Response) {
        if !(400..500).contains(&answer.status) {
            self.expect(name, answer, 400, "");
        }
    }

    /// The end: the server still serves, and every row was as wanted.
    pub fn done(self, server: &Server, client: &Machine) {
        assert!(
            is_active(server, &client.token(server)),
            "the server still serves"
        );
        assert!(!server.log().contains("panicked"), "{}", server.log());
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

pub fn start() -> (Server, Machine) {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let client = Machine::register(&server, "my-client", &json!({}));
    (server, client)
}
