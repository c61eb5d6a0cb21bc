//! Faults of the database: 503 with `Retry-After`, nothing acknowledged that is not stored, recovery without restart.

use std::time::{Duration, Instant};

use serde_json::json;
use tessera_acceptance::clock;
use tessera_acceptance::database::{self, Engine};
use tessera_acceptance::http::Response;
use tessera_acceptance::machine::{self, Machine, create, introspect, is_active};
use tessera_acceptance::proxy::{Proxy, Weather};
use tessera_acceptance::report;
use tessera_acceptance::server::Server;
use tessera_acceptance::small_disk::SmallDisk;

/// Longest time to recover: the pause between attempts to connect is a second at most.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);
/// A request waits 2 s for the database; the rest is for a busy machine.
const REFUSAL_LIMIT: Duration = Duration::from_secs(8);

/// A server that reaches PostgreSQL through a proxy; `None` where there is no PostgreSQL.
fn start() -> Option<(Server, Proxy)> {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return None;
    }
    let mut server = Server::prepare(machine::setup(Engine::Postgres));
    server.migrate();
    let proxy = Proxy::before(&server.dsn());
    server.go_through(&proxy.dsn(&server.dsn()));
    server.run();
    Some((server, proxy))
}

/// A client that the server keeps in memory: used since the server last read of a change to it.
fn seen_before(server: &Server, proxy: &Proxy, id: &str) -> Machine {
    let client = Machine::register(server, id, &json!({}));
    proxy.take_trips();
    let mut reads = 0;
    let read = clock::poll(RECOVERY_LIMIT, || {
        let trips = proxy.take_trips();
        reads += trips
            .iter()
            .filter(|trip| trip.is_executed && trip.sql.contains("LEFT JOIN changes"))
            .count();
        // The first one may have been under way already.
        (reads >= 2).then_some(())
    });
    assert!(read.is_some(), "the server reads the change log");
    assert_eq!(client.ask(server).status, 200);
    client
}

fn assert_refused(answer: &Response, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.body);
    assert!(
        answer.header("retry-after").is_some(),
        "{what}: {:?}",
        answer.headers
    );
}

fn client_of(id: &str) -> serde_json::Value {
    json!({"client_id": id, "client_secret": "some secret", "grant_types": ["client_credentials"]})
}

fn status_of(server: &Server, id: &str) -> u16 {
    machine::admin(server, "GET", &format!("/admin/clients/{id}"), None).status
}

/// Every request that needs the database is refused; what does not need it is answered.
fn assert_all_refused(server: &Server, known: &Machine, unseen: &Machine, token: &str, what: &str) {
    assert_eq!(
        known.ask(server).status,
        200,
        "{what}: a client seen before"
    );
    let started = Instant::now();
    assert_refused(&create(server, &client_of(&format!("during-{what}"))), what);
    assert!(
        started.elapsed() < REFUSAL_LIMIT,
        "{what}: {:?}",
        started.elapsed()
    );
    assert_refused(&introspect(server, token), what);
    assert_refused(&known.revoke(server, token), what);
    assert_refused(&unseen.ask(server), what);
    assert_refused(&machine::admin(server, "GET", "/admin/clients", None), what);
    assert_refused(&machine::admin(server, "GET", "/clients/none", None), what);
    assert_refused(&machine::admin(server, "GET", "/health/ready", None), what);
    assert_eq!(
        machine::admin(server, "GET", "/health/alive", None).status,
        200
    );
}

fn assert_recovers(server: &Server, what: &str) {
    let id = format!("after-{what}");
    let recovered = clock::poll(RECOVERY_LIMIT, || {
        let answer = create(server, &client_of(&id));
        match answer.status {
            201 => Some(()),
            503 => None,
            // An attempt whose answer was lost may have been stored.
            409 => Some(()),
            _ => panic!("{what}: {} {}", answer.status, answer.body),
        }
    });
    assert!(recovered.is_some(), "{what}: no recovery\n{}", server.log());
    assert_eq!(status_of(server, &id), 200);
}

#[test]
fn a_database_out_of_reach_is_a_503_and_comes_back() {
    let Some((server, proxy)) = start() else {
        return;
    };
    let known = seen_before(&server, &proxy, "known");
    let unseen = Machine::register(&server, "unseen", &json!({}));
    let token = known.token(&server);

    proxy.set(Weather::Refusing);
    proxy.cut();
    assert_all_refused(&server, &known, &unseen, &token, "refused");
    proxy.set(Weather::Fair);
    assert_recovers(&server, "refused");
    assert_eq!(status_of(&server, "during-refused"), 404);
    assert!(
        is_active(&server, &token),
        "the refused revocation did not happen"
    );

    proxy.set(Weather::Resetting);
    assert_all_refused(&server, &known, &unseen, &token, "reset");
    proxy.set(Weather::Fair);
    assert_recovers(&server, "reset");
    assert!(is_active(&server, &token));

    proxy.set(Weather::Stalled);
    let started = Instant::now();
    assert_refused(&introspect(&server, &token), "stalled");
    assert!(
        started.elapsed() > Duration::from_secs(1),
        "it waited for the database"
    );
    assert_all_refused(&server, &known, &unseen, &token, "stalled");
    proxy.set(Weather::Fair);
    assert_recovers(&server, "stalled");

    // Cut while idle: the next request does not notice.
    proxy.cut();
    let seen = clock::poll(RECOVERY_LIMIT, || {
        (introspect(&server, &token).status == 200).then_some(())
    });
    assert!(seen.is_some());
    assert_eq!(unseen.ask(&server).status, 200);
}

