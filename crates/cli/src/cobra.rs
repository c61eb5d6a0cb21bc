//! What scripts written for Hydra's command-line library may do and clap would refuse, and that library's wording of usage errors.
//!
//! Compat: `--flag=false` for switches, values that start with a dash, a flag given twice (the last counts), comma lists with
//! quotes, `unknown flag: --x`, `accepts 1 arg(s), received 0`. Errors of use are exit code 1 in v26 commands and 255 in v1's.

use std::{process::ExitCode, time::Duration};

use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use tessera_protocol::time::Lifespan;

use crate::{
    args,
    failure::{EXIT_FAILED, EXIT_V1_USAGE, Failure},
    print,
};

/// Commands that only v1 has.
const V1_COMMANDS: [&str; 3] = ["clients", "keys", "token"];

/// Parents that Hydra does not have: a typing error below them is an error.
const OWN_COMMANDS: [&str; 2] = ["config", "tokens"];
/// Sub-commands that Hydra has and we do not have yet: a script that needs one must not go on as if it had run.
const LATER_COMMANDS: [&str; 3] = ["jwk", "jwks", "device-code"];

/// Loosens every flag of a command tree to what the other library accepts.
pub(crate) fn relaxed(command: Command) -> Command {
    let command = command.args_override_self(true).mut_args(relaxed_arg);
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, relaxed)
    })
}

/// Commands whose arguments Hydra does not count: those beyond what they read are ignored.
const UNCOUNTED: [&[&str]; 6] = [
    &["serve", "all"],
    &["serve", "public"],
    &["serve", "admin"],
    &["migrate", "sql"],
    &["migrate", "sql", "status"],
    &["migrate", "status"],
];

/// Lets some commands of a tree take more arguments than they read.
pub(crate) fn uncounted(root: Command) -> Command {
    UNCOUNTED
        .iter()
        .fold(root, |command, path| with_more(command, path))
}

fn with_more(command: Command, path: &[&str]) -> Command {
    match path.split_first() {
        Some((name, below)) => command.mut_subcommand(name, |sub| with_more(sub, below)),
        None => command.arg(Arg::new("ignored").num_args(0..).hide(true)),
    }
}

fn relaxed_arg(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .hide_default_value(true)
            .default_missing_value("true")
            .value_parser(truth)
            .hide_possible_values(true),
        ArgAction::Set | ArgAction::Append if !arg.is_positional() => arg.allow_hyphen_values(true),
        _ => arg,
    }
}

/// The spellings of a switch's value.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// All items of a repeatable comma-separated flag. An item that holds commas stands in double quotes.
pub(crate) fn list(values: &[String]) -> Vec<String> {
    values
        .iter()
        .flat_map(|value| comma_separated(value))
        .collect()
}

fn comma_separated(value: &str) -> Vec<String> {
    if value.is_empty() {
        return Vec::new();
    }
    let mut items = vec![String::new()];
    let mut quoted = false;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(item) = items.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                item.push('"');
            }
            '"' if quoted || item.is_empty() => quoted = !quoted,
            ',' if !quoted => items.push(String::new()),
            other => item.push(other),
        }
    }
    items
}

/// A Go duration: `90s`, `1h30m`, `1.5h`, `300ms`, `0`. Negative ones are refused.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = Lifespan::parse(text).map_err(|error| error.to_string())?;
    if parsed < Lifespan::from_nanos(0) {
        return Err(format!(
            "'{text}' is negative; use a duration such as 30s, 15m or 1h30m"
        ));
    }
    Ok(parsed.positive().unwrap_or_default())
}

/// The only argument.
pub(crate) fn exactly_one(arguments: &[String]) -> Result<&str, Failure> {
    match arguments {
        [only] => Ok(only),
        _ => Err(Failure::Error(format!(
            "accepts 1 arg(s), received {}",
            arguments.len()
        ))),
    }
}

/// One argument or more.
pub(crate) fn at_least_one(arguments: &[String]) -> Result<&[String], Failure> {
    if arguments.is_empty() {
        return Err(Failure::Error(
            "requires at least 1 arg(s), only received 0".to_owned(),
        ));
    }
    Ok(arguments)
}

/// Help of the command that `path` leads to.
pub(crate) fn help_text(root: Command, path: &[&str]) -> String {
    let mut command = root;
    command.build();
    for name in path {
        let Some(sub) = command.find_subcommand(name).cloned() else {
            break;
        };
        command = sub;
    }
    format!("{}\n", command.render_help().to_string().trim_end())
}

