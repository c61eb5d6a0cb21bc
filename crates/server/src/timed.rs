//! A stream that gives up on peers that do not read or write.
//!
//! Compat: the limits of Hydra's servers: idle 120 s, write 10 s. The first request of a connection must be there 20 s
//! after it was opened; within that, a body has 5 s of its own (`extract`). While a request is being answered, nothing
//! is expected of the peer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

const IDLE_TIME: Duration = Duration::from_secs(120);
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(20);
const WRITE_TIME: Duration = Duration::from_secs(10);

/// What a connection is doing; shared by its stream and its requests.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    has_served: AtomicBool,
    in_flight: AtomicUsize,
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Activity>);

impl Activity {
    /// Notes that a request is being answered.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.has_served.store(true, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream and its deadline.
pub(crate) struct Timed<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Set while a read or write waits, and gone with the next byte, so that a busy connection sets no timers.
    timer: Option<(Wait, Pin<Box<Sleep>>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Read,
    Write,
}

impl<S> Timed<S> {
    /// Without a deadline until the first wait.
    pub(crate) const fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            timer: None,
        }
    }

    /// Whether this wait has lasted too long.
    fn poll_deadline(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.timer.as_ref().is_none_or(|(known, _)| *known != wait) {
            let limit = match wait {
                Wait::Write => WRITE_TIME,
                Wait::Read if self.activity.has_served.load(Ordering::Relaxed) => IDLE_TIME,
                Wait::Read => FIRST_REQUEST_TIME,
            };
            self.timer = Some((wait, Box::pin(sleep(limit))));
        }
        let Some((_, timer)) = &mut self.timer else {
            return Poll::Pending;
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if wait == Wait::Read && self.activity.in_flight.load(Ordering::Relaxed) > 0 {
            // The peer waits for us, not we for the peer; look again later.
            timer.set(sleep(IDLE_TIME));
            return timer.as_mut().poll(cx).map(|()| timed_out());
        }
        Poll::Ready(timed_out())
    }

    fn forget(&mut self, wait: Wait) {
        if self.timer.as_ref().is_some_and(|(known, _)| *known == wait) {
            self.timer = None;
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the peer took too long")
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(done) => {
                // Before the first request, bytes that trickle in do not buy time.
                if this.activity.has_served.load(Ordering::Relaxed) {
                    this.forget(Wait::Read);
                }
                Poll::Ready(done)
            }
            Poll::Pending => this.poll_deadline(Wait::Read, cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> Timed<S> {
    fn wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(done) => {
                self.forget(Wait::Write);
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_deadline(Wait::Write, cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
