//! The built-in login, consent and logout pages, from the authorization request to the tokens, as a browser sees them.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::jar::Jar;
use tessera_acceptance::server::{Server, Setup};
use tessera_acceptance::{binary, clock, page, percent};

const CALLBACK: &str = "https://shop.example.com/cb";
const BYE: &str = "https://shop.example.com/bye";
const PASSWORD: &str = "correct horse battery";
const SECRET: &str = "a-secret-of-the-shop";

fn setup(config: &Value) -> Setup {
    let mut all = json!({
        "urls": {"self": {"issuer": "${public}", "public": "${public}"}},
        "secrets": {"system": ["a-system-secret-of-32-characters"]},
    });
    for (name, value) in config.as_object().unwrap() {
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
fn start(config: &Value) -> Server {
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

fn register(server: &Server) {
    let client = json!({
        "client_id": "shop", "client_name": "The Shop", "client_secret": SECRET,
        "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [BYE],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "scope": "openid profile email phone groups offline_access",
        "token_endpoint_auth_method": "client_secret_post",
    });
    let url = format!("{}/admin/clients", server.admin());
    let request = Request::for_url("POST", &url).unwrap();
    let made = request.body("application/json", &client.to_string()).send();
    assert_eq!(made.status, 201, "{}", made.body);
}

fn switch_on(server: &Server, member: &str) {
    let url = format!("{}/admin/clients/shop", server.admin());
    let patch = json!([{"op": "add", "path": format!("/{member}"), "value": true}]).to_string();
    let request = Request::for_url("PATCH", &url).unwrap();
    let patched = request.body("application/json", &patch).send();
    assert_eq!(patched.status, 200, "{}", patched.body);
}

/// Somebody with a browser.
struct Browser<'a> {
    server: &'a Server,
    jar: Jar,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self {
            server,
            jar: Jar::default(),
        }
    }

    fn send(&mut self, mut request: Request) -> Response {
        if let Some(cookies) = self.jar.header() {
            request = request.header("Cookie", &cookies);
        }
        let answer = request.send();
        for cookie in answer.header_values("Set-Cookie") {
            self.jar.store(cookie);
        }
        answer
    }

    fn get(&mut self, url: &str) -> Response {
        self.send(Request::for_url("GET", url).unwrap())
    }

    /// Starts at the application and follows redirects until a page is shown or the application is reached.
    fn authorize(&mut self, query: &str) -> Response {
        let url = self.authorize_url(query);
        let answer = self.get(&url);
        self.follow(answer)
    }

    fn authorize_url(&self, query: &str) -> String {
        format!(
            "{}/oauth2/auth?client_id=shop&response_type=code&state=a-long-state&nonce=n&redirect_uri={}&{query}",
            self.server.public(),
            percent::encode(CALLBACK),
        )
    }

    fn follow(&mut self, mut answer: Response) -> Response {
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
    fn submit(&mut self, shown: &Response, fields: &[(&str, &str)]) -> Response {
        let request = self.form(shown, fields);
        self.send(request)
    }

    fn form(&self, shown: &Response, fields: &[(&str, &str)]) -> Request {
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
    fn log_in(&mut self, shown: &Response, more: &[(&str, &str)]) -> Response {
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
    fn consent(&mut self, shown: &Response, more: &[(&str, &str)]) -> Response {
        assert!(shown.body.contains("id=\"consent\""), "{shown:?}");
        let mut fields = vec![("answer", "accept")];
        fields.extend(more);
        let answer = self.submit(shown, &fields);
        assert_eq!(answer.status, 303, "{answer:?}");
        self.follow(answer)
    }

    /// The tokens for the code that the application got.
    fn redeem(&self, arrived: &Response) -> Value {
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
fn arrived_with(answer: &Response, name: &str) -> String {
    let url = answer.header("Location").unwrap_or_default();
    let query = url.strip_prefix(&format!("{CALLBACK}?"));
    let query = query.unwrap_or_else(|| panic!("not at the application: {answer:?}"));
    let found = query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (found == name).then(|| percent::decode(value))
    });
    found.unwrap_or_else(|| panic!("no {name} in {url}"))
}

fn id_token(tokens: &Value) -> Value {
    let token = tokens["id_token"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[test]
fn a_person_signs_in_consents_and_the_client_gets_the_claims_it_asked_for() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid+email+groups&login_hint=alice");
    assert_eq!(login.status, 200);
    assert_eq!(login.header("Cache-Control"), Some("no-store"));
    for part in [
        "The Shop",
        "shop.example.com",
        "name=\"username\" value=\"alice\"",
    ] {
        assert!(login.body.contains(part), "{part} in {}", login.body);
    }
    let consent = browser.log_in(&login, &[]);
    assert_eq!(consent.status, 200);
    for part in [
        "The Shop",
        "shop.example.com",
        "<strong>alice</strong>",
        "e-mail address",
        "groups",
    ] {
        assert!(consent.body.contains(part), "{part} in {}", consent.body);
    }
    let arrived = browser.consent(&consent, &[]);
    assert_eq!(arrived_with(&arrived, "state"), "a-long-state");
    let tokens = browser.redeem(&arrived);
    let claims = id_token(&tokens);
    for (name, value) in [
        ("sub", json!("u-1")),
        ("email", json!("alice@example.com")),
        ("email_verified", json!(true)),
        ("groups", json!(["staff"])),
        ("amr", json!(["pwd"])),
        ("acr", json!("0")),
    ] {
        assert_eq!(claims[name], value, "{name} in {claims}");
    }
    for name in ["name", "preferred_username", "phone_number"] {
        assert!(claims.get(name).is_none(), "{name} in {claims}");
    }
    let url = format!("{}/userinfo", server.public());
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let request = Request::for_url("GET", &url).unwrap();
    let info = request.header("Authorization", &bearer).send();
    assert_eq!(info.json().unwrap()["email"], "alice@example.com");
}

#[test]
fn what_is_remembered_is_not_asked_again() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    let arrived = browser.consent(&consent, &[]);
    let first = id_token(&browser.redeem(&arrived));
    let again = browser.authorize("scope=openid");
    let arrived = browser.consent(&again, &[("remember", "1")]);
    assert_eq!(id_token(&browser.redeem(&arrived))["sid"], first["sid"]);
    let arrived = browser.authorize("scope=openid&prompt=none");
    let third = id_token(&browser.redeem(&arrived));
    assert_eq!(third["auth_time"], first["auth_time"]);
    let wider = browser.authorize("scope=openid+profile");
    let arrived = browser.consent(&wider, &[]);
    let claims = id_token(&browser.redeem(&arrived));
    assert_eq!(claims["name"], "Alice A.");
    assert_eq!(claims["preferred_username"], "alice");
    let asked = browser.authorize("scope=openid&prompt=login");
    assert!(asked.body.contains("id=\"sign-in\""), "{asked:?}");
}

#[test]
fn a_login_that_is_not_remembered_is_asked_for_again() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    browser.consent(&consent, &[]);
    let again = browser.authorize("scope=openid");
    assert!(again.body.contains("id=\"sign-in\""), "{again:?}");
}

#[test]
fn a_trusted_client_asks_for_no_consent() {
    let server = start(&json!({}));
    switch_on(&server, "skip_consent");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid+profile");
    let arrived = browser.log_in(&login, &[]);
    let claims = id_token(&browser.redeem(&arrived));
    assert_eq!(claims["name"], "Alice A.");
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer_at_the_same_cost() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let mut refuse = |username: &str| {
        let fields = [
            ("username", username),
            ("password", "wrong"),
            ("answer", "accept"),
        ];
        let started = Instant::now();
        let answer = browser.submit(&login, &fields);
        let took = started.elapsed();
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(
            answer.body.contains("do not fit together"),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains("wrong"), "{}", answer.body);
        (answer.body.replace(username, "NAME"), took)
    };
    let known: Vec<_> = (0..3).map(|_| refuse("alice")).collect();
    let unknown: Vec<_> = (0..3).map(|_| refuse("mallory")).collect();
    assert_eq!(known[0].0, unknown[0].0);
    let fastest = |all: &[(String, Duration)]| all.iter().map(|one| one.1).min().unwrap();
    let (known, unknown) = (fastest(&known), fastest(&unknown));
    assert!(unknown * 2 > known, "{unknown:?} {known:?}");
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
}

#[test]
fn missing_fields_are_named() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    for (username, password, words) in [
        (" ", "x", "Type your user name."),
        ("alice", "", "Type your password."),
    ] {
        let fields = [("username", username), ("password", password)];
        let answer = browser.submit(&login, &fields);
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
    // A keyboard that appends a blank does no harm, and neither does a form without its button.
    let fields = [("username", "alice "), ("password", PASSWORD)];
    assert_eq!(browser.submit(&login, &fields).status, 303);
}

#[test]
fn guessing_is_slowed_down_also_for_the_right_password() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let mut attempt = |password: &str| {
        let fields = [
            ("username", "alice"),
            ("password", password),
            ("answer", "accept"),
        ];
        browser.submit(&login, &fields)
    };
    for _ in 0..5 {
        assert_eq!(attempt("wrong").status, 400);
    }
    clock::pause(Duration::from_millis(1_100));
    assert_eq!(attempt("wrong").status, 400, "a second later");
    let limited = attempt(PASSWORD);
    assert_eq!(limited.status, 429, "{limited:?}");
    let wait: u64 = limited.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert!(
        limited.body.contains("too many attempts"),
        "{}",
        limited.body
    );
    clock::pause(Duration::from_secs(wait));
    assert_eq!(attempt(PASSWORD).status, 303);
}

#[test]
fn forms_from_elsewhere_are_refused() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("answer", "accept"),
    ];
    let refused = |answer: &Response| {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.header("Location").is_none());
        assert!(answer.body.contains("id=\"again\""), "{}", answer.body);
    };
    // Another browser, with a flow of its own or without any.
    let mut other = Browser::new(&server);
    refused(&other.send(browser.form(&login, &fields)));
    let own = other.authorize("scope=openid");
    refused(&other.send(browser.form(&login, &fields)));
    let challenge = page::parts(&login.body)["inputs"]["challenge"].clone();
    let challenge = challenge.as_str().unwrap();
    let page_url = format!(
        "{}/oauth2/fallbacks/login?login_challenge={challenge}",
        server.public()
    );
    refused(&other.get(&page_url));
    // The field: missing, altered, and of another flow of the same browser.
    let field = page::parts(&login.body)["inputs"]["csrf"].clone();
    let altered = format!("{}A", &field.as_str().unwrap()[1..]);
    let second = browser.authorize("scope=openid");
    let foreign = page::parts(&second.body)["inputs"]["csrf"].clone();
    for csrf in ["", altered.as_str(), foreign.as_str().unwrap()] {
        let mut fields = fields.to_vec();
        fields.push(("csrf", csrf));
        refused(&browser.submit(&login, &fields));
    }
    // The consent page likewise, and denials too.
    let consent = browser.log_in(&login, &[]);
    for answer in ["accept", "deny"] {
        refused(&other.send(browser.form(&consent, &[("answer", answer)])));
        refused(&browser.submit(&consent, &[("answer", answer), ("csrf", "x")]));
    }
    // None of this has spoilt anything.
    let arrived = browser.consent(&consent, &[]);
    assert_eq!(id_token(&browser.redeem(&arrived))["sub"], "u-1");
    assert!(own.body.contains("id=\"sign-in\""));
}

