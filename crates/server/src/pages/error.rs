//! Where people land when an authorization request fails and nobody else may be told.
//!
//! Security: everything on it comes from the query, so it is labelled, cut and escaped, and never a link.

use axum::response::Response;
use http::StatusCode;

use super::html::Html;
use super::layout::Page;

/// Characters shown of each part.
const SHOWN_CHARS_MAX: usize = 1500;

/// What is known about an error; empty where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// `error`.
    pub error: String,
    /// `error_description`.
    pub description: String,
    /// `error_hint`.
    pub hint: String,
    /// `error_debug`.
    pub debug: String,
}

/// The page.
///
/// Compat: status 500, title, heading and the labels of the list.
pub(crate) fn page(shown: &Shown, is_development: bool) -> Response {
    let parts = [
        ("Error", &shown.error),
        ("Description", &shown.description),
        ("Hint", &shown.hint),
        ("Debug", &shown.debug),
    ];
    let present = parts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut body = Html::new("<p>")
        .markup(what_happened(&shown.error))
        .markup("</p>\n<p>")
        .markup(way_out(&shown.error))
        .markup("</p>\n<h2>Details</h2>\n<ul>\n")
        .each(present, |html, (label, text)| {
            let text: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            html.markup("<li>")
                .text(label)
                .markup(": ")
                .text(&text)
                .markup("</li>\n")
        });
    if shown == &Shown::default() {
        body = body.markup("<li>Error: none was named. This page was opened without one.</li>\n");
    }
    body = body.markup("</ul>\n");
    if is_development {
        body = body
            .markup("<h2>For the developer</h2>\n<p>")
            .markup(advice(&shown.error))
            .markup("</p>\n");
    }
    let body = body.markup(
        "<p class=\"note\">You are seeing this page because the configuration key <code>urls.error</code> is not \
         set.</p>\n",
    );
    Page::new(
        "An OAuth 2.0 Error Occurred",
        "The OAuth2 request resulted in an error.",
        body,
    )
    .status(StatusCode::INTERNAL_SERVER_ERROR)
    .into_reply()
}

/// In words for somebody who only wanted to sign in.
fn what_happened(error: &str) -> &'static str {
    match error {
        "access_denied" => "The sign-in was refused or cancelled.",
        "request_forbidden" => {
            "This step of the sign-in does not belong to the browser it was opened in, or it was done before."
        }
        "login_required" | "consent_required" | "interaction_required" => {
            "You have to sign in, and the application asked for that not to be shown."
        }
        "temporarily_unavailable" => "The sign-in service is too busy right now.",
        "server_error" | "error" => "The sign-in service failed.",
        "invalid_client" | "unauthorized_client" => {
            "The sign-in service does not know the application that you came from, or does not allow it to do this."
        }
        _ => {
            "The application that you came from sent a request that the sign-in service does not accept."
        }
    }
}

/// What that person can do.
fn way_out(error: &str) -> &'static str {
    match error {
        "access_denied" => "To try again, go back to the application and start from there.",
        "request_forbidden" => {
            "Allow cookies for this site, close other tabs with this sign-in, go back to the application, and start again."
        }
        "temporarily_unavailable" => "Wait a minute, go back to the application, and start again.",
        _ => {
            "Go back to the application and start again. If that does not help, show this page to the operator of the \
             application: you cannot repair this yourself."
        }
    }
}

/// What a developer can do.
pub(crate) fn advice(error: &str) -> &'static str {
    match error {
        "invalid_client" => {
            "Compare <code>client_id</code> with <code>tessera list clients</code>, and make the client with \
             <code>tessera create client</code> if it is not there."
        }
        "invalid_request" | "invalid_redirect_uri" => {
            "The redirect URI cannot be trusted, so the error is shown here and not sent to it. It must be equal, \
             character by character, to one of the client's <code>redirect_uris</code>, which \
             <code>tessera get client ID</code> prints."
        }
        "request_forbidden" => {
            "The CSRF cookie is missing or another one. Use one host name throughout: <code>localhost</code> and \
             <code>127.0.0.1</code> do not share cookies. Over plain HTTP browsers drop cookies that are marked \
             <code>Secure</code>."
        }
        "server_error" | "error" => {
            "The server's log says why. With <code>oauth2.expose_internal_errors</code> the cause is shown here too."
        }
        _ => {
            "The description names the rule that failed. <code>tessera get client ID</code> prints what the client is \
             allowed."
        }
    }
}
