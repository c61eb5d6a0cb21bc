//! From settings to a running server and back: listeners, start-up, background tasks, shutdown.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tessera_store::{Readiness, Store};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::accept::{self, Secured, Socket};
use crate::config::{ListenAddress, Listener, Settings};
use crate::endpoint::health;
use crate::reply::{ErrorStyle, Failure, Fault};
use crate::state::{App, AppState};
use crate::tls_files::TlsFiles;
use crate::users::Users;
use crate::{admin, observe, public, upkeep};

/// Pending connections the kernel keeps.
const BACKLOG: u32 = 1024;
/// Pause between looks at a database that is not ready.
const START_PAUSE: Duration = Duration::from_millis(500);

/// Which ports to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Both.
    All,
    /// The public one.
    Public,
    /// The admin one.
    Admin,
}

/// Longest time that a request waits for the server to finish starting.
const START_WAIT: Duration = Duration::from_secs(5);

/// Holds requests back until the server has started; health checks are answered before.
pub(crate) struct Gate {
    router: OnceLock<Router>,
    /// Given back, by closing it, once the router is there.
    opening: Semaphore,
    waits_for_migrations: AtomicBool,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            router: OnceLock::new(),
            opening: Semaphore::new(0),
            waits_for_migrations: AtomicBool::new(false),
        })
    }

    pub(crate) async fn answer(&self, request: Request) -> Result<Response, Infallible> {
        if let Some(router) = self.router.get() {
            return observe::route(router.clone(), request).await;
        }
        let path = request.uri().path();
        Ok(match path.strip_prefix("/admin").unwrap_or(path) {
            "/health/alive" => health::alive().await,
            "/health/ready" => health::starting(self.waits_for_migrations.load(Ordering::Relaxed)),
            _ => {
                // Closing the semaphore is the signal, so being refused is what is waited for.
                let _ = tokio::time::timeout(START_WAIT, self.opening.acquire()).await;
                match self.router.get() {
                    Some(router) => return observe::route(router.clone(), request).await,
                    None => Failure::Fault(Fault::temporary("the server is still starting"))
                        .into_reply(ErrorStyle::default())
                        .into_response(),
                }
            }
        })
    }

    fn open(&self, router: Router) {
        // A gate is opened once.
        let _ = self.router.set(router);
        self.opening.close();
    }
}

/// Serves until `stop` is done, then lets requests in flight finish. An error is a reason not to start.
pub async fn serve(
    settings: Settings,
    ports: Ports,
    store: Arc<dyn Store>,
    users: Option<Users>,
    version: &'static str,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let (public_gate, admin_gate) = (Gate::new(), Gate::new());
    let (stopper, stopped) = watch::channel(false);
    let (mut listeners, mut tasks) = (JoinSet::new(), JoinSet::new());
    for (name, listener, gate, is_served) in [
        (
            "public",
            &settings.serve.public,
            &public_gate,
            ports != Ports::Admin,
        ),
        (
            "admin",
            &settings.serve.admin,
            &admin_gate,
            ports != Ports::Public,
        ),
    ] {
        if !is_served {
            continue;
        }
        let tls = secured(name, &settings, listener)?;
        if let Some(tls) = &tls {
            tasks.spawn(Arc::clone(&tls.files).follow());
        }
        for socket in bind(name, listener, tls).await? {
            let gate = Arc::clone(gate);
            listeners.spawn(accept::serve(socket, gate, stopped.clone()));
        }
    }

    tokio::pin!(stop);
    let started = tokio::select! {
        started = start(settings, store, users.map(Arc::new), version, [&public_gate, &admin_gate]) => Some(started?),
        () = &mut stop => None,
    };
    if let Some(app) = &started {
        public_gate.open(public::router(App::clone(app)));
        admin_gate.open(admin::router(App::clone(app)));
        tasks.spawn(crate::watch::follow(App::clone(app)));
        tasks.spawn(upkeep::delete_expired(App::clone(app)));
        tasks.spawn(crate::reseal::run(App::clone(app)));
        tasks.spawn(crate::logout_notices::run(App::clone(app)));
        tracing::info!(issuer = %app.issuer, "Ready.");
        stop.await;
        app.is_draining.store(true, Ordering::Release);
    }
    tracing::info!("Stopping: no new connections; requests in flight finish first.");
    // All listeners hold a receiver until they end.
    let _ = stopper.send(true);
    while listeners.join_next().await.is_some() {}
    tasks.shutdown().await;
    Ok(())
}

