//! `revoke token`.
//!
//! Spec: RFC 7009.

use super::credentials::{Credentials, MISSING};
use crate::{
    args, cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    ids, print,
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Revoke {
    /// The token.
    #[arg(value_name = "TOKEN")]
    token: Vec<String>,
    #[command(flatten)]
    credentials: Credentials,
}

/// Revokes a token at the public endpoint, as the client it belongs to.
///
/// Compat: Hydra sends id and secret without form-encoding, so those with `+` or `%` fail; ours work.
pub(crate) fn run(arguments: &Revoke, connection: &Connection) -> Outcome {
    let token = cobra::exactly_one(&arguments.token)?;
    let (api, output) = connection.open()?;
    let Some((id, secret)) = arguments.credentials.both() else {
        print::stderr(&args::help(&["revoke", "token"]));
        return Err(Failure::Notice(MISSING.to_owned()));
    };
    api.post_form("/oauth2/revoke", &[("token", token)], Some((&id, &secret)))?;
    ids::print(&output, &[token.to_owned()])
}
