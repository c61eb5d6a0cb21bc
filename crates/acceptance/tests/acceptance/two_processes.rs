//! Two server processes on one database: PostgreSQL, and a SQLite file.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::binary;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Request;
use tessera_acceptance::machine::{self, Machine, SYSTEM_SECRET, introspect, is_active};
use tessera_acceptance::server::Server;

/// A change shows in the other process within a second; twice that for a busy machine.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// Two servers on one new database, both ready.
fn pair(engine: Engine) -> (Server, Server) {
    let mut first = Server::prepare(machine::setup(engine));
    first.migrate();
    let mut second = Server::prepare_on(machine::setup(engine), &first.dsn());
    first.spawn();
    second.spawn();
    first.wait_until_ready();
    second.wait_until_ready();
    (first, second)
}

fn jwks(server: &Server) -> Value {
    let url = format!("{}/.well-known/jwks.json", server.public());
    let answer = Request::for_url("GET", &url).unwrap().send();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().unwrap()
}

fn command(server: &Server, args: &[&str]) -> binary::Output {
    let dir = tempfile::tempdir().unwrap();
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let env = [("DSN".to_owned(), server.dsn())];
    binary::run(&binary::path(), &args, &env, "", dir.path())
}

#[test]
fn a_revocation_holds_at_the_next_request_of_the_other() {
    for engine in Engine::at_hand() {
        let (first, second) = pair(engine);
        for strategy in ["opaque", "jwt"] {
            let id = format!("client-{strategy}");
            let more = json!({"access_token_strategy": strategy});
            let client = Machine::register(&first, &id, &more);
            for (one, other) in [(&first, &second), (&second, &first)] {
                // Both have the client in memory.
                assert_eq!(client.ask(other).status, 200);
                let token = client.token(one);
                assert!(is_active(other, &token), "{engine:?} {strategy}");
                assert_eq!(client.revoke(one, &token).status, 200);
                assert!(!is_active(other, &token), "{engine:?} {strategy}");
                assert!(!is_active(one, &token), "{engine:?} {strategy}");
            }
            let token = client.token(&first);
            let path = format!("/admin/oauth2/tokens?client_id={id}");
            assert_eq!(machine::admin(&second, "DELETE", &path, None).status, 204);
            assert!(!is_active(&first, &token), "{engine:?} {strategy}");
            // Deletion ends the tokens of a client as well, and a client of the same id revives none.
            let token = client.token(&second);
            let path = format!("/admin/clients/{id}");
            assert_eq!(machine::admin(&second, "DELETE", &path, None).status, 204);
            assert!(!is_active(&first, &token), "{engine:?} {strategy}");
            Machine::register(&second, &id, &more);
            assert!(!is_active(&first, &token), "{engine:?} {strategy}");
        }
    }
}

#[test]
fn a_change_of_a_client_holds_at_the_other_within_a_second() {
    for engine in Engine::at_hand() {
        let (first, second) = pair(engine);
        let client = Machine::register(&first, "changing", &json!({}));
        let (asked, path) = (
            "grant_type=client_credentials&scope=more",
            "/admin/clients/changing",
        );
        let ask_more = || client.post(&second, "/oauth2/token", asked).status;
        assert_eq!(ask_more(), 400);
        let patch = json!([{"op": "replace", "path": "/scope", "value": "api more"}]);
        assert_eq!(
            machine::admin(&first, "PATCH", path, Some(&patch)).status,
            200
        );
        let seen = clock::poll(CHANGE_LIMIT, || (ask_more() == 200).then_some(()));
        assert!(seen.is_some(), "a wider scope on {engine:?}");

        let rotated = machine::admin(&first, "POST", &format!("{path}/secrets/rotate"), None);
        assert_eq!(rotated.status, 200, "{}", rotated.body);
        let rotated = Machine {
            secret: rotated.json().unwrap()["client_secret"]
                .as_str()
                .unwrap()
                .to_owned(),
            ..client.clone()
        };
        let seen = clock::poll(CHANGE_LIMIT, || {
            (rotated.ask(&second).status == 200).then_some(())
        });
        assert!(seen.is_some(), "a new secret on {engine:?}");
        assert_eq!(
            client.ask(&second).status,
            200,
            "the former secret still works"
        );
        let path_of_secrets = format!("{path}/secrets/rotate");
        assert_eq!(
            machine::admin(&first, "DELETE", &path_of_secrets, None).status,
            200
        );
        let seen = clock::poll(CHANGE_LIMIT, || {
            (client.ask(&second).status == 401).then_some(())
        });
        assert!(seen.is_some(), "the end of a former secret on {engine:?}");

        assert_eq!(rotated.ask(&second).status, 200);
        assert_eq!(machine::admin(&first, "DELETE", path, None).status, 204);
        let seen = clock::poll(CHANGE_LIMIT, || {
            (rotated.ask(&second).status == 401).then_some(())
        });
        assert!(seen.is_some(), "a deletion on {engine:?}");
        // Absence is not remembered.
        assert_eq!(
            machine::create(&first, &client.metadata(&json!({}))).status,
            201
        );
        assert_eq!(
            client.ask(&second).status,
            200,
            "a new client on {engine:?}"
        );
    }
}

