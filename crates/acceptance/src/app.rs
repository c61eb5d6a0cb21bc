//! A client app that signs people in: its authorization requests, and what it does at the token endpoint.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::browser::{self, Browser, landed};
use crate::http::{Request, Response};
use crate::machine::{self, Machine};
use crate::percent;
use crate::server::Server;

/// The PKCE verifier of every request that a test does not make itself.
pub const VERIFIER: &str = "a-code-verifier-of-more-than-forty-three-characters";
/// Where apps get their answers, unless a test says otherwise.
pub const REDIRECT_URI: &str = "https://app.example/cb";
/// Of every request that a test does not change.
pub const STATE: &str = "0123456789abcdef0123456789abcdef";
pub const NONCE: &str = "fedcba9876543210fedcba9876543210";

/// The S256 challenge of a verifier.
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// The parameters of an authorization request, in order.
#[derive(Clone, Debug)]
pub struct Ask(pub Vec<(String, String)>);

impl Ask {
    /// Sets a parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.0.iter_mut().find(|(found, _)| found == name) {
            Some(pair) => pair.1 = value.to_owned(),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a parameter, even if it is there already.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(found, _)| found != name);
        self
    }

    pub fn query(&self) -> String {
        percent::encode_pairs(&self.0)
    }
}

/// A client that exists on a server.
#[derive(Clone, Debug)]
pub struct App {
    pub machine: Machine,
    /// Whether it has no secret.
    pub is_public: bool,
}

/// What came from the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: String,
    /// Empty where there was none.
    pub refresh: String,
    pub id: String,
}

impl Tokens {
    /// Reads a token response, which must be one.
    pub fn of(answer: &Response) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json().expect("a token response is JSON");
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            id: text("id_token"),
        }
    }

    /// The claims of the ID token; its signature is not looked at.
    pub fn id_claims(&self) -> Value {
        crate::matcher::decode_jwt(&self.id).expect("a JWT").1
    }
}

