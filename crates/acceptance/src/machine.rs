//! What a machine client and its operator ask of a server: registering, a token, introspection, revocation.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::clock;
use crate::database::Engine;
use crate::http::{Request, Response};
use crate::percent;
use crate::report;
use crate::server::{Server, Setup};

/// The system secret of servers in these tests.
pub const SYSTEM_SECRET: &str = "acceptance-system-secret-0123456789";

/// `iss` of servers in these tests; two processes share it, so it names no port.
pub const ISSUER: &str = "http://localhost:4444/";

/// A configuration in which nothing is left to defaults that development would add.
pub fn config(secrets: &[&str]) -> Value {
    json!({
        "urls": {"self": {"issuer": ISSUER}},
        "secrets": {"system": secrets},
    })
}

/// A plain server on an engine.
pub fn setup(engine: Engine) -> Setup {
    let recording = json!({"args": ["--dangerous-force-http"], "config": config(&[SYSTEM_SECRET])});
    Setup::of_recording(&recording, engine)
}

/// A client that exists on a server.
#[derive(Clone, Debug)]
pub struct Machine {
    pub id: String,
    pub secret: String,
}

impl Machine {
    /// Registers it for `client_credentials`; `more` members are added.
    pub fn register(server: &Server, id: &str, more: &Value) -> Self {
        let machine = Self {
            id: id.to_owned(),
            secret: format!("secret of {id}"),
        };
        created(server, &machine.metadata(more));
        machine
    }

    /// What it is registered with.
    pub fn metadata(&self, more: &Value) -> Value {
        let mut metadata = json!({
            "client_id": self.id,
            "client_secret": self.secret,
            "grant_types": ["client_credentials"],
            "scope": "api",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            metadata[name] = value.clone();
        }
        metadata
    }

    /// The value of its `Authorization` header.
    pub fn basic(&self) -> String {
        let pair = format!(
            "{}:{}",
            percent::encode(&self.id),
            percent::encode(&self.secret)
        );
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// Posts a form to the public port with its credentials.
    pub fn post(&self, server: &Server, path: &str, form: &str) -> Response {
        form_to(&server.public(), path, form)
            .header("Authorization", &self.basic())
            .send()
    }

    /// Asks for a token.
    pub fn ask(&self, server: &Server) -> Response {
        self.post(server, "/oauth2/token", "grant_type=client_credentials")
    }

    /// A token.
    pub fn token(&self, server: &Server) -> String {
        let answer = self.ask(server);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json().expect("a token response is JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    }

    /// Revokes one of its tokens.
    pub fn revoke(&self, server: &Server, token: &str) -> Response {
        let form = format!("token={}", percent::encode(token));
        self.post(server, "/oauth2/revoke", &form)
    }
}

/// A form to be sent.
pub fn form_to(base: &str, path: &str, form: &str) -> Request {
    Request::for_url("POST", &format!("{base}{path}"))
        .expect("an http URL")
        .body("application/x-www-form-urlencoded", form)
}

/// Registers a client.
pub fn create(server: &Server, metadata: &Value) -> Response {
    admin(server, "POST", "/admin/clients", Some(metadata))
}

/// Registers a client, which must work. A server that says that its database is busy is asked again when it says.
pub fn created(server: &Server, metadata: &Value) {
    const TRIES_AGAIN: usize = 5;
    let mut answer = create(server, metadata);
    let mut made = &[201][..];
    for _ in 0..TRIES_AGAIN {
        if answer.status != 503 {
            break;
        }
        let wait = answer.header("retry-after").expect("a 503 says when");
        let wait = wait.parse().expect("seconds");
        report::say(&format!(
            "client {} once more, {wait} s after a 503: {}",
            metadata["client_id"], answer.body
        ));
        clock::pause(Duration::from_secs(wait));
        answer = create(server, metadata);
        // What was not acknowledged may be stored all the same.
        made = &[201, 409];
    }
    assert!(
        made.contains(&answer.status),
        "{} {}",
        answer.status,
        answer.body
    );
}

/// A request to the admin port.
pub fn admin(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Response {
    let request = Request::for_url(method, &format!("{}{path}", server.admin())).expect("a URL");
    match body {
        Some(body) => request.body("application/json", &body.to_string()).send(),
        None => request.send(),
    }
}

/// The answer of the admin port's introspection.
pub fn introspect(server: &Server, token: &str) -> Response {
    let form = format!("token={}", percent::encode(token));
    form_to(&server.admin(), "/admin/oauth2/introspect", &form).send()
}

/// Whether a token is good.
pub fn is_active(server: &Server, token: &str) -> bool {
    let answer = introspect(server, token);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json().expect("an introspection answer is JSON");
    body["active"].as_bool().expect("active is a boolean")
}
