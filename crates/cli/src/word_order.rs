//! A command line in the order that clap reads: the words of the command first, then flags and arguments.
//!
//! Compat: Hydra's command-line library finds the command first, wherever flags stand (`hydra --endpoint URL get client a`,
//! `serve -c a.yml all -c b.yml`), and a flag that is given at several places adds up in the order of the line. Clap knows the
//! flags of sub-commands only behind them, and lets what stands behind the last word hide what stands before.

use clap::{Arg, Command};

/// One word of the command, with the flags behind it.
struct Level<'a> {
    word: Option<&'a str>,
    command: &'a Command,
    flags: Vec<&'a [String]>,
}

/// The arguments of the program, without its name, in clap's order. A flag that the command does not know stays where it is.
pub(crate) fn reordered(root: &Command, line: &[String]) -> Vec<String> {
    let mut root = root.clone();
    root.build();
    let mut levels = vec![Level {
        word: None,
        command: &root,
        flags: Vec::new(),
    }];
    let mut rest = line;
    while let (Some(first), Some(level)) = (rest.first(), levels.last_mut()) {
        if first == "--" {
            break;
        }
        if is_flag(first) {
            let length = if takes_next(level.command, first) {
                2
            } else {
                1
            };
            let (flag, after) = rest.split_at(length.min(rest.len()));
            level.flags.push(flag);
            rest = after;
            continue;
        }
        let Some(command) = level.command.find_subcommand(first) else {
            break;
        };
        levels.push(Level {
            word: Some(first),
            command,
            flags: Vec::new(),
        });
        rest = rest.get(1..).unwrap_or_default();
    }
    joined(&levels, rest)
}

fn joined(levels: &[Level<'_>], rest: &[String]) -> Vec<String> {
    let Some(last) = levels.last() else {
        return rest.to_vec();
    };
    let (mut line, mut moved) = (Vec::new(), Vec::new());
    for level in levels {
        line.extend(level.word.map(str::to_owned));
        for flag in &level.flags {
            let is_known = flag.first().is_some_and(|name| knows(last.command, name));
            let place = if is_known { &mut moved } else { &mut line };
            place.extend(flag.iter().cloned());
        }
    }
    line.extend(moved);
    line.extend_from_slice(rest);
    line
}

fn is_flag(text: &str) -> bool {
    text.len() > 1 && text.starts_with('-')
}

/// Whether the value of a flag is the next argument.
fn takes_next(command: &Command, flag: &str) -> bool {
    if flag.contains('=') {
        return false;
    }
    if let Some(name) = flag.strip_prefix("--") {
        return takes_value(command, &|arg| is_named(arg, name));
    }
    // `-qe URL`: switches, and at the end a flag with a value.
    let letters: Vec<char> = flag.chars().skip(1).collect();
    let value_at = letters
        .iter()
        .position(|letter| takes_value(command, &|arg| is_letter(arg, *letter)));
    value_at.is_some_and(|at| at.saturating_add(1) == letters.len())
}

/// Compat: a flag that is not known here may be one of a sub-command; unless all of those are switches, it has a value.
fn takes_value(command: &Command, is_meant: &dyn Fn(&Arg) -> bool) -> bool {
    match command.get_arguments().find(|arg| is_meant(arg)) {
        Some(arg) => arg.get_action().takes_values(),
        None => {
            let mut found = Vec::new();
            below(command, is_meant, &mut found);
            found.is_empty() || found.contains(&true)
        }
    }
}

fn below(command: &Command, is_meant: &dyn Fn(&Arg) -> bool, found: &mut Vec<bool>) {
    for sub in command.get_subcommands() {
        let meant = sub.get_arguments().filter(|arg| is_meant(arg));
        found.extend(meant.map(|arg| arg.get_action().takes_values()));
        below(sub, is_meant, found);
    }
}

fn knows(command: &Command, flag: &str) -> bool {
    let mut arguments = command.get_arguments();
    match flag.strip_prefix("--") {
        Some(rest) => {
            let name = rest.split('=').next().unwrap_or_default();
            arguments.any(|arg| is_named(arg, name))
        }
        None => {
            let letter = flag.chars().nth(1).unwrap_or_default();
            arguments.any(|arg| is_letter(arg, letter))
        }
    }
}

fn is_named(arg: &Arg, name: &str) -> bool {
    let aliases = arg.get_all_aliases().unwrap_or_default();
    arg.get_long() == Some(name) || aliases.contains(&name)
}

fn is_letter(arg: &Arg, letter: char) -> bool {
    arg.get_short() == Some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        reordered(&crate::args::command(), &words).join(" ")
    }

    #[test]
    fn flags_of_all_places_come_behind_the_command_in_their_order() {
        for (line, expected) in [
            ("serve -c a.yml all -c b.yml", "serve all -c a.yml -c b.yml"),
            ("-c a.yml serve --dev all", "serve all -c a.yml --dev"),
            ("migrate -c x sql up -c y -e", "migrate sql up -c x -c y -e"),
            (
                "--endpoint http://x get -H a:1 client web -H b:2",
                "get client --endpoint http://x -H a:1 web -H b:2",
            ),
            ("get -qe http://x client web", "get client -qe http://x web"),
            ("-q get client web", "get client -q web"),
            ("migrate sql -y -e up x", "migrate sql up -y -e x"),
            ("create -h client", "create client -h"),
        ] {
            assert_eq!(order(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_flag_of_the_command_stays_for_the_error() {
        for line in [
            "migrate sql sqlite://x -y",
            "create --bogus x client",
            "perform authorization-code --max-age -1",
            "get client -- -e",
            "bogus -c x",
            "",
        ] {
            assert_eq!(order(line), line, "{line}");
        }
    }
}
