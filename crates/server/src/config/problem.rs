//! What is wrong with a configuration, said so that it can be put right.
//!
//! Invariant: a problem never shows the value of a key that holds, or may hold, a secret.

use std::fmt;

use jsonschema::JsonType;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::layers::{Layers, path_of_pointer};
use super::schema::{self, Kind};
use super::spelling;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Dotted path of the key, or a file name when the file as a whole is wrong.
    pub key: String,
    /// The offending value, unless it is a secret, a list or an object.
    pub value: Option<String>,
    /// Where the value comes from: a file, a variable, a flag.
    pub origin: Option<String>,
    /// The rule that the value breaks; continues a sentence that starts with the key.
    pub rule: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// The key is missing, which another source may still put right.
    pub is_absence: bool,
}

impl Problem {
    pub(super) fn new(key: &str, rule: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            value: None,
            origin: None,
            rule: rule.into(),
            advice: None,
            is_absence: false,
        }
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(super) fn absent(mut self) -> Self {
        self.is_absence = true;
        self
    }

    /// Adds the value and its origin, where they may be shown.
    pub(super) fn located(mut self, layers: &Layers) -> Self {
        if self.origin.is_none() {
            self.origin = layers.origin(&self.key).map(|origin| origin.to_string());
        }
        if self.value.is_none() {
            self.value = layers
                .get(&self.key)
                .and_then(|value| shown(&self.key, value));
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, "\n    {}", self.rule)?;
        if let Some(advice) = &self.advice {
            write!(f, "\n    {advice}")?;
        }
        Ok(())
    }
}

/// All problems of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => writeln!(f, "The configuration has a problem:")?,
            count => writeln!(f, "The configuration has {count} problems:")?,
        }
        for problem in &self.problems {
            write!(f, "\n{problem}\n")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Every way in which the merged configuration breaks the schema, in the order of its keys.
pub(super) fn schema_problems(layers: &Layers) -> Vec<Problem> {
    let tree = Value::Object(layers.tree().clone());
    let mut problems: Vec<Problem> = Vec::new();
    for error in schema::validator().iter_errors(&tree) {
        let path = path_of_pointer(error.instance_path().as_str());
        for problem in explain(&path, error.kind(), error.instance()) {
            let problem = problem.located(layers);
            // A number outside -1..-1 breaks two rules, which are one to the reader.
            if !problems
                .iter()
                .any(|p| p.key == problem.key && p.rule == problem.rule)
            {
                problems.push(problem);
            }
        }
    }
    problems
}

fn explain(path: &str, kind: &ValidationErrorKind, value: &Value) -> Vec<Problem> {
    let rule = match kind {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            return unexpected
                .iter()
                .map(|name| unknown_key(path, name))
                .collect();
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            return vec![Problem::new(
                &child(path, name),
                "is missing and has no default",
            )];
        }
        ValidationErrorKind::Type {
            kind: TypeKind::Single(JsonType::String),
        } if value.is_number() || value.is_boolean() => {
            return vec![not_text(path, value)];
        }
        ValidationErrorKind::Type { kind } => {
            format!("must be {}, not {}", wanted(path, kind), described(value))
        }
        ValidationErrorKind::Enum { options } => format!("must be one of {}", listed(options)),
        ValidationErrorKind::Format { format } => format_rule(format).to_owned(),
        ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. }
            if schema::key(path).is_some_and(|key| key.kind == Kind::TextOrInteger) =>
        {
            "must be a duration such as `720h`, or -1".to_owned()
        }
        ValidationErrorKind::Minimum { limit } => format!("must be {limit} or more"),
        ValidationErrorKind::Maximum { limit } => format!("must be {limit} or less"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => {
            let length = value.as_str().map_or(0, |text| text.chars().count());
            format!("must have at least {limit} characters and has {length}")
        }
        ValidationErrorKind::Pattern { .. } if path == "version" => {
            "must be a release such as `v1.2.3`".to_owned()
        }
        ValidationErrorKind::UniqueItems => "holds an entry twice".to_owned(),
        other => format!("breaks the schema's rule `{}`", other.keyword()),
    };
    let problem = Problem::new(path, rule);
    let is_system_secret = path.starts_with("secrets.");
    vec![if is_system_secret {
        problem.advise(SECRET_ADVICE)
    } else {
        problem
    }]
}

