//! The question before a plan runs, and what is said after it.

use std::io::BufRead;

use crate::{
    failure::{Failure, Outcome},
    print,
};

/// Prompt of the question before migrations run.
const QUESTION: &str = "Do you wish to execute this migration plan? [y/n]: ";

/// stdout after the answer no.
const ABORTED: &str = "------------ WARNING ------------\nMigration aborted.\n";
/// stdout after all migrations ran.
const SUCCESS: &str = "------------ SUCCESS ------------\nSuccessfully applied migrations!\n";
/// stdout after a migration failed; stderr then says `Could not apply migrations:` and why.
const FAILED: &str = "------------ ERROR ------------\n";
/// Prints a plan, asks unless `yes`, runs `apply` and prints the outcome. `apply` gives the number of migrations that ran.
///
/// Compat: the plan is printed and the question asked also when nothing is pending; the answer no is exit code 0.
pub(super) fn execute<E: std::fmt::Display>(
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

#[cfg(test)]
mod tests {
    use super::*;

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
