//! How clients look: seven columns, or their JSON.

use serde_json::Value;

use crate::{
    api::Answer,
    failure::{Failure, Outcome},
    print::{
        format::Output,
        json::{joined, sorted, text, without},
    },
};

/// Headings of a client table, also the names in front of one client's values.
pub(crate) const HEADINGS: [&str; 7] = [
    "CLIENT ID",
    "CLIENT SECRET",
    "GRANT TYPES",
    "RESPONSE TYPES",
    "SCOPE",
    "AUDIENCE",
    "REDIRECT URIS",
];

/// A client out of an answer. `sent_secret` fills in when the server returns no secret.
pub(crate) fn answered(answer: &Answer, sent_secret: Option<&Value>) -> Result<Value, Failure> {
    let mut client = client_of(answer).map_err(Failure::Error)?;
    let sent_secret = sent_secret
        .and_then(Value::as_str)
        .filter(|secret| !secret.is_empty());
    if let (Value::Object(members), Some(secret)) = (&mut client, sent_secret) {
        members
            .entry("client_secret")
            .or_insert_with(|| Value::from(secret));
    }
    Ok(client)
}

/// An answer that is a client: an object with an id. The error is a message for the user.
pub(crate) fn client_of(answer: &Answer) -> Result<Value, String> {
    let client = answer.object()?;
    if text(&client, "client_id").is_empty() {
        return Err(format!(
            "the server answered {} with JSON that is no client: it has no client_id",
            answer.status
        ));
    }
    Ok(client)
}

/// The cells of a client.
pub(crate) fn cells(client: &Value) -> Vec<String> {
    vec![
        text(client, "client_id").to_owned(),
        text(client, "client_secret").to_owned(),
        joined(client, "grant_types", ", "),
        joined(client, "response_types", ", "),
        text(client, "scope").to_owned(),
        joined(client, "audience", ","),
        joined(client, "redirect_uris", ", "),
    ]
}

/// Prints one client.
///
/// Compat: empty lists are left out here, and kept where several clients are printed.
pub(crate) fn print_one(output: &Output, client: Value) -> Outcome {
    let columns: Vec<(&str, String)> = HEADINGS.into_iter().zip(cells(&client)).collect();
    let is_unset =
        |member: &Value| member.is_null() || member.as_array().is_some_and(Vec::is_empty);
    output.row(&columns, &sorted(without(client, is_unset)))
}

/// Prints several clients, or none.
pub(crate) fn print_many(output: &Output, clients: Vec<Value>) -> Outcome {
    let rows = clients.iter().map(cells).collect();
    output.table(
        &HEADINGS,
        rows,
        Vec::new(),
        &clients.into_iter().map(listed).collect(),
    )
}

/// A client's JSON inside a list.
pub(crate) fn listed(client: Value) -> Value {
    sorted(without(client, Value::is_null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_join_lists_with_and_without_blanks() {
        let client = json!({"client_id": "a", "grant_types": ["x", "y"], "audience": ["p", "q"],
                            "redirect_uris": ["u", "v"], "scope": "s t"});
        assert_eq!(cells(&client), ["a", "", "x, y", "", "s t", "p,q", "u, v"]);
    }

    #[test]
    fn a_listed_client_keeps_empty_lists_and_loses_nulls() {
        let client = listed(json!({"client_id": "a", "audience": [], "contacts": null}));
        assert_eq!(client, json!({"audience": [], "client_id": "a"}));
    }
}