/// Tells the user about arguments that clap refused.
pub(crate) fn refuse(error: &clap::Error, arguments: &[String]) -> ExitCode {
    let root = args::command();
    let path = command_path(&root, arguments);
    if error.kind() == ErrorKind::DisplayHelp {
        print::stdout(&args::help(&path));
        return ExitCode::SUCCESS;
    }
    let message = message(error, &path);
    let is_hydra_parent = path
        .first()
        .is_some_and(|first| !OWN_COMMANDS.contains(first));
    if is_hydra_parent && error.kind() == ErrorKind::InvalidSubcommand {
        let missing = LATER_COMMANDS
            .iter()
            .find(|name| arguments.iter().any(|argument| argument == *name));
        if let Some(missing) = missing {
            return Failure::Error(format!(
                "{} {missing} is not implemented yet",
                path.join(" ")
            ))
            .report();
        }
        // Compat: an unknown sub-command of a parent prints the parent's help and is no error.
        print::stdout(&args::help(&path));
        return ExitCode::SUCCESS;
    }
    print::stderr(&format!("Error: {message}\n"));
    let hint = [&[args::program_name()], path.as_slice()]
        .concat()
        .join(" ");
    print::stderr(&format!("Run '{hint} --help' for usage.\n"));
    if path
        .first()
        .is_some_and(|first| V1_COMMANDS.contains(first))
    {
        print::stdout(&format!("{message}\n"));
        return ExitCode::from(EXIT_V1_USAGE);
    }
    ExitCode::from(EXIT_FAILED)
}

/// Names of the sub-commands that the arguments lead through.
fn command_path<'a>(root: &'a Command, arguments: &[String]) -> Vec<&'a str> {
    let mut command = root;
    let mut path = Vec::new();
    // The first word that is no sub-command may be a flag's value or an argument; what follows is not looked at.
    for argument in arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
    {
        let Some(sub) = command.find_subcommand(argument) else {
            break;
        };
        path.push(sub.get_name());
        command = sub;
    }
    path
}

fn message(error: &clap::Error, path: &[&str]) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let argument = context(ContextKind::InvalidArg);
    let flag = argument.split([' ', '=', '[']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let command = [&[args::program_name()], path].concat().join(" ");
            format!(
                "unknown command {:?} for {command:?}",
                context(ContextKind::InvalidSubcommand)
            )
        }
        ErrorKind::UnknownArgument if flag.starts_with("--") => format!("unknown flag: {flag}"),
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            format!("unknown shorthand flag: {:?}", flag.trim_start_matches('-'))
        }
        ErrorKind::UnknownArgument => {
            let command = [&[args::program_name()], path].concat().join(" ");
            format!("unknown command {argument:?} for {command:?}")
        }
        // The values of an argument are the sub-commands of the other library.
        ErrorKind::InvalidValue if !flag.starts_with('-') => {
            let command = [&[args::program_name()], path].concat().join(" ");
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) => known.join(", "),
                _ => String::new(),
            };
            format!(
                "unknown command {:?} for {command:?}; known are {known}",
                context(ContextKind::InvalidValue)
            )
        }
        ErrorKind::InvalidValue if context(ContextKind::InvalidValue).is_empty() => {
            format!("flag needs an argument: {flag}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error)
                .map(ToString::to_string)
                .unwrap_or_default();
            let value = context(ContextKind::InvalidValue);
            format!("invalid argument {value:?} for {flag:?} flag: {cause}")
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_at_commas_outside_of_quotes() {
        let values = [
            "a,b".to_owned(),
            "c".to_owned(),
            "\"d,e\",f \"g\"".to_owned(),
            String::new(),
        ];
        assert_eq!(list(&values), ["a", "b", "c", "d,e", "f \"g\""]);
        assert_eq!(list(&["\"say \"\"hi\"\"\"".to_owned()]), ["say \"hi\""]);
    }

    #[test]
    fn go_durations_parse() {
        assert_eq!(duration("1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(duration("1m0s").unwrap(), Duration::from_secs(60));
        assert_eq!(duration("300ms").unwrap(), Duration::from_millis(300));
        assert_eq!(duration("1.5h").unwrap(), Duration::from_secs(5400));
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        for bad in ["", "5", "h", "-1s", "1d", "1h x"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_path_ends_at_the_first_word_that_is_no_command() {
        let root = args::command();
        let path = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            command_path(&root, &words).join(" ")
        };
        assert_eq!(path("create client --bogus"), "create oauth2-client");
        assert_eq!(path("create --endpoint http://x client"), "create");
        assert_eq!(path("keys list"), "");
    }

    #[test]
    fn argument_counts_are_worded_as_scripts_know_them() {
        assert_eq!(
            exactly_one(&[]),
            Err(Failure::Error("accepts 1 arg(s), received 0".to_owned()))
        );
        assert_eq!(exactly_one(&["a".to_owned()]), Ok("a"));
        assert!(at_least_one(&[]).is_err());
    }
}
