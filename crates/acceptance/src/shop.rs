//! A shop that lets people in through the built-in pages: its server with the user `alice`, its client, and a browser.

use serde_json::{Value, json};

use crate::database::Engine;
use crate::http::{Request, Response};
use crate::jar::Jar;
use crate::server::{Server, Setup};
use crate::{binary, machine, matcher, page, percent};

pub const CALLBACK: &str = "https://shop.example.com/cb";
pub const BYE: &str = "https://shop.example.com/bye";
pub const PASSWORD: &str = "correct horse battery";
pub const SECRET: &str = "a-secret-of-the-shop";

pub fn setup(config: &Value) -> Setup {
    let mut all = json!({
        "urls": {"self": {"issuer": "${public}", "public": "${public}"}},
        "secrets": {"system": ["a-system-secret-of-32-characters"]},
    });
    for (name, value) in config.as_object().expect("an object") {
        all[name] = value.clone();
    }
    Setup {
        engine: Engine::Sqlite,
        config: Some(all),
        args: vec!["--dev".to_owned()],
        env: Vec::new(),
        dsn_options: String::new(),
        migrate: Vec::new(),
    }
}

/// A server with the user `alice` and the client `shop`.
pub fn start(config: &Value) -> Server {
    let mut server = Server::prepare(setup(config));
    let args = [
        "create",
        "user",
        "alice",
        "--file",
        "users.json",
        "--subject",
        "u-1",
        "--name",
        "Alice A.",
        "--email",
        "alice@example.com",
        "--claim",
        "email_verified=true",
        "--claim",
        "phone_number=+49 30 1",
        "--claim",
        "groups=[\"staff\"]",
    ]
    .map(str::to_owned);
    let output = binary::run(&binary::path(), &args, &[], PASSWORD, server.dir());
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    server.run();
    register(&server);
    server
}

pub fn register(server: &Server) {
    let client = json!({
        "client_id": "shop", "client_name": "The Shop", "policy_uri": "https://shop.example.com/privacy", "tos_uri": "https://shop.example.com/terms", "client_secret": SECRET,
        "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [BYE],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "scope": "openid profile email phone groups offline_access",
        "token_endpoint_auth_method": "client_secret_post",
    });
    let made = machine::create(server, &client);
    assert_eq!(made.status, 201, "{}", made.body);
}

pub fn switch_on(server: &Server, member: &str) {
    let patch = json!([{"op": "add", "path": format!("/{member}"), "value": true}]);
    let patched = machine::admin(server, "PATCH", "/admin/clients/shop", Some(&patch));
    assert_eq!(patched.status, 200, "{}", patched.body);
}

/// Somebody with a browser.
pub struct Browser<'a> {
    server: &'a Server,
    pub jar: Jar,
}

impl<'a> Browser<'a> {
    pub fn new(server: &'a Server) -> Self {
        Self {
            server,
            jar: Jar::default(),
        }
    }

    pub fn send(&mut self, mut request: Request) -> Response {
        if let Some(cookies) = self.jar.header() {
            request = request.header("Cookie", &cookies);
        }
        let answer = request.send();
        for cookie in answer.header_values("Set-Cookie") {
            self.jar.store(cookie);
        }
        answer
    }

    pub fn get(&mut self, url: &str) -> Response {
        self.send(Request::for_url("GET", url).unwrap())
    }

    /// Starts at the application and follows redirects until a page is shown or the application is reached.
    pub fn authorize(&mut self, query: &str) -> Response {
        let url = self.authorize_url(query);
        let answer = self.get(&url);
        self.follow(answer)
    }

    pub fn authorize_url(&self, query: &str) -> String {
        format!(
            "{}/oauth2/auth?client_id=shop&response_type=code&state=a-long-state&nonce=a-long-nonce&redirect_uri={}&{query}",
            self.server.public(),
            percent::encode(CALLBACK),
        )
    }

