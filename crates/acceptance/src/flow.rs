//! A sign-in step by step, and where a request leads.

use serde_json::{Value, json};

use crate::app::{App, Ask, STATE, Tokens};
use crate::browser::{self, Browser, Landed, answered, landed, told};
use crate::database::Engine;
use crate::percent;
use crate::server::Server;

/// A plain server.
pub fn server(engine: Engine) -> Server {
    Server::start(browser::setup(engine, &json!({})))
}

/// A plain server with the client `app`; `more` members are added to it.
pub fn start(engine: Engine, more: &Value) -> (Server, App) {
    let server = server(engine);
    let app = App::register(&server, "app", more);
    (server, app)
}

/// The client `public`, which has no secret.
pub fn public_app(server: &Server) -> App {
    let more = json!({"token_endpoint_auth_method": "none"});
    App::register(server, "public", &more)
}

/// The answer of a login app that remembers `ann`.
pub fn ann() -> Value {
    json!({"subject": "ann", "remember": true, "remember_for": 3600})
}

/// The login challenge of a new flow.
pub fn begin(server: &Server, app: &App, browser: &mut Browser) -> String {
    landed(&browser.authorize(server, &app.ask().query())).login()
}

/// The value of a parameter in an address.
pub fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').expect("it is there").1;
    let pairs = percent::decode_pairs(query);
    pairs
        .into_iter()
        .find(|(found, _)| found == name)
        .expect("it is there")
        .1
}

/// Everything that one flow makes, with its browser at the end.
pub struct Made {
    pub browser: Browser,
    pub login_challenge: String,
    pub consent_challenge: String,
    /// The two addresses that lead back.
    pub login_link: String,
    pub consent_link: String,
    pub code: String,
}

/// Signs `ann` in with a fresh browser.
pub fn finish(server: &Server, app: &App) -> Made {
    let mut browser = Browser::default();
    let login_challenge = begin(server, app, &mut browser);
    let login_link = answered(server, "login/accept", &login_challenge, &ann());
    let consent_challenge = landed(&browser.get(&login_link)).consent();
    let consent_link = app.grant(server, &consent_challenge, &json!({}));
    let code = landed(&browser.get(&consent_link)).code();
    Made {
        browser,
        login_challenge,
        consent_challenge,
        login_link,
        consent_link,
        code,
    }
}

/// To the client, with this error, its state, and nothing else.
pub fn assert_told(place: &Landed, error: &str, what: &str) {
    assert!(matches!(place, Landed::Client(..)), "{what}: {place:?}");
    assert_eq!(place.error(), error, "{what}: {place:?}");
    assert_eq!(place.parameter("state"), STATE, "{what}: {place:?}");
    assert_eq!(place.parameter("code"), "", "{what}: {place:?}");
    assert!(
        !place.parameter("error_description").is_empty(),
        "{what}: {place:?}"
    );
}

/// A browser in which `ann` is logged in and has consented for ever, and her tokens.
pub fn at_home(server: &Server, app: &App) -> (Browser, Tokens) {
    let mut browser = Browser::default();
    let code = app.sign_in_with(
        server,
        &mut browser,
        &app.ask(),
        &ann(),
        &json!({"remember": true}),
    );
    let pair = Tokens::of(&app.redeem(server, &code));
    (browser, pair)
}

/// Where a request goes first, in short: the page with its `skip`, or the error that the client gets.
pub fn first_stop(server: &Server, browser: &Browser, ask: &Ask) -> String {
    let mut browser = browser.clone();
    match landed(&browser.authorize(server, &ask.query())) {
        Landed::Login(challenge) => {
            format!("login skip={}", told(server, "login", &challenge)["skip"])
        }
        Landed::Registration(challenge) => {
            format!(
                "registration skip={}",
                told(server, "login", &challenge)["skip"]
            )
        }
        place => place.error().to_owned(),
    }
}

/// Where it goes after the login page has said yes to whoever is known.
pub fn second_stop(server: &Server, browser: &Browser, ask: &Ask) -> String {
    let mut browser = browser.clone();
    let place = landed(&browser.authorize(server, &ask.query()));
    let Landed::Login(challenge) = place else {
        return place.error().to_owned();
    };
    let next = answered(server, "login/accept", &challenge, &ann());
    match landed(&browser.get(&next)) {
        Landed::Consent(challenge) => format!(
            "consent skip={}",
            told(server, "consent", &challenge)["skip"]
        ),
        place => place.error().to_owned(),
    }
}
