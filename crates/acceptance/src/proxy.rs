//! A TCP proxy before PostgreSQL that breaks connections on demand and notes every round trip on the wire.
//!
//! Spec: PostgreSQL, Frontend/Backend Protocol, Message Formats

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock;

/// Pause of a loop that has nothing to do.
const IDLE_PAUSE: Duration = Duration::from_micros(200);
/// Pause of the loop that accepts.
const ACCEPT_PAUSE: Duration = Duration::from_millis(2);

/// What happens to connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    Fair,
    /// Open connections live on, new ones are refused.
    Refusing,
    /// Bytes wait, in both directions.
    Stalled,
    /// A connection is reset as soon as the server sends something on it.
    Resetting,
    /// The next answer to a statement that contains this text is lost with its connection; fair from then on.
    LosingAnswerTo(String),
}

/// What the server sent up to one `Sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The statements, as text.
    pub sql: String,
    /// Whether one was executed; else it was only prepared.
    pub is_executed: bool,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    weather: Mutex<Weather>,
    trips: Mutex<Vec<RoundTrip>>,
    /// Connections of an earlier era end.
    era: Mutex<u64>,
}

/// Works until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Before the database of a DSN.
    pub fn before(dsn: &str) -> Self {
        let (start, end) = authority_in(dsn);
        let upstream = match &dsn[start..end] {
            host if host.contains(':') => host.to_owned(),
            host => format!("{host}:5432"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            upstream,
            weather: Mutex::new(Weather::Fair),
            trips: Mutex::default(),
            era: Mutex::new(0),
        });
        let kept = Arc::clone(&shared);
        std::thread::spawn(move || accept(listener, &address.to_string(), &kept));
        Self {
            port: address.port(),
            shared,
        }
    }

    /// The same DSN, through the proxy.
    pub fn dsn(&self, dsn: &str) -> String {
        let (start, end) = authority_in(dsn);
        format!("{}127.0.0.1:{}{}", &dsn[..start], self.port, &dsn[end..])
    }

    /// What happens from now on.
    pub fn set(&self, weather: Weather) {
        *self.shared.weather.lock().expect("no holder panicked") = weather;
    }

    /// What happens now.
    pub fn weather(&self) -> Weather {
        self.shared.weather()
    }

    /// Ends every open connection.
    pub fn cut(&self) {
        *self.shared.era.lock().expect("no holder panicked") += 1;
    }

    /// The round trips since the last call, oldest first.
    pub fn take_trips(&self) -> Vec<RoundTrip> {
        std::mem::take(&mut *self.shared.trips.lock().expect("no holder panicked"))
    }

    /// Those that requests caused: without the server's reads of its change counter, its cleaning up, and the preparing.
    pub fn caused(&self) -> Vec<RoundTrip> {
        let is_own = |sql: &str| sql.contains("change_counter") || sql.starts_with("DELETE FROM");
        let trips = self.take_trips().into_iter();
        trips
            .filter(|trip| trip.is_executed && !is_own(&trip.sql))
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *self.shared.era.lock().expect("no holder panicked") = u64::MAX;
    }
}

impl Shared {
    fn weather(&self) -> Weather {
        self.weather.lock().expect("no holder panicked").clone()
    }

    fn era(&self) -> u64 {
        *self.era.lock().expect("no holder panicked")
    }
}

/// Where `host:port` is in a DSN.
fn authority_in(dsn: &str) -> (usize, usize) {
    let start = dsn.find("://").map_or(0, |at| at + 3);
    let end = dsn[start..]
        .find(['/', '?'])
        .map_or(dsn.len(), |at| start + at);
    let start = dsn[start..end]
        .rfind('@')
        .map_or(start, |at| start + at + 1);
    (start, end)
}

fn accept(listener: TcpListener, address: &str, shared: &Arc<Shared>) {
    let mut listener = Some(listener);
    while shared.era() != u64::MAX {
        clock::pause(ACCEPT_PAUSE);
        if shared.weather() == Weather::Refusing {
            listener = None;
            continue;
        }
        let open = listener.get_or_insert_with(|| {
            clock::poll(Duration::from_secs(5), || TcpListener::bind(address).ok())
                .expect("the proxy's port is its own")
        });
        open.set_nonblocking(true).expect("a listener can be set");
        if let Ok((app, _)) = open.accept() {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                // The database may be down: the connection is closed then.
                if let Ok(database) = TcpStream::connect(&shared.upstream) {
                    relay(app, database, &shared);
                }
            });
        }
    }
}

