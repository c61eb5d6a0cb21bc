//! Files, flags and variables laid over each other, with a memory of what came from where.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use super::problem::Problem;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    File(String),
    Flag(&'static str),
    Variable(String),
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {path}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Argument => write!(f, "command line argument"),
        }
    }
}

/// The merged configuration, without defaults.
#[derive(Debug, Default)]
pub(super) struct Layers {
    tree: Map<String, Value>,
    /// Leaf path to the source that set it last.
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    pub(super) fn tree(&self) -> &Map<String, Value> {
        &self.tree
    }

    /// Lays an object over what is there: objects merge, everything else is replaced whole.
    pub(super) fn merge(&mut self, layer: Map<String, Value>, origin: &Origin) {
        merge_object(&mut self.tree, layer, "", origin, &mut self.origins);
    }

    /// Sets one value, making the objects above it. A URL in the way of a member becomes an object
    /// that holds it as `url`, so that a hook's credential can be added to it.
    pub(super) fn set(&mut self, path: &str, value: Value, origin: &Origin) {
        let mut layer = value;
        for name in path.rsplit('.') {
            layer = Value::Object(Map::from_iter([(name.to_owned(), layer)]));
        }
        if let Value::Object(layer) = layer {
            self.merge(layer, origin);
        }
    }

    /// The value at a dotted path; numbers are list indices.
    pub(super) fn get(&self, path: &str) -> Option<&Value> {
        let (head, rest) = path.split_once('.').unwrap_or((path, ""));
        let mut value = self.tree.get(head)?;
        for name in rest.split('.').filter(|name| !name.is_empty()) {
            value = match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
                other => other.get(name)?,
            };
        }
        Some(value)
    }

    /// The list at a path, for changes to single elements.
    pub(super) fn list(&self, path: &str) -> Vec<Value> {
        match self.get(path) {
            Some(Value::Array(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    /// Where the value at a path comes from: its own source, or that of a value above or below it.
    pub(super) fn origin(&self, path: &str) -> Option<&Origin> {
        let mut above = path;
        loop {
            if let Some(origin) = self.origins.get(above) {
                return Some(origin);
            }
            match above.rsplit_once('.') {
                Some((parent, _)) => above = parent,
                None => break,
            }
        }
        let below = format!("{path}.");
        self.origins
            .iter()
            .find(|(key, _)| key.starts_with(&below))
            .map(|(_, origin)| origin)
    }

    /// Puts back a tree that values were taken out of.
    pub(super) fn restore(&mut self, tree: Map<String, Value>) {
        self.tree = tree;
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, path: &str) {
        remove_at(&mut self.tree, path);
    }

    /// Paths of all values, objects excluded.
    pub(super) fn leaves(&self) -> Vec<String> {
        let mut leaves = Vec::new();
        collect_leaves(&self.tree, "", &mut leaves);
        leaves
    }
}

/// Puts a default under every key that is not set.
pub(super) fn underlay(tree: &mut Map<String, Value>, defaults: &Map<String, Value>) {
    for (name, default) in defaults {
        match (tree.get_mut(name), default) {
            (Some(Value::Object(own)), Value::Object(below)) => underlay(own, below),
            (Some(_), _) => {}
            (None, _) => {
                tree.insert(name.clone(), default.clone());
            }
        }
    }
}

/// `/a/b/0` as `a.b.0`.
pub(super) fn path_of_pointer(pointer: &str) -> String {
    let names = pointer
        .split('/')
        .skip(1)
        .map(|name| name.replace("~1", "/").replace("~0", "~"));
    names.collect::<Vec<_>>().join(".")
}

/// Reads a file by its extension.
pub(super) fn read_file(path: &Path) -> Result<Map<String, Value>, Box<Problem>> {
    let name = path.display().to_string();
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let extension = extension.unwrap_or_default();
    if !matches!(extension.as_str(), "yaml" | "yml" | "json" | "toml") {
        let rule = "has an extension that says nothing about its format";
        let advice = "Name it .yaml, .yml, .json or .toml.";
        return Err(Box::new(Problem::new(&name, rule).advise(advice)));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new(&name, format!("cannot be read: {error}")))?;
    parse(&text, &extension).map_err(|message| Box::new(Problem::new(&name, message)))
}

/// Reads a document of one of the formats that configuration files have; problems do not quote it.
pub(crate) fn parse(text: &str, extension: &str) -> Result<Map<String, Value>, String> {
    let value: Value = match extension {
        "json" => serde_json::from_str(text).map_err(|e| format!("is not valid JSON: {e}"))?,
        "toml" => {
            toml::from_str(text).map_err(|e| format!("is not valid TOML: {}", e.message()))?
        }
        _ if text
            .lines()
            .all(|line| line.trim_start().starts_with('#') || line.trim().is_empty()) =>
        {
            Value::Null
        }
        _ => serde_saphyr::from_str_with_options(text, yaml_options()).map_err(|e| {
            match e.location() {
                // The parser's own text quotes the lines around the error, secrets included.
                Some(place) => format!(
                    "is not valid YAML at line {}{}",
                    place.line(),
                    yaml_rule(&e)
                ),
                None => format!("is not valid YAML{}", yaml_rule(&e)),
            }
        })?,
    };
    match value {
        Value::Object(mut tree) => {
            tidy(&mut tree);
            Ok(tree)
        }
        Value::Null => Ok(Map::new()),
        _ => Err("must hold an object at its top level".to_owned()),
    }
}

/// The rule that a YAML file breaks, where people cannot see it at a glance.
fn yaml_rule(error: &serde_saphyr::Error) -> &'static str {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { .. } => {
            ": a key stands twice in one object; merge the two"
        }
        _ => "",
    }
}

