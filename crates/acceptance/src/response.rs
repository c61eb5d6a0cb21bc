//! Comparing a whole HTTP answer with the recorded one.
//!
//! Members are named as in the table of differences: `status`, `header:Name` and `body`, the last two followed by a pointer into the value.

use serde_json::{Value, json};

use crate::http::Response;
use crate::jar;
use crate::matcher::{self, Mismatch};
use crate::page;
use crate::vars::Vars;

/// Headers that a client can see a difference in; one that was not recorded was absent.
const COMPARED: [&str; 12] = [
    "Content-Type",
    "Cache-Control",
    "Pragma",
    "Location",
    "Set-Cookie",
    "WWW-Authenticate",
    "Link",
    "X-Total-Count",
    "Allow",
    "Vary",
    "X-Content-Type-Options",
    "Retry-After",
];

/// A deviation, with the member's name in front of the pointer.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    pub member: String,
    pub expected: Option<Value>,
    pub got: Option<Value>,
}

impl Deviation {
    pub fn new(member: impl Into<String>, expected: Option<Value>, got: Option<Value>) -> Self {
        Self {
            member: member.into(),
            expected,
            got,
        }
    }
}

/// Names the mismatches of one member.
pub fn named(member: &str, found: Vec<Mismatch>) -> impl Iterator<Item = Deviation> {
    let member = member.to_owned();
    found.into_iter().map(move |mismatch| {
        let separator = if mismatch.pointer.is_empty() || member.contains(':') {
            ""
        } else {
            ":"
        };
        let name = format!("{member}{separator}{}", mismatch.pointer);
        Deviation::new(name, mismatch.expected, mismatch.got)
    })
}

/// All deviations of `got` from the recorded `expected`.
pub fn compare(expected: &Value, got: &Response, vars: &Vars) -> Vec<Deviation> {
    // A crash was recorded: any well-formed refusal is better.
    if expected["status"] == json!(0) && (400..600).contains(&got.status) {
        return Vec::new();
    }
    // A crash of ours is never right, even where one was recorded.
    if got.status == 0 {
        let answer = json!(format!("0: {}", got.body));
        return vec![Deviation::new(
            "status",
            Some(expected["status"].clone()),
            Some(answer),
        )];
    }
    let mut out = Vec::new();
    if expected["status"] != json!(got.status) {
        let (wanted, found) = (expected["status"].clone(), json!(got.status));
        out.push(Deviation::new("status", Some(wanted), Some(found)));
    }
    compare_headers(&expected["headers"], got, vars, &mut out);
    compare_body(&expected["body"], got, vars, &mut out);
    out
}

fn compare_headers(expected: &Value, got: &Response, vars: &Vars, out: &mut Vec<Deviation>) {
    let mut names: Vec<String> = COMPARED.map(str::to_owned).to_vec();
    for (name, _) in &got.headers {
        let is_cors = name.to_ascii_lowercase().starts_with("access-control-");
        if is_cors && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(titled(name));
        }
    }
    for name in expected
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
    {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.clone());
        }
    }
    for name in names {
        let member = format!("header:{name}");
        let wanted = expected.get(&name).map(|value| plain_order(&name, value));
        let found = header_value(&name, got);
        match (wanted, found) {
            (None, None) => {}
            (Some(wanted), Some(found)) => {
                out.extend(named(&member, matcher::compare(&wanted, &found, vars)));
            }
            (wanted, found) => out.push(Deviation::new(member, wanted, found)),
        }
    }
}

