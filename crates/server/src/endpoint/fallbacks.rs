//! The pages below `/oauth2/fallbacks`, where the operator has configured none.
//!
//! Compat: always HTML, whatever `Accept` says.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use tessera_protocol::form::Reader;

use crate::pages::error::{self, Shown};
use crate::pages::fallback::Fallback;
use crate::state::App;

/// `GET /oauth2/fallbacks/error`.
pub(crate) async fn error(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    error::page(
        &shown(&query.unwrap_or_default()),
        app.settings.is_development(),
    )
}

/// `GET /oauth2/fallbacks/login`.
pub(crate) async fn login() -> Response {
    Fallback::Login.page()
}

/// `GET /oauth2/fallbacks/consent`.
pub(crate) async fn consent() -> Response {
    Fallback::Consent.page()
}

/// `GET /oauth2/fallbacks/logout`.
pub(crate) async fn logout() -> Response {
    Fallback::Logout.page()
}

/// `GET /oauth2/fallbacks/logout/callback`.
pub(crate) async fn logout_callback() -> Response {
    Fallback::LogoutDone.page()
}

/// `GET /oauth2/fallbacks/device`.
pub(crate) async fn device() -> Response {
    Fallback::Device.page()
}

/// `GET /oauth2/fallbacks/device/done`.
pub(crate) async fn device_done() -> Response {
    Fallback::DeviceDone.page()
}

/// The parts of an error in a query; the first of each counts, and what cannot be read is left out.
fn shown(query: &str) -> Shown {
    let mut shown = Shown::default();
    for (name, value) in Reader::new(query.as_bytes()).filter_map(Result::ok) {
        let part = match name.as_ref() {
            "error" => &mut shown.error,
            "error_description" => &mut shown.description,
            "error_hint" => &mut shown.hint,
            "error_debug" => &mut shown.debug,
            _ => continue,
        };
        if part.is_empty() {
            *part = value.into_owned();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read_as_far_as_it_can_be() {
        let query = "error=e&error=x&error_description=a+b%3C&error_hint=%zz&error_debug=d&other=1";
        let expected = Shown {
            error: "e".to_owned(),
            description: "a b<".to_owned(),
            hint: String::new(),
            debug: "d".to_owned(),
        };
        assert_eq!(shown(query), expected);
        assert_eq!(shown(""), Shown::default());
    }
}
