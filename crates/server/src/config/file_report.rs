//! One configuration file, checked by itself.

use std::fmt;
use std::path::Path;

use super::check::advise_beyond_dev;
use super::load::{Sources, check, merge};
use super::problem::Problem;
use super::schema;

/// What [`check_file`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    pub file: String,
    /// Keys that the file sets.
    pub keys: usize,
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
    /// What the file leaves to other sources, without which the server does not start.
    pub notes: Vec<String>,
}

impl FileReport {
    /// Whether the file can be used.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        let keys = count(self.keys, "key");
        if self.is_fine() {
            writeln!(f, "{}: {keys}, no problems", self.file)?;
        } else {
            writeln!(
                f,
                "{}: {keys}, {}",
                self.file,
                count(self.problems.len(), "problem")
            )?;
        }
        for problem in &self.problems {
            writeln!(f, "\n{problem}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// Checks one file by itself, without flags and environment.
///
/// What is only missing is a note: secrets and the issuer often come from the environment.
#[must_use]
pub fn check_file(path: &Path) -> FileReport {
    let sources = Sources {
        files: vec![path.to_owned()],
        ..Sources::default()
    };
    let mut warnings = Vec::new();
    let (mut layers, mut problems) = merge(&sources, &mut warnings);
    let keys = layers.leaves().len();
    let is_readable = problems.is_empty();
    check(&mut layers, &sources, &mut problems, &mut warnings);
    let (absent, mut problems): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.is_absence);
    advise_beyond_dev(
        &mut problems,
        "For a try on your own machine, `serve` has the flag `--dev`.",
    );
    for problem in &mut problems {
        // The report is about this file.
        problem.origin = None;
    }
    let missing = |problem: &Problem| {
        let variable = schema::key(&problem.key)
            .map(schema::Key::env_name)
            .unwrap_or_default();
        format!(
            "{} is not set here; `serve` needs it, e.g. as {variable}",
            problem.key
        )
    };
    let notes = if is_readable {
        absent.iter().map(missing).collect()
    } else {
        Vec::new()
    };
    FileReport {
        file: path.display().to_string(),
        keys,
        problems,
        warnings,
        notes,
    }
}
