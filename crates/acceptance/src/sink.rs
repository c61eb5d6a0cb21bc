//! The local listener that a server calls: hooks, back-channel logout, remote key sets and request objects.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Headers, split_message};
use crate::percent;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub headers: Headers,
    pub body: String,
}

#[derive(Debug, Default)]
struct Book {
    replies: BTreeMap<String, Value>,
    calls: BTreeMap<String, Vec<Call>>,
}

/// Answers on a free port until it is dropped.
#[derive(Debug)]
pub struct Sink {
    port: u16,
    book: Arc<Mutex<Book>>,
    stopped: Arc<AtomicBool>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let book = Arc::new(Mutex::new(Book::default()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(&book), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let book = Arc::clone(&shared);
                // A caller that goes away in the middle is its own concern.
                std::thread::spawn(move || answer(stream, &book).unwrap_or_default());
            }
        });
        Self {
            port,
            book,
            stopped,
        }
    }

    /// Base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Forgets everything; from now on only `replies` (`{path: {status, json or body}}`) are known.
    pub fn reset(&self, replies: &Value) {
        let mut book = self.book.lock().expect("no holder panicked");
        *book = Book::default();
        for (path, reply) in replies.as_object().into_iter().flatten() {
            book.replies.insert(path.clone(), reply.clone());
        }
    }

    /// Changes one reply and forgets the calls of that path.
    pub fn reply(&self, path: &str, reply: &Value) {
        let mut book = self.book.lock().expect("no holder panicked");
        book.replies.insert(path.to_owned(), reply.clone());
        book.calls.remove(path);
    }

    /// Takes the oldest call of that path.
    pub fn take_call(&self, path: &str) -> Option<Call> {
        let mut book = self.book.lock().expect("no holder panicked");
        let calls = book.calls.get_mut(path)?;
        (!calls.is_empty()).then(|| calls.remove(0))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the flag.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn answer(mut stream: TcpStream, book: &Mutex<Book>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (start, headers, body) = read_request(&mut stream)?;
    let mut words = start.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words
        .next()
        .unwrap_or_default()
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned();
    let reply = {
        let mut book = book.lock().expect("no holder panicked");
        let reply = book
            .replies
            .get(&path)
            .cloned()
            .unwrap_or_else(|| json!({"status": 404}));
        book.calls.entry(path).or_default().push(Call {
            method,
            headers,
            body,
        });
        reply
    };
    let (kind, text) = match (reply.get("json"), reply.get("body")) {
        (Some(value), _) => ("application/json", value.to_string()),
        (None, Some(body)) => ("text/plain", body.as_str().unwrap_or_default().to_owned()),
        (None, None) => ("text/plain", String::new()),
    };
    let status = reply["status"].as_u64().unwrap_or(200);
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nConnection: close\r\n");
    let length = if status == 204 {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", text.len())
    };
    stream.write_all(format!("{head}{length}\r\n{text}").as_bytes())
}

pub(crate) fn read_request(stream: &mut TcpStream) -> std::io::Result<(String, Headers, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..count]);
        if let Some((start, headers, body)) = split_message(&bytes) {
            let length = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.parse::<usize>().ok());
            if count == 0 || body.len() >= length.unwrap_or(0) {
                let body = String::from_utf8_lossy(body).into_owned();
                return Ok((start, headers, body));
            }
        }
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A call as `sink_expect` describes it: `{method, headers, body}`, the body in the wanted `kind`.
pub fn described(call: &Call, wanted: &Value) -> Value {
    let mut headers = serde_json::Map::new();
    for name in wanted["headers"]
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
    {
        let found = call
            .headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        if let Some((_, value)) = found {
            headers.insert(name.clone(), json!(value));
        }
    }
    let kind = wanted["body"]
        .as_object()
        .and_then(|members| members.keys().next());
    let body = match kind.map(String::as_str) {
        Some("form") => {
            let pairs = percent::decode_pairs(&call.body);
            json!({"form": pairs.into_iter().map(|(n, v)| (n, json!(v))).collect::<serde_json::Map<_, _>>()})
        }
        Some("json") => {
            json!({"json": serde_json::from_str(&call.body).unwrap_or(json!(call.body))})
        }
        Some("empty") if call.body.is_empty() => json!({"empty": true}),
        _ => json!({"text": call.body}),
    };
    json!({"method": call.method, "headers": headers, "body": body})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;

    #[test]
    fn calls_are_answered_and_kept() {
        let sink = Sink::start();
        sink.reset(&json!({"/hook": {"status": 200, "json": {"a": 1}}}));
        let post = Request::for_url("POST", &format!("{}/hook?x=1", sink.url())).unwrap();
        let answer = post
            .body("application/x-www-form-urlencoded", "t=a+b")
            .send();
        assert_eq!((answer.status, answer.json()), (200, Some(json!({"a": 1}))));
        let call = sink.take_call("/hook").unwrap();
        let wanted = json!({"method": "POST", "headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": {"form": {"t": "a b"}}});
        assert_eq!(described(&call, &wanted), wanted);
        assert!(sink.take_call("/hook").is_none());
        let other = Request::for_url("GET", &format!("{}/other", sink.url())).unwrap();
        assert_eq!(other.send().status, 404);
    }
}
