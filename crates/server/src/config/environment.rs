//! Environment variables as a source of configuration.
//!
//! Compat: the name is the key's path in upper case with `_` for `.`, without a prefix; the value is
//! read as the key's type says. Differences to the reference server, all in its weak spots: lists
//! replace the file's list as a whole unless `_0` style names are used; a list that looks like a
//! number is one element; hooks take a URL, an object or nested names; `VERSION` is not read; an
//! unreadable number or boolean is refused instead of becoming 0 or false.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layers::{Layers, Origin};
use super::problem::Problem;
use super::schema::{self, Key, Kind};
use super::spelling;

/// Names that no current release reads, and the one to use.
const OLD_NAMES: [(&str, &str); 15] = [
    ("SYSTEM_SECRET", "SECRETS_SYSTEM"),
    ("ROTATED_SYSTEM_SECRET", "SECRETS_SYSTEM"),
    ("OAUTH2_ISSUER_URL", "URLS_SELF_ISSUER"),
    ("OAUTH2_LOGIN_URL", "URLS_LOGIN"),
    ("OAUTH2_CONSENT_URL", "URLS_CONSENT"),
    ("OAUTH2_LOGOUT_URL", "URLS_LOGOUT"),
    ("OAUTH2_ERROR_URL", "URLS_ERROR"),
    ("OAUTH2_ACCESS_TOKEN_STRATEGY", "STRATEGIES_ACCESS_TOKEN"),
    ("DATABASE_PLUGIN", "DSN"),
    ("HTTPS_TLS_CERT_PATH", "SERVE_TLS_CERT_PATH"),
    ("HTTPS_TLS_KEY_PATH", "SERVE_TLS_KEY_PATH"),
    ("HTTPS_TLS_CERT", "SERVE_TLS_CERT_BASE64"),
    ("HTTPS_TLS_KEY", "SERVE_TLS_KEY_BASE64"),
    (
        "HTTPS_ALLOW_TERMINATION_FROM",
        "SERVE_TLS_ALLOW_TERMINATION_FROM",
    ),
    (
        "OIDC_SUBJECT_TYPES_SUPPORTED",
        "OIDC_SUBJECT_IDENTIFIERS_SUPPORTED_TYPES",
    ),
];

/// Lays the variables over the files and flags. Problems are those that the schema cannot see.
pub(super) fn apply(
    layers: &mut Layers,
    env: &[(String, String)],
    warnings: &mut Vec<String>,
) -> Vec<Problem> {
    let by_name: BTreeMap<String, &Key> = schema::keys()
        .iter()
        .filter(|key| key.from_env)
        .map(|key| (normal(&key.path), key))
        .collect();
    let mut whole: Vec<(&Key, &str, &str)> = Vec::new();
    let mut elements: BTreeMap<(&str, usize), (&str, &str)> = BTreeMap::new();
    for (name, text) in env {
        let path = normal(name);
        if let Some(key) = by_name.get(&path) {
            if !text.is_empty() || key.empty_counts {
                whole.push((key, name, text));
            }
        } else if let Some((key, index)) = element(&path, &by_name) {
            elements.insert((&key.path, index), (name, text));
        } else {
            warnings.extend(misnamed(name));
        }
    }
    // Objects before their members, whatever the order of the environment.
    whole.sort_by_key(|(key, name, _)| (key.path.matches('.').count(), *name));
    for (key, name, text) in whole {
        set(layers, key, name, text, warnings);
    }
    set_elements(layers, &elements)
}

fn set(layers: &mut Layers, key: &Key, name: &str, text: &str, warnings: &mut Vec<String>) {
    let value = read(key.kind, text);
    if key.has_members && key.kind == Kind::Object && !value.is_object() {
        // Short names such as LOG or DB are taken by many environments for other ends.
        warnings.push(format!(
            "environment variable {name} is ignored: {} is an object, and the value is not JSON",
            key.path
        ));
        return;
    }
    if let Value::Array(items) = &value {
        let before = layers.list(&key.path).len();
        if items.is_empty() {
            return;
        }
        if before > 0 && before != items.len() {
            warnings.push(format!(
                "environment variable {name} replaces all {before} entries of {} with {}; use \
                 {name}_0 to replace single ones",
                key.path,
                items.len()
            ));
        }
    }
    layers.set(&key.path, value, &Origin::Variable(name.to_owned()));
}

