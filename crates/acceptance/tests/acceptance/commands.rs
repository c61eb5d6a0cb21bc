//! Commands that are called in a wrong place or in an unusual way: they say so, and leave nothing behind.

use std::fs;
use std::path::Path;

use tessera_acceptance::binary::{self, Output};
use tessera_acceptance::database::{Database, Engine};

fn run(dir: &Path, line: &str, env: &[(&str, &str)]) -> Output {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let env: Vec<(String, String)> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    binary::run(&binary::path(), &args, &env, "", dir)
}

/// Exit code 1 and a text on stderr.
fn is_refused(output: &Output, parts: &[&str]) {
    assert_eq!(output.exit_code, Some(1), "{output:?}");
    for part in parts {
        assert!(output.stderr.contains(part), "{part}: {output:?}");
    }
}

#[test]
fn a_database_that_is_not_there_is_neither_backed_up_nor_made() {
    let dir = tempfile::tempdir().unwrap();
    let typo = ("DSN", "sqlite://typo.sqlite");
    for line in [
        "backup copy.sqlite",
        "tokens revoke-all -y",
        "janitor --tokens -e",
    ] {
        is_refused(&run(dir.path(), line, &[typo]), &["typo.sqlite", "DSN"]);
    }
    is_refused(
        &run(dir.path(), "backup copy.sqlite", &[]),
        &["TESSERA_STATE_DIR"],
    );
    is_refused(
        &run(dir.path(), "backup copy.sqlite", &[("DSN", "memory")]),
        &["`memory`"],
    );
    fs::write(dir.path().join("empty.sqlite"), "").unwrap();
    let empty = ("DSN", "sqlite://empty.sqlite");
    for line in ["backup copy.sqlite", "tokens revoke-all -y"] {
        is_refused(&run(dir.path(), line, &[empty]), &["migrate sql up"]);
    }
    assert_eq!(fs::read(dir.path().join("empty.sqlite")).unwrap(), b"");
    for name in ["typo.sqlite", "copy.sqlite", ".local"] {
        assert!(!dir.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_backup_overwrites_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dsn = ("DSN", "sqlite://db.sqlite");
    let made = run(dir.path(), "migrate sql up -y", &[dsn]);
    assert_eq!(made.exit_code, Some(0), "{made:?}");
    let first = run(dir.path(), "backup copy.sqlite", &[dsn]);
    assert_eq!(first.exit_code, Some(0), "{first:?}");
    let again = run(dir.path(), "backup copy.sqlite", &[dsn]);
    is_refused(&again, &["exists already"]);
    assert!(!again.stderr.contains("unavailable"), "{again:?}");
    is_refused(
        &run(dir.path(), "backup none/copy.sqlite", &[dsn]),
        &["folder none"],
    );
}

#[test]
fn a_database_of_hydra_is_left_alone() {
    for engine in Engine::at_hand() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::fresh(engine, dir.path());
        database.execute("CREATE TABLE hydra_client (id TEXT)");
        let env = [("DSN", database.dsn())];
        for line in ["migrate sql up -y", "migrate sql -e -y", "serve all --dev"] {
            is_refused(
                &run(dir.path(), line, &env),
                &["hydra_client", "empty database"],
            );
        }
        let file = dir.path().join("db.sqlite");
        let before = fs::read(&file).ok();
        let told = run(dir.path(), "doctor --dev", &env);
        assert_eq!(told.exit_code, Some(1), "{told:?}");
        assert!(told.stdout.contains("database of Ory Hydra"), "{told:?}");
        assert_eq!(fs::read(&file).ok(), before, "{engine:?}: it was changed");
        database.execute("DROP TABLE hydra_client");
        let made = run(dir.path(), "migrate sql up -y", &env);
        assert_eq!(made.exit_code, Some(0), "{made:?}");
        database.execute("CREATE TABLE hydra_client (id TEXT)");
        let again = run(dir.path(), "migrate sql up -y", &env);
        assert_eq!(again.exit_code, Some(0), "{again:?}");
    }
}

#[test]
fn a_mode_of_a_file_is_heeded() {
    let dir = tempfile::tempdir().unwrap();
    for (dsn, part) in [
        ("sqlite://db.sqlite?mode=rw", "mode=rwc"),
        ("sqlite://db.sqlite?mode=ro", "only read"),
        ("sqlite://none/db.sqlite?mode=rwc", "folder none"),
    ] {
        is_refused(
            &run(dir.path(), "migrate sql up -y", &[("DSN", dsn)]),
            &[part],
        );
        is_refused(
            &run(dir.path(), "serve all --dev", &[("DSN", dsn)]),
            &[part],
        );
    }
    assert!(!dir.path().join("db.sqlite").exists() && !dir.path().join("none").exists());
}

#[test]
fn flags_count_wherever_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yml"), "dsn: sqlite://a.sqlite\n").unwrap();
    fs::write(dir.path().join("b.yml"), "log: {level: loud}\n").unwrap();
    let output = run(dir.path(), "migrate -c a.yml sql up -c b.yml -y", &[]);
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    assert!(dir.path().join("a.sqlite").exists());
    let output = run(dir.path(), "-c b.yml serve all more", &[]);
    is_refused(&output, &["log.level"]);
    let nobody = "--endpoint http://127.0.0.1:1 get client web";
    is_refused(
        &run(dir.path(), nobody, &[]),
        &["127.0.0.1:1/admin/clients/web"],
    );
}

#[test]
fn help_is_that_of_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let help = run(dir.path(), "help create client", &[]);
    assert_eq!(help.exit_code, Some(0), "{help:?}");
    assert_eq!(
        help.stdout,
        run(dir.path(), "create client --help", &[]).stdout
    );
    assert!(help.stdout.contains("--grant-type"), "{help:?}");
    let unknown = run(dir.path(), "help nothing at all", &[]);
    assert_eq!(unknown.exit_code, Some(0), "{unknown:?}");
    assert!(
        unknown
            .stderr
            .starts_with("Unknown help topic [`nothing` `at` `all`]\n"),
        "{unknown:?}"
    );
    is_refused(
        &run(dir.path(), "completion bogus", &[]),
        &[
            "unknown command \"bogus\" for \"tessera completion\"",
            "bash",
        ],
    );
}

#[test]
fn an_empty_id_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    for words in [
        ["get", "client", ""],
        ["delete", "client", ""],
        ["update", "client", ""],
        ["delete", "access-tokens", ""],
        ["clients", "get", ""],
        ["clients", "delete", ""],
    ] {
        let mut args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        args.extend(["--endpoint", "http://127.0.0.1:1"].map(str::to_owned));
        let output = binary::run(&binary::path(), &args, &[], "", dir.path());
        is_refused(&output, &["the client id is empty"]);
    }
}
