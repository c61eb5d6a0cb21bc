//! `--format` and `--quiet`: one result, in the shape the user asked for.

use serde_json::Value;

use super::{json, jsonpath, stderr, stdout, table, yaml};
use crate::failure::{Failure, Outcome};

/// The value of `--format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// TAB-aligned text; also what unknown names mean.
    Table,
    /// One line.
    Json,
    /// Indented with two blanks.
    JsonPretty,
    /// Block YAML.
    Yaml,
    /// A path in gjson syntax, see `jsonpath.rs`.
    JsonPath(String),
    /// RFC 6901.
    JsonPointer(String),
}

/// How to print a result.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Print only identifiers, whatever the format.
    pub(crate) quiet: bool,
    /// The format otherwise.
    pub(crate) format: Format,
}

/// The lines of a table and the first cells alone for `--quiet`.
struct Sheet {
    lines: Vec<Vec<String>>,
    ids: Vec<String>,
}

impl Format {
    /// Reads the value of `--format`. Checked before any request is sent, so that a typing error changes nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(path)),
            None => (text, None),
        };
        match (name, path) {
            ("json", _) => Ok(Self::Json),
            ("json-pretty", _) => Ok(Self::JsonPretty),
            ("yaml", _) => Ok(Self::Yaml),
            ("jsonpath", Some(path)) => {
                jsonpath::check(path).map_err(Failure::Error)?;
                Ok(Self::JsonPath(path.to_owned()))
            }
            ("jsonpointer", Some(path)) if is_pointer(path) => {
                Ok(Self::JsonPointer(path.to_owned()))
            }
            ("jsonpointer", Some(path)) => Err(Failure::Error(format!(
                "--format jsonpointer={path}: a pointer is empty or starts with `/`, such as /client_id, and has `~` only as \
                 `~0` and `~1`"
            ))),
            ("jsonpath" | "jsonpointer", None) => Err(Failure::Notice(format!(
                "Format {name} is missing a path, e.g., --format={name}=<path>."
            ))),
            _ => Ok(Self::Table),
        }
    }
}

/// Spec: RFC 6901 section 3.
fn is_pointer(text: &str) -> bool {
    let has_good_tildes = text
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && has_good_tildes
}

/// Whether the server tells this once only.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_secret),
        other => ["client_secret", "access_token", "refresh_token"]
            .iter()
            .any(|name| !json::text(other, name).is_empty()),
    }
}

impl Output {
    /// Prints one object: a line per column.
    pub(crate) fn row(&self, columns: &[(&str, String)], value: &Value) -> Outcome {
        let lines = columns
            .iter()
            .map(|(heading, cell)| vec![(*heading).to_owned(), cell.clone()])
            .collect();
        let ids = columns
            .iter()
            .take(1)
            .map(|(_, cell)| cell.clone())
            .collect();
        self.print(&Sheet { lines, ids }, value)
    }

    /// Prints several objects: a line of headings, a line per object, then `footer`.
    pub(crate) fn table(
        &self,
        headings: &[&str],
        rows: Vec<Vec<String>>,
        footer: Vec<Vec<String>>,
        value: &Value,
    ) -> Outcome {
        let ids = rows.iter().filter_map(|row| row.first().cloned()).collect();
        let mut lines = vec![
            headings
                .iter()
                .map(|heading| (*heading).to_owned())
                .collect(),
        ];
        lines.extend(rows);
        lines.extend(footer);
        self.print(&Sheet { lines, ids }, value)
    }

    fn print(&self, sheet: &Sheet, value: &Value) -> Outcome {
        // Security: a secret that was just made is lost when a path leads past it, so it goes where nothing else is read.
        if self.picks_nothing(value) && holds_secret(value) {
            stderr(&format!(
                "Nothing is at the path of --format, and the server does not tell a secret again. This is all of it:\n{}\n",
                json::indented(value, "  ")
            ));
        }
        stdout(&self.render(sheet, value)?);
        Ok(())
    }

