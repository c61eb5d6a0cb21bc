//! Why a visit does not go on, and where that is said.
//!
//! Spec: RFC 6749 4.1.2.1

use axum::response::Response;
use http::header::{CACHE_CONTROL, LOCATION, PRAGMA};
use http::{HeaderValue, StatusCode};
use tessera_protocol::authorize::deliver::{self, Delivery, Parameters};
use tessera_protocol::authorize::destination::Destination;
use tessera_protocol::authorize::parameters::set_query;
use tessera_protocol::error::{OAuthError, allowed_text};
use tessera_protocol::flow::Rejection;
use tessera_store::StoreError;

use crate::pages::{self, error::Shown};
use crate::reply::{self, ErrorStyle, Fault};
use crate::state::AppState;

/// A visit that does not go on.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The client must not or cannot be told: the error page.
    Page(OAuthError),
    /// The client is told.
    Client(Box<(Destination, OAuthError)>),
    /// The client is told, and the browser's login session ends.
    ClientAndLogout(Box<(Destination, OAuthError)>),
    /// The client is told what an app said.
    Rejected(Box<(Destination, Rejection)>),
    /// The server's own failure.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl Refusal {
    /// The answer.
    pub(crate) fn into_reply(self, app: &AppState) -> Response {
        let style = app.error_style;
        match self {
            Self::Page(error) => error_page(app, &error),
            Self::Client(told) => deliver(app, &told.0, members(&told.1, style)),
            Self::ClientAndLogout(told) => {
                let mut reply = deliver(app, &told.0, members(&told.1, style));
                app.cookies.clear_session(reply.headers_mut());
                reply
            }
            Self::Rejected(told) => {
                let shown = rejection(&told.1, style);
                deliver(app, &told.0, shown)
            }
            Self::Fault(fault) => fault_page(app, &fault),
        }
    }
}

/// Sends an answer to the client.
pub(super) fn deliver(app: &AppState, to: &Destination, parameters: Parameters) -> Response {
    let mut reply = match deliver::deliver(to, &app.issuer, parameters) {
        Delivery::Redirect(url) => {
            let mut reply = Response::default();
            *reply.status_mut() = StatusCode::SEE_OTHER;
            if let Ok(url) = HeaderValue::from_str(&url) {
                reply.headers_mut().insert(LOCATION, url);
            }
            reply
        }
        Delivery::FormPost { action, fields } => pages::form_post::page(&action, &fields),
    };
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    reply
}

/// Sends the browser to the operator's error page, or to the built-in one.
pub(crate) fn error_page(app: &AppState, error: &OAuthError) -> Response {
    let members = members(error, app.error_style);
    let pairs = members.iter().map(|(name, value)| (*name, value.as_str()));
    let mut url = app.settings.error_url();
    set_query(&mut url, pairs);
    reply::found(&url)
}

/// What is said of an error: in one text, or in the parts that version 1 could be told to send.
fn members(error: &OAuthError, style: ErrorStyle) -> Parameters {
    if !style.legacy_fields {
        return deliver::error(error, style.expose_debug);
    }
    let debug = error.debug.as_deref().unwrap_or_default();
    in_parts(
        (error.code.wire(), error.description()),
        (&error.hint, debug),
        style,
    )
}

fn in_parts(
    (name, description): (&str, &str),
    (hint, debug): (&str, &str),
    style: ErrorStyle,
) -> Parameters {
    let mut parts = vec![
        ("error", allowed_text(name)),
        ("error_description", allowed_text(description)),
    ];
    let debug = if style.expose_debug { debug } else { "" };
    for (name, text) in [("error_hint", hint), ("error_debug", debug)] {
        if !text.is_empty() {
            parts.push((name, allowed_text(text)));
        }
    }
    parts
}

/// A browser is shown a page, with the status and the pause that a program would get.
fn fault_page(app: &AppState, fault: &Fault) -> Response {
    let told = fault.told();
    let shown = Shown {
        error: told.code.wire().to_owned(),
        description: told.description().to_owned(),
        hint: told.hint.to_string(),
        ..Shown::default()
    };
    let mut page = pages::error::page(&shown, app.settings.is_development());
    *page.status_mut() = reply::status(told.code);
    fault.add_pause(&mut page);
    page
}

/// Compat: an app may name any error, with any text; only the characters are held to the RFC.
fn rejection(told: &Rejection, style: ErrorStyle) -> Parameters {
    if style.legacy_fields {
        let texts = (told.error.as_str(), told.description.as_str());
        return in_parts(texts, (&told.hint, &told.debug), style);
    }
    let mut description = told.description.clone();
    let debug = Some(&told.debug).filter(|_| style.expose_debug);
    for part in [Some(&told.hint), debug].into_iter().flatten() {
        if !part.is_empty() {
            if !description.is_empty() {
                description.push(' ');
            }
            description.push_str(part);
        }
    }
    vec![
        ("error", allowed_text(&told.error)),
        ("error_description", allowed_text(&description)),
    ]
}
