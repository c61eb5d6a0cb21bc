//! Why a visit of a built-in page does not go on, in words for the person.

use std::borrow::Cow;

use axum::response::Response;
use http::StatusCode;
use tessera_protocol::error::OAuthError;
use tessera_store::StoreError;

use crate::authorize::Refusal;
use crate::pages::error::advice;
use crate::pages::stopped::Stopped;
use crate::reply::Fault;
use crate::state::AppState;

/// A visit that does not go on. Texts are where the request starts afresh.
pub(super) enum Stop {
    /// No challenge of this server for this page.
    Unusable,
    /// The time for an answer is over.
    Expired(String),
    /// The answer was given before.
    Spent(String),
    /// Another browser, or a form that this server did not show: the rule that failed.
    Foreign(&'static str, String),
    /// What was sent cannot be read.
    Form(Cow<'static, str>),
    /// The request itself is no longer good: the page for errors.
    Refused(OAuthError),
    /// The server's own failure.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl Stop {
    /// The answer.
    ///
    /// Compat: what expired or was used answers 410, as in the admin API; the link leads to the request.
    pub(super) fn into_reply(self, app: &AppState) -> Response {
        let page = |status, heading, text: &str, again: &str, advice| {
            Stopped {
                status,
                heading,
                text,
                again,
                advice,
            }
            .page()
        };
        match self {
            Self::Unusable => page(
                StatusCode::BAD_REQUEST,
                "This address cannot be used",
                "It was not made by this server, or it was cut off or altered on the way. Go back to the application \
                 that you came from and start there.",
                "",
                "",
            ),
            Self::Expired(again) => page(
                StatusCode::GONE,
                "This page has expired",
                "It waited for too long. Nothing has been lost: start again and go straight on.",
                &again,
                "",
            ),
            Self::Spent(again) => page(
                StatusCode::GONE,
                "This step is done already",
                "This page was answered before, maybe in another tab, and an answer counts once.",
                &again,
                "",
            ),
            Self::Foreign(hint, again) => page(
                StatusCode::FORBIDDEN,
                "This page cannot be used in this browser",
                hint,
                &again,
                match app.settings.is_development() {
                    true => advice("request_forbidden"),
                    false => "",
                },
            ),
            Self::Form(why) => page(
                StatusCode::BAD_REQUEST,
                "What was sent cannot be read",
                &why,
                "",
                "",
            ),
            Self::Refused(error) => Refusal::Page(error).into_reply(app),
            Self::Fault(fault) => Refusal::Fault(fault).into_reply(app),
        }
    }
}
