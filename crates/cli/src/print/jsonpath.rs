//! `--format jsonpath=…`: the part of the gjson path syntax that picks values.
//!
//! `a.b` goes into objects, `0` picks an item of a list, `#` at the end counts a list's items, `#` in the middle applies the rest to
//! each item and leaves out items without it; `\.` is a dot in a name. Queries (`#(…)`), wildcards, pipes and modifiers (`@…`) are refused.

use serde_json::Value;

/// What `path` picks out of `value`: `None` when nothing is there. The error names what is not supported.
pub(crate) fn pick(value: &Value, path: &str) -> Result<Option<Value>, String> {
    let segments = segments(path)?;
    Ok(walk(value, &segments))
}

/// Does the syntax of `path` allow a look-up?
pub(crate) fn check(path: &str) -> Result<(), String> {
    segments(path).map(drop)
}

fn walk(value: &Value, segments: &[String]) -> Option<Value> {
    let Some((segment, rest)) = segments.split_first() else {
        return Some(value.clone());
    };
    match value {
        Value::Object(members) => walk(members.get(segment)?, rest),
        Value::Array(items) if segment == "#" && rest.is_empty() => Some(Value::from(items.len())),
        Value::Array(items) if segment == "#" => {
            Some(items.iter().filter_map(|item| walk(item, rest)).collect())
        }
        Value::Array(items) => walk(items.get(segment.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}

fn segments(path: &str) -> Result<Vec<String>, String> {
    let mut segments = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        let at_start = segments.last().is_none_or(String::is_empty);
        match character {
            '.' => segments.push(String::new()),
            '\\' => push(&mut segments, characters.next().unwrap_or('\\')),
            '*' | '?' | '|' => return Err(unsupported(path, character)),
            '@' | '{' | '[' | '!' if at_start => return Err(unsupported(path, character)),
            '(' if segments.last().is_some_and(|segment| segment == "#") => {
                return Err(unsupported(path, character));
            }
            other => push(&mut segments, other),
        }
    }
    Ok(segments)
}

fn push(segments: &mut [String], character: char) {
    if let Some(segment) = segments.last_mut() {
        segment.push(character);
    }
}

fn unsupported(path: &str, character: char) -> String {
    format!(
        "--format jsonpath={path}: {character:?} is not supported; use names, item numbers and # joined with dots, \
         or --format json and a tool like jq"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_pick_values() {
        let value =
            json!({"items": [{"id": "a", "n": {"x": 1}}, {"id": "b"}], "a.b": true, "empty": []});
        for (path, expected) in [
            ("items.0.id", json!("a")),
            ("items.#", json!(2)),
            ("items.#.id", json!(["a", "b"])),
            ("items.#.n.x", json!([1])),
            ("empty.#.id", json!([])),
            ("a\\.b", json!(true)),
        ] {
            assert_eq!(pick(&value, path), Ok(Some(expected)), "{path}");
        }
        for path in ["items.2", "items.id", "nothing", "items.0.id.x", ""] {
            assert_eq!(pick(&value, path), Ok(None), "{path}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for path in ["items.#(id==\"a\")", "it*", "@this", "items|0"] {
            assert!(check(path).is_err(), "{path}");
        }
    }
}
