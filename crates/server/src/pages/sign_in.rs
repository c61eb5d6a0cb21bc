//! The built-in login page.
//!
//! Spec: WCAG 2.2 1.3.5, 3.3.1, 3.3.8; HTML Living Standard 4.10.18.7 (autofill)
//!
//! Invariant: ids are stable: `username`, `password`, `remember`, `accept`, `deny`. The form posts `challenge`, `csrf`,
//! those fields, and `answer`, which is `accept` or `deny`.
//! Security: a wrong password and an unknown name get the same words. What was typed as a password is never sent back.

use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::client_links::ClientLinks;
use super::html::Html;
use super::layout::{Page, Powers};

/// What the page shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SignIn<'a> {
    /// Where the form goes; empty is the page's own address.
    pub action: &'a str,
    /// The login challenge.
    pub challenge: &'a str,
    /// What makes a post from elsewhere fail.
    pub csrf: &'a str,
    /// The client's name, else its id.
    pub client: &'a str,
    /// What the client says of itself.
    pub links: ClientLinks<'a>,
    /// The host that the person goes on to.
    pub redirect_host: &'a str,
    /// What was typed before, or what the application suggests.
    pub username: &'a str,
    /// Whether the box is ticked.
    pub remember: bool,
    /// Why the last try failed.
    pub refused: Option<Refused>,
}

/// Why a try to log in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No name was typed.
    NoUsername,
    /// No password was typed.
    NoPassword,
    /// The two do not fit.
    Mismatch,
    /// Too many tries; the next one after so many seconds.
    TooManyAttempts {
        /// At least 1.
        retry_after_secs: u64,
    },
}

impl Refused {
    const fn status(self) -> StatusCode {
        match self {
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn text(self) -> String {
        match self {
            Self::NoUsername => "Type your user name.".to_owned(),
            Self::NoPassword => "Type your password.".to_owned(),
            Self::Mismatch => {
                "User name and password do not fit together. Check both, also for capital letters."
                    .to_owned()
            }
            Self::TooManyAttempts { retry_after_secs } => {
                format!(
                    "There were too many attempts. Try again {}.",
                    later(retry_after_secs)
                )
            }
        }
    }

    /// Whether it is about the name rather than the password.
    const fn is_about_name(self) -> bool {
        matches!(self, Self::NoUsername)
    }
}

/// A number of seconds as people say it.
fn later(secs: u64) -> String {
    match secs {
        0..=1 => "in a second".to_owned(),
        2..=90 => format!("in {secs} seconds"),
        _ => format!("in {} minutes", secs.div_ceil(60)),
    }
}

impl SignIn<'_> {
    /// The page.
    pub(crate) fn page(&self) -> Response {
        let title = if self.refused.is_some() {
            "Error: Sign in"
        } else {
            "Sign in"
        };
        let powers = Powers {
            has_form: true,
            ..Powers::default()
        };
        let status = self.refused.map_or(StatusCode::OK, Refused::status);
        let mut reply = Page::new(title, "Sign in", self.body())
            .status(status)
            .powers(powers)
            .into_reply();
        if let Some(Refused::TooManyAttempts { retry_after_secs }) = self.refused {
            let secs = HeaderValue::from(retry_after_secs);
            reply.headers_mut().insert(RETRY_AFTER, secs);
        }
        reply
    }

    fn body(&self) -> Html {
        let checked = if self.remember { " checked" } else { "" };
        Html::new("<p>You go on to <strong>")
            .text(self.client)
            .markup("</strong> at <strong>")
            .text(self.redirect_host)
            .markup("</strong>.</p>\n<form method=\"post\" action=\"")
            .text(self.action)
            .markup("\" id=\"sign-in\">\n<input type=\"hidden\" name=\"challenge\" value=\"")
            .text(self.challenge)
            .markup("\">\n<input type=\"hidden\" name=\"csrf\" value=\"")
            .text(self.csrf)
            .markup("\">\n<label for=\"username\">User name</label>\n<input type=\"text\" id=\"username\" name=\"username\" value=\"")
            .text(self.username)
            .markup("\" required autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\"")
            .markup(self.state(true))
            .markup(if self.starts_with_name() { " autofocus>\n" } else { ">\n" })
            .add(&self.message("username-error", true))
            .markup("<label for=\"password\">Password</label>\n<input type=\"password\" id=\"password\" name=\"password\" required autocomplete=\"current-password\"")
            .markup(self.state(false))
            .markup(if self.starts_with_name() { ">\n" } else { " autofocus>\n" })
            .add(&self.message("password-error", false))
            .markup("<label class=\"check\" for=\"remember\"><input type=\"checkbox\" id=\"remember\" name=\"remember\" value=\"1\"")
            .markup(checked)
            .markup(">Stay signed in on this device</label>\n")
            .markup(
                "<div class=\"buttons\">\n\
                 <button type=\"submit\" id=\"accept\" name=\"answer\" value=\"accept\">Sign in</button>\n\
                 <button type=\"submit\" id=\"deny\" name=\"answer\" value=\"deny\" class=\"quiet\" formnovalidate>Cancel</button>\n\
                 </div>\n</form>\n",
            )
            .add(&self.links.html(self.client))
    }

    fn starts_with_name(&self) -> bool {
        self.username.is_empty() || self.refused.is_some_and(Refused::is_about_name)
    }

    /// Ties a field to the message below it.
    fn state(&self, is_name: bool) -> &'static str {
        match self.refused {
            Some(refused) if refused.is_about_name() != is_name => "",
            Some(_) if is_name => " aria-invalid=\"true\" aria-describedby=\"username-error\"",
            Some(_) => " aria-invalid=\"true\" aria-describedby=\"password-error\"",
            None => "",
        }
    }

    fn message(&self, id: &'static str, is_name: bool) -> Html {
        match self.refused {
            Some(refused) if refused.is_about_name() == is_name => {
                Html::new("<p class=\"error\" role=\"alert\" id=\"")
                    .markup(id)
                    .markup("\">")
                    .text(&refused.text())
                    .markup("</p>\n")
            }
            _ => Html::default(),
        }
    }
}
