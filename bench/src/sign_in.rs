//! Loads whose requests depend on earlier answers: whole sign-ins, refreshes, revocations of fresh tokens.
//!
//! Spec: RFC 6749 4.1, 6; OpenID Connect Core 1.0 3.1
//! Invariant: every answer is checked; a redirect that lacks what the next step needs ends the run.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::clock;
use crate::http::{self, Request};
use crate::load::{self, Connection, Drive, Outcome, Until, Work};
use crate::server::{SECRET, Server};

/// The client that people sign in to.
pub(crate) const CLIENT: &str = "bench-web-app";
/// Where it awaits codes; nobody listens there.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
const START: &str = "/oauth2/auth?client_id=bench-web-app&response_type=code&scope=openid%20offline\
     &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&state=the-state-of-the-bench&nonce=the-nonce-of-the-bench";
const CONSENT: &str =
    r#"{"grant_scope":["openid","offline"],"session":{"id_token":{"locale":"en"}}}"#;

/// Registers the client of the sign-ins.
pub(crate) fn create_client(server: &Server) -> Result<(), String> {
    let body = format!(
        "{{\"client_id\":\"{CLIENT}\",\"client_secret\":\"{SECRET}\",\"redirect_uris\":[\"{CALLBACK}\"],\
         \"grant_types\":[\"authorization_code\",\"refresh_token\"],\"response_types\":[\"code\"],\
         \"token_endpoint_auth_method\":\"client_secret_basic\",\"scope\":\"openid offline\"}}"
    );
    let request = http::post("/admin/clients", "application/json", "", &body);
    match load::once(server.admin, &request)? {
        (201, _) => Ok(()),
        (status, body) => Err(format!("{status} {}", String::from_utf8_lossy(&body))),
    }
}

/// Who signs in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Person {
    /// Each time somebody who was never seen.
    New,
    /// Always this one.
    Same(&'static str),
}

/// What a client got for a code or refresh token.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    /// With an ID token, or it is no answer to the scope `openid`.
    fn of(body: &[u8]) -> Result<Self, String> {
        http::member(body, "id_token")?;
        Ok(Self {
            access: http::member(body, "access_token")?,
            refresh: http::member(body, "refresh_token")?,
        })
    }
}

/// Sign-ins of browsers without cookies, one after the other on each pair of connections.
#[derive(Debug, Clone)]
pub(crate) struct SignIns {
    public: SocketAddr,
    admin: SocketAddr,
    person: Person,
    /// People so far; kept from slice to slice.
    count: Rc<Cell<u64>>,
}

impl SignIns {
    pub(crate) fn new(server: &Server, person: Person) -> Self {
        Self {
            public: server.public,
            admin: server.admin,
            person,
            count: Rc::default(),
        }
    }

    /// Signs in this often, all at once.
    pub(crate) fn tokens(&self, count: usize) -> Result<Vec<Tokens>, String> {
        let issued = Rc::new(RefCell::new(Vec::new()));
        load::together(count, |_| {
            let (sign_ins, issued) = (self.clone(), Rc::clone(&issued));
            async move {
                let mut visitor = Visitor::open(&sign_ins).await?;
                let tokens = visitor.sign_in(&sign_ins.subject()).await?;
                issued.borrow_mut().push(tokens);
                Ok(())
            }
        })?;
        Ok(issued.take())
    }

    fn subject(&self) -> String {
        let number = self.count.get();
        self.count.set(number + 1);
        match self.person {
            Person::New => format!("person-{number}"),
            Person::Same(subject) => subject.to_owned(),
        }
    }
}

impl Drive for SignIns {
    fn drive(&self, connections: usize, time: Duration) -> Result<Outcome, String> {
        let outcome = Rc::new(RefCell::new(Outcome::default()));
        let started = clock::now();
        let seconds = load::together(connections, |_| {
            let (sign_ins, outcome) = (self.clone(), Rc::clone(&outcome));
            async move {
                let mut visitor = Visitor::open(&sign_ins).await?;
                while started.elapsed() < time {
                    let began = clock::now();
                    visitor.sign_in(&sign_ins.subject()).await?;
                    let took = began.elapsed();
                    outcome.borrow_mut().add(took, visitor.round_trips);
                }
                Ok(())
            }
        })?;
        Ok(Outcome {
            seconds,
            ..outcome.take()
        })
    }
}

/// A browser, the two apps and the client, with a connection to each port.
struct Visitor {
    public: Connection,
    admin: Connection,
    cookies: Vec<(String, String)>,
    /// Of this sign-in.
    round_trips: u32,
}

impl Visitor {
    async fn open(sign_ins: &SignIns) -> Result<Self, String> {
        Ok(Self {
            public: Connection::open(sign_ins.public).await?,
            admin: Connection::open(sign_ins.admin).await?,
            cookies: Vec::new(),
            round_trips: 0,
        })
    }

