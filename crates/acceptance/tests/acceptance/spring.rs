//! Spring Security's OAuth client in an application of one class, `clients/java`: sign-in, refresh of an expired token, logout at the provider.

use serde_json::{Value, json};
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Request;
use tessera_acceptance::person::{Arrival, NOBODY, Person, SUBJECT};
use tessera_acceptance::programs::{self, Program};
use tessera_acceptance::server::{self, Server, Setup};

const SECRET: &str = "some-long-secret";

#[test]
fn an_application_with_spring_security_signs_a_person_in_and_out() {
    let server = Server::start(setup());
    let app = format!("http://127.0.0.1:{}", server::free_port());
    register(&server, &app);
    let _running = Program::serve(program(&server, &app), &format!("{app}/goodbye"));
    let mut person = Person::at(&server.public(), &server.admin()).visits(&app);

    let first = person.follow(&format!("{app}/"));
    assert_eq!(first.asked, ["login", "consent"]);
    let home = shown(&first);
    assert_eq!(home["subject"], SUBJECT);
    assert_eq!(home["department"], "tests", "from the userinfo endpoint");

    // Spring takes a token that has less than a minute left for expired, refreshes it, and checks the new ID token against the old one.
    let again = shown(&person.follow(&format!("{app}/")));
    assert_ne!(again["access_token"], home["access_token"]);
    assert!(is_active(&server, &again) && !is_active(&server, &home));

    let gone = person.follow(&format!("{app}/logout"));
    assert_eq!(gone.asked, ["logout"]);
    assert_eq!(gone.url, format!("{app}/goodbye"));
    let back = person.follow(&format!("{app}/"));
    assert_eq!(back.asked, ["login", "consent skipped"]);
    assert_eq!(shown(&back)["subject"], SUBJECT);
}

fn setup() -> Setup {
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
            "ttl": {"access_token": "50s"},
        },
    });
    Setup::of_recording(&server, Engine::Sqlite)
}

fn register(server: &Server, app: &str) {
    let client = json!({
        "client_id": "spring",
        "client_secret": SECRET,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid profile offline_access",
        "redirect_uris": [format!("{app}/login/oauth2/code/tessera")],
        "post_logout_redirect_uris": [format!("{app}/goodbye")],
    });
    let url = format!("{}/admin/clients", server.admin());
    let request = Request::for_url("POST", &url).unwrap();
    let made = request.body("application/json", &client.to_string()).send();
    assert_eq!(made.status, 201, "{}", made.body);
}

fn program(server: &Server, app: &str) -> std::process::Command {
    let mut command = programs::java();
    let registration = "SPRING_SECURITY_OAUTH2_CLIENT_REGISTRATION_TESSERA";
    command
        .env("SERVER_ADDRESS", "127.0.0.1")
        .env("SERVER_PORT", app.rsplit(':').next().unwrap())
        .env(format!("{registration}_CLIENT_ID"), "spring")
        .env(format!("{registration}_CLIENT_SECRET"), SECRET)
        .env(
            format!("{registration}_SCOPE"),
            "openid,profile,offline_access",
        )
        .env(
            "SPRING_SECURITY_OAUTH2_CLIENT_PROVIDER_TESSERA_ISSUER_URI",
            server.public(),
        );
    command
}

/// What the application shows.
fn shown(arrival: &Arrival) -> Value {
    let page = arrival.page.as_ref().expect("a page of the application");
    page.json().unwrap_or_else(|| panic!("{arrival:?}"))
}

fn is_active(server: &Server, home: &Value) -> bool {
    let url = format!("{}/admin/oauth2/introspect", server.admin());
    let form = format!("token={}", home["access_token"].as_str().unwrap());
    let request = Request::for_url("POST", &url).unwrap();
    let answer = request.body("application/x-www-form-urlencoded", &form);
    answer.send().json().unwrap()["active"] == true
}
