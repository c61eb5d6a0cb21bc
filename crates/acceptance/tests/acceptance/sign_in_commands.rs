//! `perform authorization-code` and `token user` from start to tokens, with a person in front of the address that they print.

use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};
use tessera_acceptance::binary;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::page;
use tessera_acceptance::person::{Arrival, NOBODY, Person};
use tessera_acceptance::programs::Program;
use tessera_acceptance::server::{self, Server, Setup};

const SECRET: &str = "some-long-secret";

/// A server, a person, and the address where a command will listen.
struct Walk {
    server: Server,
    person: Person,
    home: String,
}

impl Walk {
    fn start() -> Self {
        let setup = json!({
            "args": ["--dev"],
            "config": {
                "urls": {
                    "self": {"issuer": "${public}"},
                    "login": format!("{NOBODY}/login"),
                    "consent": format!("{NOBODY}/consent"),
                },
                "secrets": {"system": ["acceptance-system-secret-0123456789"]},
            },
        });
        let server = Server::start(Setup::of_recording(&setup, Engine::Sqlite));
        let home = format!("http://127.0.0.1:{}", server::free_port());
        let person = Person::at(&server.public(), &server.admin()).visits(&home);
        let walk = Self {
            server,
            person,
            home,
        };
        let client = json!({
            "client_id": "app",
            "client_secret": SECRET,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "openid offline",
            "redirect_uris": [format!("{}/callback", walk.home)],
        });
        let url = format!("{}/admin/clients", walk.server.admin());
        let made = Request::for_url("POST", &url).unwrap();
        let made = made.body("application/json", &client.to_string()).send();
        assert_eq!(made.status, 201, "{}", made.body);
        walk
    }

    /// Starts the command; it serves when this returns.
    fn command(&self, args: &[&str]) -> Program {
        let mut command = Command::new(binary::path());
        command
            .args(args)
            .args(["--client-id", "app", "--client-secret", SECRET])
            .args(["--endpoint", &self.server.public(), "--no-open"])
            .args(["--port", self.home.rsplit(':').next().unwrap()])
            .env_clear()
            .env("HOME", self.server.dir());
        Program::serve(command, &format!("{}/", self.home))
    }

    /// Opens the printed address and presses the button.
    fn press(&mut self, printed: &str) -> Arrival {
        let pattern = Regex::new(r"navigate to:\s+(http://\S+/)\s").unwrap();
        let address = pattern.captures(printed).expect("an address is printed");
        assert_eq!(&address[1], format!("{}/", self.home));
        let start = self.person.follow(&address[1]).page.unwrap();
        let link = page::link(&start.body, "Authorize application").unwrap();
        assert!(link.starts_with(&self.server.public()), "{link}");
        let end = self.person.follow(&link);
        let page = end.page.as_ref().unwrap();
        assert!(end.url.starts_with(&self.home), "{end:?}");
        assert_eq!(page.status, 200);
        end
    }

    fn post(&self, base: &str, path: &str, form: &str, authorization: Option<&str>) -> Response {
        let request = Request::for_url("POST", &format!("{base}{path}")).unwrap();
        let request = request.body("application/x-www-form-urlencoded", form);
        match authorization {
            Some(value) => request.header("Authorization", value).send(),
            None => request.send(),
        }
    }

    /// Whether the access token is live and the refresh token still gives a new pair.
    fn check(&self, access_token: &str, refresh_token: &str) {
        let facts = self.post(
            &self.server.admin(),
            "/admin/oauth2/introspect",
            &format!("token={access_token}"),
            None,
        );
        let facts = facts.json().unwrap();
        assert_eq!(facts["active"], true);
        assert_eq!(facts["client_id"], "app");
        let form = format!("grant_type=refresh_token&refresh_token={refresh_token}");
        // app:some-long-secret
        let basic = Some("Basic YXBwOnNvbWUtbG9uZy1zZWNyZXQ=");
        let answer = self.post(&self.server.public(), "/oauth2/token", &form, basic);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let tokens = answer.json().unwrap();
        assert_ne!(tokens["refresh_token"], refresh_token);
        assert!(tokens["id_token"].is_string(), "{tokens}");
    }
}

#[test]
fn perform_authorization_code_prints_tokens_that_can_be_refreshed() {
    let mut walk = Walk::start();
    let command = walk.command(&["perform", "authorization-code", "--format", "json"]);
    let end = walk.press(&command.printed());
    assert_eq!(end.asked, ["login", "consent"]);
    let printed = command.finished();
    assert_eq!(printed.exit_code, Some(0), "{printed:?}");
    let row: Value = serde_json::from_str(&printed.stdout).expect("one JSON document");
    let text = |name: &str| {
        row[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {row}"))
    };
    assert!(!text("id_token").is_empty() && !text("expiry").is_empty());
    walk.check(text("access_token"), text("refresh_token"));
}

#[test]
fn perform_authorization_code_takes_a_posted_answer() {
    let mut walk = Walk::start();
    let args = [
        "perform",
        "authorization-code",
        "--response-mode",
        "form_post",
    ];
    let command = walk.command(&args);
    let end = walk.press(&command.printed());
    assert_eq!(end.asked, ["login", "consent"]);
    let printed = command.finished();
    assert_eq!(printed.exit_code, Some(0), "{printed:?}");
    assert!(printed.stdout.contains("ACCESS TOKEN"), "{printed:?}");
}

#[test]
fn token_user_of_generation_one_prints_tokens_that_can_be_refreshed() {
    let mut walk = Walk::start();
    let command = walk.command(&["token", "user"]);
    let end = walk.press(&command.printed());
    assert_eq!(end.asked, ["login", "consent"]);
    let stdout = command.finished().stdout;
    let after = |label: &str| {
        let pattern = format!(r"(?m)^{label}:\n\t(\S+)");
        let found = Regex::new(&pattern).unwrap().captures(&stdout);
        found.unwrap_or_else(|| panic!("{label}: {stdout}"))[1].to_owned()
    };
    assert_eq!(after("ID Token").matches('.').count(), 2);
    walk.check(&after("Access Token"), &after("Refresh Token"));
}
