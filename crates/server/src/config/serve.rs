//! Listeners and cookies.

use std::path::PathBuf;

use serde::Deserialize;

use super::cors::Cors;
use super::secrets::SecretString;
use super::tls::{Cidr, Tls, TlsSettings};

/// `serve`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Serve {
    pub public: Listener,
    pub admin: Listener,
    #[serde(default)]
    pub tls: TlsSettings,
    pub cookies: Cookies,
}

impl Serve {
    /// How a listener speaks: its own settings win over `serve.tls`, member by member.
    ///
    /// A certificate without a key, or the reverse, was refused by [`super::Settings::check`].
    #[must_use]
    pub fn tls(&self, listener: &Listener) -> Tls {
        let own = &listener.tls;
        if !own.enabled.or(self.tls.enabled).unwrap_or(false) {
            return Tls::Off;
        }
        let cert = own
            .cert
            .as_ref()
            .or(self.tls.cert.as_ref())
            .and_then(|cert| cert.source());
        let key = own
            .key
            .as_ref()
            .or(self.tls.key.as_ref())
            .and_then(|key| key.source());
        match (cert, key) {
            (Some(cert), Some(key)) => Tls::Certificate { cert, key },
            _ => Tls::SelfSigned,
        }
    }

    /// The networks whose proxies may end TLS and pass plain HTTP on to a listener that speaks TLS.
    ///
    /// Compat: a listener without TLS answers everyone, whatever the list says, as in v26: the charts of Hydra set one.
    /// Security: a proxy has no client certificate to show.
    #[must_use]
    pub fn termination_from<'a>(&'a self, listener: &'a Listener) -> &'a [Cidr] {
        if self.tls(listener) == Tls::Off || listener.auth.client_ca.is_some() {
            return &[];
        }
        let own = listener.tls.allow_termination_from.as_deref();
        own.or(self.tls.allow_termination_from.as_deref())
            .unwrap_or_default()
    }
}

/// `serve.public` or `serve.admin`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listener {
    /// As written; `None`: loopback. [`Listener::address`] reads it.
    pub host: Option<String>,
    /// 1 to 65535.
    pub port: u16,
    pub base_url: Option<String>,
    pub socket: Socket,
    pub request_log: RequestLog,
    #[serde(default)]
    pub tls: TlsSettings,
    pub cors: Cors,
    #[serde(default)]
    pub auth: AdminAuth,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// 127.0.0.1 and, where there is IPv6, ::1.
    Loopback { port: u16 },
    /// Every interface, IPv6 included where there is any.
    AllInterfaces { port: u16 },
    /// A host name or address; IPv6 without brackets.
    Host { host: String, port: u16 },
    /// A socket file.
    Unix { path: PathBuf },
}

impl Listener {
    /// Where this listener listens.
    #[must_use]
    pub fn address(&self) -> ListenAddress {
        let port = self.port;
        let Some(host) = self.host.as_deref() else {
            return ListenAddress::Loopback { port };
        };
        if let Some(path) = host.strip_prefix("unix:") {
            return ListenAddress::Unix {
                path: PathBuf::from(path),
            };
        }
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        match bare {
            "" | "::" => ListenAddress::AllInterfaces { port },
            host => ListenAddress::Host {
                host: host.to_owned(),
                port,
            },
        }
    }
}

/// `serve.<listener>.socket`; empty names keep the owner of the process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Socket {
    pub owner: String,
    pub group: String,
    /// Permission bits, 0 to 0o777.
    pub mode: u32,
}

/// `serve.<listener>.request_log`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RequestLog {
    pub disable_for_health: bool,
}

/// `serve.admin.auth`; both unset: everyone who reaches the port is let in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AdminAuth {
    pub bearer_token: Option<SecretString>,
    /// PEM file with the authorities that sign client certificates.
    pub client_ca: Option<PathBuf>,
}

/// `serve.cookies`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cookies {
    pub same_site_mode: SameSite,
    pub same_site_legacy_workaround: bool,
    /// Empty: cookies stay with the host.
    pub domain: String,
    /// Only looked at in development mode; outside of it cookies always are secure.
    pub secure: bool,
    pub names: CookieNames,
    pub paths: CookiePaths,
}

/// `serve.cookies.same_site_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

/// `serve.cookies.names`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CookieNames {
    pub login_csrf: String,
    pub consent_csrf: String,
    pub device_csrf: String,
    pub session: String,
}

/// `serve.cookies.paths`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CookiePaths {
    pub session: String,
}
