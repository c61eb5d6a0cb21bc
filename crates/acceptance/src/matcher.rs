//! Comparing a value with what was recorded, matchers (`$match`) included.
//!
//! Every difference comes with a JSON pointer into the answer. Inside a JWT the pointer goes on with `/header` or `/payload`, inside a URL with
//! `/base`, `/query` or `/fragment`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::percent;
use crate::vars::Vars;

/// One deviation; `None` stands for an absent member.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    pub pointer: String,
    pub expected: Option<Value>,
    pub got: Option<Value>,
}

/// All deviations of `got` from `expected`.
pub fn compare(expected: &Value, got: &Value, vars: &Vars) -> Vec<Mismatch> {
    let mut comparison = Comparison {
        vars,
        now: clock::unix_now(),
        found: Vec::new(),
    };
    comparison.value("", expected, got);
    comparison.found
}

/// Whether `got` is as `expected` wants it.
pub fn fits(expected: &Value, got: &Value, vars: &Vars) -> bool {
    compare(expected, got, vars).is_empty()
}

struct Comparison<'a> {
    vars: &'a Vars,
    now: i64,
    found: Vec<Mismatch>,
}

impl Comparison<'_> {
    fn differ(&mut self, pointer: &str, expected: Option<&Value>, got: Option<&Value>) {
        let pointer = pointer.to_owned();
        self.found.push(Mismatch {
            pointer,
            expected: expected.cloned(),
            got: got.cloned(),
        });
    }

    fn value(&mut self, pointer: &str, expected: &Value, got: &Value) {
        match (expected, got) {
            (Value::Object(members), _) if members.contains_key("$match") => {
                self.matcher(pointer, expected, got);
            }
            (Value::Object(wanted), Value::Object(found)) => self.members(pointer, wanted, found),
            (Value::Array(wanted), Value::Array(found)) => self.items(pointer, wanted, found),
            (Value::String(text), Value::String(_)) => {
                let filled = self.vars.fill(text).map(Value::String);
                if filled.as_ref() != Ok(got) {
                    self.differ(
                        pointer,
                        Some(filled.as_ref().unwrap_or(expected)),
                        Some(got),
                    );
                }
            }
            _ if expected == got => {}
            _ => self.differ(pointer, Some(expected), Some(got)),
        }
    }

    fn members(&mut self, pointer: &str, wanted: &Map<String, Value>, found: &Map<String, Value>) {
        for (name, expected) in wanted {
            let name = self.vars.fill(name).unwrap_or_else(|_| name.clone());
            let below = child(pointer, &name);
            match found.get(&name) {
                Some(got) => self.value(&below, expected, got),
                None => self.differ(&below, Some(expected), None),
            }
        }
        for (name, got) in found {
            let expected = wanted
                .keys()
                .any(|key| self.vars.fill(key).as_deref() == Ok(name));
            if !expected {
                self.differ(&child(pointer, name), None, Some(got));
            }
        }
    }

    fn items(&mut self, pointer: &str, wanted: &[Value], found: &[Value]) {
        for i in 0..wanted.len().max(found.len()) {
            let below = child(pointer, &i.to_string());
            match (wanted.get(i), found.get(i)) {
                (Some(expected), Some(got)) => self.value(&below, expected, got),
                (expected, got) => self.differ(&below, expected, got),
            }
        }
    }

    fn matcher(&mut self, pointer: &str, spec: &Value, got: &Value) {
        let kind = spec["$match"].as_str().unwrap_or_default();
        match kind {
            // For rows of differences: the member is there where the recording has none.
            "present" => return,
            "jwt" => return self.jwt(pointer, spec, got),
            "url" => return self.url(pointer, spec, got),
            "unordered" => return self.unordered(pointer, spec, got),
            _ => {}
        }
        let number = || {
            got.as_i64()
                .or_else(|| got.as_str().and_then(|text| text.parse().ok()))
        };
        let near = |middle: i64| {
            let tolerance = spec["tolerance"].as_i64().unwrap_or(0);
            number().is_some_and(|number| number.abs_diff(middle) <= tolerance.unsigned_abs())
        };
        let fits = match kind {
            "int-near" => near(as_integer(&spec["value"])),
            "int-near-now" => got.is_i64() && near(self.now + as_integer(&spec["offset"])),
            _ => got.as_str().is_some_and(|text| self.text(kind, spec, text)),
        };
        if !fits {
            self.differ(pointer, Some(spec), Some(got));
        }
    }

    /// Matchers of strings.
    fn text(&self, kind: &str, spec: &Value, text: &str) -> bool {
        let form = match kind {
            "uuid" => r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
            "hex32" => r"^[0-9a-f]{32}$",
            "rfc3339" => r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$",
            "gotime" => {
                r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} [A-Z]+( m=[+-][\d.]+)?$"
            }
            "pointer" => r"^0x[0-9a-f]+$",
            "opaque" | "text" => return !text.is_empty(),
            "token" => {
                let prefix = spec["prefix"].as_str().unwrap_or_default();
                let rest = text.strip_prefix(prefix);
                return rest.is_some_and(|rest| is(r"^[\w-]+\.[\w-]+$", rest));
            }
            "base64url" => {
                let length = as_integer(&spec["length"]).unsigned_abs();
                let slack = (length / 20).max(2);
                let found = u64::try_from(text.len()).unwrap_or(u64::MAX);
                return is(r"^[\w-]+$", text) && found.abs_diff(length) <= slack;
            }
            "regex" => {
                let pattern = spec["pattern"].as_str().unwrap_or_default();
                let filled = self.vars.fill_escaped(pattern, regex::escape);
                return filled.is_ok_and(|pattern| is(&pattern, text));
            }
            "challenge" => return is_challenge(spec, text),
            _ => panic!("unknown matcher {kind}"),
        };
        is(form, text)
    }

    fn jwt(&mut self, pointer: &str, spec: &Value, got: &Value) {
        let parts = got.as_str().map(decode_jwt);
        let Some(Some((header, payload))) = parts else {
            return self.differ(pointer, Some(spec), Some(got));
        };
        self.value(&child(pointer, "header"), &spec["header"], &header);
        self.value(&child(pointer, "payload"), &spec["payload"], &payload);
    }

    fn url(&mut self, pointer: &str, spec: &Value, got: &Value) {
        let Some(url) = got.as_str() else {
            return self.differ(pointer, Some(spec), Some(got));
        };
        let parts = split_url(url);
        self.value(&child(pointer, "base"), &spec["base"], &parts["base"]);
        for part in ["query", "fragment"] {
            let none = json!({});
            let expected = spec.get(part).unwrap_or(&none);
            self.value(&child(pointer, part), expected, &parts[part]);
        }
    }

    /// Pairs every wanted item with the found one that differs least.
    fn unordered(&mut self, pointer: &str, spec: &Value, got: &Value) {
        let (Some(wanted), Some(found)) = (spec["items"].as_array(), got.as_array()) else {
            return self.differ(pointer, Some(spec), Some(got));
        };
        let mut left: Vec<usize> = (0..found.len()).collect();
        for expected in wanted {
            let best = (0..left.len())
                .min_by_key(|i| compare(expected, &found[left[*i]], self.vars).len());
            match best.map(|i| left.remove(i)) {
                Some(i) => self.value(&child(pointer, &i.to_string()), expected, &found[i]),
                None => self.differ(&child(pointer, "-"), Some(expected), None),
            }
        }
        for i in left {
            self.differ(&child(pointer, &i.to_string()), None, Some(&found[i]));
        }
    }
}