impl App {
    /// Registers it; `more` members are added or replaced.
    pub fn register(server: &Server, id: &str, more: &Value) -> Self {
        let is_public = more["token_endpoint_auth_method"] == json!("none");
        let mut members = json!({
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "redirect_uris": [REDIRECT_URI],
            "scope": "openid offline profile a b",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            members[name] = value.clone();
        }
        let machine = Machine {
            id: id.to_owned(),
            secret: format!("secret of {id}"),
        };
        let mut metadata = machine.metadata(&members);
        if is_public {
            metadata["client_secret"] = json!("");
        }
        machine::created(server, &metadata);
        Self { machine, is_public }
    }

    pub fn id(&self) -> &str {
        &self.machine.id
    }

    /// An ordinary request: code, PKCE, OpenID Connect with a refresh token.
    pub fn ask(&self) -> Ask {
        let pairs = [
            ("client_id", self.id()),
            ("response_type", "code"),
            ("scope", "openid offline"),
            ("redirect_uri", REDIRECT_URI),
            ("state", STATE),
            ("nonce", NONCE),
            ("code_challenge", &challenge_of(VERIFIER)),
            ("code_challenge_method", "S256"),
        ];
        Ask(pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect())
    }

    /// Posts a form to the public port as this client.
    pub fn post(&self, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
        let mut pairs: Vec<(String, String)> = form
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        if self.is_public {
            pairs.push(("client_id".to_owned(), self.id().to_owned()));
            let form = percent::encode_pairs(&pairs);
            return machine::form_to(&server.public(), path, &form).send();
        }
        self.machine
            .post(server, path, &percent::encode_pairs(&pairs))
    }

    /// Redeems a code with what [`App::ask`] asked for.
    pub fn redeem(&self, server: &Server, code: &str) -> Response {
        self.redeem_with(server, code, REDIRECT_URI, Some(VERIFIER))
    }

    pub fn redeem_with(
        &self,
        server: &Server,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Response {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
        ];
        if let Some(verifier) = verifier {
            form.push(("code_verifier", verifier));
        }
        self.post(server, "/oauth2/token", &form)
    }

    pub fn refresh(&self, server: &Server, token: &str) -> Response {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post(server, "/oauth2/token", &form)
    }

    pub fn revoke(&self, server: &Server, token: &str) -> Response {
        self.post(server, "/oauth2/revoke", &[("token", token)])
    }

    /// A person signs in with a fresh browser and grants what [`App::ask`] asks for; the code. In as few requests as it takes.
    pub fn code(&self, server: &Server) -> String {
        let mut browser = Browser::default();
        let challenge = landed(&browser.authorize(server, &self.ask().query())).login();
        let login = json!({"subject": "ann"});
        let next = browser::answered(server, "login/accept", &challenge, &login);
        let challenge = landed(&browser.get(&next)).consent();
        let consent = json!({"grant_scope": ["openid", "offline"]});
        let next = browser::answered(server, "consent/accept", &challenge, &consent);
        landed(&browser.get(&next)).code()
    }

    /// A person signs in, and everything is granted; the code. `login` is the app's answer to the login request.
    pub fn sign_in(
        &self,
        server: &Server,
        browser: &mut Browser,
        ask: &Ask,
        login: &Value,
    ) -> String {
        self.sign_in_with(server, browser, ask, login, &json!({}))
    }

    /// The same, with `more` members in the app's answer to the consent request.
    pub fn sign_in_with(
        &self,
        server: &Server,
        browser: &mut Browser,
        ask: &Ask,
        login: &Value,
        more: &Value,
    ) -> String {
        let challenge = landed(&browser.authorize(server, &ask.query())).login();
        landed(&self.go_on(server, browser, &challenge, login, more)).code()
    }

    /// The same from the login page on; the answer that the browser gets in the end.
    pub fn go_on(
        &self,
        server: &Server,
        browser: &mut Browser,
        login_challenge: &str,
        login: &Value,
        more: &Value,
    ) -> Response {
        let next = browser::answered(server, "login/accept", login_challenge, login);
        let challenge = landed(&browser.get(&next)).consent();
        let next = self.grant(server, &challenge, more);
        browser.get(&next)
    }

    /// Grants all that is asked for in a consent request; the address to go on to.
    pub fn grant(&self, server: &Server, challenge: &str, more: &Value) -> String {
        let asked = browser::told(server, "consent", challenge);
        let mut body = json!({
            "grant_scope": asked["requested_scope"],
            "grant_access_token_audience": asked["requested_access_token_audience"],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        browser::answered(server, "consent/accept", challenge, &body)
    }

    /// Tokens of a person who signed in just now.
    pub fn tokens(&self, server: &Server) -> Tokens {
        Tokens::of(&self.redeem(server, &self.code(server)))
    }
}

/// A request to userinfo with the token in the header.
pub fn userinfo(server: &Server, token: &str) -> Response {
    Request::for_url("GET", &format!("{}/userinfo", server.public()))
        .expect("an http URL")
        .header("Authorization", &format!("Bearer {token}"))
        .send()
}

/// Refused by the token endpoint with this error and status 400.
pub fn assert_refused(answer: &Response, error: &str, what: &str) {
    assert_eq!(
        (answer.status, error_of(answer).as_str()),
        (400, error),
        "{what}: {}",
        answer.body
    );
    let caching = answer.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{what}: {caching}");
}

/// Neither token of a pair works at introspection, userinfo or for a refresh.
pub fn assert_dead(server: &Server, app: &App, pair: &Tokens, what: &str) {
    let kinds = [("access", &pair.access), ("refresh", &pair.refresh)];
    for (kind, token) in kinds.into_iter().filter(|(_, token)| !token.is_empty()) {
        assert!(!machine::is_active(server, token), "{what}: {kind} token");
    }
    assert_eq!(userinfo(server, &pair.access).status, 401, "{what}");
    if !pair.refresh.is_empty() {
        assert_refused(&app.refresh(server, &pair.refresh), "invalid_grant", what);
    }
}

/// The `error` of a JSON answer, empty where there is none.
pub fn error_of(answer: &Response) -> String {
    let body = answer.json().unwrap_or_default();
    body["error"].as_str().unwrap_or_default().to_owned()
}
