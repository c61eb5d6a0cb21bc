//! Why a visit does not go on, and where that is said.
//!
//! Spec: RFC 6749 4.1.2.1

use axum::response::Response;
use http::header::{CACHE_CONTROL, LOCATION, PRAGMA, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use tessera_protocol::authorize::deliver::{self, Delivery, Parameters};
use tessera_protocol::authorize::destination::Destination;
use tessera_protocol::authorize::parameters::append_query;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::flow::Rejection;
use tessera_store::StoreError;

use crate::pages::{self, error::Shown};
use crate::reply::{self, Failure, Fault};
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
        let debug = app.error_style.expose_debug;
        match self {
            Self::Page(error) => error_page(app, &error),
            Self::Client(told) => deliver(app, &told.0, deliver::error(&told.1, debug)),
            Self::ClientAndLogout(told) => {
                let mut reply = deliver(app, &told.0, deliver::error(&told.1, debug));
                app.cookies.clear_session(reply.headers_mut());
                reply
            }
            Self::Rejected(told) => {
                let shown = rejection(&told.1, debug);
                deliver(app, &told.0, shown)
            }
            Self::Fault(fault) => fault_page(app, fault),
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
    let style = app.error_style;
    let full = error.full_description(style.expose_debug && !style.legacy_fields);
    let description = match style.legacy_fields {
        true => error.description(),
        false => full.as_str(),
    };
    let mut pairs = vec![
        ("error", error.code.wire()),
        ("error_description", description),
    ];
    if style.legacy_fields && !error.hint.is_empty() {
        pairs.push(("error_hint", error.hint.as_ref()));
    }
    let debug = error.debug.as_deref().filter(|_| style.expose_debug);
    if let (true, Some(debug)) = (style.legacy_fields, debug) {
        pairs.push(("error_debug", debug));
    }
    let mut url = app.settings.error_url();
    append_query(&mut url, pairs.into_iter());
    reply::found(&url)
}

/// A browser is shown a page, with the status and the pause that a program would get.
fn fault_page(app: &AppState, fault: Fault) -> Response {
    let is_temporary = fault.is_temporary;
    let answer = Failure::Fault(fault).into_reply(app.error_style);
    let code = match is_temporary {
        true => ErrorCode::TemporarilyUnavailable,
        false => ErrorCode::ServerError,
    };
    let shown = Shown {
        error: code.wire().to_owned(),
        description: OAuthError::new(code, "").full_description(false),
        ..Shown::default()
    };
    let mut page = pages::error::page(&shown, app.settings.is_development());
    *page.status_mut() = answer.status();
    if let Some(pause) = answer.headers().get(RETRY_AFTER) {
        page.headers_mut().insert(RETRY_AFTER, pause.clone());
    }
    page
}

/// Compat: an app may name any error, with any text; only the characters are held to the RFC.
fn rejection(told: &Rejection, expose_debug: bool) -> Parameters {
    let mut description = told.description.clone();
    let debug = Some(&told.debug).filter(|_| expose_debug);
    for part in [Some(&told.hint), debug].into_iter().flatten() {
        if !part.is_empty() {
            if !description.is_empty() {
                description.push(' ');
            }
            description.push_str(part);
        }
    }
    let allowed = tessera_protocol::error::allowed_text;
    vec![
        ("error", allowed(&told.error)),
        ("error_description", allowed(&description)),
    ]
}