    pub fn follow(&mut self, mut answer: Response) -> Response {
        for _ in 0..8 {
            match answer.header("Location") {
                Some(url) if url.starts_with(&self.server.public()) => {
                    let url = url.to_owned();
                    answer = self.get(&url);
                }
                _ => return answer,
            }
        }
        panic!("redirected for ever: {answer:?}");
    }

    /// Posts the form of a page, with these fields laid over its own.
    pub fn submit(&mut self, shown: &Response, fields: &[(&str, &str)]) -> Response {
        let request = self.form(shown, fields);
        self.send(request)
    }

    pub fn form(&self, shown: &Response, fields: &[(&str, &str)]) -> Request {
        let parts = page::parts(&shown.body);
        let action = parts["form_action"].as_str().unwrap();
        let (path, _) = action.split_once('?').unwrap();
        assert_eq!(path, "", "the page's own address");
        let step = action[1..].split_once("_challenge=").unwrap().0;
        let mut body: Vec<(String, String)> = ["challenge", "csrf"]
            .iter()
            .map(|name| {
                let value = parts["inputs"][name].as_str().unwrap();
                ((*name).to_owned(), value.to_owned())
            })
            .collect();
        for (name, value) in fields {
            body.retain(|(other, _)| other != name);
            body.push(((*name).to_owned(), (*value).to_owned()));
        }
        let body: Vec<String> = body
            .iter()
            .map(|(name, value)| format!("{name}={}", percent::encode(value)))
            .collect();
        let url = format!("{}/oauth2/fallbacks/{step}{action}", self.server.public());
        Request::for_url("POST", &url)
            .unwrap()
            .body("application/x-www-form-urlencoded", &body.join("&"))
    }

    /// Logs in as alice; answers what comes next.
    pub fn log_in(&mut self, shown: &Response, more: &[(&str, &str)]) -> Response {
        assert!(shown.body.contains("id=\"sign-in\""), "{shown:?}");
        let mut fields = vec![
            ("username", "alice"),
            ("password", PASSWORD),
            ("answer", "accept"),
        ];
        fields.extend(more);
        let answer = self.submit(shown, &fields);
        assert_eq!(answer.status, 303, "{answer:?}");
        self.follow(answer)
    }

    /// Consents; answers the redirect to the application.
    pub fn consent(&mut self, shown: &Response, more: &[(&str, &str)]) -> Response {
        assert!(shown.body.contains("id=\"consent\""), "{shown:?}");
        let mut fields = vec![("answer", "accept")];
        fields.extend(more);
        let answer = self.submit(shown, &fields);
        assert_eq!(answer.status, 303, "{answer:?}");
        self.follow(answer)
    }

    /// The tokens for the code that the application got.
    pub fn redeem(&self, arrived: &Response) -> Value {
        let code = arrived_with(arrived, "code");
        let body = format!(
            "grant_type=authorization_code&client_id=shop&client_secret={SECRET}&redirect_uri={}&code={}",
            percent::encode(CALLBACK),
            percent::encode(&code),
        );
        let url = format!("{}/oauth2/token", self.server.public());
        let answer = Request::for_url("POST", &url)
            .unwrap()
            .body("application/x-www-form-urlencoded", &body)
            .send();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json().unwrap()
    }
}

/// A parameter of the answer that the application got.
pub fn arrived_with(answer: &Response, name: &str) -> String {
    let url = answer.header("Location").unwrap_or_default();
    let query = url.strip_prefix(&format!("{CALLBACK}?"));
    let query = query.unwrap_or_else(|| panic!("not at the application: {answer:?}"));
    let found = query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (found == name).then(|| percent::decode(value))
    });
    found.unwrap_or_else(|| panic!("no {name} in {url}"))
}

pub fn id_token(tokens: &Value) -> Value {
    let token = tokens["id_token"].as_str().unwrap();
    matcher::decode_jwt(token).expect("a JWT").1
}