#[test]
fn strict_cookies_are_asked_for_with_the_form() {
    let server = start(&json!({"serve": {"cookies": {"same_site_mode": "Strict"}}}));
    let mut browser = Browser::new(&server);
    let url = browser.authorize_url("scope=openid");
    let sent = browser.get(&url);
    let page_url = sent.header("Location").unwrap().to_owned();
    let login = Request::for_url("GET", &page_url).unwrap().send();
    assert_eq!(login.status, 200, "{login:?}");
    let fields = [("username", "alice"), ("password", PASSWORD)];
    let refused = browser.form(&login, &fields).send();
    assert_eq!(refused.status, 403, "{refused:?}");
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
}

#[test]
fn a_refusal_reaches_the_application() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let answer = browser.submit(&login, &[("answer", "deny")]);
    let arrived = browser.follow(answer);
    assert_eq!(arrived_with(&arrived, "error"), "access_denied");
    assert_eq!(arrived_with(&arrived, "state"), "a-long-state");
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    let answer = browser.submit(&consent, &[("answer", "deny")]);
    let arrived = browser.follow(answer);
    assert_eq!(arrived_with(&arrived, "error"), "access_denied");
}

#[test]
fn a_consent_without_an_answer_is_asked_again() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    let again = browser.submit(&consent, &[]);
    assert_eq!(again.status, 200);
    browser.consent(&again, &[]);
}