/// How a listener speaks TLS; `None` for plain HTTP.
fn secured(
    name: &'static str,
    settings: &Settings,
    listener: &Listener,
) -> Result<Option<Secured>, String> {
    let client_ca = listener.auth.client_ca.clone();
    let is_unix = matches!(listener.address(), ListenAddress::Unix { .. });
    if client_ca.is_some() && is_unix {
        return Err(
            "serve.admin.auth.client_ca is set, but a Unix socket has no client certificates; \
                    use permissions of the socket, or a TCP address."
                .to_owned(),
        );
    }
    let files = TlsFiles::open(name, settings.serve.tls(listener), client_ca)?;
    Ok(files.map(|files| Secured {
        files,
        takes_plain: !settings.serve.termination_from(listener).is_empty(),
    }))
}

/// Waits for the database and builds the state; only a lasting fault is an error.
async fn start(
    settings: Settings,
    store: Arc<dyn Store>,
    users: Option<Arc<Users>>,
    version: &'static str,
    gates: [&Gate; 2],
) -> Result<App, String> {
    let mut last_said = String::new();
    loop {
        let not_yet = match store.readiness().await {
            Ok(Readiness::Ready) => {
                let (settings, store) = (settings.clone(), Arc::clone(&store));
                match AppState::new(settings, store, users.clone(), version).await {
                    Ok(app) => return Ok(Arc::new(app)),
                    Err(fault) if fault.is_temporary => fault.source,
                    Err(fault) => return Err(fault.source),
                }
            }
            Ok(Readiness::MigrationsPending) => {
                for gate in gates {
                    gate.waits_for_migrations.store(true, Ordering::Relaxed);
                }
                "migrations have to be applied: run 'tessera migrate sql up'".to_owned()
            }
            Ok(Readiness::SchemaTooNew(needed)) => {
                return Err(format!(
                    "the database schema is newer than this release: {needed}"
                ));
            }
            Err(error) => error.to_string(),
        };
        if not_yet != last_said {
            tracing::warn!("Not ready yet, waiting: {not_yet}");
            last_said = not_yet;
        }
        tokio::time::sleep(START_PAUSE).await;
    }
}

async fn bind(
    name: &str,
    listener: &Listener,
    tls: Option<Secured>,
) -> Result<Vec<Socket>, String> {
    let mut sockets = Vec::new();
    match listener.address() {
        ListenAddress::Unix { path } => {
            sockets.push(unix(&path, listener.socket.mode)?);
            tracing::info!("Listening for {name} requests on {}", path.display());
        }
        ListenAddress::Loopback { port } => {
            let v4 = tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))?;
            sockets.push(Socket::Tcp(v4, tls.clone()));
            // A machine without IPv6 has no ::1.
            if let Ok(v6) = tcp(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
                sockets.push(Socket::Tcp(v6, tls));
            }
            tracing::info!("Listening for {name} requests on localhost:{port}");
        }
        ListenAddress::AllInterfaces { port } => {
            let any = tcp(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
                .or_else(|_| tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)))?;
            sockets.push(Socket::Tcp(any, tls));
            tracing::info!("Listening for {name} requests on port {port} of all interfaces");
        }
        ListenAddress::Host { host, port } => {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
                .await
                .map_err(|e| format!("serve.{name}.host '{host}' cannot be resolved: {e}"))?
                .collect();
            let mut failed = None;
            for address in addresses {
                match tcp(address) {
                    Ok(listener) => sockets.push(Socket::Tcp(listener, tls.clone())),
                    Err(why) => failed = Some(why),
                }
            }
            if sockets.is_empty() {
                return Err(failed.unwrap_or_else(|| {
                    format!("serve.{name}.host '{host}' has no address to listen on")
                }));
            }
            tracing::info!("Listening for {name} requests on {host}:{port}");
        }
    }
    Ok(sockets)
}

fn tcp(address: SocketAddr) -> Result<TcpListener, String> {
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|e: std::io::Error| format!("cannot listen on {address}: {e}"))
}

/// A socket file that nobody listens on any more is replaced.
fn unix(path: &Path, mode: u32) -> Result<Socket, String> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let failed = |e: std::io::Error| format!("cannot listen on '{}': {e}", path.display());
    let is_socket = path
        .metadata()
        .is_ok_and(|found| found.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    Ok(Socket::Unix(listener, path.to_owned()))
}
