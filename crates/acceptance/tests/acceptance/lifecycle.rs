//! Stopping, crashing and starting again on the same data.

use serde_json::json;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::server::{Server, Setup};

fn start(engine: Engine) -> Server {
    let server = json!({
        "args": ["--dev"],
        "config": {
            "urls": {"self": {"issuer": "${public}"}},
            "secrets": {"system": ["acceptance-system-secret-0123456789"]},
        },
    });
    Server::start(Setup::of_recording(&server, engine))
}

fn create(server: &Server, id: &str) -> Response {
    let body = json!({"client_id": id, "client_secret": "some-secret", "grant_types": ["client_credentials"]});
    let request = Request::for_url("POST", &format!("{}/admin/clients", server.admin())).unwrap();
    request.body("application/json", &body.to_string()).send()
}

fn status_of(server: &Server, id: &str) -> u16 {
    let url = format!("{}/admin/clients/{id}", server.admin());
    Request::for_url("GET", &url).unwrap().send().status
}

#[test]
fn acknowledged_clients_survive_a_crash_and_a_stop() {
    for engine in Engine::at_hand() {
        let mut server = start(engine);
        assert_eq!(create(&server, "before-crash").status, 201);
        server.kill();
        server.run();
        assert_eq!(
            status_of(&server, "before-crash"),
            200,
            "after SIGKILL on {engine:?}"
        );
        assert_eq!(create(&server, "before-stop").status, 201);
        assert_eq!(
            server.stop(),
            Some(0),
            "SIGTERM ends the server with exit code 0"
        );
        server.run();
        assert_eq!(
            status_of(&server, "before-crash"),
            200,
            "after SIGTERM on {engine:?}"
        );
        assert_eq!(
            status_of(&server, "before-stop"),
            200,
            "after SIGTERM on {engine:?}"
        );
    }
}
