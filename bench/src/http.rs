//! HTTP/1.1 as far as the bench needs it: requests as bytes, answers split from a buffer.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// One request, ready to be written to a keep-alive connection.
pub(crate) type Request = Vec<u8>;

/// A request with a body. `headers` holds whole lines, each with its CRLF.
pub(crate) fn post(path: &str, content_type: &str, headers: &str, body: &str) -> Request {
    let mut text = String::with_capacity(body.len() + 256);
    let _ = write!(
        text,
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
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
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
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
    /// Body, chunks joined by the caller's grace: chunked bodies are returned with their framing.
    pub body: &'a [u8],
    /// Bytes of head and body together.
    pub length: usize,
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
        body: rest.get(..body_length)?,
        length: head_length + body_length,
    })
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(value)
    })
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
}
