//! What a replay found. Everything runs; then the whole list fails the test once.

use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;

use serde_json::Value;

use crate::differences::{Differences, Part};
use crate::recording;
use crate::vars::Vars;

/// Prints a line that is seen even when the test passes.
pub fn say(text: &str) {
    // The test runner swallows what `eprintln!` writes, but not what goes to the stream itself.
    writeln!(std::io::stderr(), "{text}").expect("stderr is open");
}

/// Longer values are cut in the report.
const SHOWN_CHARS: usize = 400;

/// One deviation from a recording; `None` stands for an absent member.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// `generation/area/name`.
    pub scenario: String,
    /// Index in the recording's `steps`, from 0.
    pub step: usize,
    /// `status`, `header:Name`, `body:/pointer`, `stdout`, ...
    pub member: String,
    pub expected: Option<Value>,
    pub got: Option<Value>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} step {}: {}", self.scenario, self.step, self.member)?;
        writeln!(f, "    expected {}", shown(self.expected.as_ref()))?;
        write!(f, "    got      {}", shown(self.got.as_ref()))
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "(absent)".to_owned(), Value::to_string);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

#[derive(Debug, Default)]
struct Tally {
    scenarios: usize,
    steps: usize,
    allowed: usize,
    findings: Vec<String>,
}

/// Collects from all threads of a run.
#[derive(Debug)]
pub struct Report {
    differences: Differences,
    tally: Mutex<Tally>,
}

impl Report {
    pub fn new(differences: Differences) -> Self {
        Self {
            differences,
            tally: Mutex::default(),
        }
    }

    /// Takes a deviation, unless a row of the table allows it.
    pub fn add(&self, finding: &Finding, vars: &Vars) {
        if !self.allows(finding, vars) {
            self.add_trouble(finding.to_string());
        }
    }

    /// Whether a row of the table allows the deviation; counted if so.
    pub fn allows(&self, finding: &Finding, vars: &Vars) -> bool {
        let is_allowed = self.differences.allow(finding, vars);
        if is_allowed {
            self.tally.lock().expect("no holder panicked").allowed += 1;
        }
        is_allowed
    }

    /// Takes a text that fails the test: a deviation, or a trouble of no member, such as a server that does not start.
    pub fn add_trouble(&self, text: String) {
        self.tally
            .lock()
            .expect("no holder panicked")
            .findings
            .push(text);
    }

    pub fn count(&self, scenarios: usize, steps: usize) {
        let mut tally = self.tally.lock().expect("no holder panicked");
        tally.scenarios += scenarios;
        tally.steps += steps;
    }

    /// Prints the counts, and fails with everything that was found.
    pub fn finish(self, what: &str, part: Part) {
        let mut tally = self.tally.into_inner().expect("no holder panicked");
        if recording::is_narrowed() {
            say("narrowed by TESSERA_ONLY: unused rows of docs/differences.md are not looked for");
        } else {
            tally.findings.extend(self.differences.stale(part));
        }
        tally
            .findings
            .sort_by_key(|text| text.lines().next().unwrap_or_default().to_owned());
        let counts = format!(
            "{what}: {} scenarios, {} steps, {} differences allowed",
            tally.scenarios, tally.steps, tally.allowed
        );
        say(&counts);
        assert!(
            tally.findings.is_empty(),
            "{}\n\n{counts}, {} deviations (above)",
            tally.findings.join("\n"),
            tally.findings.len()
        );
    }
}
