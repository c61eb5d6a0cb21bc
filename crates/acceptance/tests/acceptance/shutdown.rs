//! SIGTERM: what began is finished, nothing new begins, and the process ends with code 0.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine::{self, Machine};
use tessera_acceptance::server::Server;

/// Idle connections do not hold up the end.
const QUICK: Duration = Duration::from_secs(5);

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

fn rest_of(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _read = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_request_that_began_is_answered_after_sigterm() {
    for engine in Engine::at_hand() {
        let mut server = Server::start(machine::setup(engine));
        Machine::register(&server, "before", &json!({}));
        let (public, admin) = server.ports();
        let body = json!({"client_id": "slow", "grant_types": ["client_credentials"]}).to_string();
        let (first, rest) = body.split_at(10);
        let mut slow = connect(admin);
        let length = body.len();
        slow.write_all(
            format!("POST /admin/clients HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{first}").as_bytes(),
        )
        .unwrap();
        let mut late = connect(admin);
        late.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n")
            .unwrap();
        // A second request on the same server shows that the first one has been read.
        assert_eq!(
            machine::admin(&server, "GET", "/health/alive", None).status,
            200
        );
        server.terminate();
        for port in [public, admin] {
            let refused = clock::poll(QUICK, || {
                TcpStream::connect(("127.0.0.1", port))
                    .is_err()
                    .then_some(())
            });
            assert!(
                refused.is_some(),
                "new connections are refused on {engine:?}"
            );
        }
        // Too late to be served; a load balancer that asks like this must not hear that all is well.
        let _closed = late.write_all(b"\r\n");
        let answer = rest_of(late);
        assert!(!answer.contains(" 200 "), "{engine:?}: {answer}");
        slow.write_all(rest.as_bytes()).unwrap();
        let answer = rest_of(slow);
        assert!(answer.starts_with("HTTP/1.1 201"), "{engine:?}: {answer}");
        assert_eq!(server.wait_for_end(), Some(0), "{engine:?}");
        server.run();
        let status = machine::admin(&server, "GET", "/admin/clients/slow", None).status;
        assert_eq!(
            status, 200,
            "what was acknowledged while stopping is stored on {engine:?}"
        );
    }
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let mut server = Server::start(machine::setup(Engine::Sqlite));
    let (public, _) = server.ports();
    let mut used = connect(public);
    used.write_all(b"GET /health/alive HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut buffer = [0; 4096];
    assert!(used.read(&mut buffer).unwrap() > 0);
    let unused = connect(public);
    // Connections are accepted in order, so the ones above have been.
    assert_eq!(
        machine::admin(&server, "GET", "/health/alive", None).status,
        200
    );
    let mut probe = connect(public);
    probe
        .write_all(b"GET /health/alive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(rest_of(probe).starts_with("HTTP/1.1 200"));
    let started = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(started.elapsed() < QUICK, "it took {:?}", started.elapsed());
    drop((used, unused));
}
