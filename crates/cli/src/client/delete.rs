//! `delete oauth2-client`.

use super::client_path;
use crate::{
    cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    ids,
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Delete {
    /// Ids of the clients.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

/// Deletes clients; goes on after a failure, prints the ids that are gone and fails at the end.
pub(crate) fn run(arguments: &Delete, connection: &Connection) -> Outcome {
    let ids = cobra::at_least_one(&arguments.ids)?;
    let paths = ids
        .iter()
        .map(|id| client_path(id))
        .collect::<Result<Vec<_>, _>>()?;
    let (api, output) = connection.open()?;
    let mut deleted = Vec::new();
    let mut failed = false;
    for (id, path) in ids.iter().zip(paths) {
        match api.delete(&path, &[]) {
            Ok(_) => deleted.push(id.clone()),
            Err(error) => {
                Failure::from(error).print();
                failed = true;
            }
        }
    }
    ids::print(&output, &deleted)?;
    if failed {
        Err(Failure::Reported)
    } else {
        Ok(())
    }
}
