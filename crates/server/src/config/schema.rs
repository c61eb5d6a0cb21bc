//! The configuration schema: every key, its type, default, environment variable and description.
//!
//! `schema.json` is the one place where a key is declared. From it come the check of a file, the
//! defaults, the names of environment variables and the reference in the documentation.
//!
//! Spec: JSON Schema 2020-12. `writeOnly` marks secrets, `deprecated` keys of older releases; our own
//! annotations are `x-use` (what to write instead), `x-default` (a default that is computed, in
//! words) and `x-env` (`false`: not read from the environment).
//! Invariant: a key has the same description for both listeners; `$ref` siblings override.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::cors::is_origin_pattern;
use super::duration::{parse_duration, parse_duration_or_never};
use super::oauth2::is_token_prefix;
use super::tls::Cidr;

/// The schema as text, for editors that check files while they are written.
pub const SCHEMA_JSON: &str = include_str!("schema.json");

static SCHEMA: LazyLock<Value> = LazyLock::new(parse_schema);
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = Vec::new();
    collect(&SCHEMA, "", Inherited::default(), &mut keys);
    keys
});
static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(compile);

/// What a value of a key looks like; decides how an environment variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    List,
    Object,
    /// A lifetime that may be the number -1.
    TextOrInteger,
    /// A URL, or an object with more than a URL.
    TextOrObject,
}

/// One key of the schema, objects included.
#[derive(Debug)]
pub(super) struct Key {
    /// Dotted path, e.g. `serve.public.port`.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) description: String,
    pub(super) default: Option<Value>,
    /// A computed default, in words.
    pub(super) default_text: Option<String>,
    /// The value must never be shown.
    pub(super) is_secret: bool,
    pub(super) is_deprecated: bool,
    /// What to write instead of a deprecated key.
    pub(super) instead: Option<String>,
    pub(super) from_env: bool,
    /// An empty text is a value of its own; an empty variable is then not "unset".
    pub(super) empty_counts: bool,
    pub(super) allowed: Vec<String>,
    /// An object whose members are keys of their own.
    pub(super) has_members: bool,
    /// An object in which other members are no error.
    pub(super) is_open: bool,
    /// Text of a form of its own, or one of a few words.
    pub(super) has_format: bool,
    /// Text such as `1h`.
    pub(super) is_duration: bool,
}

impl Key {
    /// Name of the environment variable that sets this key.
    pub(super) fn env_name(&self) -> String {
        self.path.replace('.', "_").to_uppercase()
    }
}

/// All keys in the order of the schema, parents before their members.
pub(super) fn keys() -> &'static [Key] {
    &KEYS
}

/// The key with this dotted path.
pub(super) fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether a value at this path may hold a secret: the key itself, one above it or one below it is
/// marked, or the path is unknown (a misspelt secret is a secret too).
pub(super) fn may_hold_secret(path: &str) -> bool {
    let mut known = false;
    for key in keys() {
        let below = is_within(&key.path, path);
        let above = is_within(path, &key.path);
        known |= key.path == path || (above && !key.has_members);
        if key.is_secret && (below || above) {
            return true;
        }
    }
    !known
}

/// Whether `path` is `parent` or lies below it.
pub(super) fn is_within(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The part of an unknown path that is a stranger in an open object.
pub(super) fn unknown_in_open(path: &str) -> Option<&str> {
    if key(path).is_some() {
        return None;
    }
    let mut unknown = path;
    while let Some((parent, _)) = unknown.rsplit_once('.') {
        if let Some(known) = key(parent) {
            return known.is_open.then_some(unknown);
        }
        unknown = parent;
    }
    None
}

/// All defaults as one tree.
pub(super) fn defaults() -> Map<String, Value> {
    let mut tree = Map::new();
    for key in keys() {
        if let Some(default) = &key.default {
            insert(&mut tree, &key.path, default.clone());
        }
    }
    tree
}

fn insert(tree: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let below = tree
                .entry(head)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(members) = below {
                insert(members, rest, value);
            }
        }
    }
}

/// The compiled schema.
pub(super) fn validator() -> &'static jsonschema::Validator {
    &VALIDATOR
}

#[expect(
    clippy::expect_used,
    reason = "the text is compiled in and a test parses it"
)]
fn parse_schema() -> Value {
    serde_json::from_str(SCHEMA_JSON).expect("schema.json is JSON")
}

