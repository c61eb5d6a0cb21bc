//! What was acknowledged is there after a crash, and was on the disk before the answer.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tessera_acceptance::binary;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine::{self, Machine, create, is_active};
use tessera_acceptance::report;
use tessera_acceptance::server::Server;

/// Acknowledged writes before the crash.
const WRITES: usize = 120;
const STORM_LIMIT: Duration = Duration::from_secs(60);

/// What clients were told.
#[derive(Debug, Default)]
struct Acknowledged {
    clients: Vec<String>,
    revoked: Vec<String>,
    /// The last secret of a client.
    secrets: BTreeMap<String, String>,
    deleted: Vec<String>,
}

/// One thread of the storm: writes until the server is gone.
fn write_until_gone(
    server: &Server,
    thread: usize,
    book: &Mutex<Acknowledged>,
    count: &AtomicUsize,
    ended: &AtomicBool,
) {
    let client = Machine {
        id: format!("storm-{thread}"),
        secret: format!("secret of storm-{thread}"),
    };
    let path = format!("/admin/clients/{}/secrets/rotate", client.id);
    for i in 0.. {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("new-{thread}-{i}");
        let created = create(
            server,
            &json!({"client_id": id, "grant_types": ["client_credentials"]}),
        )
        .status;
        let token = client.ask(server);
        let token = token
            .json()
            .and_then(|body| Some(body["access_token"].as_str()?.to_owned()));
        let revoked = token.filter(|token| client.revoke(server, token).status == 200);
        let rotated = (i % 4 == 0).then(|| machine::admin(server, "POST", &path, None));
        let deleted = i % 3 == 0
            && machine::admin(server, "DELETE", &format!("/admin/clients/{id}"), None).status
                == 204;
        let mut book = book.lock().unwrap();
        let mut acknowledged = 0;
        if deleted {
            book.deleted.push(id);
            acknowledged += 2;
        } else if created == 201 && i % 3 != 0 {
            book.clients.push(id);
            acknowledged += 1;
        }
        if let Some(token) = revoked {
            book.revoked.push(token);
            acknowledged += 1;
        }
        if let Some(answer) = rotated.filter(|answer| answer.status == 200) {
            let secret = answer.json().unwrap()["client_secret"]
                .as_str()
                .unwrap()
                .to_owned();
            book.secrets.insert(client.id.clone(), secret);
            acknowledged += 1;
        }
        count.fetch_add(acknowledged, Ordering::Relaxed);
        if created == 0 {
            return;
        }
    }
}

