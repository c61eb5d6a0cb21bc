//! A person's browser, and the login and consent app that it is sent to.
//!
//! The app's pages are never fetched: a test reads the challenge out of the redirect and answers it at the admin port, as the app would.

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::jar::Jar;
use crate::machine::{self, ISSUER, SYSTEM_SECRET};
use crate::page;
use crate::percent;
use crate::server::{Server, Setup};

/// Where the login and consent app would be.
pub const UI: &str = "http://ui.example";

/// A configuration with a login and consent app at [`UI`]; `more` is added.
pub fn config(more: &Value) -> Value {
    let mut config = json!({
        "urls": {
            "self": {"issuer": ISSUER, "public": "${public}"},
            "login": format!("{UI}/login"),
            "registration": format!("{UI}/registration"),
            "consent": format!("{UI}/consent"),
            "logout": format!("{UI}/logout"),
            "error": format!("{UI}/error"),
            "post_logout_redirect": format!("{UI}/bye"),
        },
        "secrets": {"system": [SYSTEM_SECRET]},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    config
}

/// A server with such a configuration.
pub fn setup(engine: crate::database::Engine, more: &Value) -> Setup {
    let recording = json!({"args": ["--dangerous-force-http"], "config": config(more)});
    Setup::of_recording(&recording, engine)
}

/// One browser.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    pub jar: Jar,
}

impl Browser {
    /// Follows a link.
    pub fn get(&mut self, url: &str) -> Response {
        self.send(Request::for_url("GET", url).expect("an http URL"))
    }

    /// Sends a form.
    pub fn post(&mut self, url: &str, form: &str) -> Response {
        let request = Request::for_url("POST", url).expect("an http URL");
        self.send(request.body("application/x-www-form-urlencoded", form))
    }

    fn send(&mut self, request: Request) -> Response {
        let request = match self.jar.header() {
            Some(cookies) => request.header("Cookie", &cookies),
            None => request,
        };
        let answer = request.send();
        for line in answer.header_values("set-cookie") {
            self.jar.store(line);
        }
        answer
    }

    /// An authorization request, of which only the query is given.
    pub fn authorize(&mut self, server: &Server, query: &str) -> Response {
        self.get(&format!("{}/oauth2/auth?{query}", server.public()))
    }

    /// Follows a link of one server to another that shares its database.
    pub fn get_at(&mut self, server: &Server, url: &str) -> Response {
        self.get(&at(server, url))
    }

    /// The session cookie, if there is one.
    pub fn session(&self) -> Option<&str> {
        self.jar.value("ory_hydra_session")
    }
}

/// The same path and query at this server.
pub fn at(server: &Server, url: &str) -> String {
    let request = Request::for_url("GET", url).expect("an http URL");
    format!("{}{}", server.public(), request.target)
}

/// Where an answer sends the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// The app's login page, with the challenge.
    Login(String),
    /// The app's registration page, with the challenge.
    Registration(String),
    Consent(String),
    Logout(String),
    /// The operator's page after a logout.
    Bye,
    /// The operator's error page.
    ErrorPage(Vec<(String, String)>),
    /// Any other address; parameters of its query, fragment or form.
    Client(String, Vec<(String, String)>),
    /// A page of the server itself.
    Page(u16),
}

impl Landed {
    /// Reads an answer. What no browser should ever get fails the test here: a 5xx, no answer, a redirect without an address.
    pub fn of(answer: &Response) -> Self {
        assert!(
            (200..500).contains(&answer.status),
            "{} {}",
            answer.status,
            answer.body
        );
        let Some(location) = answer.header("location") else {
            assert!(!(300..400).contains(&answer.status), "{answer:?}");
            let parts = page::parts(&answer.body);
            if answer.status == 200
                && let (Some(action), Some(inputs)) =
                    (parts["form_action"].as_str(), parts["inputs"].as_object())
            {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let pairs = inputs
                    .iter()
                    .map(|(name, value)| (name.clone(), text(value)));
                return Self::Client(action.to_owned(), pairs.collect());
            }
            return Self::Page(answer.status);
        };
        assert!([302, 303].contains(&answer.status), "{answer:?}");
        assert!(
            !location.contains(['\r', '\n', ' ', '\\']),
            "an address with control characters: {location:?}"
        );
        let (base, rest) = location.find(['?', '#']).map_or((location, ""), |end| {
            (&location[..end], &location[end + 1..])
        });
        let pairs = percent::decode_pairs(&rest.replace('#', "&"));
        let challenge = |name: &str| {
            let found = pairs.iter().find(|(found, _)| found == name);
            found
                .unwrap_or_else(|| panic!("no {name}: {location}"))
                .1
                .clone()
        };
        match base.strip_prefix(UI) {
            Some("/login") => Self::Login(challenge("login_challenge")),
            Some("/registration") => Self::Registration(challenge("login_challenge")),
            Some("/consent") => Self::Consent(challenge("consent_challenge")),
            Some("/logout") => Self::Logout(challenge("logout_challenge")),
            Some("/bye") => Self::Bye,
            Some("/error") => Self::ErrorPage(pairs),
            _ => Self::Client(base.to_owned(), pairs),
        }
    }

