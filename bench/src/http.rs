//! HTTP/1.1 as far as the bench needs it: requests as bytes, answers split from a buffer.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// One request, ready to be written to a keep-alive connection.
pub(crate) type Request = Vec<u8>;

/// A POST. `headers` holds whole lines, each with its CRLF.
pub(crate) fn post(path: &str, content_type: &str, headers: &str, body: &str) -> Request {
    with_body("POST", path, content_type, headers, body)
}

/// A PUT of JSON.
pub(crate) fn put_json(path: &str, body: &str) -> Request {
    with_body("PUT", path, "application/json", "", body)
}

fn with_body(method: &str, path: &str, content_type: &str, headers: &str, body: &str) -> Request {
    let mut text = String::with_capacity(body.len() + 256);
    let _ = write!(
        text,
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    text.into_bytes()
}

/// A form.
pub(crate) fn form(path: &str, headers: &str, body: &str) -> Request {
    post(path, "application/x-www-form-urlencoded", headers, body)
}

/// A GET.
pub(crate) fn get(path: &str) -> Request {
    get_with(path, "")
}

/// A GET with header lines, each with its CRLF.
pub(crate) fn get_with(path: &str, headers: &str) -> Request {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n").into_bytes()
}

/// The header line of HTTP Basic; both parts hold nothing that would have to be escaped.
pub(crate) fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in format!("{user}:{password}").into_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4_usize {
            let value = (group >> (18 - 6 * digit)) & 63;
            match ALPHABET.get(value as usize) {
                Some(letter) if digit <= chunk.len() => encoded.push(char::from(*letter)),
                _ => encoded.push('='),
            }
        }
    }
    format!("Authorization: Basic {encoded}\r\n")
}

/// What an answer says and where it ends in the buffer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// Status.
    pub status: u16,
    /// Status line and headers.
    pub head: &'a [u8],
    /// Body, chunks joined by the caller's grace: chunked bodies are returned with their framing.
    pub body: &'a [u8],
    /// Bytes of head and body together.
    pub length: usize,
}

impl Answer<'_> {
    /// Says that this was no answer to that request.
    pub(crate) fn unexpected(&self, request: &[u8]) -> String {
        format!(
            "unexpected answer to {}\n{}{}",
            String::from_utf8_lossy(request),
            String::from_utf8_lossy(self.head),
            String::from_utf8_lossy(self.body)
        )
    }

    /// All values of a header, whose name is given in lower case and with its colon.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        values(self.head, name.as_bytes())
            .filter_map(|value| Some(std::str::from_utf8(value).ok()?.trim()))
    }
}

/// The first answer in the buffer, or `None` while it is incomplete.
pub(crate) fn answer(buffer: &[u8]) -> Option<Answer<'_>> {
    let head_length = find(buffer, b"\r\n\r\n")? + 4;
    let (head, rest) = buffer.split_at_checked(head_length)?;
    let status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
    let body_length = match header(head, b"content-length:") {
        Some(value) => std::str::from_utf8(value).ok()?.trim().parse().ok()?,
        None if header(head, b"transfer-encoding:").is_some() => find(rest, b"0\r\n\r\n")? + 5,
        None => 0,
    };
    Some(Answer {
        status,
        head,
        body: rest.get(..body_length)?,
        length: head_length + body_length,
    })
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    values(head, name).next()
}

fn values<'a>(head: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    head.split(|byte| *byte == b'\n').filter_map(move |line| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A parameter of a URL's query, escaped as it stands there.
pub(crate) fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = url.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Path and query of an absolute URL.
pub(crate) fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.find('/').and_then(|at| rest.get(at..))
}

/// Where a needle begins.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

/// The value of a text member of a JSON object whose name is unique in it and whose value holds no escapes.
pub(crate) fn member(body: &[u8], name: &str) -> Result<String, String> {
    let text = String::from_utf8_lossy(body);
    let value = |text: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\""))?;
        let (_, rest) = rest.split_once('"')?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    value(&text).ok_or_else(|| format!("no member '{name}' in: {text}"))
}

/// `http://HOST:PORT` or `HOST:PORT` as an address, and the path behind it.
pub(crate) fn address(url: &str) -> Result<SocketAddr, String> {
    use std::net::ToSocketAddrs as _;
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let host = rest.split('/').next().unwrap_or(rest);
    host.to_socket_addrs()
        .map_err(|e| format!("'{url}': {e}"))?
        .find(SocketAddr::is_ipv4)
        .ok_or_else(|| format!("'{url}' has no IPv4 address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_base64() {
        for (user, password, want) in [
            ("a", "b", "YTpi"),
            ("ab", "c", "YWI6Yw=="),
            ("ab", "cd", "YWI6Y2Q="),
        ] {
            assert_eq!(
                basic(user, password),
                format!("Authorization: Basic {want}\r\n")
            );
        }
    }

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 4";
        let first = answer(two).unwrap();
        assert_eq!(
            (first.status, first.body, first.length),
            (200, &b"{}"[..], two.len() - 10)
        );
        assert!(answer(&two[..30]).is_none());
        assert!(answer(&two[..first.length - 1]).is_none());
    }
    #[test]
    fn an_answer_tells_its_headers_and_a_url_its_parts() {
        let found = b"HTTP/1.1 303 See Other\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\n\r\n";
        let found = answer(found).unwrap();
        let cookies: Vec<_> = found.headers("set-cookie:").collect();
        assert_eq!(cookies, ["a=b; Path=/", "c=d"]);
        assert_eq!(found.headers("location:").next(), None);
        let url = "http://127.0.0.1:1/x?ab=1&b=2%20&c=";
        assert_eq!(path_of(url), Some("/x?ab=1&b=2%20&c="));
        let values = ["b", "c", "d"].map(|name| parameter(url, name));
        assert_eq!(values, [Some("2%20"), Some(""), None]);
    }
}
