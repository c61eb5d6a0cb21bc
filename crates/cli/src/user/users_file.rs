//! The file of people that the built-in login page knows: `{"users": [{"username", "password_hash", "subject", "claims"}]}`.
//!
//! Invariant: readers see the old file or the new one, never a part; two writers at once lose nothing of each other.
//! Invariant: what this command does not know in a file stays as it is; comments of a YAML file do not.
//! Security: mode 0600 whatever the umask; a hash can be guessed at offline.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::{failure::Failure, print::json, print::yaml};

/// A person to write.
#[derive(Debug)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) password_hash: String,
    pub(super) subject: Option<String>,
    pub(super) claims: Map<String, Value>,
}

/// Whether the name was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    Created,
    Replaced,
}

/// Writes a person into a file, which is made when it is not there.
pub(super) fn put(path: &Path, user: &User, may_replace: bool) -> Result<Put, Failure> {
    // A link stays a link: its target is what is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |e: std::io::Error| Failure::Error(format!("{}: {e}", path.display()));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let folder = File::open(&folder).map_err(|e| {
        Failure::Error(format!(
            "the folder {} cannot be used: {e}",
            folder.display()
        ))
    })?;
    // Held until the end of this function. A file system without locks has no second writer to fear, or none to stop.
    let _ = folder.lock();
    let mut document = match std::fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({"users": []}),
        Err(error) => return Err(failed(error)),
    };
    let put = insert(&mut document, user, may_replace)
        .map_err(|why| Failure::Error(format!("{}: {why}", path.display())))?;
    let text = if is_yaml(&path) {
        yaml::document(&document)
    } else {
        format!("{}\n", json::indented(&document, "  "))
    };
    write(&path, &text).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    Ok(put)
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn parse(path: &Path, text: &str) -> Result<Value, Failure> {
    let parsed = if text.trim().is_empty() {
        Ok(json!({"users": []}))
    } else if is_yaml(path) {
        serde_saphyr::from_str(text).map_err(|e| e.to_string())
    } else {
        serde_json::from_str(text).map_err(|e| e.to_string())
    };
    parsed.map_err(|e| Failure::Error(format!("{} cannot be read: {e}", path.display())))
}

/// Puts the person where one of that name was, else at the end.
fn insert(document: &mut Value, user: &User, may_replace: bool) -> Result<Put, String> {
    let Value::Object(members) = document else {
        return Err("is no users file: an object with the list `users` is expected".to_owned());
    };
    let users = members.entry("users").or_insert_with(|| json!([]));
    let Value::Array(users) = users else {
        return Err("is no users file: `users` must be a list".to_owned());
    };
    let is_same = |other: &Value| json::text(other, "username") == user.username;
    let Some(found) = users.iter_mut().find(|other| is_same(other)) else {
        users.push(entry(user));
        return Ok(Put::Created);
    };
    if !may_replace {
        return Err(format!(
            "has a user {:?} already; add --replace to replace the password and the claims",
            user.username
        ));
    }
    let mut entry = entry(user);
    // Security: the subject is who the person is to every client, so a new password does not change it.
    if let (None, Some(subject), Value::Object(members)) =
        (&user.subject, found.get("subject"), &mut entry)
    {
        members.insert("subject".to_owned(), subject.clone());
    }
    *found = entry;
    Ok(Put::Replaced)
}

fn entry(user: &User) -> Value {
    let mut entry = json!({"username": user.username, "password_hash": user.password_hash});
    if let Value::Object(members) = &mut entry {
        if let Some(subject) = &user.subject {
            members.insert("subject".to_owned(), Value::from(subject.as_str()));
        }
        members.insert("claims".to_owned(), Value::from(user.claims.clone()));
    }
    entry
}

/// A new file beside the old one takes its place when all of it is on the disk.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    })();
    if written.is_err() {
        // What failed is told; what is left of it is not needed.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn user(name: &str, hash: &str) -> User {
        User {
            username: name.to_owned(),
            password_hash: hash.to_owned(),
            subject: None,
            claims: Map::new(),
        }
    }

    fn read(path: &Path) -> Value {
        parse(path, &std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_filled() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["users.json", "users.yaml"] {
            let path = folder.path().join(name);
            assert_eq!(put(&path, &user("a", "h1"), false), Ok(Put::Created));
            assert_eq!(put(&path, &user("b", "h2"), false), Ok(Put::Created));
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
            let expected = json!({"users": [
                {"username": "a", "password_hash": "h1", "claims": {}},
                {"username": "b", "password_hash": "h2", "claims": {}},
            ]});
            assert_eq!(read(&path), expected, "{name}");
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 2, "no drafts");
    }

    #[test]
    fn a_name_that_is_taken_stays_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.json");
        let before = json!({"realm": "x", "users": [
            {"username": "a", "password_hash": "old", "subject": "s-1"}, {"username": "b"}]});
        std::fs::write(&path, before.to_string()).unwrap();
        let refused = put(&path, &user("a", "new"), false).unwrap_err();
        assert!(matches!(refused, Failure::Error(text) if text.contains("--replace")));
        assert_eq!(read(&path), before);
        assert_eq!(put(&path, &user("a", "new"), true), Ok(Put::Replaced));
        assert_eq!(
            read(&path),
            json!({"realm": "x", "users": [
                {"username": "a", "password_hash": "new", "subject": "s-1", "claims": {}},
                {"username": "b"}]})
        );
    }

    #[test]
    fn what_is_no_users_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.json");
        for text in ["[]", "{\"users\": 1}", "{", "1"] {
            std::fs::write(&path, text).unwrap();
            assert!(put(&path, &user("a", "h"), true).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_link_keeps_leading_to_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (
            folder.path().join("real.json"),
            folder.path().join("link.json"),
        );
        std::fs::write(&path, "{}").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(put(&link, &user("a", "h"), false), Ok(Put::Created));
        assert!(link.is_symlink());
        assert_eq!(read(&path)["users"][0]["username"], "a");
    }
}
