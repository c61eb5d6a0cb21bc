//! Where a person lands whose way through the built-in pages does not go on: what happened, and how to start afresh.
//!
//! Invariant: the link leads to this server only, with the request that the person came with.

use axum::response::Response;
use http::StatusCode;

use super::html::Html;
use super::layout::Page;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped<'a> {
    /// HTTP status.
    pub status: StatusCode,
    /// Title and heading.
    pub heading: &'static str,
    /// What happened, and what to do.
    pub text: &'a str,
    /// Where the same request starts afresh; empty where that is not known.
    pub again: &'a str,
    /// What a developer can do, as markup; empty outside of development.
    pub advice: &'static str,
}

impl Stopped<'_> {
    /// The page.
    pub(crate) fn page(&self) -> Response {
        let mut body = Html::new("<p>").text(self.text).markup("</p>\n");
        if !self.again.is_empty() {
            body = body
                .markup("<p><a id=\"again\" href=\"")
                .text(self.again)
                .markup("\">Start again</a></p>\n");
        }
        if !self.advice.is_empty() {
            body = body
                .markup("<h2>For the developer</h2>\n<p>")
                .markup(self.advice)
                .markup("</p>\n");
        }
        Page::new(self.heading, self.heading, body)
            .status(self.status)
            .into_reply()
    }
}
