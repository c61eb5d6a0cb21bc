//! The closed-loop load generator: every connection sends its next request when the answer to the last one is in.
//!
//! One thread drives all connections, so the generator leaves the other cores to the server.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::clock;
use crate::http::{self, Answer, Request};

/// Longest wait for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// What to send, and what a right answer looks like.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub target: SocketAddr,
    /// Sent in turn, over and over.
    pub requests: Rc<Vec<Request>>,
    /// Whose turn it is; kept from slice to slice, so that a long list is gone through to its end.
    pub turn: Rc<Cell<usize>>,
    pub status: u16,
    /// Every answer holds these bytes.
    pub needle: &'static str,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// When each request was sent once; the answers are kept, in the order of the requests.
    EachOnce,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub seconds: f64,
    /// Of each operation, in microseconds.
    pub latencies: Vec<u32>,
    /// Requests of all operations.
    pub round_trips: u32,
    /// Bodies, with [`Until::EachOnce`].
    pub bodies: Vec<Vec<u8>>,
}

impl Outcome {
    /// Notes an operation.
    pub(crate) fn add(&mut self, took: Duration, round_trips: u32) {
        self.latencies
            .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.round_trips = self.round_trips.saturating_add(round_trips);
    }
}

/// A load that goes on for as long as it is told to.
pub(crate) trait Drive {
    /// Drives it over this many connections. The first wrong answer ends it.
    fn drive(&self, connections: usize, time: Duration) -> Result<Outcome, String>;
}

impl Drive for Work {
    fn drive(&self, connections: usize, time: Duration) -> Result<Outcome, String> {
        drive(self, connections, Until::Elapsed(time))
    }
}

struct Shared {
    work: Work,
    until: Until,
    next: Rc<Cell<usize>>,
    started: Instant,
    outcome: RefCell<Outcome>,
}

/// Drives the work over this many connections. The first wrong answer ends it.
pub(crate) fn drive(work: &Work, connections: usize, until: Until) -> Result<Outcome, String> {
    let shared = Rc::new(Shared {
        work: work.clone(),
        until,
        next: match until {
            Until::Elapsed(_) => Rc::clone(&work.turn),
            Until::EachOnce => Rc::default(),
        },
        started: clock::now(),
        outcome: RefCell::default(),
    });
    let seconds = together(connections, |_| repeat(Rc::clone(&shared)))?;
    let mut outcome = shared.outcome.take();
    outcome.seconds = seconds;
    Ok(outcome)
}

/// Runs this many of a task at once, on one thread; how many seconds that took. The first that fails ends it.
pub(crate) fn together<F>(count: usize, task: impl Fn(usize) -> F) -> Result<f64, String>
where
    F: Future<Output = Result<(), String>> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let started = clock::now();
    let tasks = LocalSet::new();
    let running: Vec<_> = (0..count)
        .map(|number| tasks.spawn_local(task(number)))
        .collect();
    runtime.block_on(tasks.run_until(async {
        for task in running {
            task.await.map_err(|e| e.to_string())??;
        }
        Ok::<_, String>(())
    }))?;
    Ok(started.elapsed().as_secs_f64())
}

async fn repeat(shared: Rc<Shared>) -> Result<(), String> {
    let mut connection = Connection::open(shared.work.target).await?;
    loop {
        let turn = shared.next.get();
        let count = shared.work.requests.len();
        let is_over = match shared.until {
            Until::Elapsed(limit) => shared.started.elapsed() >= limit,
            Until::EachOnce => turn >= count,
        };
        if is_over {
            return Ok(());
        }
        shared.next.set(turn + 1);
        let request = shared
            .work
            .requests
            .get(turn % count.max(1))
            .ok_or("there is nothing to send")?;
        let sent = clock::now();
        let answer = connection.ask(request).await?;
        let took = sent.elapsed();
        let is_right = answer.status == shared.work.status
            && (shared.work.needle.is_empty()
                || http::find(answer.body, shared.work.needle.as_bytes()).is_some());
        if !is_right {
            return Err(answer.unexpected(request));
        }
        let mut outcome = shared.outcome.borrow_mut();
        outcome.add(took, 1);
        if matches!(shared.until, Until::EachOnce) {
            if outcome.bodies.len() <= turn {
                outcome.bodies.resize(turn + 1, Vec::new());
            }
            if let Some(slot) = outcome.bodies.get_mut(turn) {
                *slot = answer.body.to_vec();
            }
        }
    }
}

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are the last answer.
    answered: usize,
}

impl Connection {
    pub(crate) async fn open(target: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(target)
            .await
            .map_err(|e| format!("{target}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
            answered: 0,
        })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, String> {
        self.buffer.drain(..self.answered);
        let exchange = exchange(&mut self.stream, request, &mut self.buffer);
        self.answered = tokio::time::timeout(ANSWER_TIME, exchange)
            .await
            .map_err(|_| format!("no answer within {} s", ANSWER_TIME.as_secs()))??;
        http::answer(&self.buffer).ok_or_else(|| "an answer got lost".to_owned())
    }
}

/// Sends a request and reads until its answer is whole; its length.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<usize, String> {
    stream.write_all(request).await.map_err(|e| e.to_string())?;
    loop {
        if let Some(answer) = http::answer(buffer) {
            return Ok(answer.length);
        }
        let read = stream.read_buf(buffer).await.map_err(|e| e.to_string())?;
        if read == 0 {
            return Err("the server closed the connection".to_owned());
        }
    }
}

/// One request on a connection of its own.
pub(crate) fn once(target: SocketAddr, request: &[u8]) -> Result<(u16, Vec<u8>), String> {
    use std::io::{Read as _, Write as _};
    let failed = |e: std::io::Error| format!("{target}: {e}");
    let mut stream = std::net::TcpStream::connect(target).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_TIME)).map_err(failed)?;
    stream.write_all(request).map_err(failed)?;
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).map_err(failed)?;
        buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if let Some(answer) = http::answer(&buffer) {
            return Ok((answer.status, answer.body.to_vec()));
        }
        if read == 0 {
            return Err(format!("{target}: closed without an answer"));
        }
    }
}
