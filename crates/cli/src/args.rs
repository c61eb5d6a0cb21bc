//! The command tree of both Hydra generations.

use std::path::Path;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    authorization_code, client, cobra, connection::Connection, consents, doctor, janitor, migrate,
    serve, token, upkeep, user, v1,
};

/// OAuth 2.0 and OpenID Connect server, and the commands to manage it.
#[derive(Debug, Clone, Parser)]
#[command(name = "tessera", max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Top>,
}

/// First word of a command.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Top {
    /// Serve the public and admin APIs
    Serve(serve::Serve),
    /// Create and change the database's tables
    Migrate(migrate::Migrate),
    /// Delete expired rows
    Janitor(Box<janitor::Janitor>),
    /// Create things
    Create(Create),
    /// Print things
    Get(Get),
    /// Print all things of a kind
    #[command(visible_alias = "ls")]
    List(List),
    /// Replace things
    Update(Update),
    /// Delete things
    Delete(Delete),
    /// Create things from files
    Import(Import),
    /// Run an OAuth 2.0 flow
    Perform(Perform),
    /// Ask the server about things
    Introspect(Introspect),
    /// Revoke things
    Revoke(Revoke),
    /// Manage OAuth 2.0 clients (v1)
    Clients(v1::clients::Clients),
    /// Issue and manage tokens (v1)
    Token(v1::token::Token),
    /// Copy the SQLite database while the server runs
    Backup(upkeep::Backup),
    /// Work on the configuration
    Config(upkeep::Config),
    /// Look for what is wrong with a server's configuration, database and addresses
    Doctor(Box<doctor::Doctor>),
    /// Act on all tokens of the server
    Tokens(upkeep::Tokens),
    /// Print version, commit and build time
    Version,
    /// Print a shell's completion script
    Completion {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: Option<clap_complete::Shell>,
        /// Accepted for scripts.
        #[arg(long, hide = true)]
        no_descriptions: bool,
    },
    /// Write man pages
    #[command(hide = true)]
    Man {
        /// Directory to write to.
        #[arg(value_name = "DIRECTORY")]
        directory: Vec<String>,
    },
}

/// A command that groups others below the shared flags.
macro_rules! group {
    ($(#[$doc:meta])* $name:ident, $what:ident { $($variants:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, clap::Args)]
        pub(crate) struct $name {
            #[command(flatten)]
            pub(crate) connection: Connection,
            #[command(subcommand)]
            pub(crate) what: Option<$what>,
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Subcommand)]
        pub(crate) enum $what { $($variants)* }
    };
}

group!(
    /// `create …`.
    Create, CreateWhat {
        /// Create an OAuth 2.0 client
        #[command(visible_alias = "client")]
        Oauth2Client(Box<client::create::Create>),
        /// Write a user into the users file of the built-in login page
        User(Box<user::create::Create>),
    }
);
group!(
    /// `get …`.
    Get, GetWhat {
        /// Print OAuth 2.0 clients
        #[command(visible_aliases = ["client", "clients", "oauth2-clients"])]
        Oauth2Client(client::get::Get),
    }
);
group!(
    /// `list …`.
    List, ListWhat {
        /// Print a page of OAuth 2.0 clients
        #[command(visible_alias = "clients")]
        Oauth2Clients(client::list::List),
        /// Print a page of what a person allowed
        Consents(consents::List),
    }
);
group!(
    /// `update …`.
    Update, UpdateWhat {
        /// Replace an OAuth 2.0 client; what no flag says gets its default
        #[command(visible_alias = "client")]
        Oauth2Client(Box<client::update::Update>),
    }
);
group!(
    /// `delete …`.
    Delete, DeleteWhat {
        /// Delete OAuth 2.0 clients
        #[command(visible_aliases = ["client", "clients", "oauth2-clients"])]
        Oauth2Client(client::delete::Delete),
        /// End all access tokens of a client
        AccessTokens(token::delete::DeleteAccessTokens),
    }
);
group!(
    /// `import …`.
    Import, ImportWhat {
        /// Create OAuth 2.0 clients from JSON lists
        #[command(visible_aliases = ["client", "clients", "oauth2-clients"])]
        Oauth2Client(client::import::Import),
    }
);
group!(
    /// `perform …`.
    Perform, PerformWhat {
        /// Get a token with the client credentials grant
        ClientCredentials(token::client_credentials::ClientCredentials),
        /// Log in as a person with the authorization code grant, in a browser
        AuthorizationCode(Box<authorization_code::AuthorizationCode>),
    }
);
group!(
    /// `introspect …`.
    Introspect, IntrospectWhat {
        /// Print what the server knows about a token
        Token(token::introspect::Introspect),
    }
);
group!(
    /// `revoke …`.
    Revoke, RevokeWhat {
        /// Revoke a token
        Token(token::revoke::Revoke),
        /// End what a person allowed, and the tokens that came of it
        Consents(consents::Revoke),
        /// End login sessions
        Sessions(consents::RevokeSessions),
    }
);