    /// Whether the format picks a part that is not there.
    fn picks_nothing(&self, value: &Value) -> bool {
        match &self.format {
            _ if self.quiet => false,
            Format::JsonPath(path) => !matches!(jsonpath::pick(value, path), Ok(Some(_))),
            Format::JsonPointer(pointer) => value.pointer(pointer).is_none(),
            _ => false,
        }
    }

    fn render(&self, sheet: &Sheet, value: &Value) -> Result<String, Failure> {
        if self.quiet {
            return Ok(format!("{}\n", sheet.ids.join("\n")));
        }
        Ok(match &self.format {
            Format::Table => table::tabbed(&sheet.lines),
            Format::Json => format!("{}\n", json::compact(value)),
            Format::JsonPretty => format!("{}\n", json::indented(value, "  ")),
            Format::Yaml => yaml::document(value),
            Format::JsonPath(path) => {
                let picked = jsonpath::pick(value, path).map_err(Failure::Error)?;
                format!("{}\n", json::indented(&picked.unwrap_or(Value::Null), "  "))
            }
            Format::JsonPointer(pointer) => {
                let picked = value.pointer(pointer).ok_or_else(|| {
                    Failure::Error(format!(
                        "--format jsonpointer={pointer}: the result has no such value"
                    ))
                })?;
                format!("{}\n", json::indented(picked, "  "))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(format: &str, quiet: bool) -> String {
        let sheet = Sheet {
            lines: vec![vec!["ID".to_owned(), "x".to_owned()]],
            ids: vec!["x".to_owned()],
        };
        let output = Output {
            quiet,
            format: Format::parse(format).unwrap(),
        };
        output.render(&sheet, &json!({"id": "x"})).unwrap()
    }

    #[test]
    fn each_format_has_its_text() {
        assert_eq!(rendered("table", false), "ID\tx\t\n");
        assert_eq!(rendered("bogus", false), "ID\tx\t\n");
        assert_eq!(rendered("json", false), "{\"id\":\"x\"}\n");
        assert_eq!(rendered("json-pretty", false), "{\n  \"id\": \"x\"\n}\n");
        assert_eq!(rendered("yaml", false), "id: x\n");
        assert_eq!(rendered("jsonpath=id", false), "\"x\"\n");
        assert_eq!(rendered("jsonpath=nothing", false), "null\n");
        assert_eq!(rendered("jsonpointer=/id", false), "\"x\"\n");
        assert_eq!(rendered("json", true), "x\n");
    }

    #[test]
    fn a_path_format_without_a_path_is_refused() {
        assert!(matches!(Format::parse("jsonpath"), Err(Failure::Notice(_))));
        assert!(matches!(
            Format::parse("jsonpointer"),
            Err(Failure::Notice(_))
        ));
        for bad in ["client_id", "/a~", "/a~2"] {
            let format = format!("jsonpointer={bad}");
            assert!(
                matches!(Format::parse(&format), Err(Failure::Error(_))),
                "{bad}"
            );
        }
        assert!(
            Format::parse("jsonpointer=").is_ok() && Format::parse("jsonpointer=/a~1b~0").is_ok()
        );
    }

    #[test]
    fn a_secret_is_not_lost_to_a_path_that_leads_nowhere() {
        let made = json!({"client_id": "x", "client_secret": "s"});
        assert!(holds_secret(&made) && holds_secret(&json!([made])));
        assert!(!holds_secret(
            &json!({"client_id": "x", "client_secret": ""})
        ));
        for (format, is_lost) in [
            ("jsonpath=client_id", false),
            ("jsonpath=nothing", true),
            ("jsonpointer=/client_id", false),
            ("jsonpointer=/nothing", true),
            ("json", false),
        ] {
            let format = Format::parse(format).unwrap();
            let output = Output {
                quiet: false,
                format,
            };
            assert_eq!(output.picks_nothing(&made), is_lost, "{output:?}");
        }
    }
}
