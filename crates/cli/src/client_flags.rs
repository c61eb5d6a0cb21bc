//! Flags that describe an OAuth 2.0 client, as a table from which both the flags and the client's JSON are made.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use crate::{cobra, failure::Failure};

/// What a flag's value becomes in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string, `""` when not given.
    Text,
    /// A list of strings; commas separate, and it may be given more than once.
    List,
    /// Given like a list, sent as one string with blanks between.
    Scope,
    /// A switch.
    Switch,
    /// JSON text.
    Json,
}

/// One flag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientFlag {
    /// Long name, without dashes.
    pub(crate) name: &'static str,
    /// Short name.
    pub(crate) short: Option<char>,
    /// Member of the client's JSON.
    pub(crate) member: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Value when not given.
    pub(crate) default: &'static str,
    /// One line for the help page.
    pub(crate) help: &'static str,
}

/// Adds a table's flags to a command.
pub(crate) fn add_flags(command: Command, flags: &[ClientFlag]) -> Command {
    command.args(flags.iter().map(arg))
}

fn arg(flag: &ClientFlag) -> Arg {
    let arg = Arg::new(flag.name).long(flag.name).help(flag.help);
    let arg = match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    if flag.kind == Kind::Switch {
        return arg.action(ArgAction::SetTrue);
    }
    let action = match flag.kind {
        Kind::List | Kind::Scope => ArgAction::Append,
        _ => ArgAction::Set,
    };
    let arg = arg.action(action).value_name(match flag.kind {
        Kind::List | Kind::Scope => "LIST",
        Kind::Json => "JSON",
        _ => "TEXT",
    });
    if flag.default.is_empty() {
        arg
    } else {
        arg.default_value(flag.default)
    }
}

/// The client's JSON, with a member for every flag of the table.
pub(crate) fn client(
    matches: &ArgMatches,
    flags: &[ClientFlag],
) -> Result<Map<String, Value>, String> {
    let member = |flag: &ClientFlag| Ok((flag.member.to_owned(), value(matches, flag)?));
    flags.iter().map(member).collect()
}

fn value(matches: &ArgMatches, flag: &ClientFlag) -> Result<Value, String> {
    let text = || {
        matches
            .get_one::<String>(flag.name)
            .cloned()
            .unwrap_or_else(|| flag.default.to_owned())
    };
    let list = || {
        let values: Vec<String> = matches
            .get_many::<String>(flag.name)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        cobra::list(&values)
    };
    Ok(match flag.kind {
        Kind::Text => Value::from(text()),
        Kind::List => Value::from(list()),
        Kind::Scope => Value::from(list().join(" ")),
        Kind::Switch => Value::from(
            matches
                .get_one::<bool>(flag.name)
                .copied()
                .unwrap_or_default(),
        ),
        Kind::Json => serde_json::from_str(&text())
            .map_err(|error| format!("the value of --{} is not JSON: {error}", flag.name))?,
    })
}

/// The flags that ask for the printed secret to be encrypted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Encryption {
    /// Base64 of a PGP public key to encrypt the printed secret with (not supported).
    #[arg(long, value_name = "BASE64")]
    pgp_key: Option<String>,
    /// URL of a PGP public key to encrypt the printed secret with (not supported).
    #[arg(long, value_name = "URL")]
    pgp_key_url: Option<String>,
    /// Keybase user whose key encrypts the printed secret (not supported).
    #[arg(long, value_name = "USER")]
    keybase: Option<String>,
}

impl Encryption {
    /// Refuses the flags before anything is sent.
    ///
    /// Security: who asked for an encrypted secret must never see it in the clear in a log.
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        let given = [
            ("--pgp-key", &self.pgp_key),
            ("--pgp-key-url", &self.pgp_key_url),
            ("--keybase", &self.keybase),
        ];
        match given
            .iter()
            .find(|(_, value)| value.as_ref().is_some_and(|value| !value.is_empty()))
        {
            None => Ok(()),
            Some((name, _)) => Err(Failure::Notice(format!(
                "Failed to load encryption key: encrypting the printed secret ({name}) is not supported, and nothing was sent. \
                 Leave the flag out and encrypt the output yourself, for example with `--format json | gpg --encrypt`."
            ))),
        }
    }
}
