//! A small HTTP/1.1 client that sends exactly what it is told: no redirects, no clean-up of paths, one connection a request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Long enough for a slow password hash under load.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Names and values, in order.
pub type Headers = Vec<(String, String)>;

/// One request. `target` is the path and query, byte for byte.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// `host:port` to connect to, and the Host header.
    pub authority: String,
    pub target: String,
    pub headers: Headers,
    pub body: Option<String>,
}

/// An answer. Status 0: the connection was closed, refused or timed out without one (`body` says which).
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: String,
}

impl Request {
    /// A request for an absolute `http` URL; its fragment is dropped.
    pub fn for_url(method: &str, url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| format!("not an http URL: {url}"))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let target = match target.chars().next() {
            None => "/".to_owned(),
            Some('?') => format!("/{target}"),
            Some(_) => target.to_owned(),
        };
        Ok(Self {
            method: method.to_owned(),
            authority: authority.to_owned(),
            target,
            headers: Vec::new(),
            body: None,
        })
    }

    /// Adds a header; sent as given.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body and, unless there is one already, its type.
    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            self = self.header("Content-Type", content_type);
        }
        self.body = Some(body.to_owned());
        self
    }

    /// Sends it and reads the whole answer.
    pub fn send(&self) -> Response {
        send_bytes(&self.authority, self.bytes().as_bytes())
    }

    fn bytes(&self) -> String {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\nConnection: close\r\n",
            self.method, self.target, self.authority
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let takes_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let has_length = self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if (takes_body || self.body.is_some()) && !has_length {
            text.push_str(&format!(
                "Content-Length: {}\r\n",
                self.body.as_ref().map_or(0, String::len)
            ));
        }
        text.push_str("\r\n");
        text.push_str(self.body.as_deref().unwrap_or_default());
        text
    }
}

/// Sends any bytes and reads all that comes back. The request should say `Connection: close`.
pub fn send_bytes(authority: &str, request: &[u8]) -> Response {
    match exchange(authority, request) {
        Ok(bytes) => parse(&bytes).unwrap_or_else(|| Response {
            body: format!("no HTTP answer: {:?}", String::from_utf8_lossy(&bytes)),
            ..Response::default()
        }),
        Err(error) => Response {
            body: format!("no answer: {error}"),
            ..Response::default()
        },
    }
}

fn exchange(authority: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address(authority))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    stream.set_nodelay(true)?;
    let mut upstream = stream.try_clone()?;
    std::thread::scope(|scope| {
        // A server may answer before it has read everything, and then read no further.
        let writer = scope.spawn(move || upstream.write_all(request));
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _closed = stream.shutdown(std::net::Shutdown::Both);
        let written = writer.join().expect("the writer does not panic");
        match read {
            // A reset after a whole answer is a server in a hurry.
            Err(error) if answer.is_empty() => Err(written.err().unwrap_or(error)),
            _ => Ok(answer),
        }
    })
}

/// Names below `localhost` need no resolver.
fn address(authority: &str) -> String {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let host = if host.ends_with("localhost") {
        "127.0.0.1"
    } else {
        host
    };
    format!("{host}:{port}")
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).into_iter().next()
    }

    /// Every header of that name, in order.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }
}

/// Splits a whole message into start line, headers and raw body.
pub(crate) fn split_message(bytes: &[u8]) -> Option<(String, Headers, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    // Recordings keep header bytes as Latin-1, as most clients read them.
    let head: String = bytes[..end].iter().copied().map(char::from).collect();
    let mut lines = head.split("\r\n");
    let start = lines.next()?.to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Some((start, headers, &bytes[end + 4..]))
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let (start, headers, raw) = split_message(bytes)?;
    let status: u16 = start.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(raw);
    }
    let mut response = Response {
        status,
        headers,
        body: String::new(),
    };
    let chunked = response
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length = response
        .header("content-length")
        .and_then(|value| value.parse::<usize>().ok());
    let body = if chunked {
        dechunk(raw)
    } else {
        raw[..length.unwrap_or(raw.len()).min(raw.len())].to_vec()
    };
    response.body = String::from_utf8_lossy(&body).into_owned();
    Some(response)
}

fn dechunk(mut raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = raw.windows(2).position(|window| window == b"\r\n") {
        let line = String::from_utf8_lossy(&raw[..end]).into_owned();
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
        let start = end + 2;
        let Ok(size) = size else { break };
        if size == 0 || start + size > raw.len() {
            break;
        }
        out.extend_from_slice(&raw[start..start + size]);
        raw = &raw[(start + size + 2).min(raw.len())..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_body_framings_are_read() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, "abcde");
        let sized = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nokXX";
        let response = parse(sized).unwrap();
        assert_eq!((response.status, response.body.as_str()), (404, "ok"));
        assert_eq!(response.header_values("X-a"), ["1", "2"]);
    }

    #[test]
    fn a_url_is_sent_as_it_stands() {
        let request = Request::for_url("GET", "http://h:1?a=%2f#frag").unwrap();
        assert_eq!(
            (request.authority.as_str(), request.target.as_str()),
            ("h:1", "/?a=%2f")
        );
        assert!(
            request
                .bytes()
                .starts_with("GET /?a=%2f HTTP/1.1\r\nHost: h:1\r\n")
        );
        assert!(Request::for_url("GET", "https://h/").is_err());
    }

    #[test]
    fn a_closed_connection_is_status_zero() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let peer = std::thread::spawn(move || drop(listener.accept()));
        let request = Request::for_url("GET", &format!("http://{authority}/")).unwrap();
        assert_eq!(request.send().status, 0);
        peer.join().unwrap();
    }
}
