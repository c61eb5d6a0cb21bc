//! `migrate`: what it does.
//!
//! Compat: three forms exist: v26's `migrate sql up|down|status`, its deprecated `migrate sql` and `migrate status`, and v1's
//! `migrate sql`, which is the same command line. The deprecated form answers as v26 does.

mod args;
mod execute;
mod plan;

use std::process::ExitCode;

use tessera_store_sql::{MigrationState, Migrations};
use tokio::runtime::Runtime;

use crate::{
    args as command_line, database,
    failure::{Failure, Outcome},
    print,
};
use args::{Database, Down, Status};
pub(crate) use args::{Migrate, SqlAction, What};
pub(crate) use execute::confirm;
use execute::execute;
use plan::{Step, down_plan_text, print_status, up_plan_text, waiting_text};

/// stderr of a form that has a new name.
fn deprecated(old: &str, now: &str) -> String {
    let program = command_line::program_name();
    format!("Command {old:?} is deprecated, Please use `{program} migrate {now}` instead.\n")
}

/// Runs the migration. `what` is never `None`: the dispatcher has printed help then.
pub(crate) fn run(arguments: &Migrate) -> ExitCode {
    let (notice, action) = match &arguments.what {
        None => return ExitCode::SUCCESS,
        Some(What::Status(status)) => (deprecated("status", "sql status"), Action::Status(status)),
        Some(What::Sql(sql)) => match &sql.action {
            None => (deprecated("sql", "sql up"), Action::Up(&sql.up.database)),
            Some(SqlAction::Up(up)) => (String::new(), Action::Up(&up.database)),
            Some(SqlAction::Down(down)) => (String::new(), Action::Down(down)),
            Some(SqlAction::Status(status)) => (String::new(), Action::Status(status)),
        },
    };
    print::stderr(&notice);
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
    runtime.block_on(database::refuse_foreign(&dsn, database::LOOK))?;
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
