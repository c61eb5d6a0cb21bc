//! The client that a token command acts as.

use crate::connection::env;

/// Client id and secret, from flags or the environment.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Credentials {
    /// Id of the client; otherwise the environment variable OAUTH2_CLIENT_ID.
    #[arg(long, value_name = "TEXT")]
    client_id: Option<String>,
    /// Secret of the client; otherwise the environment variable OAUTH2_CLIENT_SECRET.
    #[arg(long, value_name = "TEXT")]
    client_secret: Option<String>,
}

/// What to tell a user who gave no credentials.
pub(crate) const MISSING: &str = "Please provide a Client ID and Client Secret using flags --client-id and --client-secret, \
     or environment variables OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET.";

impl Credentials {
    /// Id and secret, when both are known and not empty.
    pub(crate) fn both(&self) -> Option<(String, String)> {
        Some((self.id()?, self.secret()?))
    }

    /// The id, when known and not empty.
    pub(crate) fn id(&self) -> Option<String> {
        given(self.client_id.as_ref(), "OAUTH2_CLIENT_ID")
    }

    /// The secret, when known and not empty.
    pub(crate) fn secret(&self) -> Option<String> {
        given(self.client_secret.as_ref(), "OAUTH2_CLIENT_SECRET")
    }
}

/// A flag's value, else the environment's. An empty flag counts as given.
fn given(flag: Option<&String>, variable: &str) -> Option<String> {
    match flag {
        Some(value) => Some(value.clone()).filter(|value| !value.is_empty()),
        None => env(variable),
    }
}