#[test]
fn both_use_the_keys_of_whoever_was_first() {
    for engine in Engine::at_hand() {
        let (first, second) = pair(engine);
        let client = Machine::register(
            &first,
            "first-key",
            &json!({"access_token_strategy": "jwt"}),
        );
        let started = [&first, &second];
        // All at once, so that the first keys are made in a race.
        let tokens: Vec<String> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|i| {
                    scope.spawn({
                        let client = &client;
                        move || client.token(started[i % 2])
                    })
                })
                .collect();
            asked
                .into_iter()
                .map(|asked| asked.join().unwrap())
                .collect()
        });
        for token in &tokens {
            assert!(
                is_active(&first, token) && is_active(&second, token),
                "{engine:?}"
            );
        }
        let (ours, theirs) = (jwks(&first), jwks(&second));
        assert_eq!(ours, theirs, "{engine:?}");
        let kids: Vec<&Value> = ours["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| &key["kid"])
            .collect();
        let kid_of = |token: &String| {
            tessera_acceptance::matcher::decode_jwt(token).unwrap().0["kid"].clone()
        };
        for token in &tokens {
            assert_eq!(
                kid_of(token),
                kid_of(&tokens[0]),
                "one key signs on {engine:?}"
            );
            assert!(kids.contains(&&kid_of(token)), "{engine:?}");
        }
    }
}

#[test]
fn migrations_run_twice_at_once_migrate_once() {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    let mut first = Server::prepare(machine::setup(Engine::Postgres));
    let mut second = Server::prepare_on(machine::setup(Engine::Postgres), &first.dsn());
    // Both wait for the migrations, and say so.
    first.spawn();
    second.spawn();
    for server in [&mut first, &mut second] {
        server.wait_until_alive();
        let says_so = clock::poll(CHANGE_LIMIT, || {
            let ready = machine::admin(server, "GET", "/health/ready", None);
            assert_eq!(ready.status, 503, "{}", ready.body);
            ready.body.contains("migrate").then_some(())
        });
        assert!(says_so.is_some(), "{}", server.log());
    }
    let migrated: Vec<_> = std::thread::scope(|scope| {
        let server = &first;
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| command(server, &["migrate", "sql", "up", "-e", "--yes"])))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for output in &migrated {
        assert_eq!(output.exit_code, Some(0), "{output:?}");
    }
    let status = command(&first, &["migrate", "sql", "status", "-e"]);
    assert_eq!(status.exit_code, Some(0), "{status:?}");
    assert!(
        !status.stdout.to_lowercase().contains("pending"),
        "{status:?}"
    );
    first.wait_until_ready();
    second.wait_until_ready();
    assert_eq!(jwks(&first), jwks(&second));
    let client = Machine::register(&first, "after", &json!({}));
    assert!(is_active(&first, &client.token(&second)));
}

#[test]
fn revoke_all_ends_tokens_at_the_next_request_everywhere() {
    for engine in Engine::at_hand() {
        let (first, second) = pair(engine);
        let opaque = Machine::register(&first, "opaque", &json!({}));
        let jwt = Machine::register(&first, "jwt", &json!({"access_token_strategy": "jwt"}));
        let tokens = [opaque.token(&first), jwt.token(&second)];
        for token in &tokens {
            assert!(is_active(&first, token) && is_active(&second, token));
        }
        let output = command(&first, &["tokens", "revoke-all", "--yes"]);
        assert_eq!(output.exit_code, Some(0), "{output:?}");
        for token in &tokens {
            assert!(!is_active(&first, token), "{engine:?}");
            assert!(!is_active(&second, token), "{engine:?}");
        }
        // New ones are good again within a second.
        for (client, server) in [(&opaque, &first), (&jwt, &second)] {
            let good = clock::poll(CHANGE_LIMIT, || {
                is_active(&first, &client.token(server)).then_some(())
            });
            assert!(good.is_some(), "{engine:?}");
        }
    }
}

#[test]
fn a_new_system_secret_takes_over_from_the_old_one() {
    const NEW: &str = "another-system-secret-9876543210";
    for engine in Engine::at_hand() {
        let mut server = Server::start(machine::setup(engine));
        let opaque = Machine::register(&server, "opaque", &json!({}));
        let jwt = Machine::register(&server, "jwt", &json!({"access_token_strategy": "jwt"}));
        let (old, old_jwt, keys) = (opaque.token(&server), jwt.token(&server), jwks(&server));
        let restart = |server: &mut Server, secrets: &[&str]| {
            assert_eq!(server.stop(), Some(0));
            server.configure(machine::config(secrets));
            server.run();
        };

        restart(&mut server, &[NEW, SYSTEM_SECRET]);
        assert_eq!(jwks(&server), keys, "{engine:?}");
        let (new, new_jwt) = (opaque.token(&server), jwt.token(&server));
        for token in [&old, &old_jwt, &new, &new_jwt] {
            assert!(is_active(&server, token), "{engine:?}");
        }

        restart(&mut server, &[NEW]);
        assert_eq!(jwks(&server), keys, "{engine:?}");
        for token in [&new, &new_jwt] {
            assert!(is_active(&server, token), "{engine:?}");
        }
        for token in [&old, &old_jwt] {
            let answer = introspect(&server, token);
            assert_eq!(
                (answer.status, answer.body.trim()),
                (200, "{\"active\":false}"),
                "{engine:?}"
            );
        }

        // Without any secret that sealed the keys the server says which key, and what to do.
        assert_eq!(server.stop(), Some(0));
        server.configure(machine::config(&["a-third-system-secret-0000000000"]));
        server.spawn();
        assert_eq!(
            server.wait_for_end(),
            Some(1),
            "{engine:?}: {}",
            server.log()
        );
        assert!(server.log().contains("secrets.system"), "{}", server.log());
    }
}
