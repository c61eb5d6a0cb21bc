//! `tessera`, also installed as `hydra`: the server, and the command line of both Hydra generations.
//!
//! Invariant: thin. Commands turn flags into HTTP requests or server settings and print the outcome; decisions are the server's.

mod api;
mod args;
mod authorization_code;
mod client;
mod client_flags;
mod clock;
mod cobra;
mod connection;
mod consents;
mod database;
mod doctor;
mod failure;
mod ids;
mod janitor;
mod migrate;
mod print;
mod redirect;
mod serve;
mod token;
mod trust;
mod upkeep;
mod user;
mod v1;
mod version;
mod word_order;

use std::process::ExitCode;

use args::{
    Cli, CreateWhat, DeleteWhat, GetWhat, ImportWhat, IntrospectWhat, ListWhat, PerformWhat,
    RevokeWhat, Top, UpdateWhat,
};
use clap::FromArgMatches as _;
use failure::{Failure, Outcome};

/// musl's own allocator takes one lock for all threads.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let line: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let root = args::command();
    let arguments = word_order::reordered(&root, line.get(1..).unwrap_or_default());
    if let Some(("help", topics)) = arguments
        .split_first()
        .map(|(first, rest)| (&**first, rest))
    {
        return explain(&root, topics);
    }
    let command = cobra::uncounted(cobra::relaxed(root));
    let program = line.first().cloned().unwrap_or_default();
    let matches = match command.try_get_matches_from(std::iter::once(&program).chain(&arguments)) {
        Ok(matches) => matches,
        Err(error) => return cobra::refuse(&error, &arguments),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => run(cli),
        Err(error) => cobra::refuse(&error, &arguments),
    }
}

/// `help COMMAND...`: the help of that command.
///
/// Compat: what follows the last word that is a command does not matter; a first word that is none is no error either.
fn explain(root: &clap::Command, topics: &[String]) -> ExitCode {
    let topics: Vec<&str> = topics
        .iter()
        .map(String::as_str)
        .filter(|topic| !topic.starts_with('-'))
        .collect();
    match topics.first() {
        Some(first) if root.find_subcommand(first).is_none() => {
            let unknown: Vec<String> = topics.iter().map(|topic| format!("`{topic}`")).collect();
            let unknown = unknown.join(" ");
            print::stderr(&format!(
                "Unknown help topic [{unknown}]\n{}",
                args::help(&[])
            ));
            ExitCode::SUCCESS
        }
        _ => help(&topics),
    }
}

fn run(cli: Cli) -> ExitCode {
    match cli.command {
        None => help(&[]),
        Some(Top::Serve(serve)) if serve.ports.is_none() => help(&["serve"]),
        Some(Top::Serve(serve)) => serve::run(&serve),
        Some(Top::Migrate(migrate)) if migrate.what.is_none() => help(&["migrate"]),
        Some(Top::Migrate(migrate)) => migrate::run(&migrate),
        Some(Top::Janitor(janitor)) => janitor::run(&janitor),
        Some(Top::Clients(clients)) => v1::clients::run(&clients),
        Some(Top::Token(token)) => v1::token::run(&token),
        Some(Top::Backup(backup)) => upkeep::backup(&backup),
        Some(Top::Config(config)) if config.action.is_none() => help(&["config"]),
        Some(Top::Config(config)) => upkeep::config(&config),
        Some(Top::Doctor(doctor)) => doctor::run(&doctor),
        Some(Top::Tokens(tokens)) if tokens.action.is_none() => help(&["tokens"]),
        Some(Top::Tokens(tokens)) => upkeep::tokens(&tokens),
        Some(Top::Version) => version::print(),
        Some(Top::Completion { shell: None, .. }) => help(&["completion"]),
        Some(Top::Completion {
            shell: Some(shell), ..
        }) => version::completion(shell),
        Some(Top::Man { directory }) => finish(version::man(&directory)),
        Some(api_command) => finish(call_api(&api_command)),
    }
}

/// The v26 commands that talk to a running server.
fn call_api(command: &Top) -> Outcome {
    match command {
        Top::Create(args::Create {
            connection,
            what: Some(what),
        }) => match what {
            CreateWhat::Oauth2Client(arguments) => client::create::run(arguments, connection),
            CreateWhat::User(arguments) => user::create::run(arguments, connection),
        },
        Top::Get(args::Get {
            connection,
            what: Some(GetWhat::Oauth2Client(arguments)),
        }) => client::get::run(arguments, connection),
        Top::List(args::List {
            connection,
            what: Some(what),
        }) => match what {
            ListWhat::Oauth2Clients(arguments) => client::list::run(arguments, connection),
            ListWhat::Consents(arguments) => consents::list(arguments, connection),
        },
        Top::Update(args::Update {
            connection,
            what: Some(UpdateWhat::Oauth2Client(arguments)),
        }) => client::update::run(arguments, connection),
        Top::Delete(args::Delete {
            connection,
            what: Some(what),
        }) => match what {
            DeleteWhat::Oauth2Client(arguments) => client::delete::run(arguments, connection),
            DeleteWhat::AccessTokens(arguments) => token::delete::run(arguments, connection),
        },
        Top::Import(args::Import {
            connection,
            what: Some(ImportWhat::Oauth2Client(arguments)),
        }) => client::import::run(arguments, connection),
        Top::Perform(args::Perform {
            connection,
            what: Some(what),
        }) => match what {
            PerformWhat::ClientCredentials(arguments) => {
                token::client_credentials::run(arguments, connection)
            }
            PerformWhat::AuthorizationCode(arguments) => {
                authorization_code::run(arguments, connection)
            }
        },
        Top::Introspect(args::Introspect {
            connection,
            what: Some(what),
        }) => {
            let IntrospectWhat::Token(arguments) = what;
            token::introspect::run(arguments, connection)
        }
        Top::Revoke(args::Revoke {
            connection,
            what: Some(what),
        }) => match what {
            RevokeWhat::Token(arguments) => token::revoke::run(arguments, connection),
            RevokeWhat::Consents(arguments) => consents::revoke(arguments, connection),
            RevokeWhat::Sessions(arguments) => consents::revoke_sessions(arguments, connection),
        },
        parent => {
            print::stdout(&args::help(&[name(parent)]));
            Ok(())
        }
    }
}

/// Name of a command that groups others.
fn name(parent: &Top) -> &'static str {
    match parent {
        Top::Create(_) => "create",
        Top::Get(_) => "get",
        Top::List(_) => "list",
        Top::Update(_) => "update",
        Top::Delete(_) => "delete",
        Top::Import(_) => "import",
        Top::Perform(_) => "perform",
        Top::Introspect(_) => "introspect",
        Top::Revoke(_) => "revoke",
        _ => "help",
    }
}

fn help(path: &[&str]) -> ExitCode {
    print::stdout(&args::help(path));
    ExitCode::SUCCESS
}

fn finish(outcome: Outcome) -> ExitCode {
    outcome.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
