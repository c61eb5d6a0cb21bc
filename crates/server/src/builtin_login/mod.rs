//! The server's own login, consent and logout pages: what an app does over the admin API, done in process.
//!
//! Invariant: nothing but the answer to a challenge is decided here; every check of the flow itself is made where the
//! browser goes next, as after an app's answer.
//! Security: a page is for the browser that the flow began in. A form is taken only with that browser's cookie and with
//! a field made from it, both compared in constant time.

mod claims;
mod consent;
mod login;
mod logout;
mod stop;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Method};
use tessera_crypto::{b64, constant_time_eq, sha256};
use tessera_protocol::authorize::destination;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::client::Client;
use tessera_protocol::error::{ErrorCode, OAuthError, quoted};
use tessera_protocol::flow::Leg;
use tessera_protocol::time::Timestamp;
use tessera_store::SingleUse;

use self::stop::Stop;
use crate::authorize::sealed::{self, NotOpened, Opened};
use crate::cookies::Csrf;
use crate::pages::client_links::ClientLinks;
use crate::pages::fallback::Fallback;
use crate::state::{App, AppState};
use crate::users::Users;
use crate::{clock, extract};

/// `/oauth2/fallbacks/login`.
pub(crate) async fn login(State(app): State<App>, request: Request) -> Response {
    match Visit::read(&app, request, "login_challenge").await {
        Ok(Some(visit)) => finished(&app, login::answer(&visit).await),
        Ok(None) => Fallback::Login.page(),
        Err(stop) => finished(&app, Err(stop)),
    }
}

/// `/oauth2/fallbacks/consent`.
pub(crate) async fn consent(State(app): State<App>, request: Request) -> Response {
    match Visit::read(&app, request, "consent_challenge").await {
        Ok(Some(visit)) => finished(&app, consent::answer(&visit).await),
        Ok(None) => Fallback::Consent.page(),
        Err(stop) => finished(&app, Err(stop)),
    }
}

/// `/oauth2/fallbacks/logout`.
pub(crate) async fn logout(State(app): State<App>, request: Request) -> Response {
    match Visit::read(&app, request, "logout_challenge").await {
        Ok(Some(visit)) => finished(&app, logout::answer(&visit).await),
        Ok(None) => Fallback::Logout.page(),
        Err(stop) => finished(&app, Err(stop)),
    }
}

/// Security: pages and redirects hold challenges and verifiers.
fn finished(app: &AppState, answer: Result<Response, Stop>) -> Response {
    let mut reply = answer.unwrap_or_else(|stop| stop.into_reply(app));
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// A visit of a page, with a challenge.
struct Visit<'a> {
    app: &'a AppState,
    users: &'a Users,
    headers: HeaderMap,
    now: Timestamp,
    challenge: String,
    /// What was posted; `None` where the page is only looked at.
    form: Option<RequestParameters>,
}

impl<'a> Visit<'a> {
    /// `None`: the page was opened without a challenge, or this server has no users.
    async fn read(app: &'a AppState, request: Request, name: &str) -> Result<Option<Self>, Stop> {
        let Some(users) = app.users.as_deref() else {
            return Ok(None);
        };
        let now = clock::now();
        let read = |query: &[u8], body: &[u8]| {
            RequestParameters::parse(query, body).map_err(|error| Stop::Form(error.hint))
        };
        let (headers, challenge, form) = if request.method() == Method::POST {
            let (headers, body) = extract::form(request)
                .await
                .map_err(|error| Stop::Form(error.hint))?;
            let form = read(b"", &body)?;
            (headers, form.get("challenge").to_owned(), Some(form))
        } else {
            let (head, _) = request.into_parts();
            let query = read(head.uri.query().unwrap_or_default().as_bytes(), b"")?;
            (head.headers, query.get(name).to_owned(), None)
        };
        if let Some(repeated) = form.as_ref().and_then(RequestParameters::repeated) {
            let text = format!("The form has the field {} twice.", quoted(repeated));
            return Err(Stop::Form(text.into()));
        }
        if challenge.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            app,
            users,
            headers,
            now,
            challenge,
            form,
        }))
    }

    /// A field that was posted; empty when it was not.
    fn field(&self, name: &str) -> &str {
        self.form.as_ref().map_or("", |form| form.get(name))
    }

    /// Opens the challenge of a flow that waits for this leg's answer.
    async fn open(&self, leg: Leg) -> Result<Opened, Stop> {
        let Self { app, now, .. } = *self;
        let opened = match sealed::open(app, &self.challenge, leg, now).await {
            Ok(opened) => opened,
            Err(NotOpened::Unknown) => return Err(Stop::Unusable),
            Err(NotOpened::Expired(opened)) => return Err(Stop::Expired(again(app, &opened))),
            Err(NotOpened::Fault(fault)) => return Err(fault.into()),
        };
        let single_use = match leg {
            Leg::LoginChallenge | Leg::LoginVerifier => SingleUse::LoginLeg,
            Leg::ConsentChallenge | Leg::ConsentVerifier => SingleUse::ConsentLeg,
        };
        let spent = sealed::spent_as(&opened.flow);
        if app.store.is_spent(single_use, spent, now).await? {
            return Err(Stop::Spent(again(app, &opened)));
        }
        Ok(opened)
    }

    /// Whether this browser may see the page, and whether what it posted was made for it.
    fn check(&self, cookie: &Csrf, expected: &[u8; 16], opened: &Opened) -> Result<(), Stop> {
        let foreign = |hint: &'static str| Stop::Foreign(hint, again(self.app, opened));
        cookie.check(expected).map_err(foreign)?;
        match self.form.is_none() || self.has_csrf(expected) {
            true => Ok(()),
            false => Err(foreign(
                "The form does not come from the page that this server showed. Start again.",
            )),
        }
    }

    fn has_csrf(&self, secret: &[u8; 16]) -> bool {
        let expected = self.csrf(secret);
        constant_time_eq(self.field("csrf").as_bytes(), expected.as_bytes())
    }

    /// The hidden field: made from what only this browser's cookie holds, for this challenge alone.
    fn csrf(&self, secret: &[u8; 16]) -> String {
        csrf(secret, &self.challenge)
    }
}

