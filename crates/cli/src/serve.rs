//! Arguments of `serve all|public|admin`.

use std::process::ExitCode;

use crate::{cobra, failure::Failure};

/// Flags of both generations; they may stand before or after the sub-command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Serve {
    /// Configuration files (YAML, JSON, TOML); of several, later ones win. Commas separate, and it may be given more than once.
    #[arg(long, short = 'c', global = true, value_name = "FILES")]
    config: Vec<String>,
    /// For development: plain HTTP, generated secrets, built-in login and consent pages.
    #[arg(long, global = true)]
    pub(crate) dev: bool,
    /// Serve plain HTTP without a TLS-terminating proxy in front (v1).
    #[arg(long, global = true)]
    pub(crate) dangerous_force_http: bool,
    /// Redirect URLs that may use plain HTTP (v1).
    #[arg(long, global = true, value_name = "URLS")]
    dangerous_allow_insecure_redirect_urls: Vec<String>,
    /// Accepted for scripts: there is no telemetry to switch off.
    #[arg(long, global = true)]
    pub(crate) sqa_opt_out: bool,
    /// Which ports to open.
    #[command(subcommand)]
    pub(crate) ports: Option<Ports>,
}

/// The ports of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum Ports {
    /// Serve the public and the admin API.
    All,
    /// Serve the public API.
    Public,
    /// Serve the admin API.
    Admin,
}

impl Serve {
    /// Configuration files in order, later ones win.
    pub(crate) fn config_files(&self) -> Vec<String> {
        cobra::list(&self.config)
    }

    /// Redirect URLs that may use plain HTTP.
    pub(crate) fn insecure_redirect_urls(&self) -> Vec<String> {
        cobra::list(&self.dangerous_allow_insecure_redirect_urls)
    }
}

// WIRE HERE: start the server on `ports`. `arguments.ports` is never `None`: the dispatcher has printed help then.
pub(crate) fn run(arguments: &Serve) -> ExitCode {
    let _ = (
        arguments.ports,
        arguments.config_files(),
        arguments.insecure_redirect_urls(),
        arguments.dev,
        arguments.dangerous_force_http,
        arguments.sqa_opt_out,
    );
    Failure::Error("serve: not wired".to_owned()).report()
}
