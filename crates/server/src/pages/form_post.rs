//! The page that carries an authorization response to the client in a POST.
//!
//! Spec: OAuth 2.0 Form Post Response Mode 1.0
//!
//! Invariant: the script is ES5 of one line, so that it runs in every browser and in HtmlUnit; without scripts there is
//! a button.
//! Compat: title, content type and `no-store` as recorded. The form must reach any client, so no policy limits it.

use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};

use super::html::Html;
use super::layout::{Page, Powers};

const SCRIPT: &str = "document.forms[0].submit();";

/// The page; `fields` keep their order.
pub(crate) fn page<N: AsRef<str>, V: AsRef<str>>(action: &str, fields: &[(N, V)]) -> Response {
    let body = Html::new("<form method=\"post\" action=\"")
        .text(action)
        .markup("\" id=\"response\">\n")
        .each(fields, |html, (name, value)| {
            html.markup("<input type=\"hidden\" name=\"")
                .text(name.as_ref())
                .markup("\" value=\"")
                .text(value.as_ref())
                .markup("\">\n")
        })
        .markup(
            "<noscript>\n<p>Scripts are off in this browser, so one more click is needed.</p>\n\
             <div class=\"buttons\"><button type=\"submit\" id=\"continue\">Continue</button></div>\n</noscript>\n\
             </form>\n",
        );
    let powers = Powers {
        script: Some(SCRIPT),
        has_form: true,
        may_be_framed: true,
        ..Powers::default()
    };
    let mut reply = Page::new("Submit This Form", "Back to the application", body)
        .powers(powers)
        .into_reply();
    let headers = reply.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html;charset=UTF-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    reply
}