/// The command tree, with the name that the program was started by.
pub(crate) fn command() -> clap::Command {
    Cli::command().name(program_name()).bin_name(program_name())
}

/// `hydra` when started by that name, else `tessera`.
pub(crate) fn program_name() -> &'static str {
    let started_as = std::env::args_os().next().unwrap_or_default();
    match Path::new(&started_as).file_stem() {
        Some(name) if name == "hydra" => "hydra",
        _ => "tessera",
    }
}

/// Help of the command that `path` leads to.
pub(crate) fn help(path: &[&str]) -> String {
    cobra::help_text(command(), path)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        let words: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        let words = crate::word_order::reordered(&command(), &words);
        let command = cobra::uncounted(cobra::relaxed(command()));
        let matches =
            command.try_get_matches_from(std::iter::once("hydra".to_owned()).chain(words))?;
        Cli::from_arg_matches(&matches)
    }

    #[test]
    fn the_command_tree_is_sound() {
        command().debug_assert();
        cobra::uncounted(cobra::relaxed(command())).debug_assert();
    }

    #[test]
    fn aliases_and_flag_places_of_both_generations_parse() {
        for line in [
            "hydra create client --endpoint http://x --format json",
            "hydra -h",
            "hydra create --endpoint http://x client --quiet=false --name n",
            "hydra get clients a b",
            "hydra ls clients --page-size 5",
            "hydra delete oauth2-clients a",
            "hydra migrate -c a.yml sql up -e --yes",
            "hydra migrate sql up -e --yes --config a.yml,b.yml",
            "hydra migrate sql -e --yes --config a.yml",
            "hydra migrate sql sqlite://x -y",
            "hydra migrate sql status --block sqlite://x",
            "hydra migrate status",
            "hydra migrate sql -e up --yes -c a.yml",
            "hydra migrate sql -y up sqlite://x",
            "hydra migrate sql down --steps 1 sqlite://x",
            "hydra serve -c a.yml all --dev --sqa-opt-out",
            "hydra serve all --dangerous-force-http -c a.yml -c b.yml",
            "hydra janitor --tokens --keep-if-younger 24h -e",
            "hydra clients create -c http://cb -g client_credentials -r code -a a,b -n N",
            "hydra token flush --min-age 1h --fake-tls-termination",
            "hydra token user --port 5555 --client-id a --client-secret b --scope openid,offline",
            "hydra perform authorization-code -p 5555 --client-id a --max-age -1 --no-open --skip",
            "tessera create user alice --file users.json --claim a=b --replace",
            "tessera list consents alice -e http://x --format yaml",
            "tessera revoke consents alice --all",
            "tessera revoke sessions --sid s",
            "tessera doctor -c a.yml,b.yml --dev --public-url https://x --format json",
            "hydra completion bash --no-descriptions",
            "hydra serve all x y --dev",
            "hydra migrate sql status sqlite://x y",
            "hydra migrate sql sqlite://x y -y",
            "hydra -c f serve all",
            "hydra --endpoint http://x get client web",
        ] {
            let refused = parse(line)
                .err()
                .filter(|e| e.kind() != clap::error::ErrorKind::DisplayHelp);
            assert!(refused.is_none(), "{line}: {refused:?}");
        }
    }

    #[test]
    fn shared_flags_count_before_and_after_the_sub_command() {
        for line in [
            "hydra create -e http://x client --format json",
            "hydra create --format json client -e http://x",
            "hydra create client --endpoint=http://x --format=json",
        ] {
            let Some(Top::Create(create)) = parse(line).unwrap().command else {
                panic!("not create");
            };
            let connection = format!("{:?}", create.connection);
            assert!(
                connection.contains("http://x") && connection.contains("json"),
                "{line}"
            );
        }
    }

    #[test]
    fn migrate_sql_takes_a_database_or_a_sub_command() {
        let sql = |line| match parse(line).unwrap().command {
            Some(Top::Migrate(migrate::Migrate {
                what: Some(migrate::What::Sql(sql)),
                ..
            })) => sql,
            other => panic!("{other:?}"),
        };
        let bare = sql("hydra migrate sql sqlite://x -y");
        assert_eq!(bare.up.database.dsn.as_deref(), Some("sqlite://x"));
        assert!(bare.up.yes && bare.action.is_none());
        let up = sql("hydra migrate sql up sqlite://x");
        assert!(
            matches!(up.action, Some(migrate::SqlAction::Up(up)) if up.database.dsn.as_deref() == Some("sqlite://x"))
        );
        assert!(up.up.database.dsn.is_none());
    }

    #[test]
    fn config_files_keep_their_order() {
        for line in [
            "hydra serve all -c a.yml,b.yml -c c.yml",
            "hydra serve -c a.yml,b.yml all -c c.yml",
            "hydra -c a.yml serve -c b.yml all -c c.yml",
        ] {
            let Some(Top::Serve(serve)) = parse(line).unwrap().command else {
                panic!("not serve");
            };
            assert_eq!(
                serve.flags.config_files(),
                ["a.yml", "b.yml", "c.yml"],
                "{line}"
            );
        }
    }
}
