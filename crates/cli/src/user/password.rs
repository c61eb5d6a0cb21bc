//! Where a new password comes from.
//!
//! Security: typed without echo, or read from stdin or a file; from a flag only with a warning, as other users of the
//! machine see the arguments of a process.

use std::io::{BufRead as _, IsTerminal as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tessera_crypto::Secret;

use crate::{failure::Failure, print};

/// Longest password, in bytes; more is a file that was named by mistake.
const BYTES_MAX: usize = 1024;
/// Passwords with fewer characters are accepted with a warning.
///
/// Spec: NIST SP 800-63B section 5.1.1.1.
const CHARS_ADVISED: usize = 8;

/// Where to look.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Source {
    /// File with the password; - is stdin. Otherwise it is asked for, or read from stdin when that is no terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// The password. Others on this machine can see it, and it stays in the shell's history: better leave it out.
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,
}

/// The password, checked.
pub(super) fn read(source: &Source) -> Result<Secret<String>, Failure> {
    let text = match (&source.password, source.password_file.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(Failure::Error(
                "--password and --password-file exclude each other".to_owned(),
            ));
        }
        (Some(password), None) => {
            print::stderr(
                "You should not provide secrets using command line flags, the secret might leak to bash history and similar systems\n",
            );
            password.clone()
        }
        (None, Some("-")) => first_line(std::io::stdin().lock())?,
        (None, Some(path)) => {
            let file = std::fs::File::open(path)
                .map_err(|e| Failure::Error(format!("unable to open file {path:?}: {e}")))?;
            first_line(file)?
        }
        (None, None) if std::io::stdin().is_terminal() => typed()?,
        (None, None) => first_line(std::io::stdin().lock())?,
    };
    checked(text)
}

fn checked(text: String) -> Result<Secret<String>, Failure> {
    let text = Secret::new(text);
    match text.expose().chars().count() {
        0 => {
            return Err(Failure::Error("the password is empty".to_owned()));
        }
        1..CHARS_ADVISED => print::stderr(&format!(
            "Warning: the password has fewer than {CHARS_ADVISED} characters.\n"
        )),
        _ => {}
    }
    Ok(text)
}

/// The first line, without its end.
fn first_line(source: impl std::io::Read) -> Result<String, Failure> {
    let limit = u64::try_from(BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(3);
    let mut text = Vec::new();
    std::io::BufReader::new(source.take(limit))
        .read_until(b'\n', &mut text)
        .map_err(|e| Failure::Error(format!("the password cannot be read: {e}")))?;
    let text = String::from_utf8(text)
        .map_err(|_| Failure::Error("the password is not UTF-8".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.len() > BYTES_MAX {
        return Err(Failure::Error(format!(
            "the password is longer than {BYTES_MAX} bytes"
        )));
    }
    Ok(text.to_owned())
}

/// Asks twice, as nobody sees what is typed.
fn typed() -> Result<String, Failure> {
    let _silence = Silence::new()?;
    let ask = |prompt: &str| {
        print::stderr(prompt);
        let line = first_line(std::io::stdin().lock());
        print::stderr("\n");
        line
    };
    let first = Secret::new(ask("Password: ")?);
    let second = Secret::new(ask("Repeat it: ")?);
    if first.matches(second.expose().as_bytes()) {
        Ok(first.expose().clone())
    } else {
        Err(Failure::Error("the two passwords differ".to_owned()))
    }
}

/// The terminal, without echo until this is dropped.
struct Silence(Termios);

impl Silence {
    fn new() -> Result<Self, Failure> {
        let failed = |e: rustix::io::Errno| {
            Failure::Error(format!(
                "the terminal's echo cannot be switched off: {e}. Use --password-file"
            ))
        };
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // If this fails the terminal is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for (bytes, password) in [
            (&b"hunter2\n"[..], "hunter2"),
            (b"hunter2", "hunter2"),
            (b"hunter2\r\nmore", "hunter2"),
            (b" with blanks \n", " with blanks "),
        ] {
            assert_eq!(first_line(bytes).unwrap(), password);
        }
        assert!(first_line(&b"\xff\n"[..]).is_err());
        let most = "x".repeat(BYTES_MAX);
        assert_eq!(first_line(format!("{most}\r\n").as_bytes()).unwrap(), most);
        assert!(first_line(format!("{most}x\n").as_bytes()).is_err());
    }

    #[test]
    fn an_empty_password_is_refused() {
        assert!(checked(String::new()).is_err());
        assert_eq!(checked("a".to_owned()).unwrap().expose(), "a");
    }
}
