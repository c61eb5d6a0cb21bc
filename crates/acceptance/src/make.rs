//! The `make` steps: variables that a scenario computes.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::bad_input;
use crate::clock;
use crate::jwt;
use crate::recording;
use crate::vars::{Unfilled, Vars};

/// The value of `{kind: argument}`.
pub fn value(spec: &Value, vars: &Vars) -> Result<String, Unfilled> {
    let (kind, argument) = spec
        .as_object()
        .and_then(|members| members.iter().next())
        .expect("one kind");
    let argument = vars.fill_value(argument)?;
    let text = argument.as_str().unwrap_or_default();
    Ok(match kind.as_str() {
        "jwt" => signed(&argument),
        "alter" => altered(text),
        "time" => rfc3339(
            argument
                .as_i64()
                .or_else(|| text.parse().ok())
                .expect("seconds"),
        ),
        "text" => text.to_owned(),
        "repeat" => {
            let times = &argument["times"];
            let times = times
                .as_u64()
                .or_else(|| times.as_str()?.parse().ok())
                .expect("a number of times");
            argument["text"]
                .as_str()
                .expect("a text")
                .repeat(usize::try_from(times).expect("fits"))
        }
        "uuid" => random_uuid(),
        "strip_prefix" => without_prefix(text),
        "s256" => URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes())),
        _ => panic!("unknown make: {kind}"),
    })
}

fn random_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn rfc3339(offset_secs: i64) -> String {
    jiff::Timestamp::from_second(clock::unix_now() + offset_secs)
        .expect("a time")
        .to_string()
}

/// The token without the prefix that names its kind (`ory_at_`, `tsa_`, ...).
fn without_prefix(token: &str) -> String {
    let prefix = Regex::new(r"^(ory_[a-z]{2}_|ts[a-z]_)").expect("the pattern compiles");
    prefix.replace(token, "").into_owned()
}

/// Another character in the middle of the part after the last dot.
fn altered(token: &str) -> String {
    let start = token.rfind('.').map_or(0, |at| at + 1);
    let middle = start + (token.len() - start) / 2;
    bad_input::altered(token, middle)
}

fn signed(spec: &Value) -> String {
    let alg = spec["alg"].as_str().expect("an alg");
    let keys = recording::keys();
    let key = match (spec["key"].as_str(), spec["secret"].as_str()) {
        (Some(name), _) => jwt::Key::Jwk(&keys[name]),
        (None, Some(secret)) => jwt::Key::Secret(secret),
        (None, None) => jwt::Key::None,
    };
    let empty = Map::new();
    let header = spec["header"].as_object().unwrap_or(&empty);
    jwt::sign(alg, header, &with_times(&spec["claims"]), key)
}

/// Claims with `now`, `now+N`, `now-N` as integers and `uuid` as a random one.
fn with_times(claims: &Value) -> Value {
    match claims {
        Value::String(text) if text == "uuid" => json!(random_uuid()),
        Value::String(text) => match text.strip_prefix("now").map(offset) {
            Some(Some(offset)) => json!(clock::unix_now() + offset),
            _ => claims.clone(),
        },
        Value::Array(items) => items.iter().map(with_times).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(k, v)| (k.clone(), with_times(v)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn offset(text: &str) -> Option<i64> {
    if text.is_empty() {
        Some(0)
    } else {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher;

    fn made(spec: &Value) -> String {
        let mut vars = Vars::default();
        vars.set("t", "head.abcde");
        value(spec, &vars).unwrap()
    }

    #[test]
    fn plain_kinds_do_as_named() {
        assert_eq!(made(&json!({"alter": "${t}"})), "head.abAde");
        assert_eq!(made(&json!({"alter": "xAy"})), "xBy");
        assert_eq!(made(&json!({"text": "<${t}>"})), "<head.abcde>");
        assert_eq!(
            made(&json!({"repeat": {"text": "ab", "times": 3}})),
            "ababab"
        );
        assert_eq!(made(&json!({"strip_prefix": "ory_at_x_y.z"})), "x_y.z");
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(made(&json!({"s256": verifier})), challenge, "RFC 7636 B");
        let rfc3339 = json!({"$match": "rfc3339"});
        assert!(matcher::fits(
            &rfc3339,
            &json!(made(&json!({"time": "-60"}))),
            &Vars::default()
        ));
        assert!(value(&json!({"text": "${nope}"}), &Vars::default()).is_err());
    }

    #[test]
    fn claims_get_times_and_ids() {
        let claims =
            json!({"exp": "now+300", "iat": "now", "nbf": "now-5", "jti": "uuid", "n": "nowhere"});
        let token = made(
            &json!({"jwt": {"key": "rsa1", "alg": "RS256", "header": {"kid": "k"}, "claims": claims}}),
        );
        let near =
            |offset: i64| json!({"$match": "int-near-now", "offset": offset, "tolerance": 5});
        let expected = json!({"$match": "jwt", "header": {"alg": "RS256", "kid": "k", "typ": "JWT"}, "payload":
            {"exp": near(300), "iat": near(0), "nbf": near(-5), "jti": {"$match": "uuid"}, "n": "nowhere"}});
        assert_eq!(
            matcher::compare(&expected, &json!(token), &Vars::default()),
            []
        );
    }
}
