//! `janitor`: deletes expired rows once, for scripts that call it; the server does so by itself.

use std::{process::ExitCode, time::Duration};

use tessera_protocol::time::Timestamp;
use tessera_server::config::Dsn;

use crate::{
    args, clock, cobra, database,
    failure::{Failure, Outcome},
    print,
};

/// Flags.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Janitor {
    /// Database to clean up; not used with -e or -c.
    #[arg(value_name = "DATABASE URL")]
    pub(crate) dsn: Option<String>,
    /// Take the database from the environment variable DSN or the configuration.
    #[arg(long, short = 'e')]
    pub(crate) read_from_env: bool,
    /// Configuration files; of several, later ones win.
    #[arg(long, short = 'c', value_name = "FILES")]
    config: Vec<String>,
    /// Delete at most this many rows per table.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    pub(crate) limit: i64,
    /// Delete this many rows at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) batch_size: i64,
    /// Keep what is younger.
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = cobra::duration)]
    pub(crate) keep_if_younger: Duration,
    /// Lifespan of access tokens, instead of the configured one.
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = cobra::duration)]
    pub(crate) access_lifespan: Duration,
    /// Lifespan of refresh tokens, instead of the configured one.
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = cobra::duration)]
    pub(crate) refresh_lifespan: Duration,
    /// Lifespan of login and consent requests, instead of the configured one.
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = cobra::duration)]
    pub(crate) consent_request_lifespan: Duration,
    /// Delete expired tokens.
    #[arg(long)]
    pub(crate) tokens: bool,
    /// Delete expired login and consent requests.
    #[arg(long)]
    pub(crate) requests: bool,
    /// Delete expired trusted issuers.
    #[arg(long)]
    pub(crate) grants: bool,
}

impl Janitor {
    /// Configuration files in order, later ones win.
    pub(crate) fn config_files(&self) -> Vec<String> {
        cobra::list(&self.config)
    }

    /// Do the flags make sense together?
    pub(crate) fn check(&self) -> Outcome {
        if self.dsn.is_none() && !self.read_from_env && self.config.is_empty() {
            print::stdout(&args::help(&["janitor"]));
            return Err(refusal(
                "A DSN is required as a positional argument when not passing any of the following flags:\n\
                 - Using the environment variable with flag -e, --read-from-env\n\
                 - Using the config file with flag -c, --config",
            ));
        }
        if !(self.tokens || self.requests || self.grants) {
            return Err(refusal(
                "Janitor requires at least one of --tokens, --requests or --grants to be set",
            ));
        }
        if self.limit <= 0 || self.batch_size <= 0 {
            return Err(refusal(
                "Values for --limit and --batch-size should both be greater than 0",
            ));
        }
        if self.batch_size > self.limit {
            return Err(refusal(
                "Value for --batch-size must not be greater than value for --limit",
            ));
        }
        Ok(())
    }

    /// The lines of a successful run, one per routine.
    pub(crate) fn success_text(&self) -> String {
        let routines = [
            (self.tokens, "access tokens"),
            (self.tokens, "refresh tokens"),
            (self.requests, "login-consent requests"),
            (self.grants, "grants"),
        ];
        let chosen = routines.iter().filter(|(is_chosen, _)| *is_chosen);
        chosen
            .map(|(_, name)| format!("Successfully completed Janitor run on {name}\n"))
            .collect()
    }
}

fn refusal(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}

/// Runs the checks, then the routines.
pub(crate) fn run(arguments: &Janitor) -> ExitCode {
    match arguments.check() {
        Ok(()) => clean(arguments),
        Err(failure) => failure.report(),
    }
}

/// Deletes what has expired, in batches, up to the limit.
///
/// Compat: the server deletes expired rows by itself, each by its own expiry, so the lifespan flags have nothing left
/// to say; they are accepted for scripts.
fn clean(arguments: &Janitor) -> ExitCode {
    let outcome = || -> Outcome {
        let from_configuration = arguments.read_from_env || !arguments.config.is_empty();
        let dsn = arguments.dsn.as_deref().filter(|_| !from_configuration);
        let dsn = database::named_address(&arguments.config_files(), dsn)?;
        database::runtime()?.block_on(delete(arguments, &dsn))?;
        print::stdout(&arguments.success_text());
        Ok(())
    };
    outcome().map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

async fn delete(arguments: &Janitor, dsn: &Dsn) -> Outcome {
    let opened = database::open_migrated(dsn).await?;
    let younger = i64::try_from(arguments.keep_if_younger.as_micros()).unwrap_or(i64::MAX);
    let until = Timestamp::from_micros(clock::now().as_microsecond().saturating_sub(younger));
    let batch = u64::try_from(arguments.batch_size).unwrap_or(1);
    let mut left = u64::try_from(arguments.limit).unwrap_or(0);
    while left > 0 {
        let limit = batch.min(left);
        let swept = opened
            .store
            .delete_expired(until, u32::try_from(limit).unwrap_or(u32::MAX))
            .await
            .map_err(|e| Failure::Error(format!("Could not cleanup inactive rows: {e}")))?;
        left = left.saturating_sub(swept.deleted);
        if !swept.has_more {
            break;
        }
    }
    opened.close().await;
    Ok(())
}
