//! Client libraries that others wrote, unmodified, against the built binary.
//!
//! The programs are in `clients/`, one per library; they get the server's URLs in `PUBLIC_URL` and `ADMIN_URL`, assert, and end with code 0. Those that sign
//! a person in send the person through `PERSON_URL` (see `person_service`).
//!
//! Invariant: a missing Node.js, Python or Go fails a test; it never skips it.

use std::process::Command;

use serde_json::json;
use tessera_acceptance::database::Engine;
use tessera_acceptance::person::{NOBODY, Person};
use tessera_acceptance::person_service::PersonService;
use tessera_acceptance::programs::{self, go, node, python};
use tessera_acceptance::server::{Server, Setup};

#[test]
fn ory_sdk_for_node_works() {
    run_against_server(node("ory.js"));
}

#[test]
fn ory_sdk_of_generation_one_for_node_works() {
    run_against_server(node("ory-v1.js"));
}

#[test]
fn openid_client_for_node_works() {
    run_against_server(node("openid-client.js"));
}

#[test]
fn openid_client_5_for_node_works() {
    run_against_server(node("openid-client-v5.js"));
}

#[test]
fn ory_sdk_for_python_works() {
    run_against_server(python("ory.py"));
}

#[test]
fn authlib_for_python_works() {
    run_against_server(python("authlib_session.py"));
}

#[test]
fn ory_sdk_for_go_works() {
    run_against_server(go("ory"));
}

#[test]
fn oauth2_module_for_go_works() {
    run_against_server(go("clientcredentials"));
}

#[test]
fn openid_client_for_node_signs_a_person_in_and_out() {
    run_against_server(node("openid-client-code.js"));
}

#[test]
fn openid_client_for_node_checks_hybrid_implicit_and_form_post_answers() {
    run_against_server(node("openid-client-front.js"));
}

#[test]
fn openid_client_5_for_node_signs_a_person_in_and_out() {
    run_against_server(node("openid-client-v5-code.js"));
}

#[test]
fn oauth4webapi_for_node_signs_a_person_in_and_out() {
    run_against_server(node("oauth4webapi-code.js"));
}

#[test]
fn authlib_for_python_signs_a_person_in_and_out() {
    run_against_server(python("authlib_code.py"));
}

#[test]
fn oauth2_and_go_oidc_modules_for_go_sign_a_person_in_and_out() {
    run_against_server(go("code"));
}

#[test]
fn login_app_by_the_ory_sdk_for_node_works() {
    run_against_server(node("ory-login.js"));
}

#[test]
fn login_app_by_the_ory_sdk_of_generation_one_for_node_works() {
    run_against_server(node("ory-v1-login.js"));
}

#[test]
fn login_app_by_the_ory_sdk_for_python_works() {
    run_against_server(python("ory_login.py"));
}

#[test]
fn login_app_by_the_ory_sdk_for_go_works() {
    run_against_server(go("orylogin"));
}

fn run_against_server(mut command: Command) {
    let server = json!({
        "args": ["--dev"],
        "config": {
            "urls": {
                "self": {"issuer": "${public}"},
                "login": format!("{NOBODY}/login"),
                "consent": format!("{NOBODY}/consent"),
                "logout": format!("{NOBODY}/logout"),
            },
            "secrets": {"system": ["acceptance-system-secret-0123456789"]},
        },
    });
    let server = Server::start(Setup::of_recording(&server, Engine::Sqlite));
    let person = PersonService::start(Person::at(&server.public(), &server.admin()));
    command
        .env("PUBLIC_URL", server.public())
        .env("ADMIN_URL", server.admin())
        .env("PERSON_URL", person.url());
    programs::run_to_end(command);
}
