//! The person as a service, for the programs in other languages.
//!
//! `GET /follow?url=` answers every question on the way, `GET /walk?url=` stops at the first; both say `{url, form, status, body, asked}` of the end.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::percent;
use crate::person::{Arrival, Person};
use crate::sink;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct PersonService {
    port: u16,
    stopped: Arc<AtomicBool>,
}

impl PersonService {
    /// One browser for all calls, which are served one after the other.
    pub fn start(mut person: Person) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A caller that goes away in the middle is its own concern.
                serve(stream, &mut person).unwrap_or_default();
            }
        });
        Self {
            port: address.port(),
            stopped,
        }
    }

    /// Base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for PersonService {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the flag.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(mut stream: TcpStream, person: &mut Person) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (start, _, _) = sink::read_request(&mut stream)?;
    let target = start.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = percent::decode_pairs(query);
    let url = pairs.iter().find(|(name, _)| name == "url");
    let url = url.map_or("", |(_, value)| value.as_str());
    let (status, body) = match person.go(url, path == "/follow") {
        Ok(arrival) => (200, described(&arrival)),
        Err(broken) => (500, json!({"error": broken})),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}

fn described(arrival: &Arrival) -> Value {
    let page = arrival.page.as_ref();
    let form = arrival.form.clone().map(|pairs| {
        let members = pairs.into_iter().map(|(name, value)| (name, json!(value)));
        members.collect::<Map<_, _>>()
    });
    json!({
        "url": arrival.url,
        "form": form,
        "status": page.map(|page| page.status),
        "body": page.map(|page| &page.body),
        "asked": arrival.asked,
    })
}
