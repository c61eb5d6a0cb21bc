//! The commands that Hydra does not have: `backup`, `config check`, `tokens revoke-all`.

use std::{path::Path, process::ExitCode};

use tessera_crypto::{OsEntropy, random_bytes};
use tessera_server::config;

use crate::{
    cobra, database,
    failure::{Failure, Outcome},
    migrate, print,
};

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
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum ConfigAction {
    /// Check configuration files and print all problems at once.
    Check {
        /// Files to check, each on its own.
        #[arg(value_name = "FILE")]
        files: Vec<String>,
    },
    /// Print the reference of all keys as Markdown.
    #[command(hide = true)]
    Reference,
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

/// Copies the database to `file`.
pub(crate) fn backup(arguments: &Backup) -> ExitCode {
    let copy = || -> Outcome {
        let file = cobra::exactly_one(&arguments.file)?;
        check_target(Path::new(file))?;
        let dsn = database::address(&arguments.source.config_files(), None)?;
        if matches!(dsn, config::Dsn::Postgres { .. }) {
            return Err(Failure::Error(
                "PostgreSQL is backed up with its own tools, such as pg_dump".to_owned(),
            ));
        }
        database::runtime()?.block_on(async {
            let opened = database::open_existing(&dsn).await?;
            let copied = opened.backup(Path::new(file)).await;
            opened.close().await;
            copied.map_err(|e| Failure::Error(e.to_string()))
        })?;
        print::stdout(&format!("Backup written to {file}\n"));
        Ok(())
    };
    finish(copy())
}

/// What can be said about the file to write before the database is opened.
fn check_target(file: &Path) -> Outcome {
    if file.symlink_metadata().is_ok() {
        return Err(Failure::Error(format!(
            "{} exists already, and a backup overwrites nothing; name another file",
            file.display()
        )));
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(Failure::Error(format!(
            "the folder {} for the backup does not exist; make it, or name another file",
            folder.display()
        ))),
        None => Ok(()),
    }
}

/// Checks configuration files, or prints the reference of all keys. `action` is never `None`: the dispatcher has
/// printed help then.
pub(crate) fn config(arguments: &Config) -> ExitCode {
    match &arguments.action {
        Some(ConfigAction::Reference) => {
            print::stdout(&config::reference_markdown());
            ExitCode::SUCCESS
        }
        Some(ConfigAction::Check { files }) => {
            let mut files = files.clone();
            files.extend(arguments.source.config_files());
            if files.is_empty() {
                return Failure::Error("name at least one configuration file".to_owned()).report();
            }
            let mut all_fine = true;
            for file in files {
                let report = config::check_file(Path::new(&file));
                print::stdout(&format!("{report}\n"));
                all_fine &= report.is_fine();
            }
            if all_fine {
                ExitCode::SUCCESS
            } else {
                Failure::Reported.report()
            }
        }
        None => ExitCode::SUCCESS,
    }
}

/// Ends every token. `action` is never `None`: the dispatcher has printed help then.
pub(crate) fn tokens(arguments: &Tokens) -> ExitCode {
    let Some(TokensAction::RevokeAll { yes }) = arguments.action else {
        return ExitCode::SUCCESS;
    };
    let revoke = || -> Outcome {
        let dsn = database::address(&arguments.source.config_files(), None)?;
        let runtime = database::runtime()?;
        // Before the question: a yes should not end in an error that was there all along.
        let opened = runtime.block_on(database::open_migrated(&dsn))?;
        if !yes && !migrate::confirm(QUESTION, &mut std::io::stdin().lock())? {
            runtime.block_on(opened.close());
            print::stdout("Nothing was revoked.\n");
            return Ok(());
        }
        let epoch = u64::from_le_bytes(random_bytes::<8>(&OsEntropy)) | 1;
        runtime.block_on(async {
            let renewed = opened.store.renew_server_epoch(epoch).await;
            opened.close().await;
            renewed.map_err(|e| Failure::Error(e.to_string()))
        })?;
        print::stdout("Every access token issued until now is revoked.\n");
        Ok(())
    };
    finish(revoke())
}

const QUESTION: &str = "Do you wish to revoke every token that was ever issued? [y/n]: ";

fn finish(outcome: Outcome) -> ExitCode {
    outcome.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
