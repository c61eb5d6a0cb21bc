//! `get oauth2-client`.

use super::{client_path, view};
use crate::{cobra, connection::Connection, failure::Outcome};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Get {
    /// Ids of the clients.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

/// Prints clients; stops at the first that fails.
pub(crate) fn run(arguments: &Get, connection: &Connection) -> Outcome {
    let ids = cobra::at_least_one(&arguments.ids)?;
    let paths = ids
        .iter()
        .map(|id| client_path(id))
        .collect::<Result<Vec<_>, _>>()?;
    let (api, output) = connection.open()?;
    let mut clients = Vec::new();
    for path in paths {
        clients.push(view::answered(&api.get(&path, &[])?, None)?);
    }
    match clients.len() {
        1 => clients
            .into_iter()
            .try_for_each(|client| view::print_one(&output, client)),
        _ => view::print_many(&output, clients),
    }
}
