//! `migrate`: its arguments, what it does, and every text it prints, made from plain data.
//!
//! Compat: three forms exist: v26's `migrate sql up|down|status`, its deprecated `migrate sql` and `migrate status`, and v1's
//! `migrate sql`, which is the same command line. The deprecated form answers as v26 does.

use std::{io::BufRead, process::ExitCode};

use serde_json::{Value, json};
use tessera_store_sql::{MigrationState, Migrations};
use tokio::runtime::Runtime;

use crate::{
    cobra, database,
    failure::{Failure, Outcome},
    print,
    print::{
        format::{Format, Output},
        table,
    },
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

/// One migration of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Digits that order the migrations.
    pub(crate) version: String,
    /// What it is about.
    pub(crate) name: String,
    /// `Pending`, `Applied` or `Rollback`.
    pub(crate) state: &'static str,
    /// SQL to apply it.
    pub(crate) up: String,
    /// SQL to roll it back.
    pub(crate) down: String,
}

/// Headings of a plan.
const HEADINGS: [&str; 3] = ["Version", "Name", "Status"];

/// Prompt of the question before migrations run.
const QUESTION: &str = "Do you wish to execute this migration plan? [y/n]: ";

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

/// Prints the status of all migrations.
pub(crate) fn print_status(output: &Output, steps: &[Step]) -> Outcome {
    let rows = steps.iter().map(cells).collect();
    let items: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({"state": step.state, "version": step.version, "name": step.name,
                   "content": step.up, "content_down": step.down})
        })
        .collect();
    output.table(&HEADINGS, rows, Vec::new(), &Value::from(items))
}

/// What `--block` prints while it waits.
pub(crate) fn waiting_text(steps: &[Step]) -> String {
    let pending = steps.iter().filter(|step| step.state == "Pending");
    let names: String = pending.map(|step| format!(" - {}\n", step.name)).collect();
    format!("Waiting for migrations to finish...\n{names}")
}

/// The plan of `up`: all migrations, then the SQL of the pending ones.
pub(crate) fn up_plan_text(steps: &[Step]) -> String {
    let statements = steps
        .iter()
        .filter(|step| step.state == "Pending")
        .map(|step| (step, &step.up));
    plan_text(steps, statements)
}

/// The plan of `down`: all migrations, then the SQL that undoes those marked `Rollback`, newest first.
pub(crate) fn down_plan_text(steps: &[Step]) -> String {
    let statements = steps
        .iter()
        .rev()
        .filter(|step| step.state == "Rollback")
        .map(|step| (step, &step.down));
    plan_text(steps, statements)
}

fn plan_text<'a>(
    steps: &[Step],
    statements: impl Iterator<Item = (&'a Step, &'a String)>,
) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned).to_vec()];
    lines.extend(steps.iter().map(cells));
    let plan = table::tabbed(&lines);
    let sql: String = statements
        .map(|(step, sql)| {
            format!(
                "------------ {} - {} ------------\n{sql}\n\n",
                step.version, step.name
            )
        })
        .collect();
    format!(
        "The migration plan is as follows:\n{plan}\n\
         The SQL statements to be executed from top to bottom are:\n\n{sql}"
    )
}

fn cells(step: &Step) -> Vec<String> {
    vec![
        step.version.clone(),
        step.name.clone(),
        step.state.to_owned(),
    ]
}

/// Asks; repeats the question until the answer is yes or no. The end of input is a failure.
pub(crate) fn confirm(question: &str, input: &mut impl BufRead) -> Result<bool, Failure> {
    print::stderr("To skip the next question use flag --yes (at your own risk).\n");
    loop {
        print::stdout(question);
        let mut answer = String::new();
        let read = input.read_line(&mut answer);
        match (read, answer.trim().to_ascii_lowercase().as_str()) {
            (Err(error), _) => {
                return Err(Failure::Notice(format!(
                    "Unable to confirm: unable to read from stdin: {error}"
                )));
            }
            (Ok(0), _) => {
                return Err(Failure::Notice(
                    "Unable to confirm: unable to read from stdin: EOF".to_owned(),
                ));
            }
            (Ok(_), "y" | "yes") => return Ok(true),
            (Ok(_), "n" | "no") => return Ok(false),
            _ => {}
        }
    }
}

