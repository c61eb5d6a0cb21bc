//! Other servers, driven by the same generator: node `oidc-provider`, and any with Hydra's API.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::http;
use crate::process::Running;
use crate::server::{SECRET, Target};

/// A peer that answers.
#[derive(Debug)]
pub(crate) struct Peer {
    pub name: String,
    pub pid: u32,
    pub target: Target,
    /// A registered client.
    pub client_id: String,
    /// Ends the process with the bench, if the bench started it.
    _process: Option<Running>,
}

/// Starts node `oidc-provider` from the folder with its script, where `npm ci` ran.
pub(crate) fn oidc_provider(folder: &Path) -> Result<Peer, String> {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|e| e.to_string())?
        .port();
    let mut child = Command::new("node")
        .args(["server.mjs", &port.to_string()])
        .current_dir(folder)
        .env("NODE_ENV", "production")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("node: {e}"))?;
    let stdout = child.stdout.take();
    let process = Running(child);
    let mut lines = BufReader::new(stdout.ok_or("node has no output")?).lines();
    if !lines.any(|line| line.is_ok_and(|line| line == "ready")) {
        return Err(
            "oidc-provider did not start; run `npm ci` in bench/peers/oidc-provider".to_owned(),
        );
    }
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Ok(Peer {
        name: "oidc-provider (node)".to_owned(),
        pid: process.pid(),
        target: Target {
            public: address,
            admin: address,
            token_path: "/token".to_owned(),
            introspection_path: "/token/introspection".to_owned(),
            introspection_headers: http::basic("bench", SECRET),
        },
        client_id: "bench".to_owned(),
        _process: Some(process),
    })
}

/// A running server with Hydra's API.
pub(crate) fn hydra_like(public: &str, admin: &str, pid: u32) -> Result<Peer, String> {
    let target = Target {
        public: http::address(public)?,
        admin: http::address(admin)?,
        token_path: "/oauth2/token".to_owned(),
        introspection_path: "/admin/oauth2/introspect".to_owned(),
        introspection_headers: String::new(),
    };
    let client_id = format!("bench-peer-{}", crate::clock::unix_micros());
    target.create_client(&client_id, "")?;
    Ok(Peer {
        name: format!("peer at {public}"),
        pid,
        target,
        client_id,
        _process: None,
    })
}
