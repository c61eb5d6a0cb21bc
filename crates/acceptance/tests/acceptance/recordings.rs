//! The recordings of the reference server, replayed. What may differ is in `docs/differences.md`.

use std::panic::catch_unwind;

use serde_json::{Value, json};
use tessera_acceptance::database::Engine;
use tessera_acceptance::differences::{Differences, Part};
use tessera_acceptance::recording::{self, Recording};
use tessera_acceptance::report::{Report, say};
use tessera_acceptance::server::{Server, Setup};
use tessera_acceptance::{cli, scenario};

/// Command-line cases that are not replayed, each with its reason.
const NOT_REPLAYED: [(&str, &str); 4] = [
    ("v1.11.9/cli/keys", "the key commands are not built yet"),
    ("v26.2.0/cli/jwks", "the key commands are not built yet"),
    (
        "v1.11.9/cli/serve_errors",
        "refusals to start have texts and rules of our own",
    ),
    (
        "v26.2.0/cli/serve_errors",
        "refusals to start have texts and rules of our own",
    ),
];

/// Steps of replayed cases that are left out, each with its reason.
const LEFT_OUT: [(&str, &[usize], &str); 2] = [
    (
        "v26.2.0/cli/migrate_and_janitor",
        &[10, 11],
        "the recording rolls back one of hundreds of steps; here there is one, the whole schema",
    ),
    (
        "v1.11.9/cli/clients",
        &[11, 12],
        "lists are ordered by id, and one of these ids is random: its place is chance",
    ),
];

#[test]
fn http_recordings_hold_on_sqlite() {
    replay_http(Engine::Sqlite);
}

#[test]
fn http_recordings_hold_on_postgres() {
    if Engine::at_hand().contains(&Engine::Postgres) {
        replay_http(Engine::Postgres);
    }
}

fn replay_http(engine: Engine) {
    let report = Report::new(Differences::load());
    scenario::replay(recording::http(), engine, &report);
    report.finish(&format!("HTTP recordings on {engine:?}"), Part::Http);
}

#[test]
fn command_line_recordings_hold() {
    let report = Report::new(Differences::load());
    for recording in recording::cli() {
        if let Some((name, reason)) = NOT_REPLAYED
            .iter()
            .find(|(name, _)| *name == recording.name)
        {
            say(&format!("not replayed: {name}: {reason}"));
            continue;
        }
        let left_out = LEFT_OUT.iter().find(|(name, ..)| *name == recording.name);
        if let Some((name, steps, reason)) = left_out {
            say(&format!("not replayed: {name} steps {steps:?}: {reason}"));
        }
        match catch_unwind(|| Server::start(setup(&recording))) {
            Ok(server) => cli::replay(
                &recording,
                &server,
                left_out.map_or(&[], |row| row.1),
                &report,
            ),
            Err(_) => report.add_trouble(format!("{}: no server (above)", recording.name)),
        }
    }
    report.finish("command-line recordings", Part::Cli);
}

#[test]
fn lists_of_what_is_left_out_name_existing_cases() {
    if recording::is_narrowed() {
        return;
    }
    let cases = recording::cli();
    let steps_of = |name: &str| {
        let case = cases.iter().find(|case| case.name == name);
        case.map(|case| case.doc["steps"].as_array().unwrap().len())
    };
    for (name, _) in NOT_REPLAYED {
        assert!(steps_of(name).is_some(), "no such case: {name}");
    }
    for (name, left_out, _) in LEFT_OUT {
        let steps = steps_of(name).unwrap_or(0);
        assert!(
            left_out.iter().all(|step| *step < steps),
            "no such case or step: {name}"
        );
    }
}

/// The server behind a command-line case, set up as its generation's users do.
fn setup(recording: &Recording) -> Setup {
    let is_v1 = recording.name.starts_with("v1.");
    let urls = |name: &str| json!(format!("http://app.localhost:3000/{name}"));
    let server: Value = json!({
        "args": [if is_v1 { "--dangerous-force-http" } else { "--dev" }],
        "config": {
            "urls": {
                "self": {"issuer": "${public}", "public": "${public}"},
                "login": urls("login"), "consent": urls("consent"), "logout": urls("logout"),
            },
            "secrets": {"system": ["acceptance-system-secret-0123456789"]},
        },
    });
    Setup::of_recording(&server, Engine::Sqlite)
}
