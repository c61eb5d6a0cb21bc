//! Reads the TLS files of a listener again when they change.
//!
//! Invariant: connections keep what they were opened with; a file that cannot be used changes nothing and is told.
//! Compat: Hydra watches the certificate alone; here the key and the authorities of client certificates count as well.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use crate::config::{PemSource, Tls};
use crate::tls;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How a listener speaks TLS now.
pub(crate) struct TlsFiles {
    /// `public` or `admin`.
    name: &'static str,
    tls: Tls,
    client_ca: Option<PathBuf>,
    files: Vec<PathBuf>,
    /// The files as they were when they were first read.
    opened: State,
    current: RwLock<TlsAcceptor>,
}

/// What tells one state of the files from another; links are followed. `None`: the file is not there.
type State = Vec<Option<[i64; 4]>>;

/// What [`TlsFiles::look`] has seen.
struct Seen {
    /// At the last look.
    last: State,
    /// When the files were last read, whether or not they could be used.
    read: State,
}

impl TlsFiles {
    /// For a listener of these settings; `None` if it speaks plain HTTP.
    pub(crate) fn open(
        name: &'static str,
        tls: Tls,
        client_ca: Option<PathBuf>,
    ) -> Result<Option<Arc<Self>>, String> {
        let files = files(&tls, client_ca.as_ref());
        // Before they are read, so that no change is missed.
        let opened = state(&files);
        let Some(acceptor) = tls::acceptor(&tls, client_ca.as_deref())? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Self {
            name,
            tls,
            client_ca,
            files,
            opened,
            current: RwLock::new(acceptor),
        })))
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Looks at the files for as long as the server runs.
    pub(crate) async fn follow(self: Arc<Self>) {
        if self.files.is_empty() {
            return;
        }
        let mut seen = Seen {
            last: self.opened.clone(),
            read: self.opened.clone(),
        };
        loop {
            tokio::time::sleep(INTERVAL).await;
            let this = Arc::clone(&self);
            let look = tokio::task::spawn_blocking(move || {
                this.look(&mut seen);
                seen
            });
            match look.await {
                Ok(after) => seen = after,
                // The server is ending.
                Err(_) => return,
            }
        }
    }

    /// Reads files that have changed and have rested since the last look: certificate and key are rarely replaced in
    /// the same moment.
    fn look(&self, seen: &mut Seen) {
        let now = state(&self.files);
        let has_rested = now == seen.last;
        seen.last = now;
        if !has_rested || seen.last == seen.read {
            return;
        }
        seen.read.clone_from(&seen.last);
        match tls::acceptor(&self.tls, self.client_ca.as_deref()) {
            Ok(Some(acceptor)) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
                tracing::info!(
                    "The TLS files of the {} port have changed; new connections get the new certificate.",
                    self.name
                );
            }
            Ok(None) => {}
            Err(why) => tracing::error!(
                "The TLS files of the {} port have changed and cannot be used, so the previous certificate stays: {why}",
                self.name
            ),
        }
    }
}

fn files(tls: &Tls, client_ca: Option<&PathBuf>) -> Vec<PathBuf> {
    let pems = match tls {
        Tls::Certificate { cert, key } => [Some(cert), Some(key)],
        Tls::Off | Tls::SelfSigned => [None, None],
    };
    let of_pem = |pem: &PemSource| match pem {
        PemSource::File(path) => Some(path.clone()),
        PemSource::Base64(_) => None,
    };
    let pems = pems.into_iter().flatten().filter_map(of_pem);
    // Without a certificate one was made; reading again would make another.
    let client_ca = client_ca.filter(|_| *tls != Tls::SelfSigned).cloned();
    pems.chain(client_ca).collect()
}

fn state(files: &[PathBuf]) -> State {
    let of_file = |path: &PathBuf| {
        let file = std::fs::metadata(path).ok()?;
        let inode = i64::from_ne_bytes(file.ino().to_ne_bytes());
        Some([inode, file.ctime(), file.ctime_nsec(), file.mtime_nsec()])
    };
    files.iter().map(of_file).collect()
}