/// Owns both ends, so that returning closes them: with a reset where bytes were left unread.
fn relay(mut app: TcpStream, mut database: TcpStream, shared: &Shared) {
    let era = shared.era();
    let mut wire = Wire::default();
    let mut buffer = vec![0; 64 * 1024];
    for stream in [&app, &database] {
        stream.set_nodelay(true).expect("a socket can be set");
        stream.set_nonblocking(true).expect("a socket can be set");
    }
    while shared.era() == era {
        let weather = shared.weather();
        if weather == Weather::Stalled {
            clock::pause(IDLE_PAUSE);
            continue;
        }
        if weather == Weather::Resetting {
            if app.peek(&mut buffer).is_ok_and(|count| count > 0) {
                return;
            }
            clock::pause(IDLE_PAUSE);
            continue;
        }
        let mut moved = 0;
        match ready(app.read(&mut buffer)) {
            None => return,
            Some(count) => {
                moved += count;
                let trips = wire.take(&buffer[..count]);
                shared
                    .trips
                    .lock()
                    .expect("no holder panicked")
                    .extend(trips);
                if !write(&mut database, &buffer[..count]) {
                    return;
                }
            }
        }
        match ready(database.read(&mut buffer)) {
            None => return,
            Some(count) => {
                moved += count;
                if count > 0
                    && let Weather::LosingAnswerTo(text) = &weather
                    && wire.last.is_executed
                    && wire.last.sql.contains(text)
                {
                    *shared.weather.lock().expect("no holder panicked") = Weather::Fair;
                    return;
                }
                if !write(&mut app, &buffer[..count]) {
                    return;
                }
            }
        }
        if moved == 0 {
            clock::pause(IDLE_PAUSE);
        }
    }
}

/// Bytes read, 0 where none are there yet; `None` at the end.
fn ready(read: std::io::Result<usize>) -> Option<usize> {
    match read {
        Ok(0) => None,
        Ok(count) => Some(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
        Err(_) => None,
    }
}

fn write(stream: &mut TcpStream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => clock::pause(IDLE_PAUSE),
            Err(_) => return false,
        }
    }
    true
}

/// Reads what a server sends to PostgreSQL on one connection.
#[derive(Debug)]
struct Wire {
    bytes: Vec<u8>,
    /// Before the first message with a type: start-up, or the question for TLS.
    is_starting: bool,
    prepared: BTreeMap<String, String>,
    bound: String,
    current: Vec<String>,
    is_executed: bool,
    last: RoundTrip,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            is_starting: true,
            prepared: BTreeMap::new(),
            bound: String::new(),
            current: Vec::new(),
            is_executed: false,
            last: RoundTrip {
                sql: String::new(),
                is_executed: false,
            },
        }
    }
}

impl Wire {
    /// The round trips that end in these bytes.
    fn take(&mut self, bytes: &[u8]) -> Vec<RoundTrip> {
        const TLS_QUESTION: u32 = 80_877_103;
        self.bytes.extend_from_slice(bytes);
        let mut trips = Vec::new();
        loop {
            let head = usize::from(!self.is_starting);
            let Some(length) = self.bytes.get(head..head + 4) else {
                return trips;
            };
            let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
            let end = head + length as usize;
            if self.bytes.len() < end {
                return trips;
            }
            let message: Vec<u8> = self.bytes.drain(..end).collect();
            let body = &message[head + 4..];
            if self.is_starting {
                self.is_starting = body.get(..4) == Some(&TLS_QUESTION.to_be_bytes());
            } else if self.message(message[0], body) {
                self.last = RoundTrip {
                    sql: std::mem::take(&mut self.current).join("; "),
                    is_executed: std::mem::take(&mut self.is_executed),
                };
                if !self.last.sql.is_empty() {
                    trips.push(self.last.clone());
                }
            }
        }
    }

    /// Whether the message asks for an answer.
    fn message(&mut self, kind: u8, body: &[u8]) -> bool {
        let mut texts = body
            .split(|byte| *byte == 0)
            .map(|text| String::from_utf8_lossy(text).into_owned());
        let mut text = || texts.next().unwrap_or_default();
        match kind {
            b'P' => {
                let (name, sql) = (text(), text());
                self.current.push(sql.clone());
                self.prepared.insert(name, sql);
            }
            b'B' => {
                let (_portal, statement) = (text(), text());
                self.bound = self.prepared.get(&statement).cloned().unwrap_or_default();
            }
            b'E' => {
                self.is_executed = true;
                // A statement that is prepared and executed at once was noted already.
                if !self.current.contains(&self.bound) {
                    self.current.push(self.bound.clone());
                }
            }
            b'Q' => {
                self.is_executed = true;
                self.current.push(text());
                return true;
            }
            b'S' => return true,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [kind.as_bytes(), &length, body].concat()
    }

    #[test]
    fn round_trips_are_told_apart_however_bytes_are_cut() {
        let bytes = [
            message("", &80_877_103_u32.to_be_bytes()),
            message("", b"\0\x03\0\0user\0x\0\0"),
            message("P", b"s0\0SELECT 1\0\0\0"),
            message("S", b""),
            message("B", b"\0s0\0\0\0\0\0\0\0"),
            message("E", b"\0\0\0\0\0"),
            message("S", b""),
            message("Q", b"BEGIN\0"),
        ]
        .concat();
        let trip = |sql: &str, is_executed| RoundTrip {
            sql: sql.to_owned(),
            is_executed,
        };
        let expected = [
            trip("SELECT 1", false),
            trip("SELECT 1", true),
            trip("BEGIN", true),
        ];
        assert_eq!(Wire::default().take(&bytes), expected);
        let mut wire = Wire::default();
        let found: Vec<_> = bytes.chunks(1).flat_map(|byte| wire.take(byte)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_address_is_found_in_a_dsn() {
        for (dsn, address) in [
            ("postgres://u:p@h:5433/db?sslmode=disable", "h:5433"),
            ("postgres://h/db", "h"),
            ("postgres://h?x=/y@z", "h"),
        ] {
            let (start, end) = authority_in(dsn);
            assert_eq!(&dsn[start..end], address);
        }
    }
}
