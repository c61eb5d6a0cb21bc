//! A stream that gives up on peers that do not read or write.
//!
//! Compat: the limits of Hydra's servers: idle 120 s, write 10 s. Reading a request may take 20 s from its first
//! byte; within that the body has 5 s of its own (`extract`).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

const IDLE_TIME: Duration = Duration::from_secs(120);
const REQUEST_TIME: Duration = Duration::from_secs(20);
const WRITE_TIME: Duration = Duration::from_secs(10);

/// The stream and its deadlines.
pub(crate) struct Timed<S> {
    stream: S,
    /// Armed only while a read or write waits; re-armed lazily, so that a busy connection sets no timers.
    timer: Option<Pin<Box<Sleep>>>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between requests.
    Idle,
    /// Bytes of a request have come and no byte of an answer has gone.
    Request,
    /// A write waits for the peer.
    Write,
}

impl<S> Timed<S> {
    /// Without a deadline until the first wait.
    pub(crate) const fn new(stream: S) -> Self {
        Self {
            stream,
            timer: None,
            phase: Phase::Idle,
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.timer = None;
        }
    }

    /// Whether the present phase has lasted too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let limit = match self.phase {
            Phase::Idle => IDLE_TIME,
            Phase::Request => REQUEST_TIME,
            Phase::Write => WRITE_TIME,
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        Future::poll(timer.as_mut(), cx)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, "the peer took too long"))
    }

    fn restart(&mut self) {
        let limit = match self.phase {
            Phase::Idle => IDLE_TIME,
            Phase::Request => REQUEST_TIME,
            Phase::Write => WRITE_TIME,
        };
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(next(limit));
        }
    }
}

fn next(limit: Duration) -> Instant {
    Instant::now() + limit
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
                this.enter(Phase::Request);
                Poll::Ready(done)
            }
            Poll::Pending => this.poll_deadline(cx).map(Err),
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
                self.enter(Phase::Idle);
                self.restart();
                Poll::Ready(done)
            }
            Poll::Pending => {
                self.enter(Phase::Write);
                self.poll_deadline(cx).map(Err)
            }
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