#[expect(
    clippy::expect_used,
    reason = "the text is compiled in and a test compiles it"
)]
fn compile() -> jsonschema::Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .with_format("go-duration", |text: &str| parse_duration(text).is_some())
        .with_format("go-duration-or-never", |text: &str| {
            parse_duration_or_never(text).is_some()
        })
        .with_format("cidr", |text: &str| text.parse::<Cidr>().is_ok())
        .with_format("cors-origin", is_origin_pattern)
        .with_format("token-prefix", is_token_prefix)
        .build(&SCHEMA)
        .expect("schema.json is a schema")
}

/// Marks that pass from an object to its members.
#[derive(Clone, Default)]
struct Inherited {
    is_secret: bool,
    is_deprecated: bool,
    instead: Option<String>,
}

fn collect(node: &Value, path: &str, from: Inherited, keys: &mut Vec<Key>) {
    let marks = Inherited {
        is_secret: from.is_secret || flag(node, "writeOnly"),
        is_deprecated: from.is_deprecated || flag(node, "deprecated"),
        instead: text(node, "x-use").or(from.instead),
    };
    let properties = node.get("properties").and_then(Value::as_object);
    if !path.is_empty() {
        keys.push(Key {
            path: path.to_owned(),
            kind: kind(node),
            description: text(node, "description").unwrap_or_default(),
            default: node.get("default").cloned(),
            default_text: text(node, "x-default"),
            is_secret: marks.is_secret,
            is_deprecated: marks.is_deprecated,
            instead: marks.instead.clone(),
            from_env: node.get("x-env") != Some(&Value::Bool(false)),
            empty_counts: kind(node) == Kind::Text
                && node.get("format").is_none()
                && node.get("enum").is_none(),
            allowed: allowed(node),
            has_members: properties.is_some(),
            is_open: properties.is_some()
                && node.get("additionalProperties") != Some(&Value::Bool(false)),
            has_format: node.get("format").is_some() || node.get("enum").is_some(),
            is_duration: text(node, "format")
                .is_some_and(|format| format.starts_with("go-duration")),
        });
    }
    for (name, member) in properties.into_iter().flatten() {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        collect(&resolve(member), &below, marks.clone(), keys);
    }
}

/// Follows `$ref` into `$defs`; members beside the `$ref` win.
fn resolve(node: &Value) -> Value {
    let Some(target) = node.get("$ref").and_then(Value::as_str) else {
        return node.clone();
    };
    let found = target
        .strip_prefix('#')
        .and_then(|pointer| SCHEMA.pointer(pointer));
    let mut merged = found
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for (name, value) in node.as_object().into_iter().flatten() {
        if name != "$ref" {
            merged.insert(name.clone(), value.clone());
        }
    }
    Value::Object(merged)
}

fn kind(node: &Value) -> Kind {
    match node.get("type") {
        Some(Value::String(name)) => match name.as_str() {
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            "array" => Kind::List,
            "object" => Kind::Object,
            _ => Kind::Text,
        },
        Some(Value::Array(names)) if names.iter().any(|name| name == "object") => {
            Kind::TextOrObject
        }
        Some(Value::Array(_)) => Kind::TextOrInteger,
        _ => Kind::Text,
    }
}

/// The values of an `enum`, of the key or of its list items.
fn allowed(node: &Value) -> Vec<String> {
    let options = node
        .get("enum")
        .or_else(|| node.get("items").and_then(|i| i.get("enum")));
    let texts = options
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn flag(node: &Value, name: &str) -> bool {
    node.get(name) == Some(&Value::Bool(true))
}

fn text(node: &Value, name: &str) -> Option<String> {
    node.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_is_valid_and_compiles() {
        assert!(jsonschema::meta::is_valid(&SCHEMA));
        assert!(validator().is_valid(&serde_json::json!({})));
    }

    #[test]
    fn every_key_has_a_description_and_its_defaults_are_valid() {
        for key in keys() {
            assert!(
                key.description.ends_with('.'),
                "{} has no description",
                key.path
            );
        }
        let tree = Value::Object(defaults());
        let problems: Vec<_> = validator()
            .iter_errors(&tree)
            .map(|e| e.to_string())
            .collect();
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn environment_names_are_unambiguous() {
        let mut names: Vec<_> = keys().iter().map(Key::env_name).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn secrets_are_found_above_and_below_a_mark() {
        for path in [
            "secrets.system",
            "secrets.system.0",
            "secrets",
            "hsm",
            "hsm.pin",
            "dsn",
        ] {
            assert!(may_hold_secret(path), "{path}");
        }
        assert!(
            may_hold_secret("secrets.sytem"),
            "unknown keys count as secret"
        );
        assert!(!may_hold_secret("log.level"));
        assert!(!may_hold_secret("webfinger.jwks.broadcast_keys.0"));
    }
}
