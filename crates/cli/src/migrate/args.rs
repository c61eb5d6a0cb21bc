//! Arguments of `migrate`.

use crate::{
    cobra,
    failure::Failure,
    print::format::{Format, Output},
};

/// `migrate …`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Migrate {
    /// Configuration files; of several, later ones win.
    #[arg(long, short = 'c', global = true, value_name = "FILES")]
    config: Vec<String>,
    /// What to migrate.
    #[command(subcommand)]
    pub(crate) what: Option<What>,
}

/// Sub-commands of `migrate`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum What {
    /// Create and change the tables of an SQL database.
    Sql(Sql),
    /// Print which migrations were applied (deprecated, use migrate sql status).
    #[command(hide = true)]
    Status(Status),
}

/// `migrate sql`; without a sub-command the deprecated form of `migrate sql up`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sql {
    #[command(flatten)]
    pub(crate) up: Up,
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: Option<SqlAction>,
}

/// Sub-commands of `migrate sql`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum SqlAction {
    /// Apply pending migrations.
    Up(Up),
    /// Roll migrations back.
    Down(Down),
    /// Print which migrations were applied.
    Status(Status),
}

/// Which database.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Database {
    /// Database; otherwise the environment variable DSN, otherwise the configuration.
    #[arg(value_name = "DATABASE URL")]
    pub(crate) dsn: Option<String>,
    /// Accepted for scripts: without a database argument the environment and the configuration are read anyway.
    #[arg(long, short = 'e')]
    pub(crate) read_from_env: bool,
}

/// `migrate sql up`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `migrate sql down`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// How many migrations to roll back.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) steps: i64,
}

/// `migrate sql status`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Wait until nothing is pending.
    #[arg(long)]
    pub(crate) block: bool,
    /// Print versions only.
    #[arg(long, short = 'q')]
    quiet: bool,
    /// Output format: table, json, json-pretty, yaml, jsonpath=PATH or jsonpointer=POINTER.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
}

impl Migrate {
    /// Was the question answered on the command line, before or after the last sub-command?
    pub(crate) fn says_yes(&self) -> bool {
        match &self.what {
            Some(What::Sql(sql)) => {
                let below = match &sql.action {
                    Some(SqlAction::Up(up)) => up.yes,
                    Some(SqlAction::Down(down)) => down.yes,
                    _ => false,
                };
                sql.up.yes || below
            }
            _ => false,
        }
    }

    /// Configuration files in order, later ones win.
    pub(crate) fn config_files(&self) -> Vec<String> {
        cobra::list(&self.config)
    }
}

impl Status {
    /// How to print the status. The error names a wrong `--format`.
    pub(crate) fn output(&self) -> Result<Output, Failure> {
        Ok(Output {
            quiet: self.quiet,
            format: Format::parse(&self.format)?,
        })
    }
}

impl Down {
    /// How many migrations to roll back, at least one.
    pub(crate) fn steps(&self) -> Result<usize, Failure> {
        match usize::try_from(self.steps) {
            Ok(0) => Err(Failure::Notice(
                "There are apparently no migrations to roll back.\n\
                 Please provide the --steps argument with a value larger than 0."
                    .to_owned(),
            )),
            Ok(steps) => Ok(steps),
            Err(_) => Err(Failure::Notice(
                "Flag --steps must be larger than 0.".to_owned(),
            )),
        }
    }
}
