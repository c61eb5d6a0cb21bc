//! The accept loop: connections in, requests to the router, and an orderly end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::server::TlsStream;

use crate::run::Gate;
use crate::termination::PlainFrom;
use crate::timed::{Activity, Timed};
use crate::tls_files::TlsFiles;

/// Most connections of one listener at a time.
const CONNECTIONS_MAX: usize = 10_000;
/// Longest request head.
const HEAD_MAX: usize = 64 * 1024;
/// Most concurrent requests of one HTTP/2 connection.
const STREAMS_MAX: u32 = 100;
/// Longest TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Pause after the process ran out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests in flight may take to finish after a stop was asked for.
const DRAIN_TIME: Duration = Duration::from_secs(25);

/// Where connections come from.
pub(crate) enum Socket {
    /// TCP, with TLS or without.
    Tcp(TcpListener, Option<Secured>),
    /// A Unix socket, removed at the end.
    Unix(UnixListener, PathBuf),
}

/// How a port speaks TLS.
#[derive(Clone)]
pub(crate) struct Secured {
    pub(crate) files: Arc<TlsFiles>,
    /// Whether plain HTTP is let through as well; [`crate::termination`] judges it.
    pub(crate) takes_plain: bool,
}

/// Accepts until `stop` changes, then lets what is in flight finish.
pub(crate) async fn serve(socket: Socket, gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&socket) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Beyond the cap the connection is closed at once rather than left waiting.
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            continue;
        };
        let (gate, watcher) = (Arc::clone(&gate), graceful.watcher());
        let tls = match &socket {
            Socket::Tcp(_, tls) => tls.clone(),
            Socket::Unix(..) => None,
        };
        tokio::spawn(async move {
            let _permit = permit;
            match (stream, tls) {
                (Stream::Tcp(stream, peer), Some(tls)) => {
                    secured(stream, peer, &tls, &gate, watcher).await;
                }
                (Stream::Tcp(stream, _), None) => connection(stream, &gate, watcher, None).await,
                (Stream::Unix(stream), _) => connection(stream, &gate, watcher, None).await,
            }
        });
    }
    if let Socket::Unix(_, path) = &socket {
        // Someone may have removed it already.
        let _ = std::fs::remove_file(path);
    }
    drop(socket);
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("Some requests did not finish within 25 seconds and were cut off.");
    }
}

/// A connection to a port with TLS.
async fn secured(
    stream: TcpStream,
    peer: SocketAddr,
    tls: &Secured,
    gate: &Arc<Gate>,
    watcher: Watcher,
) {
    let opening = async {
        if tls.takes_plain && !begins_tls(&stream).await? {
            return Ok(Opened::Plain(stream));
        }
        let stream = tls.files.acceptor().accept(stream).await?;
        io::Result::Ok(Opened::Tls(Box::new(stream)))
    };
    match tokio::time::timeout(HANDSHAKE_TIME, opening).await {
        Ok(Ok(Opened::Tls(stream))) => connection(*stream, gate, watcher, None).await,
        Ok(Ok(Opened::Plain(stream))) => {
            connection(stream, gate, watcher, Some(PlainFrom(peer.ip()))).await;
        }
        Ok(Err(_)) | Err(_) => {}
    }
}

/// What a peer of a port with TLS speaks.
enum Opened {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// Spec: RFC 8446 5.1: a TLS connection begins with a record of type 22, which begins no HTTP request.
async fn begins_tls(stream: &TcpStream) -> io::Result<bool> {
    const HANDSHAKE: u8 = 22;
    let mut first = [0];
    stream.peek(&mut first).await?;
    Ok(first == [HANDSHAKE])
}

enum Stream {
    Tcp(TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

async fn accept(socket: &Socket) -> io::Result<Stream> {
    match socket {
        Socket::Tcp(listener, _) => {
            let (stream, peer) = listener.accept().await?;
            // One write per answer: there is nothing to coalesce.
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream, peer))
        }
        Socket::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
    }
}

async fn connection<S>(stream: S, gate: &Arc<Gate>, watcher: Watcher, plain_from: Option<PlainFrom>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(HEAD_MAX)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX));
    let gate = Arc::clone(gate);
    let activity = Arc::<Activity>::default();
    let requests = Arc::clone(&activity);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(from) = plain_from {
            request.extensions_mut().insert(from);
        }
        let (gate, in_flight) = (Arc::clone(&gate), requests.begin());
        async move {
            let answered = answer(&gate, request).await;
            drop(in_flight);
            answered
        }
    });
    let served = builder
        .serve_connection(TokioIo::new(Timed::new(stream, activity)), service)
        .into_owned();
    if let Err(error) = watcher.watch(served).await {
        tracing::debug!(%error, "A connection ended early.");
    }
}

async fn answer(
    gate: &Gate,
    request: Request<Incoming>,
) -> Result<Response, std::convert::Infallible> {
    gate.answer(request.map(Body::new)).await
}
