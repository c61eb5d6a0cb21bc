//! Files with people, and logins against them.

use std::sync::atomic::{AtomicU32, Ordering};

use tessera_crypto::b64;
use tessera_crypto::slow_hash::SlowHash;

use super::*;
use crate::config::testing::settings;

const PASSWORD: &str = "correct horse battery";
/// Of [`PASSWORD`]; made with other implementations.
const ARGON2: &str = "$argon2id$v=19$m=64,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$i0MJLdYED1AUyMj9wE8eFagFfvBZX2zS1hGTybaRzIw";
const BCRYPT: &str = "$2y$04$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm";

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("tessera-users-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn two() -> String {
    json!({"users": [
        {"username": "alice", "password_hash": ARGON2, "subject": "u-1", "claims": {"email": "a@example.com"}},
        {"username": "bob", "password_hash": BCRYPT, "subject": "u-2"},
    ]})
    .to_string()
}

fn configured(path: &Path) -> Settings {
    settings(&json!({"builtin_login": {"users_file": path}}))
}

fn opened(path: &Path) -> Users {
    let opened = Users::open(&configured(path)).unwrap_or_else(|f| panic!("{f}"));
    opened.unwrap().users
}

fn refused(path: &Path) -> String {
    Users::open(&configured(path)).err().unwrap()
}

