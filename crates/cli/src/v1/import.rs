//! `clients import`: one client object per file.

use serde_json::{Map, Value};

use super::{
    clients::Open,
    target::{failed, some},
};
use crate::{
    client::view::client_of,
    client_flags::Encryption,
    failure::{Failure, Outcome},
    print,
    print::json::text,
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Import {
    /// Files that hold one client each.
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    encryption: Encryption,
}

/// Creates the clients in order; stops at the first that fails.
pub(super) fn run(open: Open<'_>, arguments: &Import) -> Outcome {
    let files = some(&arguments.files, &["clients", "import"])?;
    arguments.encryption.refuse()?;
    let api = open()?;
    for file in files {
        let client = read(file)?;
        let sent_secret = client.contains_key("client_secret");
        let answer = api
            .post_json("/clients", &Value::from(client))
            .map_err(failed)?;
        let client = client_of(&answer).map_err(Failure::Notice)?;
        let id = text(&client, "client_id");
        match text(&client, "client_secret") {
            secret if !secret.is_empty() && !sent_secret => {
                print::stdout(&format!(
                    "Imported OAuth 2.0 Client {id}:{secret} from: {file}\n"
                ));
            }
            _ => print::stdout(&format!("Imported OAuth 2.0 Client {id} from: {file}\n")),
        }
    }
    Ok(())
}

fn read(file: &str) -> Result<Map<String, Value>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Notice(format!("Could not open file {file}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Notice(format!("Could not parse JSON from file {file}: {error}")))
}
