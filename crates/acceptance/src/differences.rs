//! `docs/differences.md`: the deviations from the recordings that we stand by.
//!
//! Invariant: a row allows exactly one value of ours (or one matcher). A row with a step or a member that no recording uses is stale, and fails the run.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::binary;
use crate::glob;
use crate::matcher;
use crate::report::Finding;
use crate::vars::Vars;

const COLUMNS: [&str; 5] = ["scenario", "step", "member", "ours", "why"];

/// Which member a row speaks of decides which replay has to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Http,
    Cli,
}

/// One step pattern and one member pattern of a line of the table.
#[derive(Debug)]
struct Row {
    line: usize,
    scenario: String,
    step: String,
    member: String,
    /// `None`: the member is absent from our answer.
    ours: Option<Value>,
    used: AtomicBool,
}

/// The rows, and which of them a run has used so far.
#[derive(Debug, Default)]
pub struct Differences(Vec<Row>);

impl Differences {
    /// Reads the file of the workspace.
    pub fn load() -> Self {
        let path = binary::workspace().join("docs/differences.md");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&text).unwrap_or_else(|error| panic!("docs/differences.md: {error}"))
    }

    /// Reads every table whose header is `scenario | step | member | ours | why`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rows = Vec::new();
        let mut inside = false;
        for (i, line) in text.lines().enumerate() {
            let Some(cells) = cells_of(line) else {
                inside = false;
                continue;
            };
            let is_rule = cells
                .iter()
                .all(|cell| cell.trim_matches(['-', ':', ' ']).is_empty());
            if cells == COLUMNS {
                inside = true;
            } else if inside && !is_rule {
                rows.extend(rows_of(i + 1, &cells)?);
            }
        }
        Ok(Self(rows))
    }

    /// Whether a row allows this finding; such rows count as used.
    pub fn allow(&self, finding: &Finding, vars: &Vars) -> bool {
        let mut allowed = false;
        for row in self.0.iter().filter(|row| row.covers(finding)) {
            let fits = match (&row.ours, &finding.got) {
                (None, None) => true,
                (Some(ours), Some(got)) => matcher::fits(ours, got, vars),
                _ => false,
            };
            if fits {
                row.used.store(true, Ordering::Relaxed);
                allowed = true;
            }
        }
        allowed
    }

    /// A line for each row of that part that nothing used.
    pub fn stale(&self, part: Part) -> Vec<String> {
        self.0
            .iter()
            .filter(|row| row.part() == part && !row.used.load(Ordering::Relaxed))
            .map(|row| {
                format!(
                    "docs/differences.md:{}: stale row, no recording differs there: {} | {} | {}",
                    row.line, row.scenario, row.step, row.member
                )
            })
            .collect()
    }
}

impl Row {
    fn covers(&self, finding: &Finding) -> bool {
        glob::matches(&self.scenario, &finding.scenario)
            && glob::matches(&self.step, &finding.step.to_string())
            && glob::matches(&self.member, &finding.member)
    }

    fn part(&self) -> Part {
        let of_commands = ["stdout", "stderr", "exit_code"];
        if of_commands.iter().any(|name| self.member.starts_with(name)) {
            Part::Cli
        } else {
            Part::Http
        }
    }
}

fn rows_of(line: usize, cells: &[String]) -> Result<Vec<Row>, String> {
    let [scenario, steps, members, ours, why] = cells else {
        return Err(format!("line {line}: {} cells, not 5", cells.len()));
    };
    if scenario.matches('/').count() != 2 && !scenario.ends_with('*') {
        return Err(format!(
            "line {line}: scenario is not generation/area/name: {scenario}"
        ));
    }
    if why.is_empty() {
        return Err(format!("line {line}: no reason"));
    }
    let ours: Option<Value> = match ours.as_str() {
        "(absent)" => None,
        text => {
            let value = serde_json::from_str(text);
            Some(value.map_err(|error| format!("line {line}: ours is not JSON: {text}: {error}"))?)
        }
    };
    let members = members_of(members);
    let is_present = ours
        .as_ref()
        .is_some_and(|ours| ours["$match"] == "present");
    if is_present && members.iter().any(|member| member.contains('*')) {
        return Err(format!(
            "line {line}: `present` allows any value, so its members have to be named"
        ));
    }
    let row = |step: &str, member: &str| Row {
        line,
        scenario: scenario.clone(),
        step: step.trim().to_owned(),
        member: member.to_owned(),
        ours: ours.clone(),
        used: AtomicBool::new(false),
    };
    Ok(steps
        .split(',')
        .flat_map(|step| members.iter().map(move |member| row(step, member)))
        .collect())
}