fn pool() -> HashPool {
    HashPool::new(SlowHash::Pbkdf2 { iterations: 10 })
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

/// The subject, or how the login failed.
async fn login(users: &Users, username: &str, password: &str, secs: i64) -> String {
    let outcome = users.verify(&pool(), username, password, at(secs)).await;
    match outcome.unwrap_or_else(|f| panic!("{}", f.source)) {
        Outcome::Verified(user) => user.subject.clone(),
        Outcome::Refused => "refused".to_owned(),
        Outcome::TooManyAttempts { retry_after } => format!("wait {}", retry_after.as_secs()),
    }
}

#[tokio::test]
async fn name_and_password_must_fit() {
    let dir = Directory::new();
    let users = opened(&dir.write("users.json", &two()));
    for (username, password, expected) in [
        ("alice", PASSWORD, "u-1"),
        ("bob", PASSWORD, "u-2"),
        ("alice", "wrong", "refused"),
        ("alice", "", "refused"),
        ("Alice", PASSWORD, "refused"),
        ("nobody", PASSWORD, "refused"),
        ("", PASSWORD, "refused"),
    ] {
        assert_eq!(
            login(&users, username, password, 0).await,
            expected,
            "{username} {password}"
        );
    }
    let alice = users.find("u-1", at(0)).await.unwrap();
    assert_eq!(alice.username, "alice");
    assert_eq!(alice.claims["email"], "a@example.com");
    assert!(users.find("u-3", at(0)).await.is_none());
}

#[tokio::test]
async fn the_subject_is_the_name_where_no_other_is_given() {
    let dir = Directory::new();
    let text = json!({"users": [{"username": "alice", "password_hash": ARGON2}]}).to_string();
    let users = opened(&dir.write("users.json", &text));
    assert_eq!(login(&users, "alice", PASSWORD, 0).await, "alice");
    let text = json!({"users": [
        {"username": "alice", "password_hash": ARGON2},
        {"username": "bob", "password_hash": ARGON2, "subject": "alice"},
    ]});
    let problems = refused(&dir.write("users.json", &text.to_string()));
    assert!(
        problems.contains("`alice` is listed twice as subject"),
        "{problems}"
    );
}

#[tokio::test]
async fn who_was_taken_out_of_the_file_is_no_longer_found() {
    let dir = Directory::new();
    let users = opened(&dir.write("users.json", &two()));
    assert!(users.find("u-2", at(0)).await.is_some());
    dir.write("users.json", "{\"users\":[]}");
    assert!(users.find("u-2", at(1)).await.is_none());
}

#[tokio::test]
async fn yaml_says_the_same() {
    let dir = Directory::new();
    let text = format!(
        "users:\n  - username: alice\n    password_hash: {ARGON2}\n    subject: u-1\n    claims:\n      email: a@example.com\n"
    );
    let users = opened(&dir.write("users.yaml", &text));
    assert_eq!(login(&users, "alice", PASSWORD, 0).await, "u-1");
}

#[test]
fn every_problem_of_a_file_is_named() {
    let dir = Directory::new();
    let text = json!({"user": [], "users": [
        {"username": "a", "password_hash": "hunter2", "subject": "s", "claims": 1},
        {"password_hash": ARGON2, "subject": 7, "clams": {}},
        "x",
        {"username": " b", "password_hash": "", "subject": "x".repeat(256)},
        {"username": "c", "password_hash": ARGON2, "subject": "s1"},
        {"username": "c", "password_hash": BCRYPT, "subject": "s1"},
    ]})
    .to_string();
    let problems = refused(&dir.write("users.json", &text));
    for part in [
        "user: is not a member",
        "users[0].password_hash: is neither",
        "users[0].claims: must be an object",
        "users[1].username: is missing",
        "users[1].subject: must be text",
        "users[1].clams: is not a member",
        "users[2]: must be an object",
        "users[3].username: must have no blanks",
        "users[3].password_hash: must not be empty",
        "users[3].subject: has more than 255",
        "`c` is listed twice as username",
        "`s1` is listed twice as subject",
    ] {
        assert!(problems.contains(part), "{part} in {problems}");
    }
    assert!(!problems.contains("hunter2"));
}

#[test]
fn a_file_that_cannot_be_used_is_refused() {
    let dir = Directory::new();
    for (name, text, part) in [
        ("users.txt", "{}", "must be named"),
        ("users.json", "{", "not valid JSON"),
        ("users.yaml", "users: [", "not valid YAML"),
        ("users.json", "{}", "users: must be a list"),
        ("users.json", "[]", "must hold an object"),
    ] {
        let problems = refused(&dir.write(name, text));
        assert!(problems.contains(part), "{problems}");
    }
    assert!(refused(&dir.0.join("missing.json")).contains("cannot be read"));
}

#[tokio::test]
async fn a_changed_file_is_read_again_and_a_broken_one_is_not() {
    let dir = Directory::new();
    let path = dir.write("users.json", &two());
    let users = opened(&path);
    assert_eq!(login(&users, "alice", PASSWORD, 0).await, "u-1");
    let renamed = two().replace("alice", "alicia");
    dir.write("users.json", &renamed);
    assert_eq!(
        login(&users, "alicia", PASSWORD, 0).await,
        "refused",
        "looked at a moment ago"
    );
    assert_eq!(login(&users, "alicia", PASSWORD, 1).await, "u-1");
    dir.write("users.json", "{");
    assert_eq!(login(&users, "alicia", PASSWORD, 2).await, "u-1");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(login(&users, "alicia", PASSWORD, 3).await, "u-1");
    dir.write("users.json", "{\"users\":[]}");
    assert_eq!(login(&users, "alicia", PASSWORD, 4).await, "refused");
}

#[tokio::test]
async fn guessing_is_slowed_down_for_known_and_unknown_names() {
    let dir = Directory::new();
    let users = opened(&dir.write("users.json", &two()));
    for username in ["alice", "nobody"] {
        for _ in 0..5 {
            assert_eq!(login(&users, username, "wrong", 0).await, "refused");
        }
        assert_eq!(login(&users, username, PASSWORD, 0).await, "wait 1");
    }
    assert_eq!(login(&users, "bob", PASSWORD, 0).await, "u-2");
    assert_eq!(login(&users, "alice", PASSWORD, 1).await, "u-1");
    assert_eq!(
        login(&users, "alice", "wrong", 1).await,
        "refused",
        "counted anew"
    );
}

#[tokio::test]
async fn a_development_server_without_a_file_has_one_test_user() {
    let dev = settings(&json!({"dev": true}));
    let opened = Users::open(&dev).ok().flatten().unwrap();
    let generated = opened.generated.unwrap();
    let password = generated.password.expose();
    assert_eq!(password.len(), 16);
    assert_eq!(
        login(&opened.users, generated.username, password, 0).await,
        "test"
    );
    assert_eq!(
        login(&opened.users, generated.username, PASSWORD, 0).await,
        "refused"
    );
    let again = Users::open(&dev).ok().flatten().unwrap().generated.unwrap();
    assert_ne!(again.password.expose(), password);
}

#[tokio::test]
async fn a_file_that_appears_beside_a_development_server_is_read() {
    let dir = Directory::new();
    let mut dev = settings(&json!({"dev": true}));
    dev.dsn = crate::config::Dsn::default_file(&dir.0);
    let Opened { users, generated } = Users::open(&dev).ok().flatten().unwrap();
    let generated = generated.unwrap();
    let password = generated.password.expose();
    assert_eq!(login(&users, "alice", PASSWORD, 10).await, "refused");
    dir.write("users.json", &two());
    assert_eq!(login(&users, "alice", PASSWORD, 20).await, "u-1");
    assert_eq!(login(&users, "test", password, 30).await, "test");
    let taken = json!({"users": [{"username": "test", "password_hash": BCRYPT, "subject": "u-3"}]});
    dir.write("users.json", &taken.to_string());
    assert_eq!(login(&users, "test", PASSWORD, 40).await, "u-3");
    assert_eq!(login(&users, "test", password, 50).await, "refused");
}

#[test]
fn nobody_logs_in_here_without_a_file_or_beside_another_app() {
    assert!(Users::open(&settings(&json!({}))).ok().unwrap().is_none());
    let mut forced = settings(&json!({}));
    forced.force_http = true;
    assert!(Users::open(&forced).ok().unwrap().is_none());
    let app = json!({"dev": true, "urls": {"login": "https://app.example.com/login"}});
    assert!(Users::open(&settings(&app)).ok().unwrap().is_none());
}

#[test]
fn a_file_beside_the_database_is_found() {
    let dir = Directory::new();
    let mut beside = settings(&json!({}));
    beside.dsn = crate::config::Dsn::default_file(&dir.0);
    assert!(Users::open(&beside).ok().unwrap().is_none());
    dir.write("users.json", &two());
    let opened = Users::open(&beside).ok().flatten().unwrap();
    assert!(opened.generated.is_none());
    assert_eq!(opened.users.people().by_name.len(), 2);
}

#[test]
fn unknown_names_cost_what_people_cost() {
    let directory = Directory::new();
    let people = opened(&directory.write("users.json", &two())).people();
    let twin_of = |number: u8| people.twin(&[number; 32]).to_owned();
    let twins: Vec<String> = (0..4).map(twin_of).collect();
    for hash in [ARGON2, BCRYPT] {
        assert_eq!(twins.iter().filter(|twin| *twin == hash).count(), 2);
    }
    assert_eq!(twin_of(3), twins[3], "the same again");
    assert_eq!(People::new(Vec::new(), None).twin(&[7; 32]), TWIN);
}

#[test]
fn the_twin_is_a_hash_of_the_common_cost() {
    let [_, _, _, costs, salt, hash] = TWIN.split('$').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(costs, "m=19456,t=2,p=1");
    assert_eq!(b64::decode(salt).unwrap().len(), 16);
    assert_eq!(b64::decode(hash).unwrap().len(), 32);
}