    /// A parameter that came with it, empty where it did not.
    pub fn parameter(&self, name: &str) -> &str {
        let (Self::Client(_, pairs) | Self::ErrorPage(pairs)) = self else {
            return "";
        };
        let mut found = pairs.iter().filter(|(found, _)| found == name);
        let value = found.next().map_or("", |(_, value)| value);
        assert!(found.next().is_none(), "{name} comes twice: {self:?}");
        value
    }

    /// The `error` that came with it, empty where there is none.
    pub fn error(&self) -> &str {
        self.parameter("error")
    }

    pub fn login(self) -> String {
        let Self::Login(challenge) = self else {
            panic!("not the login page: {self:?}");
        };
        challenge
    }

    pub fn consent(self) -> String {
        let Self::Consent(challenge) = self else {
            panic!("not the consent page: {self:?}");
        };
        challenge
    }

    pub fn logout(self) -> String {
        let Self::Logout(challenge) = self else {
            panic!("not the logout page: {self:?}");
        };
        challenge
    }

    /// The authorization code.
    pub fn code(&self) -> String {
        let code = self.parameter("code");
        assert!(!code.is_empty(), "no code: {self:?}");
        code.to_owned()
    }
}

/// Where an answer sends the browser.
pub fn landed(answer: &Response) -> Landed {
    Landed::of(answer)
}

/// What the app is told of a request; `leg` is `login`, `consent` or `logout`.
pub fn request_of(server: &Server, leg: &str, challenge: &str) -> Response {
    let challenge = percent::encode(challenge);
    let path = format!("/admin/oauth2/auth/requests/{leg}?{leg}_challenge={challenge}");
    machine::admin(server, "GET", &path, None)
}

/// What the app is told, which must not be an error.
pub fn told(server: &Server, leg: &str, challenge: &str) -> Value {
    let answer = request_of(server, leg, challenge);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().expect("JSON")
}

/// What the app answers; `verb` is `login/accept` and so on.
pub fn answer(server: &Server, verb: &str, challenge: &str, body: &Value) -> Response {
    let leg = verb.split('/').next().unwrap_or_default();
    let challenge = percent::encode(challenge);
    let path = format!("/admin/oauth2/auth/requests/{verb}?{leg}_challenge={challenge}");
    machine::admin(server, "PUT", &path, Some(body))
}

/// The app's answer is taken; the address that the browser goes on to.
pub fn answered(server: &Server, verb: &str, challenge: &str, body: &Value) -> String {
    let answer = answer(server, verb, challenge, body);
    assert_eq!(answer.status, 200, "{verb} {}", answer.body);
    let body = answer.json().expect("JSON");
    body["redirect_to"].as_str().expect("an address").to_owned()
}

/// What no authorization request may be answered with: a 5xx, a foreign header or cookie, a script of the request's, an
/// address that is not `allowed`, or anything there but an error. Where the answer goes.
pub fn assert_harmless(answer: &Response, allowed: &[&str], what: &str) -> Landed {
    assert!(
        (200..500).contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.body
    );
    for (name, value) in &answer.headers {
        assert!(
            !name.to_lowercase().starts_with("x-evil"),
            "{what}: {name}: {value}"
        );
    }
    for line in answer.header_values("set-cookie") {
        assert!(line.starts_with("ory_hydra_"), "{what}: {line}");
    }
    assert!(
        !answer.body.contains("<script>alert"),
        "{what}: {}",
        answer.body
    );
    let place = landed(answer);
    if let Landed::Client(to, pairs) = &place {
        assert!(
            allowed.contains(&to.as_str()),
            "{what}: an open redirect to {to}"
        );
        for token in ["code", "access_token", "id_token", "refresh_token"] {
            assert!(
                !pairs.iter().any(|(name, _)| name == token),
                "{what}: {place:?}"
            );
        }
        assert!(!place.error().is_empty(), "{what}: {place:?}");
    }
    place
}