fn csrf(secret: &[u8; 16], challenge: &str) -> String {
    let of = sha256(challenge.as_bytes());
    b64::encode(&sha256(
        &[b"built-in form".as_slice(), secret, &of].concat(),
    ))
}

/// Where the same request starts afresh.
fn again(app: &AppState, opened: &Opened) -> String {
    opened.parameters.url(&app.auth_url, None)
}

/// The application that a person is sent on to.
struct Asker {
    client: Arc<Client>,
    redirect_host: String,
}

impl Asker {
    async fn find(app: &AppState, parameters: &RequestParameters) -> Result<Self, Stop> {
        let id = parameters.get("client_id");
        let Some(client) = app.clients.load(&*app.store, id).await? else {
            let hint = format!("There is no client {} any more.", quoted(id));
            return Err(Stop::Refused(OAuthError::new(
                ErrorCode::InvalidClient,
                hint,
            )));
        };
        let destination = destination::find(parameters, &client).map_err(Stop::Refused)?;
        Ok(Self {
            client,
            redirect_host: host(&destination.redirect_uri),
        })
    }

    fn name(&self) -> &str {
        shown_name(&self.client)
    }

    fn links(&self) -> ClientLinks<'_> {
        let metadata = self.client.metadata();
        ClientLinks {
            policy_uri: &metadata.policy_uri,
            tos_uri: &metadata.tos_uri,
        }
    }
}

fn shown_name(client: &Client) -> &str {
    match client.metadata().client_name.trim() {
        "" => client.id(),
        name => name,
    }
}

/// The host of a redirect URI, with a port that is not the usual one; the scheme where an app of the device is meant.
///
/// Security: names outside of ASCII are shown in their encoded form, so that no letter passes for another.
fn host(redirect_uri: &str) -> String {
    let Ok(url) = url::Url::parse(redirect_uri) else {
        return String::new();
    };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) if !host.is_empty() => format!("{host}:{port}"),
        (Some(host), None) if !host.is_empty() => host.to_owned(),
        _ => format!("{}:", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_where_they_go() {
        for (uri, shown) in [
            ("https://shop.example.com/cb?x=1", "shop.example.com"),
            (
                "https://user@shop.example.com:8443/",
                "shop.example.com:8443",
            ),
            ("http://127.0.0.1:9010/cb", "127.0.0.1:9010"),
            ("http://[::1]/cb", "[::1]"),
            ("https://ex\u{e4}mple.com/", "xn--exmple-cua.com"),
            ("com.example.app:/cb", "com.example.app:"),
            ("app://localhost/cb", "localhost"),
        ] {
            assert_eq!(host(uri), shown, "{uri}");
        }
    }

    #[test]
    fn a_form_is_bound_to_browser_and_challenge() {
        let own = csrf(&[1; 16], "challenge");
        assert_eq!(own, csrf(&[1; 16], "challenge"));
        assert_ne!(own, csrf(&[2; 16], "challenge"));
        assert_ne!(own, csrf(&[1; 16], "challengf"));
    }
}
