//! Reads the file that lists people: `{"users": [{"username", "password_hash", "subject", "claims"}]}`. Without
//! a subject it is the name.
//!
//! Invariant: all problems are found at once, and none of them quotes a hash.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Map, Value};

use super::User;
use crate::config;

/// How a hash is made.
const HASH_ADVICE: &str = "`tessera create user NAME --file FILE` writes one";
/// Most characters of a name or subject.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a bcrypt hash.
const BCRYPT_CHARS: usize = 60;

/// The people, or everything that is wrong.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<User>, Vec<String>> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let extension = extension.unwrap_or_default();
    if !matches!(extension.as_str(), "json" | "yaml" | "yml") {
        return Err(vec!["must be named .json, .yaml or .yml".to_owned()]);
    }
    let tree = config::parse_document(text, &extension).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    for name in tree.keys().filter(|name| *name != "users") {
        problems.push(format!(
            "{name}: is not a member of the file; it has `users` only"
        ));
    }
    let Some(Value::Array(rows)) = tree.get("users") else {
        problems.push("users: must be a list".to_owned());
        return Err(problems);
    };
    let users: Vec<User> = rows
        .iter()
        .enumerate()
        .filter_map(|(index, row)| user(index, row, &mut problems))
        .collect();
    check_unique(&users, &mut problems);
    if problems.is_empty() {
        Ok(users)
    } else {
        Err(problems)
    }
}

fn user(index: usize, row: &Value, problems: &mut Vec<String>) -> Option<User> {
    let before = problems.len();
    let Value::Object(members) = row else {
        problems.push(format!("users[{index}]: must be an object"));
        return None;
    };
    const KNOWN: [&str; 4] = ["username", "password_hash", "subject", "claims"];
    for name in members
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()))
    {
        let known = KNOWN.join("`, `");
        problems.push(format!(
            "users[{index}].{name}: is not a member; known are `{known}`"
        ));
    }
    let username = name(index, "username", members, problems);
    let subject = match members.contains_key("subject") {
        true => name(index, "subject", members, problems),
        false => username,
    };
    let hash = text(index, "password_hash", members, problems);
    if !hash.is_empty() && !is_hash(hash) {
        problems.push(format!(
            "users[{index}].password_hash: is neither an argon2id nor a bcrypt hash; {HASH_ADVICE}"
        ));
    }
    let claims = match members.get("claims") {
        None => Map::new(),
        Some(Value::Object(claims)) => claims.clone(),
        Some(_) => {
            problems.push(format!("users[{index}].claims: must be an object"));
            Map::new()
        }
    };
    (problems.len() == before).then(|| User {
        username: username.to_owned(),
        subject: subject.to_owned(),
        claims,
        password_hash: hash.to_owned(),
    })
}

/// A text that must be there; empty after a problem.
fn text<'a>(
    index: usize,
    member: &str,
    members: &'a Map<String, Value>,
    problems: &mut Vec<String>,
) -> &'a str {
    let rule = match members.get(member) {
        Some(Value::String(text)) if !text.is_empty() => return text,
        Some(Value::String(_)) => "must not be empty",
        Some(_) => "must be text; put it in quotes",
        None => "is missing",
    };
    problems.push(format!("users[{index}].{member}: {rule}"));
    ""
}

/// A text that people type or that stands in tokens.
fn name<'a>(
    index: usize,
    member: &str,
    members: &'a Map<String, Value>,
    problems: &mut Vec<String>,
) -> &'a str {
    let found = text(index, member, members, problems);
    if found.chars().count() > NAME_CHARS_MAX {
        problems.push(format!(
            "users[{index}].{member}: has more than {NAME_CHARS_MAX} characters"
        ));
    }
    if found.trim() != found || found.contains(char::is_control) {
        problems.push(format!(
            "users[{index}].{member}: must have no blanks around it and no control characters"
        ));
    }
    found
}

fn check_unique(users: &[User], problems: &mut Vec<String>) {
    let (mut names, mut subjects) = (HashSet::new(), HashSet::new());
    for user in users {
        if !names.insert(&user.username) {
            problems.push(format!(
                "users: `{}` is listed twice as username",
                user.username
            ));
        }
        if !subjects.insert(&user.subject) {
            problems.push(format!(
                "users: `{}` is listed twice as subject",
                user.subject
            ));
        }
    }
}

/// The form only; `slow_hash` bounds what a hash may cost.
fn is_hash(text: &str) -> bool {
    let fields: Vec<&str> = text.split('$').collect();
    match fields.as_slice() {
        ["", "argon2id", "v=19", costs, salt, hash] => {
            costs.starts_with("m=") && !salt.is_empty() && !hash.is_empty()
        }
        ["", "2a" | "2b" | "2y", _, _] => text.len() == BCRYPT_CHARS,
        _ => false,
    }
}
