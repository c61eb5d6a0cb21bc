//! The web server: sockets, connections, and the end.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tessera_crypto::{OsEntropy, b64, random_bytes};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    page::{self, Reply},
    site::{End, Request, Site},
};
use crate::{
    connection::env,
    failure::{Failure, Outcome},
    serve,
};

/// Longest form.
const BODY_MAX: usize = 64 * 1024;
/// How long the server stays after a result, so that the browser has its page.
const FAREWELL: Duration = Duration::from_secs(1);
/// Longest TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// The container image's wish: a port that is published is reached from outside of loopback.
const IMAGE_HOST: &str = "TESSERA_ADMIN_DEFAULT_HOST";

/// Sockets that listen.
#[derive(Debug)]
pub(super) struct Bound(Vec<std::net::TcpListener>);

impl Bound {
    /// The port; all sockets have the same.
    pub(super) fn port(&self) -> u16 {
        let first = self.0.first().and_then(|socket| socket.local_addr().ok());
        first.map_or(0, |address| address.port())
    }
}

/// Where to listen: on the address that is given, else where the image says, else on loopback (`None`).
///
/// Security: on a machine that others reach, tokens are shown to nobody who comes by. In a container loopback leads nowhere, and
/// from outside of its network the other interfaces only where a port was published.
fn chosen(host: Option<&str>, image: Option<String>, is_container: bool) -> Option<String> {
    let everywhere = is_container.then(|| "0.0.0.0".to_owned());
    host.map(str::to_owned).or(image).or(everywhere)
}

/// Whether this process runs in a container: Docker, Podman and Kubernetes each leave a mark.
fn is_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| std::path::Path::new(mark).exists())
        || env("KUBERNETES_SERVICE_HOST").is_some()
}

/// Listens on `host`, else where this kind of place asks for.
pub(super) fn bind(host: Option<&str>, port: u16) -> Result<Bound, Failure> {
    let host = chosen(host, env(IMAGE_HOST), is_container());
    let addresses = match host.as_deref() {
        None => vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ],
        Some(host) => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            vec![bare.parse().map_err(|_| {
                Failure::Error(format!(
                    "--host {host:?} is no IP address; use one such as 0.0.0.0 or 127.0.0.1"
                ))
            })?]
        }
    };
    let mut bound = Bound(Vec::new());
    for address in addresses {
        let wanted = SocketAddr::new(address, if port == 0 { bound.port() } else { port });
        match std::net::TcpListener::bind(wanted) {
            Ok(socket) => bound.0.push(socket),
            // A machine without IPv6 has no ::1.
            Err(_) if !bound.0.is_empty() => {}
            Err(error) => {
                return Err(Failure::Error(format!(
                    "cannot listen on {wanted}: {error}. Is another program using the port? Choose one with --port"
                )));
            }
        }
    }
    Ok(bound)
}

/// Serves until a result is there, or until a signal.
pub(super) fn run(bound: Bound, https: bool, site: &Arc<Site>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::Error(format!("no runtime could be started: {e}")))?;
    let outcome = runtime.block_on(serve_until_end(bound, https, site));
    runtime.shutdown_timeout(FAREWELL);
    outcome
}

async fn serve_until_end(bound: Bound, https: bool, site: &Arc<Site>) -> Outcome {
    let tls = if https {
        let settings = tessera_server::config::Tls::SelfSigned;
        tessera_server::tls_acceptor(&settings, None).map_err(Failure::Error)?
    } else {
        None
    };
    for socket in bound.0 {
        let listen = |e: std::io::Error| Failure::Error(format!("cannot listen: {e}"));
        socket.set_nonblocking(true).map_err(listen)?;
        let socket = tokio::net::TcpListener::from_std(socket).map_err(listen)?;
        let (site, tls) = (Arc::clone(site), tls.clone());
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = socket.accept().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let (site, tls) = (Arc::clone(&site), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return connection(stream, site).await;
                    };
                    let handshake = tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        connection(stream, site).await;
                    }
                });
            }
        });
    }
    end(site, serve::stop_signal()).await
}

/// How the command ends: with the first result, or, if it goes on, with a signal after the last one.
async fn end(site: &Site, stop: impl Future<Output = ()>) -> Outcome {
    let mut ends = site.end();
    let ended = async {
        // The sender lives as long as the site.
        let _ = ends.wait_for(|end| *end != End::Open).await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        () = ended, if !site.goes_on => {}
        () = stop => {}
    }
    match *site.end().borrow() {
        End::Succeeded => Ok(()),
        End::Failed => Err(Failure::Reported),
        End::Open => Err(Failure::Notice(
            "Stopped before the authorization server answered.".to_owned(),
        )),
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, site: Arc<Site>) {
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(answer(request, site).await) }
    });
    // A connection that the browser drops is none of our concern.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: hyper::Request<Incoming>, site: Arc<Site>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let is_post = match head.method {
        Method::GET | Method::HEAD => false,
        Method::POST => true,
        _ => {
            return respond(&Reply::sentence(
                405,
                "Not allowed",
                "Only GET and POST are served here.",
            ));
        }
    };
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        return respond(&Reply::sentence(
            413,
            "Too long",
            "The form has more than 64 KiB.",
        ));
    };
    let request = Request {
        is_post,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    };
    let answered = tokio::task::spawn_blocking(move || site.answer(&request)).await;
    respond(
        &answered.unwrap_or_else(|_| {
            Reply::sentence(500, "Failed", "The request could not be answered.")
        }),
    )
}

fn respond(reply: &Reply) -> Response<Full<Bytes>> {
    let nonce = b64::encode(&random_bytes::<16>(&OsEntropy));
    let body = reply.page.as_ref().map(|page| page.document(&nonce));
    let mut response = Response::new(Full::from(body.unwrap_or_default()));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let policy = page::policy(&nonce);
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, &policy),
        // Security: the pages hold tokens, and their addresses a code.
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::LOCATION,
            reply.location.as_deref().unwrap_or_default(),
        ),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value)
            && !value.is_empty()
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_neither_kept_nor_framed_nor_scripted() {
        let response = respond(&Reply::sentence(500, "T", "x"));
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(response.status(), 500);
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(!header("content-security-policy").contains("script-src"));
        assert!(!response.headers().contains_key("location"));
    }

    #[test]
    fn a_location_with_forbidden_characters_is_left_out() {
        let response = respond(&Reply::to("/a\r\nx: y".to_owned()));
        assert!(!response.headers().contains_key("location"));
    }

    #[test]
    fn only_a_container_listens_beyond_loopback_unasked() {
        let image = || Some("::".to_owned());
        assert_eq!(chosen(None, None, false), None);
        assert_eq!(chosen(None, None, true).as_deref(), Some("0.0.0.0"));
        assert_eq!(chosen(None, image(), true).as_deref(), Some("::"));
        let given = chosen(Some("127.0.0.1"), image(), true);
        assert_eq!(given.as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn both_loopback_addresses_share_one_port() {
        let bound = bind(Some("127.0.0.1"), 0).unwrap();
        assert_ne!(bound.port(), 0);
        assert!(bind(Some("127.0.0.1"), bound.port()).is_err());
        assert!(matches!(
            bind(Some("localhost:1"), 0),
            Err(Failure::Error(_))
        ));
    }
}
