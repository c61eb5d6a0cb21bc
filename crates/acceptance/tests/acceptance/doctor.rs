//! `doctor`: what it finds on a real server, and that it changes nothing.

use std::path::Path;

use serde_json::{Value, json};
use tessera_acceptance::binary::{self, Output};
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine;
use tessera_acceptance::server::Server;

fn doctor(dir: &Path, args: &[&str]) -> Output {
    let args: Vec<String> = ["doctor"]
        .iter()
        .chain(args)
        .map(|arg| (*arg).to_owned())
        .collect();
    binary::run(&binary::path(), &args, &[], "", dir)
}

/// Rules of a level, with what was seen.
fn found(output: &Output, level: &str) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&output.stdout).expect(&output.stdout);
    let findings = report["findings"].as_array().unwrap();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    findings
        .iter()
        .filter(|finding| finding["level"] == level)
        .map(|finding| (text(finding, "rule"), text(finding, "seen")))
        .collect()
}

#[test]
fn a_server_in_order_has_no_problem_and_a_client_out_of_order_is_found() {
    for engine in Engine::at_hand() {
        let server = Server::start(machine::setup(engine));
        let public = server.public();
        let args = [
            "-c",
            "config.json",
            "--dangerous-force-http",
            "--public-url",
            &public,
            "--format",
            "json",
        ];
        let output = doctor(server.dir(), &args);
        assert_eq!(found(&output, "problem"), [], "{output:?}");
        assert_eq!(output.exit_code, Some(0));
        let fine = found(&output, "ok");
        for rule in [
            "it can be reached",
            "its schema is the one that this release needs",
            "the issuer is the configured one, byte by byte",
            "this machine and the public URL differ by 5 seconds at most",
            "redirect URIs are exact and safe",
        ] {
            assert!(
                fine.iter().any(|(found, _)| found == rule),
                "{rule}: {fine:?}"
            );
        }
        let client = json!({"client_id": "open", "redirect_uris": ["http://app.example/cb"]});
        let answer = machine::create(&server, &client);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let output = doctor(server.dir(), &args);
        assert_eq!(output.exit_code, Some(1));
        let problems = found(&output, "problem");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].1, "http://app.example/cb of client open");
        assert!(!output.stdout.contains(machine::SYSTEM_SECRET));
    }
}

#[test]
fn another_issuer_at_the_public_url_is_a_problem() {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let mut config = machine::config(&[machine::SYSTEM_SECRET]);
    config["urls"]["self"]["issuer"] = json!("http://localhost:5444/");
    config["dsn"] = json!("memory");
    let path = server.dir().join("other.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let public = server.public();
    let args = ["-c", "other.json", "--dev", "--public-url", &public];
    let output = doctor(server.dir(), &args);
    assert_eq!(output.exit_code, Some(1));
    let line = output
        .stdout
        .lines()
        .find(|line| line.contains("byte by byte"))
        .unwrap();
    assert!(line.starts_with("problem  public url: "), "{line}");
    assert!(
        line.contains("http://localhost:4444/, and http://localhost:5444/ is configured ->"),
        "{line}"
    );
}

#[test]
fn a_configuration_that_cannot_be_served_is_told_whole() {
    let dir = tempfile::tempdir().unwrap();
    let output = doctor(dir.path(), &[]);
    assert_eq!(output.exit_code, Some(1));
    for key in ["urls.self.issuer is missing", "secrets.system is missing"] {
        assert!(output.stdout.contains(key), "{output:?}");
    }
    assert!(
        output.stdout.ends_with("\n2 problems, 0 warnings\n"),
        "{output:?}"
    );
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let output = doctor(dir.path(), &["--dev", "--format", "json"]);
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    let warnings = found(&output, "warning");
    assert!(warnings.iter().any(|(rule, _)| rule == "it is there"));
    assert!(!dir.path().join(".local").exists());
}
