//! The `capture` of a step: values that later steps use.

use regex::Regex;
use serde_json::Value;

use crate::http::Response;
use crate::jar;
use crate::matcher;
use crate::percent;
use crate::response::parse_link;
use crate::vars::Vars;

/// The captured text, or `None` when the answer does not have it.
pub fn value(spec: &Value, answer: &Response, vars: &Vars) -> Option<String> {
    let text = |member: &str| spec[member].as_str().unwrap_or_default();
    match spec["from"].as_str().expect("a capture says from where") {
        "json" => plain(answer.json()?.pointer(text("pointer"))?),
        "header" => answer.header(text("name")).map(str::to_owned),
        "location" => {
            let url = answer.header("location")?;
            if spec.get("param").is_some() {
                parameter(url, text("param"))
            } else {
                Some(url.to_owned())
            }
        }
        "redirect" => {
            let body = answer.json()?;
            let url = body.pointer(text("pointer"))?.as_str()?;
            if spec.get("param").is_some() {
                parameter(url, text("param"))
            } else {
                Some(url.to_owned())
            }
        }
        "link" => answer
            .header_values("link")
            .into_iter()
            .flat_map(parse_link)
            .find(|link| link["rel"] == spec["rel"])
            .and_then(|link| parameter(link["url"].as_str()?, text("param"))),
        "body" => in_text(text("regex"), &answer.body),
        "cookie" => answer
            .header_values("set-cookie")
            .into_iter()
            .map(jar::parse)
            .find(|cookie| cookie["name"] == spec["name"])
            .and_then(|cookie| plain(&cookie["value"])),
        "claim" => {
            let token = token_at(&spec["in"], answer, vars)?;
            plain(matcher::decode_jwt(&token)?.1.pointer(text("claim"))?)
        }
        from => panic!("unknown capture: {from}"),
    }
}

/// `in` is a pointer into the JSON body, a capture of its own, or a text with placeholders.
fn token_at(place: &Value, answer: &Response, vars: &Vars) -> Option<String> {
    match place {
        Value::String(pointer) if pointer.starts_with('/') => {
            plain(answer.json()?.pointer(pointer)?)
        }
        Value::String(text) => vars.fill(text).ok(),
        spec => value(spec, answer, vars),
    }
}

/// Group 1 of the first match.
pub fn in_text(pattern: &str, text: &str) -> Option<String> {
    let found = Regex::new(pattern)
        .expect("the pattern compiles")
        .captures(text)?;
    Some(found.get(1)?.as_str().to_owned())
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let (front, fragment) = url.split_once('#').unwrap_or((url, ""));
    let query = front.split_once('?').map_or("", |(_, query)| query);
    let pairs = [
        percent::decode_pairs(query),
        percent::decode_pairs(fragment),
    ]
    .concat();
    pairs
        .into_iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

/// A string as it is, anything else as JSON.
pub fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_where_the_recording_says() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let answer = Response {
            status: 302,
            headers: vec![
                pair("Location", "http://x/?a=1%202#b=3"),
                pair("Link", "</c?page_token=p>; rel=\"next\""),
                pair("Set-Cookie", "s=v; Path=/"),
            ],
            body: r#"{"n": 5, "to": "http://y/?c=4"}"#.to_owned(),
        };
        for (spec, expected) in [
            (json!({"from": "json", "pointer": "/n"}), Some("5")),
            (json!({"from": "json", "pointer": "/m"}), None),
            (json!({"from": "location", "param": "a"}), Some("1 2")),
            (json!({"from": "location", "param": "b"}), Some("3")),
            (
                json!({"from": "link", "rel": "next", "param": "page_token"}),
                Some("p"),
            ),
            (
                json!({"from": "link", "rel": "prev", "param": "page_token"}),
                None,
            ),
            (
                json!({"from": "redirect", "pointer": "/to", "param": "c"}),
                Some("4"),
            ),
            (json!({"from": "cookie", "name": "s"}), Some("v")),
            (json!({"from": "body", "regex": "\"n\": (\\d)"}), Some("5")),
            (
                json!({"from": "header", "name": "link"}),
                Some("</c?page_token=p>; rel=\"next\""),
            ),
        ] {
            assert_eq!(
                value(&spec, &answer, &Vars::default()).as_deref(),
                expected,
                "{spec}"
            );
        }
    }
}
