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
use crate::http::{self, Request};

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
    /// Of each request, in microseconds.
    pub latencies: Vec<u32>,
    /// Bodies, with [`Until::EachOnce`].
    pub bodies: Vec<Vec<u8>>,
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
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
    let tasks = LocalSet::new();
    let driven: Vec<_> = (0..connections)
        .map(|_| tasks.spawn_local(connection(Rc::clone(&shared))))
        .collect();
    runtime.block_on(tasks.run_until(async {
        for task in driven {
            task.await.map_err(|e| e.to_string())??;
        }
        Ok::<_, String>(())
    }))?;
    let mut outcome = shared.outcome.take();
    outcome.seconds = shared.started.elapsed().as_secs_f64();
    Ok(outcome)
}

async fn connection(shared: Rc<Shared>) -> Result<(), String> {
    let target = shared.work.target;
    let mut stream = TcpStream::connect(target)
        .await
        .map_err(|e| format!("{target}: {e}"))?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let mut buffer = Vec::with_capacity(16 * 1024);
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
        let exchange = exchange(&mut stream, request, &mut buffer);
        let length = tokio::time::timeout(ANSWER_TIME, exchange)
            .await
            .map_err(|_| format!("no answer within {} s", ANSWER_TIME.as_secs()))??;
        let took = sent.elapsed();
        let answer = http::answer(&buffer).ok_or("an answer got lost")?;
        let is_right = answer.status == shared.work.status
            && (shared.work.needle.is_empty()
                || http::find(answer.body, shared.work.needle.as_bytes()).is_some());
        if !is_right {
            return Err(format!(
                "unexpected answer to {}\n{}",
                String::from_utf8_lossy(request),
                String::from_utf8_lossy(&buffer)
            ));
        }
        let mut outcome = shared.outcome.borrow_mut();
        outcome
            .latencies
            .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        if matches!(shared.until, Until::EachOnce) {
            if outcome.bodies.len() <= turn {
                outcome.bodies.resize(turn + 1, Vec::new());
            }
            if let Some(slot) = outcome.bodies.get_mut(turn) {
                *slot = answer.body.to_vec();
            }
        }
        buffer.drain(..length);
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
