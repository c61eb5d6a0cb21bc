//! `clients create|get|list|update|delete|import`.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    flags::ClientFlags,
    import::{self, Import},
    target::{Bearer, Common, failed, first, some},
    view,
};
use crate::{
    api::{Api, segment},
    args,
    client::{EMPTY_ID, view::client_of},
    failure::{Failure, Outcome},
    print,
    print::json::text,
};

/// `clients …`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Clients {
    /// Base URL of the admin API; otherwise the environment variable HYDRA_ADMIN_URL.
    #[arg(long, global = true, value_name = "URL")]
    endpoint: Option<String>,
    #[command(flatten)]
    bearer: Bearer,
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What to do with clients.
#[derive(Debug, Clone, clap::Subcommand)]
enum Action {
    /// Create an OAuth 2.0 client
    Create {
        /// Id of the client; the server makes one when it is empty.
        #[arg(long, value_name = "TEXT")]
        id: Option<String>,
        #[command(flatten)]
        flags: Box<ClientFlags>,
    },
    /// Print an OAuth 2.0 client
    Get {
        /// Id of the client.
        #[arg(value_name = "ID")]
        id: Vec<String>,
    },
    /// Print a page of OAuth 2.0 clients
    List {
        /// Clients per page.
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: i64,
        /// Number of the page, from 1.
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        page: i64,
    },
    /// Replace an OAuth 2.0 client
    Update {
        /// Id of the client.
        #[arg(value_name = "ID")]
        id: Vec<String>,
        #[command(flatten)]
        flags: Box<ClientFlags>,
    },
    /// Delete OAuth 2.0 clients
    Delete {
        /// Ids of the clients.
        #[arg(value_name = "ID")]
        ids: Vec<String>,
    },
    /// Create OAuth 2.0 clients from JSON files
    Import(Import),
}

/// Runs a `clients` command.
pub(crate) fn run(clients: &Clients) -> ExitCode {
    let open = || {
        clients.common.open(
            clients.endpoint.as_ref(),
            "HYDRA_ADMIN_URL",
            Some(&clients.bearer),
        )
    };
    let outcome = match &clients.action {
        None => help(&["clients"]),
        Some(Action::Create { id, flags }) => create(&open, id.as_deref(), flags),
        // Compat: not a failure.
        Some(Action::Get { id }) if id.is_empty() => help(&["clients", "get"]),
        Some(Action::Get { id }) => get(&open, id),
        Some(Action::List { limit, page }) => list(&open, *limit, *page),
        Some(Action::Update { id, flags }) => update(&open, id, flags),
        Some(Action::Delete { ids }) => delete(&open, ids),
        Some(Action::Import(arguments)) => import::run(&open, arguments),
    };
    outcome.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

/// Connects when a command is known to be called rightly.
pub(super) type Open<'a> = &'a dyn Fn() -> Result<Api, Failure>;

fn create(open: Open<'_>, id: Option<&str>, flags: &ClientFlags) -> Outcome {
    flags.encryption.refuse()?;
    let api = open()?;
    let mut client = flags.client.clone();
    warn_of_secret(flags);
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        client.insert("client_id".to_owned(), Value::from(id));
    }
    let answer = api
        .post_json("/clients", &Value::from(client))
        .map_err(failed)?;
    let client = client_of(&answer).map_err(Failure::Notice)?;
    print::stdout(&format!(
        "OAuth 2.0 Client ID: {}\n",
        text(&client, "client_id")
    ));
    match text(&client, "client_secret") {
        "" if !has_secret(flags) => print::stdout("This OAuth 2.0 Client has no secret\n"),
        secret if !has_secret(flags) => {
            print::stdout(&format!("OAuth 2.0 Client Secret: {secret}\n"))
        }
        _ => {}
    }
    Ok(())
}

fn get(open: Open<'_>, id: &[String]) -> Outcome {
    let id = first(id, &["clients", "get"])?;
    let path = path(id)?;
    let answer = open()?.get(&path, &[]).map_err(failed)?;
    print::stdout(&view::client(client_of(&answer).map_err(Failure::Notice)?));
    Ok(())
}

fn list(open: Open<'_>, limit: i64, page: i64) -> Outcome {
    let offset = page.saturating_sub(1).saturating_mul(limit);
    let query = [
        ("limit", &*limit.to_string()),
        ("offset", &*offset.to_string()),
    ];
    let answer = open()?.get("/clients", &query).map_err(failed)?;
    let Value::Array(clients) = answer.json().map_err(Failure::Notice)? else {
        return Err(Failure::Notice(
            "the server did not answer with a list of clients".to_owned(),
        ));
    };
    print::stdout(&view::list(&clients));
    Ok(())
}

fn update(open: Open<'_>, id: &[String], flags: &ClientFlags) -> Outcome {
    let path = path(first(id, &["clients", "update"])?)?;
    flags.encryption.refuse()?;
    let api = open()?;
    warn_of_secret(flags);
    let answer = api
        .put_json(&path, &Value::from(flags.client.clone()))
        .map_err(failed)?;
    let client = client_of(&answer).map_err(Failure::Notice)?;
    print::stdout(&format!(
        "{} OAuth 2.0 Client updated\n",
        text(&client, "client_id")
    ));
    if let Some(secret) = flags.client.get("client_secret").and_then(Value::as_str) {
        print::stdout(&format!("Updated OAuth 2.0 Client Secret: {secret}\n"));
    }
    Ok(())
}

fn delete(open: Open<'_>, ids: &[String]) -> Outcome {
    let ids = some(ids, &["clients", "delete"])?;
    let paths = ids
        .iter()
        .map(|id| path(id))
        .collect::<Result<Vec<_>, _>>()?;
    let api = open()?;
    for path in paths {
        api.delete(&path, &[]).map_err(failed)?;
    }
    print::stdout("OAuth 2.0 Client(s) deleted\n");
    Ok(())
}

fn has_secret(flags: &ClientFlags) -> bool {
    flags.client.contains_key("client_secret")
}

fn warn_of_secret(flags: &ClientFlags) {
    if has_secret(flags) {
        print::stdout(
            "You should not provide secrets using command line flags, the secret might leak to bash history and similar systems\n",
        );
    }
}

/// Security: as the same of v26.
fn path(id: &str) -> Result<String, Failure> {
    if id.is_empty() {
        return Err(Failure::Notice(EMPTY_ID.to_owned()));
    }
    Ok(format!("/clients/{}", segment(id)))
}

fn help(path: &[&str]) -> Outcome {
    print::stdout(&args::help(path));
    Ok(())
}