/// Applies `NAME_0`, `NAME_1`, ... in order; an index may be at most one past the end.
fn set_elements(
    layers: &mut Layers,
    elements: &BTreeMap<(&str, usize), (&str, &str)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for ((path, index), (name, text)) in elements {
        let mut items = layers.list(path);
        let next = items.len();
        match items.get_mut(*index) {
            Some(item) => *item = Value::from(*text),
            None if next == *index => items.push(Value::from(*text)),
            None => {
                let mut problem = Problem::new(
                    &format!("{path}.{index}"),
                    format!("leaves a gap: the list has {next} entries"),
                )
                .advise(format!(
                    "Number the variables without a gap; the next index is {next}."
                ));
                problem.origin = Some(Origin::Variable((*name).to_owned()).to_string());
                problems.push(problem);
                continue;
            }
        }
        layers.set(
            path,
            Value::Array(items),
            &Origin::Variable((*name).to_owned()),
        );
    }
    problems
}

fn element<'k>(path: &str, by_name: &BTreeMap<String, &'k Key>) -> Option<(&'k Key, usize)> {
    let (list, index) = path.rsplit_once('.')?;
    let key = by_name.get(list).filter(|key| key.kind == Kind::List)?;
    Some((key, index.parse().ok()?))
}

/// A warning for a name that looks like one of ours.
fn misnamed(name: &str) -> Option<String> {
    if let Some((_, now)) = OLD_NAMES.iter().find(|(old, _)| *old == name) {
        return Some(format!(
            "environment variable {name} is not read; its name is {now} now"
        ));
    }
    const GROUPS: [&str; 8] = [
        "SERVE_",
        "URLS_",
        "SECRETS_",
        "STRATEGIES_",
        "TTL_",
        "OAUTH2_",
        "OIDC_",
        "WEBFINGER_",
    ];
    let is_ours = GROUPS.iter().any(|group| name.starts_with(group));
    let near = is_ours
        .then(|| spelling::nearest_variable(name))
        .flatten()?;
    Some(format!(
        "environment variable {name} is not read; did you mean {near}?"
    ))
}

/// Paths and names in one form: lower case, `.` for `_`.
fn normal(name: &str) -> String {
    name.to_lowercase().replace('_', ".")
}

/// Reads a text as a value of this kind. What cannot be read stays text, and the schema refuses it.
fn read(kind: Kind, text: &str) -> Value {
    let as_text = || Value::from(text);
    match kind {
        Kind::Text | Kind::TextOrInteger => as_text(),
        Kind::Integer => text
            .trim()
            .parse::<i64>()
            .map_or_else(|_| as_text(), Value::from),
        Kind::Number => text
            .trim()
            .parse::<f64>()
            .map_or_else(|_| as_text(), Value::from),
        Kind::Boolean => boolean(text).map_or_else(as_text, Value::from),
        Kind::List => list(text),
        Kind::Object | Kind::TextOrObject => match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Value::Object(members),
            _ => as_text(),
        },
    }
}

/// The spellings that Go's `ParseBool` knows.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A JSON array, or one record of comma-separated values.
fn list(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Array(_) | Value::Object(_))) => value,
        _ => Value::Array(record(text).into_iter().map(Value::from).collect()),
    }
}

/// Splits comma-separated values; `"` quotes, and stands for itself when doubled. Blanks stay.
fn record(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' if is_quoted => is_quoted = false,
            '"' if field.is_empty() => is_quoted = true,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_read_as_the_key_says() {
        let rows = [
            (Kind::Text, "123", json!("123")),
            (Kind::Integer, "4444", json!(4444)),
            (Kind::Integer, "44x", json!("44x")),
            (Kind::Number, "0.5", json!(0.5)),
            (Kind::Boolean, "True", json!(true)),
            (Kind::Boolean, "t", json!(true)),
            (Kind::Boolean, "0", json!(false)),
            (Kind::Boolean, "yes", json!("yes")),
            (Kind::TextOrInteger, "-1", json!("-1")),
            (Kind::List, "a,b", json!(["a", "b"])),
            (Kind::List, "a, b", json!(["a", " b"])),
            (Kind::List, r#"["a","b"]"#, json!(["a", "b"])),
            (Kind::List, r#""a,b",c"#, json!(["a,b", "c"])),
            (Kind::List, r#""a""b""#, json!(["a\"b"])),
            (Kind::List, "1234567890123456", json!(["1234567890123456"])),
            (Kind::List, "true", json!(["true"])),
            (Kind::List, r#""x""#, json!(["x"])),
            (Kind::List, "[broken", json!(["[broken"])),
            (Kind::TextOrObject, "https://h/x", json!("https://h/x")),
            (
                Kind::TextOrObject,
                r#"{"url":"https://h/x"}"#,
                json!({"url": "https://h/x"}),
            ),
            (Kind::Object, r#"{"a":"b"}"#, json!({"a": "b"})),
        ];
        for (kind, text, value) in rows {
            assert_eq!(read(kind, text), value, "{kind:?} {text}");
        }
    }
}