/// stdout after the answer no.
const ABORTED: &str = "------------ WARNING ------------\nMigration aborted.\n";
/// stdout after all migrations ran.
const SUCCESS: &str = "------------ SUCCESS ------------\nSuccessfully applied migrations!\n";
/// stdout after a migration failed; stderr then says `Could not apply migrations:` and why.
const FAILED: &str = "------------ ERROR ------------\n";
/// stderr of `migrate sql` without a sub-command.
pub(crate) const SQL_IS_DEPRECATED: &str =
    "Command \"sql\" is deprecated, Please use `hydra migrate sql up` instead.\n";
/// stderr of `migrate status`.
pub(crate) const STATUS_IS_DEPRECATED: &str =
    "Command \"status\" is deprecated, Please use `hydra migrate sql status` instead.\n";

/// Prints a plan, asks unless `yes`, runs `apply` and prints the outcome. `apply` gives the number of migrations that ran.
///
/// Compat: the plan is printed and the question asked also when nothing is pending; the answer no is exit code 0.
pub(crate) fn execute<E: std::fmt::Display>(
    plan: &str,
    yes: bool,
    input: &mut impl BufRead,
    apply: impl FnOnce() -> Result<usize, E>,
) -> Outcome {
    print::stdout(plan);
    if !yes && !confirm(QUESTION, input)? {
        print::stdout(ABORTED);
        return Ok(());
    }
    match apply() {
        Ok(0) => print::stderr("Migrations already up to date, nothing to apply\n"),
        Ok(count) => print::stderr(&format!("Successfully applied {count} migrations.\n")),
        Err(error) => {
            print::stdout(FAILED);
            return Err(Failure::Notice(format!(
                "Could not apply migrations:\n{error}"
            )));
        }
    }
    print::stdout(SUCCESS);
    Ok(())
}

