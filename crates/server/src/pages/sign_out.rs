//! The built-in page that asks whether to log out.
//!
//! Spec: OpenID Connect RP-Initiated Logout 1.0 2, 6
//!
//! Invariant: ids are stable: `accept`, `deny`. The form posts `challenge`, `csrf` and `answer`.

use axum::response::Response;

use super::html::Html;
use super::layout::{Page, Powers};

/// What the page shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SignOut<'a> {
    /// Where the form goes; empty is the page's own address.
    pub action: &'a str,
    /// The logout challenge.
    pub challenge: &'a str,
    /// What makes a post from elsewhere fail.
    pub csrf: &'a str,
    /// The application that asks for the logout; empty when none does.
    pub client: &'a str,
    /// Who is logged in, as that person knows it; empty when that is not known.
    pub username: &'a str,
}

impl SignOut<'_> {
    /// The page.
    pub(crate) fn page(&self) -> Response {
        let powers = Powers {
            has_form: true,
            ..Powers::default()
        };
        Page::new("Sign out?", "Sign out?", self.body())
            .powers(powers)
            .into_reply()
    }

    fn body(&self) -> Html {
        let mut body = Html::new("<p>");
        if !self.username.is_empty() {
            body = body
                .markup("You are signed in as <strong>")
                .text(self.username)
                .markup("</strong>. ");
        }
        if !self.client.is_empty() {
            body = body
                .markup("<strong>")
                .text(self.client)
                .markup("</strong> asks to sign you out. ");
        }
        body.markup("Signing out also ends what other applications in this browser rest on.</p>\n<form method=\"post\" action=\"")
            .text(self.action)
            .markup("\" id=\"sign-out\">\n<input type=\"hidden\" name=\"challenge\" value=\"")
            .text(self.challenge)
            .markup("\">\n<input type=\"hidden\" name=\"csrf\" value=\"")
            .text(self.csrf)
            .markup(
                "\">\n<div class=\"buttons\">\n\
                 <button type=\"submit\" id=\"accept\" name=\"answer\" value=\"accept\">Sign out</button>\n\
                 <button type=\"submit\" id=\"deny\" name=\"answer\" value=\"deny\" class=\"quiet\">Stay signed in</button>\n\
                 </div>\n</form>\n",
            )
    }
}
