//! Migrations as they are printed: the plan of `up` and `down`, and the status.

use serde_json::{Value, json};

use crate::{
    failure::Outcome,
    print::{format::Output, table},
};

/// One migration of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Digits that order the migrations.
    pub(super) version: String,
    /// What it is about.
    pub(super) name: String,
    /// `Pending`, `Applied` or `Rollback`.
    pub(super) state: &'static str,
    /// SQL to apply it.
    pub(super) up: String,
    /// SQL to roll it back.
    pub(super) down: String,
}

/// Headings of a plan.
const HEADINGS: [&str; 3] = ["Version", "Name", "Status"];

/// Prints the status of all migrations.
pub(super) fn print_status(output: &Output, steps: &[Step]) -> Outcome {
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
pub(super) fn waiting_text(steps: &[Step]) -> String {
    let pending = steps.iter().filter(|step| step.state == "Pending");
    let names: String = pending.map(|step| format!(" - {}\n", step.name)).collect();
    format!("Waiting for migrations to finish...\n{names}")
}

/// The plan of `up`: all migrations, then the SQL of the pending ones.
pub(super) fn up_plan_text(steps: &[Step]) -> String {
    let statements = steps
        .iter()
        .filter(|step| step.state == "Pending")
        .map(|step| (step, &step.up));
    plan_text(steps, statements)
}

/// The plan of `down`: all migrations, then the SQL that undoes those marked `Rollback`, newest first.
pub(super) fn down_plan_text(steps: &[Step]) -> String {
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
}
