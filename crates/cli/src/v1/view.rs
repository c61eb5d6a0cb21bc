//! How v1 prints what the server answered.

use jiff::Timestamp;
use serde_json::Value;

use crate::print::{
    ascii,
    json::{indented, joined, sorted, text, without},
};

/// Headings of `clients list`.
const HEADINGS: [&str; 7] = [
    "CLIENT ID",
    "NAME",
    "RESPONSE TYPES",
    "SCOPE",
    "REDIRECT URIS",
    "GRANT TYPES",
    "TOKEN ENDPOINT AUTH METHOD",
];

/// Would v1's models leave the member out? Objects are kept, even without members.
pub(crate) fn is_empty(member: &Value) -> bool {
    match member {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

/// A client's JSON: no empty members, times with milliseconds.
pub(crate) fn client(client: Value) -> String {
    let mut client = sorted(without(client, is_empty));
    for name in ["created_at", "updated_at"] {
        if let Some(member) = client.get_mut(name)
            && let Some(at) = member
                .as_str()
                .and_then(|text| text.parse::<Timestamp>().ok())
        {
            *member = Value::from(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
        }
    }
    format!("{}\n", indented(&client, "\t"))
}

/// What is known about a token: no empty members, but always `active` and `aud`.
pub(crate) fn introspection(facts: Value) -> String {
    let active = facts.get("active").cloned().unwrap_or(Value::Bool(false));
    let audience = facts.get("aud").cloned().unwrap_or(Value::Null);
    let mut facts = without(facts, is_empty);
    if let Value::Object(members) = &mut facts {
        members.insert("active".to_owned(), active);
        members.insert("aud".to_owned(), audience);
    }
    format!("{}\n", indented(&sorted(facts), "\t"))
}

/// The table of `clients list`.
pub(crate) fn list(clients: &[Value]) -> String {
    let cells = |client| {
        vec![
            text(client, "client_id").to_owned(),
            text(client, "client_name").to_owned(),
            joined(client, "response_types", ","),
            text(client, "scope").to_owned(),
            joined(client, "redirect_uris", "\n"),
            joined(client, "grant_types", ","),
            text(client, "token_endpoint_auth_method").to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = clients.iter().map(cells).collect();
    ascii::bordered(&HEADINGS, &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_inactive_token_has_no_audience() {
        assert_eq!(
            introspection(json!({"active": false})),
            "{\n\t\"active\": false,\n\t\"aud\": null\n}\n"
        );
    }

    #[test]
    fn a_client_loses_empty_members_and_keeps_milliseconds() {
        assert_eq!(
            client(
                json!({"jwks": {}, "client_id": "a", "owner": "", "audience": [], "skip": false,
                          "client_secret_expires_at": 0, "created_at": "2026-11-24T16:39:27.853999Z"})
            ),
            "{\n\t\"client_id\": \"a\",\n\t\"created_at\": \"2026-11-24T16:39:27.853Z\",\n\t\"jwks\": {}\n}\n"
        );
    }
}