/// `access-control-max-age` as `Access-Control-Max-Age`.
fn titled(name: &str) -> String {
    let parts: Vec<String> = name
        .split('-')
        .map(|part| {
            let (first, rest) = part.split_at(part.len().min(1));
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect();
    parts.join("-")
}

/// A header of an answer in the form that recordings use.
fn header_value(name: &str, got: &Response) -> Option<Value> {
    let values = got.header_values(name);
    let value = match (name, values.as_slice()) {
        (_, []) => return None,
        ("Set-Cookie", cookies) => cookies.iter().map(|cookie| jar::parse(cookie)).collect(),
        ("Link", links) => links.iter().flat_map(|line| parse_link(line)).collect(),
        (_, [one]) => json!(one),
        (_, many) => json!(many),
    };
    Some(plain_order(name, &value))
}

/// Sorts what has no order: names in `Vary`, relations in `Link`, cookies.
fn plain_order(name: &str, value: &Value) -> Value {
    let key = match name {
        "Vary" => {
            let lines = value
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![value.clone()]);
            let mut names: Vec<String> = lines
                .iter()
                .filter_map(Value::as_str)
                .flat_map(|line| line.split(','))
                .map(|name| titled(name.trim()))
                .collect();
            names.sort();
            names.dedup();
            return json!(names);
        }
        "Link" => "rel",
        "Set-Cookie" => "name",
        _ => return value.clone(),
    };
    let mut items = value.as_array().cloned().unwrap_or_default();
    items.sort_by_key(|item| item[key].as_str().unwrap_or_default().to_owned());
    Value::Array(items)
}

/// `{rel, url}` of each link of a `Link` header.
pub fn parse_link(line: &str) -> Vec<Value> {
    line.split('<')
        .skip(1)
        .filter_map(|part| part.split_once('>'))
        .map(|(url, parameters)| {
            let rel = parameters.split("rel=").nth(1).unwrap_or_default();
            let rel = rel.trim_matches(|c: char| c == '"' || c == ',' || c.is_whitespace());
            json!({"rel": rel.split(['"', ';']).next(), "url": url})
        })
        .collect()
}

fn compare_body(expected: &Value, got: &Response, vars: &Vars, out: &mut Vec<Deviation>) {
    let text = json!(got.body);
    let Some((kind, wanted)) = expected
        .as_object()
        .and_then(|members| members.iter().next())
    else {
        return;
    };
    let found = match kind.as_str() {
        "any" => return,
        "empty" if got.body.is_empty() => return,
        "empty" => vec![whole(None, text)],
        "text" => matcher::compare(wanted, &text, vars),
        "json" => match got.json() {
            Some(value) => matcher::compare(wanted, &value, vars),
            None => vec![whole(Some(wanted.clone()), text)],
        },
        "html" => compare_page(wanted, &page::parts(&got.body), vars),
        "metric_names" => missing_metrics(wanted, &got.body),
        _ => panic!("unknown kind of body: {kind}"),
    };
    out.extend(named("body", found));
}

fn whole(expected: Option<Value>, got: Value) -> Mismatch {
    Mismatch {
        pointer: String::new(),
        expected,
        got: Some(got),
    }
}

/// Only the parts that were recorded count.
fn compare_page(wanted: &Value, parts: &Value, vars: &Vars) -> Vec<Mismatch> {
    let mut out = Vec::new();
    for (name, expected) in wanted.as_object().into_iter().flatten() {
        let found = parts.get(name).cloned().unwrap_or(Value::Null);
        out.extend(
            matcher::compare(expected, &found, vars)
                .into_iter()
                .map(|mut mismatch| {
                    mismatch.pointer = format!("/{name}{}", mismatch.pointer);
                    mismatch
                }),
        );
    }
    out
}

fn missing_metrics(wanted: &Value, body: &str) -> Vec<Mismatch> {
    let names: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    wanted
        .as_array()
        .into_iter()
        .flatten()
        .filter(|name| !name.as_str().is_some_and(|name| names.contains(&name)))
        .map(|name| Mismatch {
            pointer: String::new(),
            expected: Some(name.clone()),
            got: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(expected: &Value, status: u16, headers: &[(&str, &str)], body: &str) -> Vec<String> {
        let headers = headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let got = Response {
            status,
            headers,
            body: body.to_owned(),
        };
        compare(expected, &got, &Vars::default())
            .into_iter()
            .map(|found| found.member)
            .collect()
    }

    #[test]
    fn status_headers_and_body_are_compared() {
        let expected =
            json!({"status": 200, "headers": {"Content-Type": "a/b"}, "body": {"json": {"a": 1}}});
        assert_eq!(
            members(&expected, 200, &[("content-type", "a/b")], r#"{"a":1}"#),
            [""; 0]
        );
        assert_eq!(
            members(
                &expected,
                201,
                &[("Pragma", "x"), ("access-control-allow-origin", "*")],
                r#"{"a":2}"#
            ),
            [
                "status",
                "header:Content-Type",
                "header:Pragma",
                "header:Access-Control-Allow-Origin",
                "body:/a"
            ]
        );
        assert_eq!(
            members(&expected, 200, &[("Content-Type", "a/b")], "{"),
            ["body"]
        );
    }

    #[test]
    fn a_recorded_crash_takes_any_refusal() {
        let expected = json!({"status": 0, "headers": {}, "body": {"text": "closed"}});
        assert_eq!(members(&expected, 400, &[("Pragma", "x")], "no"), [""; 0]);
        assert_eq!(members(&expected, 200, &[], "closed"), ["status"]);
        assert_eq!(
            members(&expected, 0, &[], "closed"),
            ["status"],
            "not a crash of ours"
        );
    }

    #[test]
    fn lists_in_headers_have_no_order() {
        let cookie = |name: &str| json!({"name": name, "value": "1", "attributes": {"Path": "/"}});
        let url = json!({"$match": "url", "base": "/c", "query": {"a": "1"}});
        let expected = json!({"status": 200, "body": {"empty": true}, "headers": {
            "Vary": ["Origin", "X-A"], "Set-Cookie": [cookie("b"), cookie("a")],
            "Link": [{"rel": "next", "url": url}, {"rel": "first", "url": "/c"}]}});
        let headers = [
            ("Vary", "x-a, Origin"),
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=1; Path=/x"),
            ("Link", "</c>; rel=\"first\",</c?a=1>; rel=\"next\""),
        ];
        assert_eq!(
            members(&expected, 200, &headers, ""),
            ["header:Set-Cookie/1/attributes/Path"]
        );
    }
}