#[test]
fn a_person_logs_out_or_stays() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    let arrived = browser.consent(&consent, &[("remember", "1")]);
    let hint = browser.redeem(&arrived)["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = format!(
        "{}/oauth2/sessions/logout?id_token_hint={hint}&state=bye&post_logout_redirect_uri={}",
        server.public(),
        percent::encode(BYE)
    );
    let answer = browser.get(&url);
    let asked = browser.follow(answer);
    assert!(
        asked.body.contains("id=\"sign-out\"") && asked.body.contains("The Shop"),
        "{asked:?}"
    );
    let mut other = Browser::new(&server);
    let refused = other.send(browser.form(&asked, &[("answer", "accept")]));
    assert_eq!(refused.status, 403, "{refused:?}");
    let refused = browser.submit(&asked, &[("answer", "accept"), ("csrf", "x")]);
    assert_eq!(refused.status, 403, "{refused:?}");
    let stayed = browser.submit(&asked, &[("answer", "deny")]);
    assert_eq!(stayed.status, 200);
    let arrived = browser.authorize("scope=openid");
    arrived_with(&arrived, "code");
    let answer = browser.submit(&asked, &[("answer", "accept")]);
    let gone = browser.follow(answer);
    assert_eq!(
        gone.header("Location"),
        Some(format!("{BYE}?state=bye").as_str())
    );
    let login = browser.authorize("scope=openid");
    assert!(login.body.contains("id=\"sign-in\""), "{login:?}");
    // What was logged out already is done.
    let answer = browser.submit(&asked, &[("answer", "accept")]);
    let gone = browser.follow(answer);
    assert_eq!(
        gone.header("Location"),
        Some(format!("{BYE}?state=bye").as_str())
    );
}

