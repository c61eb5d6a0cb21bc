//! A logout step by step.

use serde_json::{Value, json};

use crate::app::{App, Tokens};
use crate::browser::{self, Browser, Landed, landed};
use crate::database::Engine;
use crate::percent;
use crate::server::Server;

/// Where the client that [`start`] makes may send people who logged out.
pub const BYE: &str = "https://app.example/bye";

/// A server with a client; `more` members are added to it.
pub fn start(engine: Engine, more: &Value) -> (Server, App) {
    let server = Server::start(browser::setup(engine, &json!({})));
    server
        .sink
        .reset(&json!({"/bc": {"status": 200}, "/second": {"status": 200}}));
    let mut members = json!({"post_logout_redirect_uris": [BYE]});
    for (name, value) in more.as_object().into_iter().flatten() {
        members[name] = value.clone();
    }
    let app = App::register(&server, "app", &members);
    (server, app)
}

/// Somebody who is logged in, with tokens.
pub fn at_home(server: &Server, app: &App, subject: &str) -> (Browser, Tokens) {
    let mut browser = Browser::default();
    let login = json!({"subject": subject, "remember": true});
    let code = app.sign_in(server, &mut browser, &app.ask(), &login);
    (browser, Tokens::of(&app.redeem(server, &code)))
}

/// The address of the end of session with these parameters.
pub fn end_of_session(server: &Server, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    format!(
        "{}/oauth2/sessions/logout?{}",
        server.public(),
        percent::encode_pairs(&pairs)
    )
}

/// Whether the server still knows the person in this browser.
pub fn has_session(server: &Server, app: &App, browser: &Browser) -> bool {
    let query = app.ask().with("prompt", "none").query();
    match landed(&browser.clone().authorize(server, &query)) {
        Landed::Login(_) => true,
        place => {
            assert_eq!(place.error(), "login_required");
            false
        }
    }
}