/// Compat: scalars mean what they mean to Go's YAML 3: `on` and `yes` are text, `0755` is octal.
fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// Drops keys without a value, and writes whole numbers as integers (`4444.0` is a port).
fn tidy(tree: &mut Map<String, Value>) {
    tree.retain(|_, value| !value.is_null());
    for value in tree.values_mut() {
        if let Value::Object(below) = value {
            tidy(below);
        } else if let Some(number) = value.as_f64().filter(|_| value.is_f64())
            && let Ok(whole) = format!("{number}").parse::<i64>()
        {
            *value = Value::from(whole);
        }
    }
}

fn merge_object(
    tree: &mut Map<String, Value>,
    layer: Map<String, Value>,
    path: &str,
    origin: &Origin,
    origins: &mut BTreeMap<String, Origin>,
) {
    for (name, value) in layer {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let Value::Object(members) = value else {
            origins.insert(below, origin.clone());
            tree.insert(name, value);
            continue;
        };
        if members.is_empty() && !tree.contains_key(&name) {
            origins.insert(below.clone(), origin.clone());
        }
        let slot = tree
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::String(url) = slot
            && below.ends_with("_hook")
        {
            *slot = Value::Object(Map::from_iter([(
                "url".to_owned(),
                Value::from(url.clone()),
            )]));
        }
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        if let Value::Object(inner) = slot {
            merge_object(inner, members, &below, origin, origins);
        }
    }
}

fn remove_at(tree: &mut Map<String, Value>, path: &str) {
    match path.split_once('.') {
        None => {
            tree.remove(path);
        }
        Some((head, rest)) => match tree.get_mut(head) {
            Some(Value::Object(below)) => remove_at(below, rest),
            // An element of a list takes the list with it.
            Some(_) => {
                tree.remove(head);
            }
            None => {}
        },
    }
}

fn collect_leaves(tree: &Map<String, Value>, path: &str, leaves: &mut Vec<String>) {
    for (name, value) in tree {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Object(members) => collect_leaves(members, &below, leaves),
            _ => leaves.push(below),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_agree() {
        let json =
            r#"{"serve":{"public":{"port":4444.0,"host":""}},"secrets":{"system":["a","b"]}}"#;
        let yaml =
            "serve:\n  public:\n    port: 4444\n    host: ''\nsecrets:\n  system: [a, b]\nlog:\n";
        let toml = "[serve.public]\nport = 4444\nhost = ''\n[secrets]\nsystem = ['a', 'b']\n";
        let expected = parse(json, "json").unwrap();
        assert_eq!(parse(yaml, "yaml").unwrap(), expected);
        assert_eq!(parse(toml, "toml").unwrap(), expected);
        assert_eq!(parse("# nothing\n\n", "yml").unwrap(), Map::new());
        let anchors = "x: &x {port: 1, host: h}\ny:\n  <<: *x\n  port: 2\nz: on\nm: 0755\n";
        let expected = r#"{"x":{"port":1,"host":"h"},"y":{"port":2,"host":"h"},"z":"on","m":493}"#;
        assert_eq!(
            parse(anchors, "yaml").unwrap(),
            parse(expected, "json").unwrap()
        );
    }

    #[test]
    fn syntax_errors_do_not_quote_the_file() {
        let texts = [
            ("secrets:\n  system: [hunter2\n", "yaml"),
            ("{\"secrets\": {\"system\": [\"hunter2\" }", "json"),
            ("[secrets]\nsystem = [\"hunter2\"\n", "toml"),
            ("hunter2", "yaml"),
        ];
        for (text, extension) in texts {
            let message = parse(text, extension).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_told_as_that() {
        let message = parse("log:\n  level: info\nlog:\n  format: json\n", "yaml").unwrap_err();
        assert!(
            message.contains("line 3") && message.contains("twice"),
            "{message}"
        );
    }

    #[test]
    fn later_layers_replace_lists_and_merge_objects() {
        let mut layers = Layers::default();
        let file = |name: &str| Origin::File(name.to_owned());
        layers.merge(
            parse(r#"{"a":{"x":1,"l":[1,2]},"b":1}"#, "json").unwrap(),
            &file("1"),
        );
        layers.merge(
            parse(r#"{"a":{"y":2,"l":[3]}}"#, "json").unwrap(),
            &file("2"),
        );
        let expected = parse(r#"{"a":{"x":1,"l":[3],"y":2},"b":1}"#, "json").unwrap();
        assert_eq!(layers.tree(), &expected);
        assert_eq!(layers.origin("a.x"), Some(&file("1")));
        assert_eq!(layers.origin("a.l.0"), Some(&file("2")));
    }
}
