//! `introspect token`.
//!
//! Spec: RFC 7662.

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    clock, cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    print::json::{sorted, text, without},
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Introspect {
    /// The token.
    #[arg(value_name = "TOKEN")]
    token: Vec<String>,
    /// Scopes the token must have to count as active.
    #[arg(long, value_name = "LIST")]
    scope: Vec<String>,
}

/// Prints what the server knows about a token. A token that is not active is no failure.
pub(crate) fn run(arguments: &Introspect, connection: &Connection) -> Outcome {
    let token = cobra::exactly_one(&arguments.token)?;
    let (api, output) = connection.open()?;
    let scope = cobra::list(&arguments.scope).join(" ");
    let form = [("token", token), ("scope", scope.as_str())];
    let answer = api.post_form("/admin/oauth2/introspect", &form, None)?;
    let facts = answer.facts().map_err(Failure::Error)?;
    let is_active = facts
        .get("active")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    let exp = facts.get("exp").and_then(Value::as_i64).unwrap_or_default();
    let columns = [
        ("ACTIVE", is_active.to_string()),
        ("SUBJECT", text(&facts, "sub").to_owned()),
        ("CLIENT ID", text(&facts, "client_id").to_owned()),
        ("SCOPE", text(&facts, "scope").to_owned()),
        (
            "EXPIRY",
            clock::go_text(Timestamp::from_second(exp).unwrap_or_default()),
        ),
        ("TOKEN USE", text(&facts, "token_use").to_owned()),
    ];
    output.row(&columns, &sorted(without(facts, Value::is_null)))
}
