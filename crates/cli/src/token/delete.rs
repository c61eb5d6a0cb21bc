//! `delete access-tokens`.

use crate::{
    client::EMPTY_ID,
    cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    ids,
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DeleteAccessTokens {
    /// Id of the client whose access tokens end.
    #[arg(value_name = "CLIENT ID")]
    client_id: Vec<String>,
}

/// Ends all access tokens of a client.
pub(crate) fn run(arguments: &DeleteAccessTokens, connection: &Connection) -> Outcome {
    let id = cobra::exactly_one(&arguments.client_id)?;
    if id.is_empty() {
        return Err(Failure::Error(EMPTY_ID.to_owned()));
    }
    let (api, output) = connection.open()?;
    api.delete("/admin/oauth2/tokens", &[("client_id", id)])?;
    ids::print(&output, &[id.to_owned()])
}
