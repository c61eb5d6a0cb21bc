//! `create oauth2-client`.

use serde_json::Value;

use super::{CLIENTS, flags::ClientFlags, view};
use crate::{connection::Connection, failure::Outcome};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Create {
    /// Id of the client; the server makes one when it is empty.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    id: String,
    #[command(flatten)]
    flags: ClientFlags,
}

/// Creates a client.
pub(crate) fn run(arguments: &Create, connection: &Connection) -> Outcome {
    let (api, output) = connection.open()?;
    let mut client = arguments.flags.client()?;
    // Compat: also replaces the id of a client that comes from a file.
    client.insert("client_id".to_owned(), Value::from(arguments.id.as_str()));
    let sent_secret = client.get("client_secret").cloned();
    let answer = api.post_json(CLIENTS, &Value::from(client))?;
    view::print_one(&output, view::answered(&answer, sent_secret.as_ref())?)
}
