//! `update oauth2-client`.

use serde_json::Value;

use super::{client_path, flags::ClientFlags, view};
use crate::{cobra, connection::Connection, failure::Outcome};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Update {
    /// Id of the client.
    #[arg(value_name = "ID")]
    id: Vec<String>,
    #[command(flatten)]
    flags: ClientFlags,
}

/// Replaces a client.
///
/// Compat: as v26.2 does, the whole client; what no flag says gets the flag's default.
pub(crate) fn run(arguments: &Update, connection: &Connection) -> Outcome {
    let path = client_path(cobra::exactly_one(&arguments.id)?)?;
    let (api, output) = connection.open()?;
    let client = arguments.flags.client()?;
    let sent_secret = client.get("client_secret").cloned();
    let answer = api.put_json(&path, &Value::from(client))?;
    view::print_one(&output, view::answered(&answer, sent_secret.as_ref())?)
}