fn is(pattern: &str, text: &str) -> bool {
    Regex::new(pattern)
        .unwrap_or_else(|error| panic!("{error}"))
        .is_match(text)
}

fn as_integer(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_default()
}

/// A `WWW-Authenticate` value of that scheme, and with that `error` where one is wanted.
fn is_challenge(spec: &Value, text: &str) -> bool {
    let (scheme, parameters) = text.split_once(' ').unwrap_or((text, ""));
    let error = spec["error"].as_str();
    scheme.eq_ignore_ascii_case(spec["scheme"].as_str().unwrap_or_default())
        && error.is_none_or(|error| parameters.contains(&format!("error=\"{error}\"")))
}

fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Header and payload of a JWT, signature not checked.
pub fn decode_jwt(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.');
    let mut part = || -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()
    };
    let (header, payload) = (part()?, part()?);
    (parts.count() == 1).then_some((header, payload))
}

/// `{base, query, fragment}`; a parameter that comes twice is a list.
pub fn split_url(url: &str) -> Value {
    let (front, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (base, query) = front.split_once('?').unwrap_or((front, ""));
    json!({"base": base, "query": parameters(query), "fragment": parameters(fragment)})
}

fn parameters(text: &str) -> Value {
    let mut out = Map::new();
    for (name, value) in percent::decode_pairs(text) {
        match out.get_mut(&name) {
            None => {
                out.insert(name, json!(value));
            }
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.clone(), value]),
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(expected: &Value, got: &Value) -> Vec<String> {
        let mut vars = Vars::default();
        vars.set("base", "http://h:1");
        compare(expected, got, &vars)
            .into_iter()
            .map(|found| found.pointer)
            .collect()
    }

    #[test]
    fn every_difference_is_found_with_its_pointer() {
        let expected = json!({"a": 1, "b": [1, 2], "c": "${base}/x", "d/e": null, "gone": 1});
        let got = json!({"a": 2, "b": [1, 3, 4], "c": "http://h:1/x", "d/e": 0, "more": 1});
        assert_eq!(
            pointers(&expected, &got),
            ["/a", "/b/1", "/b/2", "/d~1e", "/gone", "/more"]
        );
        assert!(
            pointers(&expected, &expected).contains(&"/c".to_owned()),
            "unfilled in the answer"
        );
    }

    #[test]
    fn null_absent_and_empty_are_three_things() {
        assert_eq!(pointers(&json!({"a": null}), &json!({})), ["/a"]);
        assert_eq!(pointers(&json!({"a": null}), &json!({"a": ""})), ["/a"]);
        assert_eq!(pointers(&json!({"a": []}), &json!({"a": null})), ["/a"]);
    }

    #[test]
    fn string_matchers_accept_their_form_only() {
        for (spec, good, bad) in [
            (
                json!({"$match": "uuid"}),
                "0b7a3c5e-1111-4222-8333-abcdefabcdef",
                "0b7a3c5e",
            ),
            (
                json!({"$match": "hex32"}),
                "00112233445566778899aabbccddeeff",
                "0011",
            ),
            (
                json!({"$match": "rfc3339"}),
                "2024-05-06T07:08:09.1Z",
                "2024-05-06 07:08:09Z",
            ),
            (
                json!({"$match": "gotime"}),
                "2024-05-06 07:08:09 +0000 UTC",
                "2024-05-06T07:08:09Z",
            ),
            (json!({"$match": "pointer"}), "0xc000014", "c000014"),
            (json!({"$match": "opaque"}), "x", ""),
            (json!({"$match": "text"}), "x", ""),
            (json!({"$match": "token", "prefix": "p_"}), "p_a.b", "a.b"),
            (
                json!({"$match": "base64url", "length": 22}),
                "abcdefghijklmnopqrstuv",
                "abc",
            ),
            (
                json!({"$match": "regex", "pattern": "^${base}$"}),
                "http://h:1",
                "http://hx1",
            ),
            (
                json!({"$match": "challenge", "scheme": "Bearer", "error": "e"}),
                "Bearer error=\"e\",x=\"y\"",
                "Bearer error=\"f\"",
            ),
            (
                json!({"$match": "int-near", "value": 3600, "tolerance": 1}),
                "3599",
                "3598",
            ),
        ] {
            assert_eq!(
                pointers(&spec, &json!(good)),
                [""; 0],
                "{spec} takes {good}"
            );
            assert_eq!(pointers(&spec, &json!(bad)), [""], "{spec} refuses {bad}");
            assert_eq!(pointers(&spec, &Value::Null), [""], "{spec} refuses null");
        }
    }

    #[test]
    fn times_are_compared_with_now() {
        let spec = json!({"$match": "int-near-now", "offset": 60, "tolerance": 5});
        let now = clock::unix_now();
        assert_eq!(pointers(&spec, &json!(now + 62)), [""; 0]);
        assert_eq!(pointers(&spec, &json!(now)), [""]);
        assert_eq!(
            pointers(&spec, &json!((now + 60).to_string())),
            [""],
            "not as a string"
        );
    }

    #[test]
    fn a_jwt_is_compared_inside() {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!(
            "{}.{}.sig",
            part(json!({"alg": "none"})),
            part(json!({"sub": "a"}))
        );
        let spec = |sub: &str| json!({"$match": "jwt", "header": {"alg": "none"}, "payload": {"sub": sub}});
        assert_eq!(pointers(&spec("a"), &json!(token)), [""; 0]);
        assert_eq!(pointers(&spec("b"), &json!(token)), ["/payload/sub"]);
        assert_eq!(pointers(&spec("a"), &json!("a.b")), [""]);
    }

    #[test]
    fn url_parameters_have_no_order() {
        let spec = json!({"$match": "url", "base": "${base}/cb", "query": {"a": "1", "b": "x y"}});
        assert_eq!(pointers(&spec, &json!("http://h:1/cb?b=x+y&a=1")), [""; 0]);
        assert_eq!(
            pointers(&spec, &json!("http://h:1/cb?b=x&a=1&a=2")),
            ["/query/a", "/query/b"]
        );
        assert_eq!(
            pointers(&spec, &json!("http://h:1/cb?b=x%20y&a=1#f=")),
            ["/fragment/f"]
        );
    }

    #[test]
    fn unordered_items_may_come_in_any_order() {
        let spec = json!({"$match": "unordered", "items": [{"a": 1, "b": 1}, {"a": 2, "b": 2}]});
        assert_eq!(
            pointers(&spec, &json!([{"a": 2, "b": 2}, {"a": 1, "b": 1}])),
            [""; 0]
        );
        assert_eq!(
            pointers(&spec, &json!([{"a": 2, "b": 3}, {"a": 1, "b": 1}])),
            ["/0/b"]
        );
        assert_eq!(
            pointers(&spec, &json!([{"a": 2, "b": 2}])),
            ["/0/a", "/0/b", "/-"]
        );
    }
}
