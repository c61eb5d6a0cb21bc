//! `create user`: writes a person into the users file.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tessera_crypto::{OsEntropy, random_bytes, slow_hash};
use tessera_server::config;

use super::{
    password,
    users_file::{self, Put, User},
};
use crate::{
    cobra,
    connection::Connection,
    database,
    failure::{Failure, Outcome},
    print,
};

/// Longest user name, in bytes; what subjects may have too.
const USERNAME_BYTES_MAX: usize = 255;

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Create {
    /// Name that the person types to log in.
    #[arg(value_name = "USERNAME")]
    username: Vec<String>,
    /// Users file, JSON or (by its ending) YAML; otherwise the one that a server with this configuration and environment reads.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The server's configuration files, to find its users file: builtin_login.users_file, else users.json beside the database.
    #[arg(long, short = 'c', value_name = "FILES")]
    config: Vec<String>,
    #[command(flatten)]
    password: password::Source,
    /// What clients know the person by (sub); otherwise the user name.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Claim email.
    #[arg(long, value_name = "TEXT")]
    email: Option<String>,
    /// Claim name, as the person is called.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A further claim; the value is JSON, or else a text. May be given more than once.
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
    /// Replace the password and the claims of a user that exists.
    #[arg(long)]
    replace: bool,
}

/// Writes the user and prints who it is.
pub(crate) fn run(arguments: &Create, connection: &Connection) -> Outcome {
    let username = checked_name(cobra::exactly_one(&arguments.username)?)?;
    let output = connection.output()?;
    let claims = claims(arguments)?;
    let path = file(arguments, database::environment())?;
    let password = password::read(&arguments.password)?;
    let salt = random_bytes::<16>(&OsEntropy);
    let password_hash = slow_hash::argon2id_hash(password.expose().as_bytes(), &salt)
        .map_err(|e| Failure::Error(e.to_string()))?;
    let subject = arguments.subject.clone().filter(|text| !text.is_empty());
    let user = User {
        username: username.to_owned(),
        password_hash,
        subject,
        claims,
    };
    let put = users_file::put(&path, &user, arguments.replace)?;
    let done = match put {
        Put::Created => "created",
        Put::Replaced => "replaced",
    };
    print::stderr(&format!("User {done} in {}\n", path.display()));
    let subject = user.subject.as_deref().unwrap_or(username);
    let columns = [
        ("USERNAME", username.to_owned()),
        ("SUBJECT", subject.to_owned()),
        ("FILE", path.display().to_string()),
    ];
    let value = json!({
        "username": username, "subject": subject, "claims": user.claims, "file": path.display().to_string(),
    });
    output.row(&columns, &value)
}

fn checked_name(name: &str) -> Result<&str, Failure> {
    let rule = if name.is_empty() {
        "is empty"
    } else if name.len() > USERNAME_BYTES_MAX {
        "has more than 255 bytes"
    } else if name.chars().any(char::is_control) || name.trim() != name {
        "has control characters, or blanks at its ends"
    } else {
        return Ok(name);
    };
    Err(Failure::Error(format!("the user name {rule}")))
}

fn claims(arguments: &Create) -> Result<Map<String, Value>, Failure> {
    let mut claims = Map::new();
    for (name, value) in [("email", &arguments.email), ("name", &arguments.name)] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    for claim in &arguments.claim {
        let (name, value) = claim
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| {
                Failure::Error(format!(
                    "--claim {claim:?}: write NAME=VALUE, such as email_verified=true"
                ))
            })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        claims.insert(name.to_owned(), value);
    }
    Ok(claims)
}

/// The file that is named, else the server's. Only the state directory is made when it is missing.
fn file(arguments: &Create, env: Vec<(String, String)>) -> Result<PathBuf, Failure> {
    if let Some(file) = &arguments.file {
        return Ok(file.clone());
    }
    let sources = config::Sources {
        files: cobra::list(&arguments.config)
            .into_iter()
            .map(Into::into)
            .collect(),
        env,
        ..config::Sources::default()
    };
    let found =
        config::load_users_file(&sources).map_err(|errors| Failure::Notice(errors.to_string()))?;
    let path = found.path.ok_or_else(|| {
        Failure::Error(
            "the server has no users file: none is configured, and its database has no folder that one could lie in. Set \
             builtin_login.users_file (BUILTIN_LOGIN_USERS_FILE) for the server and here, and start it again"
                .to_owned(),
        )
    })?;
    if let Some(folder) = path.parent().filter(|_| found.is_in_state_directory) {
        make_private(folder)
            .map_err(|e| Failure::Error(format!("{} cannot be made: {e}", folder.display())))?;
    }
    Ok(path)
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(claim: &[&str]) -> Create {
        Create {
            username: vec!["alice".to_owned()],
            file: None,
            config: vec!["conf/a.yml,/etc/tessera/b.yml".to_owned()],
            password: password::Source::default(),
            subject: None,
            email: Some("alice@example.com".to_owned()),
            name: None,
            claim: claim.iter().map(|text| (*text).to_owned()).collect(),
            replace: false,
        }
    }

    #[test]
    fn claims_are_json_or_text() {
        let claims = claims(&arguments(&[
            "email_verified=true",
            "role=admin",
            "x={\"a\":[1]}",
        ]));
        assert_eq!(
            Value::from(claims.unwrap()),
            json!({"email": "alice@example.com", "email_verified": true, "role": "admin", "x": {"a": [1]}})
        );
    }

    #[test]
    fn a_claim_without_a_name_is_refused() {
        for bad in ["", "x", "=x"] {
            assert!(claims(&arguments(&[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_file_is_the_one_that_the_server_reads() {
        let mut arguments = arguments(&[]);
        arguments.config.clear();
        let found = |pairs: &[(&str, &str)]| {
            let env = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            file(&arguments, env.collect())
        };
        let named = ("BUILTIN_LOGIN_USERS_FILE", "/etc/people.yaml");
        assert_eq!(found(&[named]).unwrap(), Path::new("/etc/people.yaml"));
        let dsn = ("DSN", "sqlite:///data/db.sqlite");
        assert_eq!(found(&[dsn]).unwrap(), Path::new("/data/users.json"));
        assert!(found(&[("DSN", "postgres://u@h/db")]).is_err());
    }

    #[test]
    fn names_that_nobody_can_type_are_refused() {
        for bad in ["", " a", "a ", "a\n", &"x".repeat(256)] {
            assert!(checked_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(checked_name("Anna Ä"), Ok("Anna Ä"));
    }
}
