//! JSON text as Go's encoder writes it.

use serde::Serialize;
use serde_json::{Value, ser::PrettyFormatter};

/// One line, no blanks.
pub(crate) fn compact(value: &Value) -> String {
    escape_html(&value.to_string())
}

/// Indented with `indent` per level.
pub(crate) fn indented(value: &Value, indent: &str) -> String {
    let mut out = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => escape_html(&String::from_utf8_lossy(&out)),
        Err(_) => compact(value),
    }
}

/// The same value with the members of every object in alphabetical order.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Drops the members of an object for which `is_unset` holds.
pub(crate) fn without(mut value: Value, is_unset: impl Fn(&Value) -> bool) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !is_unset(member));
    }
    value
}

/// Text of member `name`, or nothing.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The texts in list `name`, joined.
pub(crate) fn joined(value: &Value, name: &str, separator: &str) -> String {
    let items = value.get(name).and_then(Value::as_array);
    let items = items.into_iter().flatten().filter_map(Value::as_str);
    items.collect::<Vec<_>>().join(separator)
}

/// Go's encoder escapes what HTML and JavaScript give a meaning to; outside of strings JSON has none of these.
fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn html_characters_are_escaped() {
        assert_eq!(
            compact(&json!({"a": "<b>&"})),
            r#"{"a":"\u003cb\u003e\u0026"}"#
        );
        assert_eq!(
            indented(&json!({"a": [1, "<"]}), "\t"),
            "{\n\t\"a\": [\n\t\t1,\n\t\t\"\\u003c\"\n\t]\n}"
        );
    }

    #[test]
    fn members_sort_at_every_depth() {
        let value = sorted(json!({"b": {"d": 1, "c": 2}, "a": [{"f": 1, "e": 2}]}));
        assert_eq!(
            value.to_string(),
            r#"{"a":[{"e":2,"f":1}],"b":{"c":2,"d":1}}"#
        );
    }
}
