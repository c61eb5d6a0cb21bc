//! Which server a v1 command calls, and what it says when the call fails.

use crate::{
    api::{Api, CallError, Target},
    args,
    connection::env,
    failure::Failure,
    print,
    print::json,
};
use serde_json::Value;

/// Flags of every v1 command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Shared options")]
pub(crate) struct Common {
    /// Accepted for scripts: nothing is retried.
    #[arg(long, global = true, value_name = "DURATION", default_value = "1m0s")]
    fail_after: String,
    /// Add the header X-Forwarded-Proto: https.
    #[arg(long, global = true)]
    fake_tls_termination: bool,
    /// Accept any TLS certificate. Only for tests with self-signed certificates.
    #[arg(long, global = true)]
    skip_tls_verify: bool,
}

impl Common {
    /// The API at `endpoint`, else at the URL in `variable`, else in HYDRA_URL.
    pub(crate) fn open(
        &self,
        endpoint: Option<&String>,
        variable: &str,
        bearer: Option<&Bearer>,
    ) -> Result<Api, Failure> {
        let mut target = self.target(endpoint, variable)?;
        // Compat: `unix:///path/to/socket`.
        target.may_be_socket = true;
        if let Some(token) = bearer.and_then(Bearer::token) {
            target
                .headers
                .push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        Api::new(&target).map_err(Failure::Notice)
    }

    /// Which server to call, and what each request carries.
    pub(crate) fn target(
        &self,
        endpoint: Option<&String>,
        variable: &str,
    ) -> Result<Target, Failure> {
        let endpoint = endpoint
            .cloned()
            .filter(|endpoint| !endpoint.is_empty())
            .or_else(|| env(variable))
            .or_else(|| env("HYDRA_URL"))
            .ok_or_else(|| {
                Failure::Notice(
                    "To execute this command, the endpoint URL must point to the URL where the server is located. \
                     To set the endpoint URL, use flag --endpoint or environment variable HYDRA_URL, \
                     or HYDRA_ADMIN_URL for an administrative command."
                        .to_owned(),
                )
            })?;
        let mut target = Target {
            endpoint,
            skip_tls_verify: self.skip_tls_verify,
            ..Target::default()
        };
        if self.fake_tls_termination {
            target
                .headers
                .push(("X-Forwarded-Proto".to_owned(), "https".to_owned()));
        }
        Ok(target)
    }
}

/// The token for a protected admin API.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Bearer {
    /// Access token for the Authorization header; otherwise the environment variable OAUTH2_ACCESS_TOKEN.
    #[arg(long, global = true, value_name = "TOKEN")]
    access_token: Option<String>,
}

impl Bearer {
    fn token(&self) -> Option<String> {
        let flag = self.access_token.clone().filter(|token| !token.is_empty());
        flag.or_else(|| env("OAUTH2_ACCESS_TOKEN"))
    }
}

/// A call that failed, in v1's words: the answer's JSON without its empty members, or why there was none.
pub(crate) fn failed(error: CallError) -> Failure {
    let why = match error {
        CallError::Transport(message) => message,
        CallError::Refused(answer) => match answer.json() {
            Ok(body) => {
                let is_unset = |member: &Value| member.is_null() || member.as_str() == Some("");
                format!("{}\n", json::indented(&json::without(body, is_unset), "  "))
            }
            Err(_) => format!("{}: {}", answer.status, answer.body),
        },
    };
    Failure::Notice(format!(
        "The request failed with the following error message:\n{why}\n"
    ))
}

/// A command that was called with too few arguments: its help and the reason on stderr.
pub(crate) fn misused(path: &[&str], reason: &str) -> Failure {
    print::stderr(&args::help(path));
    Failure::Notice(reason.to_owned())
}

/// The first argument; v1 ignores further ones.
pub(crate) fn first<'a>(arguments: &'a [String], path: &[&str]) -> Result<&'a str, Failure> {
    let first = arguments.first().map(String::as_str);
    first.ok_or_else(|| misused(path, "Expected exactly 1 command line arguments but got 0."))
}

/// All arguments, at least one.
pub(crate) fn some<'a>(arguments: &'a [String], path: &[&str]) -> Result<&'a [String], Failure> {
    if arguments.is_empty() {
        return Err(misused(
            path,
            "Expected at least 1 command line arguments but only got 0.",
        ));
    }
    Ok(arguments)
}