#[test]
fn a_lost_answer_is_asked_for_again_or_refused() {
    let Some((server, proxy)) = start() else {
        return;
    };
    let client = Machine::register(&server, "client", &json!({}));
    let token = client.token(&server);
    assert!(is_active(&server, &token));

    let lose = |text: &str| proxy.set(Weather::LosingAnswerTo(text.to_owned()));
    let assert_lost =
        |what: &str| assert_eq!(proxy.weather(), Weather::Fair, "{what}: an answer was lost");
    lose("INSERT INTO clients");
    let answer = create(&server, &client_of("lost"));
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_lost("create");
    assert_eq!(status_of(&server, "lost"), 200);
    lose("UPDATE clients");
    let patch = json!([{"op": "replace", "path": "/scope", "value": "a b"}]);
    let answer = machine::admin(&server, "PATCH", "/admin/clients/lost", Some(&patch));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_lost("patch");
    lose("FROM clients, server_state");
    assert!(is_active(&server, &token));
    assert_lost("introspection");
    lose("INSERT INTO revoked_tokens");
    assert_eq!(client.revoke(&server, &token).status, 200);
    assert_lost("revocation");
    assert!(!is_active(&server, &token));
    lose("DELETE FROM clients");
    let answer = machine::admin(&server, "DELETE", "/admin/clients/lost", None);
    assert_lost("deletion");
    // A second try could not tell its own work from that of another.
    assert_refused(&answer, "deletion");
    assert_eq!(status_of(&server, "lost"), 404);
}

#[test]
fn a_database_that_restarts_is_found_again() {
    let Some((server, proxy)) = start() else {
        return;
    };
    let known = seen_before(&server, &proxy, "known");
    let unseen = Machine::register(&server, "unseen", &json!({}));
    let token = known.token(&server);
    let name = server.database().postgres_name().unwrap().to_owned();
    database::as_superuser(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    database::as_superuser(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ));
    assert_all_refused(&server, &known, &unseen, &token, "down");
    database::as_superuser(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    assert_recovers(&server, "down");
    assert_eq!(status_of(&server, "during-down"), 404);
    assert!(is_active(&server, &token));
    assert_eq!(unseen.ask(&server).status, 200);
}

#[test]
fn a_server_started_before_its_database_waits_for_it() {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    let mut server = Server::prepare(machine::setup(Engine::Postgres));
    server.migrate();
    let proxy = Proxy::before(&server.dsn());
    server.go_through(&proxy.dsn(&server.dsn()));
    proxy.set(Weather::Refusing);
    server.spawn();
    server.wait_until_alive();
    assert_refused(
        &machine::admin(&server, "GET", "/health/ready", None),
        "starting",
    );
    assert_refused(&create(&server, &client_of("early")), "starting");
    proxy.set(Weather::Fair);
    server.wait_until_ready();
    assert_eq!(create(&server, &client_of("late")).status, 201);
}

#[test]
fn a_full_disk_is_a_503_until_there_is_space() {
    let Some(disk) = SmallDisk::mount("size=4m") else {
        report::say("NOT RUN with a full disk: mounting is not allowed");
        return;
    };
    let dsn = format!("sqlite://{}", disk.path().join("db.sqlite").display());
    let mut server = Server::prepare_on(machine::setup(Engine::Sqlite), &dsn);
    server.run();
    let known = Machine::register(&server, "known", &json!({}));
    let token = known.token(&server);
    disk.fill();
    let mut acknowledged = Vec::new();
    // Space that the log has already may last for a few.
    let refused = (0..300).find_map(|i| {
        let id = format!("full-{i}");
        let answer = create(&server, &client_of(&id));
        match answer.status {
            201 => {
                acknowledged.push(id);
                None
            }
            _ => Some((id, answer)),
        }
    });
    let (refused, answer) = refused.expect("the disk is full in the end");
    assert_refused(&answer, "full disk");
    assert_refused(&known.revoke(&server, &token), "full disk");
    assert_eq!(known.ask(&server).status, 200);
    assert!(
        is_active(&server, &token),
        "reads go on, and the refused revocation did not happen"
    );
    assert_eq!(status_of(&server, &refused), 404);
    disk.clear();
    assert_recovers(&server, "full");
    assert_eq!(known.revoke(&server, &token).status, 200);
    server.kill();
    server.run();
    for id in &acknowledged {
        assert_eq!(status_of(&server, id), 200, "{id}");
    }
    assert_eq!(status_of(&server, &refused), 404);
    assert!(!is_active(&server, &token));
    server.kill();
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_start() {
    let Some(disk) = SmallDisk::mount("size=1m,ro") else {
        report::say("NOT RUN with a read-only folder: mounting is not allowed");
        return;
    };
    let path = disk.path().join("db.sqlite");
    let mut server = Server::prepare_on(
        machine::setup(Engine::Sqlite),
        &format!("sqlite://{}", path.display()),
    );
    server.spawn();
    assert_eq!(server.wait_for_end(), Some(1), "{}", server.log());
    let log = server.log();
    assert!(
        log.contains(&path.display().to_string()) && log.to_lowercase().contains("read-only"),
        "{log}"
    );
}
