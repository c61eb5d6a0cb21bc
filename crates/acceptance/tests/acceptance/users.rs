//! `create user`: the users file that it leaves, and how it may be called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tessera_acceptance::binary::{self, Output};
use tessera_acceptance::server::Server;
use tessera_acceptance::shop::{self, Browser};

fn create(dir: &Path, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Output {
    let args: Vec<String> = ["create", "user"]
        .iter()
        .chain(args)
        .map(|arg| (*arg).to_owned())
        .collect();
    let env: Vec<(String, String)> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    binary::run(&binary::path(), &args, &env, stdin, dir)
}

fn users(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_user_is_written_with_a_hash_and_never_with_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "alice",
        "--file",
        "users.json",
        "--subject",
        "s-1",
        "--email",
        "alice@example.com",
        "--claim",
        "email_verified=true",
        "--format",
        "json",
    ];
    let output = create(dir.path(), &args, &[], "correct horse battery\n");
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    let printed: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(printed["username"], "alice");
    assert_eq!(printed["subject"], "s-1");
    let path = dir.path().join("users.json");
    let mode = path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let found = users(&path);
    let user = &found["users"][0];
    let hash = user["password_hash"].as_str().unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    let rest = json!({"users": [{"username": "alice", "password_hash": hash, "subject": "s-1",
        "claims": {"email": "alice@example.com", "email_verified": true}}]});
    assert_eq!(found, rest);
    let everything = format!("{output:?}{found}");
    assert!(!everything.contains("correct horse"), "{everything}");
}

#[test]
fn a_user_that_exists_is_replaced_only_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let first = create(
        dir.path(),
        &["bob", "--file", "users.json"],
        &[],
        "first password",
    );
    assert_eq!(first.exit_code, Some(0), "{first:?}");
    let before = users(&path);
    let again = create(
        dir.path(),
        &["bob", "--file", "users.json"],
        &[],
        "second password",
    );
    assert_eq!(again.exit_code, Some(1));
    assert!(again.stderr.contains("--replace"), "{again:?}");
    assert_eq!(users(&path), before);
    let args = ["bob", "--file", "users.json", "--replace"];
    let replaced = create(dir.path(), &args, &[], "second password");
    assert_eq!(replaced.exit_code, Some(0), "{replaced:?}");
    let after = users(&path);
    assert_eq!(after["users"].as_array().unwrap().len(), 1);
    assert_ne!(after, before);
}

#[test]
fn the_file_is_in_the_state_directory_or_where_the_configuration_says() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let state = state.to_str().unwrap();
    let env = [("TESSERA_STATE_DIR", state)];
    let output = create(dir.path(), &["carol", "-q"], &env, "a password of carol");
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    assert_eq!(output.stdout, "carol\n");
    assert!(Path::new(state).join("users.json").is_file());
    let folder = Path::new(state).metadata().unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    fs::write(
        dir.path().join("tessera.yml"),
        "builtin_login:\n  users_file: people.yml\n",
    )
    .unwrap();
    let args = ["carol", "-c", "tessera.yml"];
    let output = create(dir.path(), &args, &env, "a password");
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    assert!(output.stderr.contains("people.yml"), "{output:?}");
    assert!(dir.path().join("people.yml").is_file());
}

#[test]
fn passwords_come_from_a_file_and_from_a_flag_only_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), "from a file\n").unwrap();
    let args = ["dave", "--file", "u.yaml", "--password-file", "secret"];
    let output = create(dir.path(), &args, &[], "");
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    assert!(!output.stderr.contains("command line flags"));
    let text = fs::read_to_string(dir.path().join("u.yaml")).unwrap();
    assert!(text.starts_with("users:\n- username: dave\n"), "{text}");
    let args = ["erin", "--file", "u.yaml", "--password", "from a flag"];
    let output = create(dir.path(), &args, &[], "");
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    assert!(output.stderr.contains("command line flags"), "{output:?}");
    let output = create(dir.path(), &["frank", "--file", "u.yaml"], &[], "");
    assert_eq!(output.exit_code, Some(1), "an empty password");
    let text = fs::read_to_string(dir.path().join("u.yaml")).unwrap();
    assert!(text.contains("erin") && !text.contains("frank"), "{text}");
}

#[test]
fn a_user_made_beside_a_running_development_server_signs_in_at_once() {
    let server = Server::start(shop::setup(&json!({})));
    shop::register(&server);
    let dsn = server.dsn();
    let output = create(
        server.dir(),
        &["alice"],
        &[("DSN", dsn.as_str())],
        shop::PASSWORD,
    );
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
}