    async fn sign_in(&mut self, subject: &str) -> Result<Tokens, String> {
        self.cookies.clear();
        self.round_trips = 0;
        let accepted = format!(r#"{{"subject":"{subject}","remember":true,"remember_for":3600}}"#);
        let to_login = self.browse(START).await?;
        let back = self.decide("login", &to_login, &accepted).await?;
        let to_consent = self.browse(&back).await?;
        let back = self.decide("consent", &to_consent, CONSENT).await?;
        let to_client = self.browse(&back).await?;
        if !to_client.starts_with(CALLBACK) {
            return Err(format!("not the client's address: {to_client}"));
        }
        self.redeem(needed(&to_client, "code")?).await
    }

    /// The browser visits the authorization endpoint; where it is sent.
    async fn browse(&mut self, path: &str) -> Result<String, String> {
        let request = http::get_with(path, &self.cookie_line());
        self.round_trips += 1;
        let answer = self.public.ask(&request).await?;
        let location = answer.headers("location:").next().map(str::to_owned);
        let Some(location) = location.filter(|_| matches!(answer.status, 302 | 303)) else {
            return Err(answer.unexpected(&request));
        };
        for line in answer.headers("set-cookie:") {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').ok_or("a cookie without a value")?;
            self.cookies.retain(|(kept, _)| kept != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(location)
    }

    fn cookie_line(&self) -> String {
        let pair = |(name, value): &(String, String)| format!("{name}={value}");
        let pairs: Vec<String> = self.cookies.iter().map(pair).collect();
        match pairs.len() {
            0 => String::new(),
            _ => format!("Cookie: {}\r\n", pairs.join("; ")),
        }
    }

    /// The app of this step looks at the request and accepts it; where the browser goes back to.
    async fn decide(&mut self, step: &str, location: &str, body: &str) -> Result<String, String> {
        let name = format!("{step}_challenge");
        let challenge = needed(location, &name)?;
        let path = format!("/admin/oauth2/auth/requests/{step}");
        let get = http::get(&format!("{path}?{name}={challenge}"));
        let shown = self.manage(&get).await?;
        http::member(&shown, "challenge")?;
        let put = http::put_json(&format!("{path}/accept?{name}={challenge}"), body);
        // The one escape in it: as Hydra does, the admin API writes an ampersand so.
        let to = http::member(&self.manage(&put).await?, "redirect_to")?.replace("\\u0026", "&");
        match http::path_of(&to) {
            Some(path) => Ok(path.to_owned()),
            None => Err(format!("no way back: {to}")),
        }
    }

    async fn manage(&mut self, request: &Request) -> Result<Vec<u8>, String> {
        self.round_trips += 1;
        let answer = self.admin.ask(request).await?;
        match answer.status {
            200 => Ok(answer.body.to_vec()),
            _ => Err(answer.unexpected(request)),
        }
    }

    async fn redeem(&mut self, code: &str) -> Result<Tokens, String> {
        self.round_trips += 1;
        let callback = "http%3A%2F%2F127.0.0.1%3A9%2Fcallback";
        let body = format!("grant_type=authorization_code&code={code}&redirect_uri={callback}");
        ask_for_tokens(&mut self.public, &body).await
    }
}

fn needed<'a>(url: &'a str, name: &str) -> Result<&'a str, String> {
    http::parameter(url, name).ok_or_else(|| format!("no '{name}' in: {url}"))
}

async fn ask_for_tokens(public: &mut Connection, body: &str) -> Result<Tokens, String> {
    let request = http::form("/oauth2/token", &http::basic(CLIENT, SECRET), body);
    let answer = public.ask(&request).await?;
    match answer.status {
        200 => Tokens::of(answer.body),
        _ => Err(answer.unexpected(&request)),
    }
}

/// Refreshes: each connection has a refresh token and trades it for the next.
#[derive(Debug)]
pub(crate) struct Refreshes {
    public: SocketAddr,
    /// The latest of each connection; kept from slice to slice.
    latest: Rc<RefCell<Vec<String>>>,
}

impl Refreshes {
    pub(crate) fn new(server: &Server, tokens: Vec<Tokens>) -> Self {
        let latest = tokens.into_iter().map(|tokens| tokens.refresh).collect();
        Self {
            public: server.public,
            latest: Rc::new(RefCell::new(latest)),
        }
    }
}

impl Drive for Refreshes {
    fn drive(&self, connections: usize, time: Duration) -> Result<Outcome, String> {
        let outcome = Rc::new(RefCell::new(Outcome::default()));
        let started = clock::now();
        let seconds = load::together(connections, |number| {
            let (target, latest) = (self.public, Rc::clone(&self.latest));
            let outcome = Rc::clone(&outcome);
            async move {
                let mut public = Connection::open(target).await?;
                let token = latest.borrow().get(number).cloned();
                let mut token = token.ok_or("a connection without a refresh token")?;
                while started.elapsed() < time {
                    let body = format!("grant_type=refresh_token&refresh_token={token}");
                    let sent = clock::now();
                    let next = ask_for_tokens(&mut public, &body).await?.refresh;
                    outcome.borrow_mut().add(sent.elapsed(), 1);
                    if next == token {
                        return Err("a refresh token was not replaced".to_owned());
                    }
                    token = next;
                }
                if let Some(kept) = latest.borrow_mut().get_mut(number) {
                    *kept = token;
                }
                Ok(())
            }
        })?;
        Ok(Outcome {
            seconds,
            ..outcome.take()
        })
    }
}

/// Revocations, each of a token that is alive: one batch a slice, however long that takes.
#[derive(Debug)]
pub(crate) struct Revocations(RefCell<VecDeque<Work>>);

impl Revocations {
    /// Of machine tokens that this client was issued.
    pub(crate) fn new(server: &Server, client_id: &str, batches: Vec<Vec<String>>) -> Self {
        let request = |token: String| {
            let body = format!("token={token}");
            http::form("/oauth2/revoke", &http::basic(client_id, SECRET), &body)
        };
        let work = |tokens: Vec<String>| Work {
            target: server.public,
            requests: Rc::new(tokens.into_iter().map(request).collect()),
            turn: Rc::default(),
            status: 200,
            needle: "",
        };
        Self(RefCell::new(batches.into_iter().map(work).collect()))
    }
}

impl Drive for Revocations {
    fn drive(&self, connections: usize, _time: Duration) -> Result<Outcome, String> {
        let batch = self.0.borrow_mut().pop_front();
        let batch = batch.ok_or("more slices than batches of tokens")?;
        load::drive(&batch, connections, Until::EachOnce)
    }
}
