//! Arguments of the commands that Hydra does not have: `backup`, `config check`, `tokens revoke-all`.

use std::process::ExitCode;

use crate::{cobra, failure::Failure};

/// `backup FILE`: a copy of the SQLite database while the server runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Backup {
    /// File to write; must not exist.
    #[arg(value_name = "FILE")]
    pub(crate) file: Vec<String>,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// `config …`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) source: Source,
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: Option<ConfigAction>,
}

/// Actions on the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum ConfigAction {
    /// Check the configuration and print all problems at once.
    Check,
}

/// `tokens …`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Tokens {
    #[command(flatten)]
    pub(crate) source: Source,
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: Option<TokensAction>,
}

/// Actions on all tokens of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum TokensAction {
    /// End every token that was ever issued, for emergencies and after a restore.
    RevokeAll {
        /// Do not ask.
        #[arg(long, short = 'y')]
        yes: bool,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Source {
    /// Configuration files; of several, later ones win.
    #[arg(long, short = 'c', global = true, value_name = "FILES")]
    config: Vec<String>,
}

impl Source {
    /// Configuration files in order, later ones win.
    pub(crate) fn config_files(&self) -> Vec<String> {
        cobra::list(&self.config)
    }
}

// WIRE HERE: copy the database of `source` to `file`.
pub(crate) fn backup(arguments: &Backup) -> ExitCode {
    let _ = arguments.source.config_files();
    match cobra::exactly_one(&arguments.file) {
        Ok(_) => Failure::Error("backup: not wired".to_owned()).report(),
        Err(failure) => failure.report(),
    }
}

// WIRE HERE: check the configuration of `source`. `action` is never `None`: the dispatcher has printed help then.
pub(crate) fn config(arguments: &Config) -> ExitCode {
    let _ = (arguments.source.config_files(), arguments.action);
    Failure::Error("config check: not wired".to_owned()).report()
}

// WIRE HERE: replace the server-wide token key. `action` is never `None`: the dispatcher has printed help then.
pub(crate) fn tokens(arguments: &Tokens) -> ExitCode {
    let _ = (arguments.source.config_files(), arguments.action);
    Failure::Error("tokens revoke-all: not wired".to_owned()).report()
}
