//! Connecting: the URL's parameters, TLS, time limits and the pause after a failure.
//!
//! Security: an error never shows the URL, which holds a password.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tessera_store::{StoreError, StoreResult};
use tokio::time::{Instant, timeout};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::connection::Connection;
use super::fault::connect_fault;
use super::tls::{TlsConnector, TlsOptions, Verify};
use crate::PostgresOptions;

/// How long connecting may take for a request, so that it still fails within the deadline; and for `migrate`.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
const DIRECT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a failure, doubled up to the longest; within it requests fail without trying.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// A peer that vanished is noticed within these, also while nothing is asked.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Parameters that are the pool's, or Hydra's, and no business of the database.
const NOT_FOR_THE_DATABASE: [&str; 5] = [
    "max_conns",
    "max_idle_conns",
    "max_conn_lifetime",
    "max_conn_idle_time",
    "prepared",
];

pub(super) struct Connector {
    config: Config,
    tls: TlsConnector,
    prepares: bool,
    pause: Mutex<Option<Pause>>,
    is_closed: AtomicBool,
}

struct Pause {
    length: Duration,
    until: Instant,
    why: StoreError,
}

impl Connector {
    pub(super) fn new(options: &PostgresOptions) -> StoreResult<Self> {
        let (url, tls) = split_tls_options(&options.url)?;
        let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
            let why = std::error::Error::source(&e)
                .map_or_else(|| e.to_string(), |s| format!("{e}: {s}"));
            StoreError::Bug(format!("the database URL cannot be used: {why}"))
        })?;
        config.ssl_mode(tls.mode);
        if config.get_application_name().is_none() {
            config.application_name("tessera");
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if config.get_keepalives_retries().is_none() && config.get_keepalives_interval().is_none() {
            config.keepalives_idle(KEEPALIVE_IDLE);
            config.keepalives_interval(KEEPALIVE_INTERVAL);
            config.keepalives_retries(KEEPALIVE_RETRIES);
        }
        Ok(Self {
            config,
            tls: TlsConnector::new(&tls)?,
            prepares: options.prepared,
            pause: Mutex::new(None),
            is_closed: AtomicBool::new(false),
        })
    }

    /// A connection for requests; fails at once shortly after a failure.
    pub(super) async fn connect(&self) -> StoreResult<Connection> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the database is closed".to_owned()));
        }
        if let Some(pause) = self.pause().as_ref()
            && Instant::now() < pause.until
        {
            return Err(pause.why.clone());
        }
        let connected = self.connect_within(CONNECT_TIMEOUT).await;
        let mut pause = self.pause();
        match &connected {
            Ok(_) => *pause = None,
            Err(why) => {
                let length = pause
                    .as_ref()
                    .map_or(PAUSE_FIRST, |last| (last.length * 2).min(PAUSE_LONGEST));
                tracing::warn!(error = %why, "the database cannot be reached");
                *pause = Some(Pause {
                    length,
                    until: Instant::now() + length,
                    why: why.clone(),
                });
            }
        }
        connected
    }

    /// A connection for `migrate`, which waits longer and tries always.
    pub(super) async fn connect_directly(&self) -> StoreResult<Connection> {
        self.connect_within(DIRECT_CONNECT_TIMEOUT).await
    }

    async fn connect_within(&self, limit: Duration) -> StoreResult<Connection> {
        let Ok(connected) = timeout(limit, self.config.connect(self.tls.clone())).await else {
            return Err(StoreError::Unavailable(
                "connecting took too long".to_owned(),
            ));
        };
        let (client, driver) = connected.map_err(|e| connect_fault(&e))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a database connection ended");
            }
        });
        Ok(Connection::new(
            client,
            driver.abort_handle(),
            self.prepares,
        ))
    }

    fn pause(&self) -> std::sync::MutexGuard<'_, Option<Pause>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// Takes what only libpq knows out of the URL: the driver refuses parameters it does not know.
fn split_tls_options(url: &str) -> StoreResult<(String, TlsOptions)> {
    let mut tls = TlsOptions::default();
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), tls));
    };
    let mut kept = Vec::new();
    let mut mode = "prefer".to_owned();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decoded(value);
        match name {
            "sslmode" => mode = value,
            "sslrootcert" => tls.root_certificates = Some(value),
            "sslcert" => tls.certificate = Some(value),
            "sslkey" => tls.key = Some(value),
            name if NOT_FOR_THE_DATABASE.contains(&name) => {}
            _ => kept.push(pair),
        }
    }
    (tls.mode, tls.verify) = match (mode.as_str(), &tls.root_certificates) {
        ("disable", _) => (SslMode::Disable, Verify::Nothing),
        ("allow" | "prefer", _) => (SslMode::Prefer, Verify::Nothing),
        ("require", None) => (SslMode::Require, Verify::Nothing),
        // libpq does the same, so that an old certificate file keeps its meaning.
        ("require" | "verify-ca", _) => (SslMode::Require, Verify::Chain),
        ("verify-full", _) => (SslMode::Require, Verify::ChainAndName),
        (other, _) => {
            return Err(StoreError::Bug(format!(
                "sslmode is '{other}'; it can be disable, allow, prefer, require, verify-ca or verify-full"
            )));
        }
    };
    let url = if kept.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", kept.join("&"))
    };
    Ok((url, tls))
}

fn percent_decoded(value: &str) -> String {
    // In a URL of a database a plus sign is a plus sign.
    let pair = format!("v={}", value.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_parameters_leave_the_url() {
        let (url, tls) = split_tls_options(
            "postgres://u:p%40@h1,h2:5433/db?sslmode=verify-full&max_conns=5&options=-csearch_path%3Dx\
             &sslrootcert=%2Fetc%2Fca+1.pem&connect_timeout=3",
        )
        .unwrap();
        assert_eq!(
            url,
            "postgres://u:p%40@h1,h2:5433/db?options=-csearch_path%3Dx&connect_timeout=3"
        );
        assert_eq!(
            (tls.mode, tls.verify),
            (SslMode::Require, Verify::ChainAndName)
        );
        assert_eq!(tls.root_certificates.as_deref(), Some("/etc/ca+1.pem"));
        let (url, tls) = split_tls_options("postgres://h/db?sslmode=require").unwrap();
        assert_eq!(url, "postgres://h/db");
        assert_eq!((tls.mode, tls.verify), (SslMode::Require, Verify::Nothing));
        assert!(split_tls_options("postgres://h/db?sslmode=on").is_err());
    }

    #[test]
    fn an_unusable_url_is_refused_without_showing_it() {
        let options = PostgresOptions {
            url: "postgres://user:hunter2@h/db?nonsense=1".to_owned(),
            max_conns: 1,
            max_idle_conns: 1,
            prepared: true,
        };
        let Err(error) = Connector::new(&options) else {
            panic!("accepted")
        };
        assert!(error.to_string().contains("nonsense"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
