//! Why a command stopped, and what the user is told about it.
//!
//! Compat: Hydra prints an error twice and adds the usage page; we print it once. Exit codes are the same.

use std::process::ExitCode;

/// Exit code of v26 commands that failed, and of v1 commands that ran and failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// Exit code of v1 commands that were called wrongly.
pub(crate) const EXIT_V1_USAGE: u8 = 255;

/// What stopped a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Printed as `Error: …` on stderr.
    Error(String),
    /// Printed on stderr as it is, with a line end.
    Notice(String),
    /// Printed already.
    Reported,
}

impl Failure {
    /// Prints what is left to print and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        self.print();
        ExitCode::from(EXIT_FAILED)
    }

    /// Prints the failure on stderr.
    pub(crate) fn print(&self) {
        match self {
            Self::Error(message) => crate::print::stderr(&format!("Error: {message}\n")),
            Self::Notice(text) => {
                let end = if text.ends_with('\n') { "" } else { "\n" };
                crate::print::stderr(&format!("{text}{end}"));
            }
            Self::Reported => {}
        }
    }
}

/// How a command ends.
pub(crate) type Outcome = Result<(), Failure>;