/// Members separated by commas; one that starts with `/` goes on in the part of the one before.
fn members_of(cell: &str) -> Vec<String> {
    let mut part = "";
    let names = cell.split(',').map(|name| {
        let name = name.trim();
        if name.starts_with('/') {
            return format!("{part}{name}");
        }
        part = name.split_once(['/', '*']).map_or(name, |(part, _)| part);
        name.to_owned()
    });
    names.collect()
}

/// Cells of a table line, without the backticks around them; `\|` is a bar inside a cell.
fn cells_of(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let hidden = inner.replace("\\|", "\u{0}");
    let cells = hidden.split('|').map(|cell| {
        let cell = cell.trim();
        let bare = cell
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
            .unwrap_or(cell);
        bare.replace('\u{0}', "|")
    });
    Some(cells.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TABLE: &str = "\
# Text\n\n| other | table |\n|---|---|\n| a | b |\n\n\
| scenario | step | member | ours | why |\n|---|---|---|---|---|\n\
| `v1*/clients/*` | * | `body:*/skip_consent` | `false` | one object for both |\n\
| v26.2.0/token/errors | 1,3 | status | 400 | RFC |\n\
| */token/* | * | header:WWW-Authenticate | `{\"$match\": \"regex\", \"pattern\": \"a\\|b\"}` | RFC |\n\
| */cli/* | * | stdout | (absent) | x |\n";

    fn finding(scenario: &str, step: usize, member: &str, got: Option<Value>) -> Finding {
        Finding {
            scenario: scenario.to_owned(),
            step,
            member: member.to_owned(),
            expected: None,
            got,
        }
    }

    #[test]
    fn rows_allow_their_value_only() {
        let table = Differences::parse(TABLE).unwrap();
        let skip = "body:/0/skip_consent";
        for (scenario, step, member, got, allowed) in [
            ("v1.11.9/clients/list", 7, skip, Some(json!(false)), true),
            ("v1.11.9/clients/list", 7, skip, Some(json!(true)), false),
            ("v1.11.9/clients/list", 7, skip, None, false),
            ("v26.2.0/clients/list", 7, skip, Some(json!(false)), false),
            ("v26.2.0/token/errors", 1, "status", Some(json!(400)), true),
            ("v26.2.0/token/errors", 3, "status", Some(json!(400)), true),
            ("v26.2.0/token/errors", 2, "status", Some(json!(400)), false),
            (
                "v26.2.0/token/x",
                0,
                "header:WWW-Authenticate",
                Some(json!("xbx")),
                true,
            ),
            ("v1.11.9/cli/x", 0, "stdout", None, true),
        ] {
            let finding = finding(scenario, step, member, got);
            assert_eq!(
                table.allow(&finding, &Vars::default()),
                allowed,
                "{finding:?}"
            );
        }
        assert_eq!(table.stale(Part::Http), [""; 0]);
    }

    #[test]
    fn every_step_and_member_of_a_row_has_to_be_used() {
        let head = "| scenario | step | member | ours | why |\n|---|---|---|---|---|\n";
        let row = "| a/b/c | 1,2 | body:/x/y, /z, header:Link | 1 | why |\n";
        let table = Differences::parse(&format!("{head}{row}")).unwrap();
        for member in ["body:/x/y", "body:/z", "header:Link"] {
            let finding = finding("a/b/c", 1, member, Some(json!(1)));
            assert!(table.allow(&finding, &Vars::default()), "{member}");
        }
        let stale = table.stale(Part::Http);
        assert_eq!(stale.len(), 3, "{stale:?}");
        assert!(stale[1].ends_with("a/b/c | 2 | body:/z"), "{stale:?}");
    }

    #[test]
    fn unused_rows_are_stale() {
        let table = Differences::parse(TABLE).unwrap();
        let (http, cli) = (table.stale(Part::Http), table.stale(Part::Cli));
        assert_eq!((http.len(), cli.len()), (4, 1));
        assert!(
            http[0].starts_with("docs/differences.md:9: stale row"),
            "{}",
            http[0]
        );
    }

    #[test]
    fn malformed_rows_are_refused() {
        let head = "| scenario | step | member | ours | why |\n|---|---|---|---|---|\n";
        for row in [
            "| a/b/c | * | status | 400 | |",
            "| a/b | * | x | 1 | y |",
            "| a/b/c | * | x | no | y |",
            "| a/b/c | * | body:/* | {\"$match\": \"present\"} | y |",
            "| a |",
        ] {
            assert!(
                Differences::parse(&format!("{head}{row}\n")).is_err(),
                "{row}"
            );
        }
    }
}
