//! Variables of a scenario, and the placeholders `${name}` that stand for them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::percent;

/// Named values that `capture` and `make` found, and the built-in base URLs.
#[derive(Clone, Debug, Default)]
pub struct Vars(BTreeMap<String, String>);

/// A placeholder that names no variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfilled(pub String);

impl Vars {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Replaces every `${name}` and `${name|urlencode}`.
    pub fn fill(&self, text: &str) -> Result<String, Unfilled> {
        self.fill_escaped(text, str::to_owned)
    }

    /// Like [`Vars::fill`], with each value passed through `escape`.
    pub fn fill_escaped(
        &self,
        text: &str,
        escape: impl Fn(&str) -> String,
    ) -> Result<String, Unfilled> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once("${") {
            out.push_str(head);
            let (name, after) = tail
                .split_once('}')
                .ok_or_else(|| Unfilled(tail.to_owned()))?;
            let (bare, urlencode) = match name.strip_suffix("|urlencode") {
                Some(bare) => (bare, true),
                None => (name, false),
            };
            let value = self.value(bare).ok_or_else(|| Unfilled(name.to_owned()))?;
            out.push_str(&escape(&if urlencode {
                percent::encode(value)
            } else {
                value.to_owned()
            }));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Fills every string inside `value`, member names included.
    pub fn fill_value(&self, value: &Value) -> Result<Value, Unfilled> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.fill_value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => {
                let mut out = serde_json::Map::new();
                for (name, member) in members {
                    out.insert(self.fill(name)?, self.fill_value(member)?);
                }
                Value::Object(out)
            }
            other => other.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn vars() -> Vars {
        let mut vars = Vars::default();
        vars.set("public", "http://h:1");
        vars
    }

    #[test]
    fn placeholders_are_filled_everywhere() {
        let filled = vars().fill_value(&json!({"${public}": ["a${public|urlencode}b", 1, null]}));
        assert_eq!(
            filled,
            Ok(json!({"http://h:1": ["ahttp%3A%2F%2Fh%3A1b", 1, null]}))
        );
    }

    #[test]
    fn an_unknown_placeholder_is_an_error() {
        assert_eq!(vars().fill("x${nope}"), Err(Unfilled("nope".to_owned())));
    }
}
