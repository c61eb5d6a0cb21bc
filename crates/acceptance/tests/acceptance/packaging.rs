//! The files around the binary say what the tests test.

use std::collections::BTreeMap;
use std::fs;

use tessera_acceptance::binary::workspace;

/// What `walk.rs` starts its servers with.
const WALK: &str = include_str!("walk.rs");

/// `service.key` of compose.yaml with its value, as written; enough of YAML for one file of two-space steps.
fn compose() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(workspace().join("compose.yaml")).unwrap();
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let (mut section, mut service, mut key) = ("", "", String::new());
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match line.len() - line.trim_start().len() {
            0 => section = trimmed.trim_end_matches(':'),
            2 => service = trimmed.trim_end_matches(':'),
            4 if section == "services" => {
                let (name, value) = trimmed.split_once(':').expect("key: value");
                key = format!("{service}.{name}");
                found.insert(key.clone(), Vec::new());
                if !value.trim().is_empty() {
                    found.get_mut(&key).unwrap().push(unquoted(value));
                }
            }
            _ if section == "services" => {
                let value = trimmed.trim_start_matches("- ");
                found.get_mut(&key).unwrap().push(unquoted(value));
            }
            _ => {}
        }
    }
    found
}

fn unquoted(value: &str) -> String {
    value.trim().trim_matches('"').to_owned()
}

#[test]
fn compose_starts_what_the_walk_tests() {
    let compose = compose();
    let one = |key: &str| compose[key].join(" ");
    let command = |service: &str| one(&format!("{service}.command"));
    assert_eq!(command("hydra"), "serve all --dangerous-force-http");
    assert_eq!(command("hydra-migrate"), "migrate sql -e --yes");
    for options in [
        "\"--dangerous-force-http\"",
        "\"migrate sql -e --yes\"",
        "\"&max_conns=20&max_idle_conns=4\"",
    ] {
        assert!(WALK.contains(options), "walk.rs does not use {options}");
    }
    let dsn = "DSN=postgres://hydra:secret@postgresd:5432/hydra?sslmode=disable&max_conns=20&max_idle_conns=4";
    for service in ["hydra", "hydra-migrate"] {
        assert_eq!(
            compose[&format!("{service}.environment")],
            [dsn],
            "nothing but the DSN in {service}"
        );
    }
    assert_eq!(
        compose["hydra.ports"],
        ["4444:4444", "4445:4445", "5555:5555"]
    );
    let database = compose["postgresd.environment"].join(" ");
    assert_eq!(
        database,
        "POSTGRES_USER=hydra POSTGRES_PASSWORD=secret POSTGRES_DB=hydra"
    );
}

#[test]
fn the_image_keeps_what_compose_relies_on() {
    let text = fs::read_to_string(workspace().join("Dockerfile")).unwrap();
    let (_, last) = text.rsplit_once("\nFROM ").expect("stages");
    for line in [
        "scratch",
        "USER 65532:65532",
        "EXPOSE 4444 4445 5555",
        "ENTRYPOINT [\"hydra\"]",
        "CMD [\"serve\", \"all\"]",
    ] {
        assert!(
            last.lines().any(|each| each == line),
            "no line {line:?} in the last stage:\n{last}"
        );
    }
    assert!(
        last.contains("TESSERA_ADMIN_DEFAULT_HOST=0.0.0.0"),
        "the admin port would listen inside of the container only"
    );
}
