//! JSON values as block YAML, lists not indented, order of members kept.

use serde_json::Value;

/// A document, with a line end.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        scalar_value => {
            out.push_str(&scalar(scalar_value));
            out.push('\n');
        }
    }
    out
}

/// Writes a non-empty object or list whose lines start at `indent`; the first line's indentation is the caller's.
fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(members) => {
            for (position, (name, member)) in members.iter().enumerate() {
                if position > 0 {
                    out.push_str(&pad);
                }
                out.push_str(&text(name));
                out.push(':');
                match member {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent.saturating_add(2)));
                        block(member, indent.saturating_add(2), out);
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.push_str(&pad);
                        block(member, indent, out);
                    }
                    scalar_value => line(scalar_value, out),
                }
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push_str(&pad);
                }
                out.push('-');
                match item {
                    Value::Object(inner) if !inner.is_empty() => nested(item, indent, out),
                    Value::Array(inner) if !inner.is_empty() => nested(item, indent, out),
                    scalar_value => line(scalar_value, out),
                }
            }
        }
        scalar_value => line(scalar_value, out),
    }
}

fn nested(item: &Value, indent: usize, out: &mut String) {
    out.push(' ');
    block(item, indent.saturating_add(2), out);
}

fn line(value: &Value, out: &mut String) {
    out.push(' ');
    out.push_str(&scalar(value));
    out.push('\n');
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        other => other.to_string(),
    }
}

/// A plain scalar where YAML reads it back as the same string; else double quotes, which take JSON's escapes.
fn text(string: &str) -> String {
    if is_plain(string) {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}

fn is_plain(string: &str) -> bool {
    let starts_safe = string
        .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '(' | '$'));
    let is_word = matches!(
        string.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    starts_safe
        && !is_word
        && !resembles_number(string)
        && !string.contains(": ")
        && !string.contains(" #")
        && !string.ends_with([':', ' '])
        && !string.contains(char::is_control)
}

/// Could a reader of any YAML version take the text for a number or a time? Ids that only begin with a digit are no numbers.
fn resembles_number(string: &str) -> bool {
    let starts_with_digit = string.starts_with(|c: char| c.is_ascii_digit());
    let is_date = string.get(..5).is_some_and(|start| {
        start.ends_with('-') && start.chars().take(4).all(|c| c.is_ascii_digit())
    });
    let has_prefix = string
        .get(..2)
        .is_some_and(|start| matches!(start, "0x" | "0o" | "0b"));
    string.parse::<f64>().is_ok()
        || starts_with_digit && (is_date || has_prefix || string.contains([':', '_', ',']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_objects_nest() {
        let value = json!({"items": [{"a": ["x"], "b": {"c": 1}}, {"d": []}], "e": "", "f": {}});
        assert_eq!(
            document(&value),
            "items:\n- a:\n  - x\n  b:\n    c: 1\n- d: []\ne: \"\"\nf: {}\n"
        );
        assert_eq!(document(&json!("gl-1")), "gl-1\n");
        assert_eq!(document(&json!([])), "[]\n");
    }

    #[test]
    fn text_that_looks_like_something_else_is_quoted() {
        for word in [
            "",
            "true",
            "No",
            "1",
            "-a",
            "1e5",
            "0x1f",
            "12:30",
            "1_000",
            "2026-11-24T16:40:53Z",
            "a: b",
            "a #b",
            "- a",
            "~",
            "x\ny",
        ] {
            let quoted = text(word);
            assert!(quoted.starts_with('"'), "{word:?}");
            assert_eq!(serde_saphyr::from_str::<String>(&quoted).unwrap(), word);
        }
        for word in [
            "code",
            "41519b9a-90b9-46e7-ba96-5b9a9d3b6566",
            "12345678-1234-4234-8234-123456789012",
            "offline_access offline openid",
            "http://127.0.0.1:4444/x",
        ] {
            assert_eq!(text(word), word);
            assert_eq!(serde_saphyr::from_str::<String>(word).unwrap(), word);
        }
    }

    #[test]
    fn a_yaml_reader_gets_the_same_value_back() {
        let value =
            json!({"a": [["x", "y"], {"b": "1"}], "c": {"d": {"e": null}}, "f": true, "g": 1.5});
        assert_eq!(
            serde_saphyr::from_str::<Value>(&document(&value)).unwrap(),
            value
        );
    }
}
