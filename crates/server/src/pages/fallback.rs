//! Pages in place of those that the operator has not configured, and notices of a sentence or two.

use axum::response::Response;

use super::html::Html;
use super::layout::Page;

/// What is shown where the operator's own page is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    Login,
    Consent,
    Logout,
    LogoutDone,
    Device,
    DeviceDone,
}

/// Compat: title and heading.
const NOT_CONFIGURED: &str = "The request could not be executed because a mandatory configuration key is missing or malformed";

impl Fallback {
    /// The configuration key that names the operator's own page.
    const fn key(self) -> &'static str {
        match self {
            Self::Login => "urls.login",
            Self::Consent => "urls.consent",
            Self::Logout => "urls.logout",
            Self::LogoutDone => "urls.post_logout_redirect",
            Self::Device => "urls.device.verification",
            Self::DeviceDone => "urls.device.success",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::LogoutDone => "You logged out successfully!",
            Self::DeviceDone => "You successfully authenticated on your device!",
            _ => NOT_CONFIGURED,
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::LogoutDone => {
                "The Default Post Logout URL is not set which is why you are seeing this fallback page. \
                 Your log out request however succeeded."
            }
            Self::DeviceDone => {
                "The Default Post Device URL is not set which is why you are seeing this fallback page. \
                 Your device login request however succeeded."
            }
            _ => NOT_CONFIGURED,
        }
    }

    /// What a person who wanted to get on can do.
    const fn way_out(self) -> &'static str {
        match self {
            Self::LogoutDone => "You can close this page.",
            Self::DeviceDone => "You can close this page and go on at your device.",
            _ => {
                "You cannot go on from here. Tell the operator of the application that you came from, and name the key \
                 below."
            }
        }
    }

    /// How the operator sets the key.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Login | Self::Consent => {
                " is not set. Set it to the page of your login and consent app, or list the people who may log in at \
                 this server itself in the file that "
            }
            _ => " is not set. Set it to a page of your own.",
        }
    }

    /// The page.
    pub(crate) fn page(self) -> Response {
        let mut body = Html::new("<p>")
            .text(self.way_out())
            .markup("</p>\n<p class=\"note\">For the operator: the configuration key <code>")
            .text(self.key())
            .markup("</code>")
            .text(self.remedy());
        if matches!(self, Self::Login | Self::Consent) {
            body = body.markup("<code>builtin_login.users_file</code> names.");
        }
        let body = body.markup("</p>\n");
        Page::new(self.title(), self.heading(), body).into_reply()
    }
}

/// A page of one paragraph.
pub(crate) fn notice(title: &str, text: &str) -> Page {
    let body = Html::new("<p>").text(text).markup("</p>\n");
    Page::new(title, title, body)
}