#[test]
fn a_crash_in_a_storm_of_writes_loses_nothing_acknowledged() {
    for engine in Engine::at_hand() {
        let mut server = Server::start(machine::setup(engine));
        for round in 0..2 {
            let book = Mutex::default();
            let (count, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
            let threads: Vec<usize> = (0..6).map(|thread| round * 10 + thread).collect();
            for thread in &threads {
                Machine::register(&server, &format!("storm-{thread}"), &json!({}));
            }
            let pid = server.pid();
            std::thread::scope(|scope| {
                for thread in &threads {
                    let (server, book, count, ended) = (&server, &book, &count, &ended);
                    scope.spawn(move || write_until_gone(server, *thread, book, count, ended));
                }
                let enough = clock::poll(STORM_LIMIT, || {
                    (count.load(Ordering::Relaxed) >= WRITES).then_some(())
                });
                let killed = Command::new("kill")
                    .args(["-KILL", &pid.to_string()])
                    .status()
                    .unwrap();
                ended.store(true, Ordering::Relaxed);
                assert!(
                    killed.success() && enough.is_some(),
                    "{engine:?}: too few writes"
                );
            });
            server.kill();
            server.run();
            let book: Acknowledged = book.into_inner().unwrap();
            for id in &book.clients {
                assert_eq!(
                    machine::admin(&server, "GET", &format!("/admin/clients/{id}"), None).status,
                    200,
                    "{engine:?}: {id}"
                );
            }
            for id in &book.deleted {
                assert_eq!(
                    machine::admin(&server, "GET", &format!("/admin/clients/{id}"), None).status,
                    404,
                    "{engine:?}: {id}"
                );
            }
            for token in &book.revoked {
                assert!(
                    !is_active(&server, token),
                    "{engine:?}: a revocation was lost"
                );
            }
            for (id, secret) in book.secrets {
                assert_eq!(
                    Machine { id, secret }.ask(&server).status,
                    200,
                    "{engine:?}: a secret was lost"
                );
            }
        }
    }
}

/// Counts the answers in a trace, and lists those before which the log of SQLite was not written and synced. `fsync` does
/// all that `fdatasync` does.
fn answers_without_sync(trace: &str) -> (usize, Vec<&str>) {
    let (mut answers, mut bad) = (0, Vec::new());
    let (mut is_written, mut is_synced) = (false, false);
    let syncs = ["fsync", "fdatasync"];
    let mut syncing: Vec<&str> = Vec::new();
    for line in trace.lines() {
        let pid = line.split(' ').next().unwrap_or_default();
        let is_log = line.contains("-wal>");
        if line.contains("pwrite64(") && is_log {
            (is_written, is_synced) = (true, false);
        } else if is_log && syncs.iter().any(|call| line.contains(&format!("{call}("))) {
            if line.contains("<unfinished") {
                syncing.push(pid);
            } else {
                is_synced = line.ends_with("= 0");
            }
        } else if syncing.contains(&pid) && line.contains("sync resumed") {
            syncing.retain(|known| *known != pid);
            is_synced = line.ends_with("= 0");
        } else if line.contains("\"HTTP/1.1 20") {
            answers += 1;
            if !(is_written && is_synced) {
                bad.push(line);
            }
            (is_written, is_synced) = (false, false);
        }
    }
    (answers, bad)
}

#[test]
fn an_acknowledged_write_is_synced_before_its_answer() {
    const CALLS: &str = "trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg";
    let can_trace = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !can_trace.is_ok_and(|output| output.status.success()) {
        report::say("NOT RUN under strace: it is missing or not allowed");
        return;
    }
    let mut server = Server::prepare(machine::setup(Engine::Sqlite));
    let path = server.dir().join("trace");
    let shown = path.display().to_string();
    // The tracer is the grandchild, so that the child is the server.
    server.wrap(&[
        "strace", "-D", "-f", "-y", "-s", "24", "-e", CALLS, "-o", &shown,
    ]);
    server.run();
    let client = Machine::register(&server, "client", &json!({}));
    let tokens: Vec<String> = (0..10).map(|_| client.token(&server)).collect();
    let start = binary::text_of(&path).len();
    for token in &tokens {
        assert_eq!(client.revoke(&server, token).status, 200);
    }
    for i in 0..10 {
        let id = format!("traced-{i}");
        assert_eq!(
            create(
                &server,
                &json!({"client_id": id, "grant_types": ["client_credentials"]})
            )
            .status,
            201
        );
        let patch = json!([{"op": "replace", "path": "/scope", "value": "a"}]);
        let path = format!("/admin/clients/{id}");
        assert_eq!(
            machine::admin(&server, "PATCH", &path, Some(&patch)).status,
            200
        );
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
    }
    assert_eq!(server.stop(), Some(0));
    let expected = tokens.len() + 30;
    // The tracer writes its last lines after the server has ended.
    let trace = clock::poll(Duration::from_secs(10), || {
        let trace = binary::text_of(&path);
        let part = trace.get(start..)?.to_owned();
        (answers_without_sync(&part).0 >= expected).then_some(part)
    });
    let trace =
        trace.unwrap_or_else(|| panic!("the trace is short: {}", binary::text_of(&path).len()));
    let (answers, bad) = answers_without_sync(&trace);
    assert_eq!(answers, expected);
    assert!(
        bad.is_empty(),
        "answers without a sync before them: {bad:#?}"
    );
}

#[test]
fn the_reader_of_traces_can_tell() {
    let synced = "1 pwrite64(9</d/db.sqlite-wal>, \"\"..., 24, 0) = 24\n1 fdatasync(9</d/db.sqlite-wal> <unfinished ...>\n2 write(3</x>, \"a\", 1) = 1\n\
        1 <... fdatasync resumed>) = 0\n2 sendto(7<socket:[1]>, \"HTTP/1.1 201 Created\"..., 9, 0) = 9\n";
    assert_eq!(answers_without_sync(synced), (1, Vec::new()));
    let late = "1 pwrite64(9</d/db.sqlite-wal>, \"\"..., 24, 0) = 24\n1 fdatasync(9</d/db.sqlite-wal> <unfinished ...>\n\
        2 sendto(7<socket:[1]>, \"HTTP/1.1 201 Created\"..., 9, 0) = 9\n1 <... fdatasync resumed>) = 0\n";
    assert_eq!(answers_without_sync(late).1.len(), 1);
}
