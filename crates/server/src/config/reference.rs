//! The configuration reference, written from the schema.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{self, Key, Kind};

/// All keys as Markdown: a section for each top-level key, a table row for each value.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "# Configuration reference\n\n\
         Sources, each winning over the one before: defaults, files (`-c`, in order), flags, environment \
         variables. Durations are written like `30m` or `1h5m`. Keys marked *old* come from earlier \
         releases and still work.\n",
    );
    let values: Vec<&Key> = schema::keys().iter().filter(|key| is_value(key)).collect();
    let mut section = "";
    let (roots, nested): (Vec<&Key>, Vec<&Key>) =
        values.into_iter().partition(|key| !key.path.contains('.'));
    text.push_str("\n## General\n\n");
    text.push_str(HEAD);
    for key in roots {
        row(&mut text, key);
    }
    for key in nested {
        let top = key.path.split('.').next().unwrap_or_default();
        if top != section {
            section = top;
            let about = schema::key(top)
                .map(|key| key.description.as_str())
                .unwrap_or_default();
            let _ = write!(text, "\n## `{top}`\n\n{about}\n\n{HEAD}");
        }
        row(&mut text, key);
    }
    text
}

const HEAD: &str =
    "| key | type | default | environment | meaning |\n| --- | --- | --- | --- | --- |\n";

/// A key that holds a value itself, rather than members with rows of their own.
fn is_value(key: &Key) -> bool {
    !key.has_members || key.kind == Kind::TextOrObject
}

fn row(text: &mut String, key: &Key) {
    let variable = if key.from_env {
        format!("`{}`", key.env_name())
    } else {
        "-".to_owned()
    };
    let mut meaning = key.description.clone();
    if key.is_deprecated {
        let instead = key.instead.as_ref().map(|now| format!(" Use `{now}`."));
        meaning = format!("*old* {meaning}{}", instead.unwrap_or_default());
    }
    if key.is_secret {
        meaning.push_str(" Secret.");
    }
    let cells = [
        format!("`{}`", key.path),
        form(key),
        default(key),
        variable,
        meaning,
    ];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn form(key: &Key) -> String {
    let options = key.allowed.iter().map(|option| format!("`{option}`"));
    let options = options.collect::<Vec<_>>().join(", ");
    match key.kind {
        Kind::List if !options.is_empty() => format!("list of {options}"),
        _ if !options.is_empty() => options,
        Kind::List => "list".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Integer => "whole number".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Boolean => "`true`, `false`".to_owned(),
        Kind::Object => "object".to_owned(),
        Kind::TextOrInteger => "duration or `-1`".to_owned(),
        Kind::TextOrObject => "URL or object".to_owned(),
    }
}

fn default(key: &Key) -> String {
    if let Some(words) = &key.default_text {
        return words.clone();
    }
    match &key.default {
        None => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "empty".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Array(items)) if items.is_empty() => "empty".to_owned(),
        Some(Value::Array(items)) => {
            let items = items
                .iter()
                .filter_map(Value::as_str)
                .map(|item| format!("`{item}`"));
            items.collect::<Vec<_>>().join(", ")
        }
        Some(other) => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_row() {
        let text = reference_markdown();
        for key in schema::keys().iter().filter(|key| is_value(key)) {
            let cell = format!("\n| `{}` |", key.path);
            assert_eq!(text.matches(&cell).count(), 1, "{}", key.path);
        }
        assert!(
            text.contains("| `serve.public.port` | whole number | `4444` | `SERVE_PUBLIC_PORT` |")
        );
        assert!(text.contains("openssl") || !text.contains("hunter2"));
    }

    #[test]
    fn tables_are_well_formed() {
        for line in reference_markdown()
            .lines()
            .filter(|line| line.starts_with('|'))
        {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 6, "{line}");
        }
    }
}
