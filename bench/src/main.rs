//! The benchmark: drives a release binary over HTTP and prints what a request costs, beside a floor and peers.
//!
//! Invariant: it knows the server only by its HTTP API, its environment variables and, to load a million rows, its
//! tables.

mod clock;
mod database;
mod http;
mod load;
mod measure;
mod peers;
mod plan;
mod process;
mod server;
mod sign_in;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// What to measure, and against what.
#[derive(Debug, Parser)]
#[command(name = "tessera-bench")]
struct Arguments {
    /// The static release binary.
    #[arg(long)]
    binary: PathBuf,
    /// The same build with the feature `floor`.
    #[arg(long)]
    floor_binary: PathBuf,
    /// DSN of a superuser of a PostgreSQL on this machine; without it PostgreSQL is left out.
    #[arg(long, env = "TESSERA_TEST_POSTGRES")]
    postgres: Option<String>,
    /// Folder of the oidc-provider peer; without it that peer is left out.
    #[arg(long)]
    oidc_provider: Option<PathBuf>,
    /// Public URL of a running server with Hydra's API.
    #[arg(long, requires_all = ["peer_admin", "peer_pid"])]
    peer_public: Option<String>,
    /// Its admin URL.
    #[arg(long)]
    peer_admin: Option<String>,
    /// Its process id.
    #[arg(long)]
    peer_pid: Option<u32>,
    /// A short run: noisier figures, 20,000 rows instead of a million.
    #[arg(long)]
    quick: bool,
    /// Parts to run, of: requests, sign-in, start, flat, peers.
    #[arg(long, value_delimiter = ',', default_values = ["requests", "sign-in", "start", "peers", "flat"])]
    only: Vec<String>,
    /// Of the part `requests`, only rows whose name holds this, such as `SQLite: introspection`.
    #[arg(long, default_value = "")]
    filter: String,
    /// Keep-alive connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// `log.level` of the servers, floor included. At `info` each request writes a line.
    #[arg(long, default_value = "info")]
    log_level: String,
}

fn main() -> ExitCode {
    match plan::run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            table::progress(&why);
            ExitCode::FAILURE
        }
    }
}