#[test]
fn a_browser_logs_out_without_an_application() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    browser.consent(&consent, &[]);
    let url = format!("{}/oauth2/sessions/logout", server.public());
    let answer = browser.get(&url);
    let asked = browser.follow(answer);
    assert!(asked.body.contains("<strong>alice</strong>"), "{asked:?}");
    let answer = browser.submit(&asked, &[("answer", "accept")]);
    let done = browser.follow(answer);
    assert!(
        done.body.contains("You logged out successfully!"),
        "{done:?}"
    );
    let login = browser.authorize("scope=openid");
    assert!(login.body.contains("id=\"sign-in\""), "{login:?}");
}

#[test]
fn a_trusted_client_logs_out_without_a_question() {
    let server = start(&json!({}));
    switch_on(&server, "skip_logout_consent");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    let arrived = browser.consent(&consent, &[]);
    let hint = browser.redeem(&arrived)["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = format!(
        "{}/oauth2/sessions/logout?id_token_hint={hint}",
        server.public()
    );
    let answer = browser.get(&url);
    let done = browser.follow(answer);
    assert!(
        done.body.contains("You logged out successfully!"),
        "{done:?}"
    );
}

#[test]
fn pages_that_are_over_say_so_and_lead_to_a_fresh_start() {
    let server = start(&json!({"ttl": {"login_consent_request": "3s"}}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[]);
    browser.consent(&consent, &[]);
    let over = |answer: &Response, words: &str| {
        assert_eq!(answer.status, 410, "{answer:?}");
        assert!(answer.body.contains(words), "{}", answer.body);
        let link = answer.body.split("id=\"again\" href=\"").nth(1).unwrap();
        link.split('"').next().unwrap().replace("&amp;", "&")
    };
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("answer", "accept"),
    ];
    let again = over(&browser.submit(&login, &fields), "done already");
    let answer = browser.get(&again);
    let login = browser.follow(answer);
    assert!(login.body.contains("id=\"sign-in\""), "{login:?}");
    clock::pause(Duration::from_secs(4));
    let again = over(&browser.submit(&login, &fields), "has expired");
    let answer = browser.get(&again);
    let login = browser.follow(answer);
    let consent = browser.log_in(&login, &[]);
    assert!(consent.body.contains("id=\"consent\""), "{consent:?}");
    for (page, name) in [
        ("login", "login"),
        ("consent", "consent"),
        ("logout", "logout"),
    ] {
        let url = format!(
            "{}/oauth2/fallbacks/{page}?{name}_challenge=AAAA",
            server.public()
        );
        let answer = browser.get(&url);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains("cannot be used"), "{}", answer.body);
    }
}