/// A number or a truth value where text belongs. Quotes make it text, but no duration or URL of it.
fn not_text(path: &str, value: &Value) -> Problem {
    let key = schema::key(path);
    if key.is_some_and(|key| key.is_duration) {
        let rule = format!("must be a duration such as `1h`, not {}", described(value));
        let advice = match value.as_i64() {
            Some(number) => format!("Write the unit: `{number}s` is seconds, `{number}m` minutes."),
            None => "Write a number with its unit: ns, us, ms, s, m or h.".to_owned(),
        };
        return Problem::new(path, rule).advise(advice);
    }
    let problem = Problem::new(path, format!("must be text, not {}", described(value)));
    if key.is_none_or(|key| !key.has_format) {
        problem.advise("Put the value in quotes.")
    } else {
        problem
    }
}

/// How to make a secret.
pub(super) const SECRET_ADVICE: &str =
    "Make one with `openssl rand -hex 32`. A list keeps older secrets behind the new one.";

pub(super) fn unknown_key(parent: &str, name: &str) -> Problem {
    let path = child(parent, name);
    if name.contains('.') {
        let rule = "is a path, not a key";
        return Problem::new(&path, rule)
            .advise("Nest the objects, one for each name in the path.");
    }
    let advice = match spelling::nearest_key(&path) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if parent.is_empty() => "Remove it. Unknown keys have no effect.".to_owned(),
        None => format!(
            "Known keys of `{parent}`: {}.",
            spelling::members(parent).join(", ")
        ),
    };
    Problem::new(&path, "is not a key of the configuration").advise(advice)
}

fn child(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

fn wanted(path: &str, kind: &TypeKind) -> String {
    match schema::key(path).map(|key| key.kind) {
        Some(Kind::TextOrInteger) => "a duration such as `720h`, or -1".to_owned(),
        Some(Kind::TextOrObject) => "a URL, or an object with `url` and `auth`".to_owned(),
        _ => match kind {
            TypeKind::Single(one) => type_in_words(&one.to_string()).to_owned(),
            TypeKind::Multiple(_) => "of another type".to_owned(),
        },
    }
}

fn type_in_words(name: &str) -> &'static str {
    match name {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "an object",
        _ => "text",
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn listed(options: &Value) -> String {
    let options = options
        .as_array()
        .into_iter()
        .flatten()
        .map(|option| match option.as_str() {
            Some(text) => format!("`{text}`"),
            None => option.to_string(),
        });
    options.collect::<Vec<_>>().join(", ")
}

fn format_rule(format: &str) -> &'static str {
    match format {
        "uri" => "must be an absolute URL such as `https://auth.example.com/`",
        "uri-reference" => "must be a URL or a path",
        "go-duration" => "must be a duration such as `30m` or `1h5m` (units: ns, us, ms, s, m, h)",
        "go-duration-or-never" => "must be a duration such as `720h`, or -1",
        "cidr" => "must be a network such as `10.0.0.0/8`",
        "cors-origin" => {
            "must be `*` or an origin such as `https://app.example.com` with at most one `*`"
        }
        "token-prefix" => {
            "must be 2 to 16 letters, digits and `_`, start with a letter and end with `_`"
        }
        _ => "has the wrong form",
    }
}

/// A value as a problem may show it.
fn shown(path: &str, value: &Value) -> Option<String> {
    const SHOWN_CHARS_MAX: usize = 100;
    if schema::may_hold_secret(path) {
        return matches!(value, Value::String(_) | Value::Number(_)).then(|| "<hidden>".to_owned());
    }
    match value {
        Value::Array(_) | Value::Object(_) | Value::Null => None,
        Value::String(text) => {
            let short: String = without_credentials(text)
                .chars()
                .take(SHOWN_CHARS_MAX)
                .collect();
            Some(Value::String(short).to_string())
        }
        other => Some(other.to_string()),
    }
}

/// A URL without its user part.
fn without_credentials(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://***@{rest}"),
        _ => text.to_owned(),
    }
}