/// Runs the migration. `what` is never `None`: the dispatcher has printed help then.
pub(crate) fn run(arguments: &Migrate) -> ExitCode {
    let (deprecated, action) = match &arguments.what {
        None => return ExitCode::SUCCESS,
        Some(What::Status(status)) => (STATUS_IS_DEPRECATED, Action::Status(status)),
        Some(What::Sql(sql)) => match &sql.action {
            None => (SQL_IS_DEPRECATED, Action::Up(&sql.up.database)),
            Some(SqlAction::Up(up)) => ("", Action::Up(&up.database)),
            Some(SqlAction::Down(down)) => ("", Action::Down(down)),
            Some(SqlAction::Status(status)) => ("", Action::Status(status)),
        },
    };
    print::stderr(deprecated);
    migrate(arguments, &action).map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

enum Action<'a> {
    Up(&'a Database),
    Down(&'a Down),
    Status(&'a Status),
}

fn migrate(arguments: &Migrate, action: &Action<'_>) -> Outcome {
    let database = match action {
        Action::Up(database) => database,
        Action::Down(down) => &down.database,
        Action::Status(status) => &status.database,
    };
    let dsn = database::named_address(&arguments.config_files(), database.dsn.as_deref())?;
    let runtime = database::runtime()?;
    let opened = runtime.block_on(database::open(&dsn, true))?;
    let migrations = &*opened.migrations;
    let outcome = match action {
        Action::Up(_) => up(&runtime, migrations, arguments.says_yes()),
        Action::Down(flags) => down(&runtime, migrations, flags, arguments.says_yes()),
        Action::Status(flags) => show_status(&runtime, migrations, flags),
    };
    runtime.block_on(opened.close());
    outcome
}

fn up(runtime: &Runtime, migrations: &dyn Migrations, says_yes: bool) -> Outcome {
    let plan = up_plan_text(&steps(runtime, migrations)?);
    execute(&plan, says_yes, &mut std::io::stdin().lock(), || {
        runtime.block_on(migrations.up()).map(|done| done.len())
    })
}

fn down(runtime: &Runtime, migrations: &dyn Migrations, flags: &Down, says_yes: bool) -> Outcome {
    let count = flags.steps()?;
    let mut steps = steps(runtime, migrations)?;
    for step in steps
        .iter_mut()
        .rev()
        .filter(|step| step.state == "Applied")
        .take(count)
    {
        step.state = "Rollback";
    }
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    execute(
        &down_plan_text(&steps),
        says_yes,
        &mut std::io::stdin().lock(),
        || {
            runtime
                .block_on(migrations.down(count))
                .map(|done| done.len())
        },
    )
}

fn show_status(runtime: &Runtime, migrations: &dyn Migrations, flags: &Status) -> Outcome {
    /// Pause of `--block` between two looks.
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
    let output = flags.output()?;
    let mut now = steps(runtime, migrations)?;
    while flags.block && now.iter().any(|step| step.state == "Pending") {
        print::stdout(&waiting_text(&now));
        runtime.block_on(async { tokio::time::sleep(PAUSE).await });
        now = steps(runtime, migrations)?;
    }
    print_status(&output, &now)
}

fn steps(runtime: &Runtime, migrations: &dyn Migrations) -> Result<Vec<Step>, Failure> {
    let status = runtime
        .block_on(migrations.status())
        .map_err(|e| Failure::Error(e.to_string()))?;
    Ok(status
        .into_iter()
        .map(|status| Step {
            version: format!("{:04}", status.version),
            name: status.name,
            state: match status.state {
                MigrationState::Pending => "Pending",
                _ => "Applied",
            },
            up: status.up.to_owned(),
            down: status.down.to_owned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(version: &str, name: &str, state: &'static str) -> Step {
        Step {
            version: version.to_owned(),
            name: name.to_owned(),
            state,
            up: format!("CREATE {name};"),
            down: format!("DROP {name};"),
        }
    }

    #[test]
    fn the_plan_of_up_lists_all_steps_and_the_sql_of_pending_ones() {
        let steps = [
            step("0001", "baseline", "Applied"),
            step("0002", "more", "Pending"),
        ];
        assert_eq!(
            up_plan_text(&steps),
            "The migration plan is as follows:\nVersion\tName\t\tStatus\t\n0001\tbaseline\tApplied\t\n\
             0002\tmore\t\tPending\t\n\n\
             The SQL statements to be executed from top to bottom are:\n\n\
             ------------ 0002 - more ------------\nCREATE more;\n\n"
        );
    }

    #[test]
    fn the_plan_of_down_runs_backwards() {
        let steps = [step("0001", "a", "Rollback"), step("0002", "b", "Rollback")];
        let text = down_plan_text(&steps);
        assert!(text.find("DROP b;").unwrap() < text.find("DROP a;").unwrap());
    }

    #[test]
    fn the_question_repeats_until_it_is_answered() {
        assert_eq!(confirm(QUESTION, &mut "maybe\nYES\n".as_bytes()), Ok(true));
        assert_eq!(confirm(QUESTION, &mut "n\n".as_bytes()), Ok(false));
        assert!(confirm(QUESTION, &mut "".as_bytes()).is_err());
    }

    #[test]
    fn nothing_runs_without_a_yes() {
        let run = |yes, input: &str| {
            let mut ran = false;
            let outcome = execute("", yes, &mut input.as_bytes(), || {
                ran = true;
                Ok::<_, String>(1)
            });
            (outcome, ran)
        };
        assert_eq!(run(true, ""), (Ok(()), true));
        assert_eq!(run(false, "y\n"), (Ok(()), true));
        assert_eq!(run(false, "n\n"), (Ok(()), false));
        assert!(matches!(run(false, ""), (Err(Failure::Notice(_)), false)));
        let failed = execute("", true, &mut "".as_bytes(), || Err("disk full"));
        assert!(matches!(failed, Err(Failure::Notice(text)) if text.contains("disk full")));
    }
}