#[test]
fn somebody_who_was_taken_out_of_the_file_has_no_way_in() {
    let server = start(&json!({}));
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid");
    let consent = browser.log_in(&login, &[("remember", "1")]);
    browser.consent(&consent, &[("remember", "1")]);
    arrived_with(&browser.authorize("scope=openid"), "code");
    let waiting = browser.authorize("scope=openid+email");
    assert!(waiting.body.contains("id=\"consent\""), "{waiting:?}");
    std::fs::write(server.dir().join("users.json"), "{\"users\": []}").unwrap();
    clock::pause(Duration::from_millis(1_100));
    let answer = browser.submit(&waiting, &[("answer", "accept")]);
    let arrived = browser.follow(answer);
    assert_eq!(arrived_with(&arrived, "error"), "access_denied");
    let arrived = browser.authorize("scope=openid&prompt=none");
    assert_eq!(arrived_with(&arrived, "error"), "login_required");
    let asked = browser.authorize("scope=openid");
    assert!(asked.body.contains("id=\"sign-in\""), "{asked:?}");
    let fields = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("answer", "accept"),
    ];
    assert_eq!(browser.submit(&asked, &fields).status, 400);
}

#[test]
fn a_development_server_prints_a_user_who_can_sign_in() {
    let server = Server::start(setup(&json!({})));
    register(&server);
    let log = server.log();
    let value = |label: &str| {
        let line = log.lines().find_map(|line| line.trim().strip_prefix(label));
        line.unwrap_or_else(|| panic!("{label} in {log}"))
            .trim()
            .to_owned()
    };
    let (username, password) = (value("user name "), value("password "));
    assert_eq!(log.matches(&password).count(), 1, "{log}");
    let mut browser = Browser::new(&server);
    let login = browser.authorize("scope=openid+profile");
    let fields = [
        ("username", username.as_str()),
        ("password", password.as_str()),
        ("answer", "accept"),
    ];
    let answer = browser.submit(&login, &fields);
    let consent = browser.follow(answer);
    let arrived = browser.consent(&consent, &[]);
    assert_eq!(id_token(&browser.redeem(&arrived))["name"], "Test User");
}

#[test]
fn beside_an_app_for_logins_there_is_no_page() {
    let server = Server::start(setup(&json!({"urls": {
        "self": {"issuer": "${public}", "public": "${public}"},
        "login": "http://app.localhost:3000/login", "consent": "http://app.localhost:3000/consent",
    }})));
    assert!(!server.log().contains("password"), "{}", server.log());
    for page in ["login", "consent", "logout"] {
        let url = format!("{}/oauth2/fallbacks/{page}", server.public());
        let shown = Request::for_url("GET", &format!("{url}?{page}_challenge=x"));
        let shown = shown.unwrap().send();
        assert_eq!(shown.status, 200);
        assert!(shown.body.contains("configuration key"), "{}", shown.body);
        let posted = Request::for_url("POST", &url).unwrap().send();
        assert_eq!(posted.status, 405);
    }
}
