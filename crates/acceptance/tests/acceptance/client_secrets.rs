//! Rotation of client secrets, with overlap and with an end.

use serde_json::json;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Request;
use tessera_acceptance::machine::{self, Machine, form_to};
use tessera_acceptance::server::Server;

fn rotate(server: &Server, machine: &Machine) -> Machine {
    let path = format!("/admin/clients/{}/secrets/rotate", machine.id);
    let answer = machine::admin(server, "POST", &path, None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json().unwrap();
    Machine {
        id: machine.id.clone(),
        secret: body["client_secret"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn a_former_secret_works_until_it_is_dropped_and_not_a_moment_longer() {
    for engine in Engine::at_hand() {
        let mut server = Server::start(machine::setup(engine));
        let first = Machine::register(&server, "rotated", &json!({}));
        let second = rotate(&server, &first);
        // A new process remembers no secret, so the former one is compared with both hashes.
        assert_eq!(server.stop(), Some(0));
        server.run();
        assert_eq!(first.ask(&server).status, 200, "the former secret overlaps");
        assert_eq!(second.ask(&server).status, 200);
        let path = format!("/admin/clients/{}/secrets/rotate", first.id);
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 200);
        assert_eq!(
            first.ask(&server).status,
            401,
            "the former secret was dropped"
        );
        assert_eq!(second.ask(&server).status, 200);
    }
}

#[test]
fn the_sixth_former_secret_no_longer_works() {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let mut secrets = vec![Machine::register(&server, "often", &json!({}))];
    for _ in 0..6 {
        let next = rotate(&server, secrets.last().unwrap());
        secrets.push(next);
    }
    let statuses: Vec<u16> = secrets
        .iter()
        .map(|secret| secret.ask(&server).status)
        .collect();
    assert_eq!(statuses, [401, 200, 200, 200, 200, 200, 200]);
}

#[test]
fn a_replaced_secret_ends_all_former_ones() {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let first = Machine::register(&server, "replaced", &json!({}));
    let second = rotate(&server, &first);
    let third = Machine {
        id: first.id.clone(),
        secret: "a third secret".to_owned(),
    };
    let put = machine::admin(
        &server,
        "PUT",
        "/admin/clients/replaced",
        Some(&third.metadata(&json!({}))),
    );
    assert_eq!(put.status, 200, "{}", put.body);
    let statuses = [&first, &second, &third].map(|secret| secret.ask(&server).status);
    assert_eq!(statuses, [401, 401, 200]);
}

#[test]
fn a_flood_of_scopes_is_refused_at_once() {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let public = json!({"client_id": "spa", "token_endpoint_auth_method": "none"});
    assert_eq!(machine::create(&server, &public).status, 201);
    let scopes: String = (0..150_000).map(|n| format!("{n:x}+")).collect();
    let started = std::time::Instant::now();
    let form = format!("grant_type=client_credentials&client_id=spa&scope={scopes}");
    let answer = form_to(&server.public(), "/oauth2/token", &form).send();
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn an_assertion_for_a_client_with_a_nul_in_its_name_is_refused() {
    let server = Server::start(machine::setup(Engine::Sqlite));
    // {"alg":"RS256"} and {"sub":"a\u0000"}, with three bytes for a signature.
    let assertion = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhXHUwMDAwIn0.AAAA";
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let form = format!(
        "grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}"
    );
    let answer = form_to(&server.public(), "/oauth2/token", &form).send();
    assert_eq!(answer.status, 401, "{}", answer.body);
    let alive = Request::for_url("GET", &format!("{}/health/ready", server.public())).unwrap();
    assert_eq!(alive.send().status, 200);
}
