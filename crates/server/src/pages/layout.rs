//! The frame around every page: head, style, and the headers that keep a page to itself.
//!
//! Spec: Content Security Policy Level 3; RFC 7034 (X-Frame-Options); Referrer Policy
//!
//! Security: the style and each script are allowed by their hash, so nothing that a page shows could run. Addresses of
//! these pages hold challenges and codes, so no referrer is sent.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderValue, StatusCode};
use tessera_crypto::sha256;

use super::html::Html;

/// Everything a page looks like. Colours keep a contrast of 4.5 or more in both schemes.
const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1b1d21;--soft:#50555e;--bg:#fff;--line:#767b84;--link:#1d4ed8;--on:#fff;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--fg:#e9eaed;--soft:#b3b8c1;--bg:#16181c;--line:#8b919b;--link:#9db8ff;--on:#10131a;--bad:#ffb4ab}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--bg);color:var(--fg);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
main{max-width:34rem;margin:0 auto;padding:2.5rem 1.25rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}\
h2{font-size:1.125rem;margin:1.75rem 0 .5rem}\
a{color:var(--link)}\
code{font-family:ui-monospace,monospace;font-size:.9375em}\
label{display:block;font-weight:600;margin:1rem 0 .25rem}\
input[type=text],input[type=password]{width:100%;padding:.625rem .75rem;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:.375rem}\
input[aria-invalid]{border:2px solid var(--bad)}\
input[type=checkbox]{width:1.25rem;height:1.25rem;margin:0 .5rem 0 0;vertical-align:-.25rem}\
.check{font-weight:400}\
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0 0}\
button{flex:1 1 8rem;min-height:2.75rem;padding:.5rem 1rem;font:inherit;font-weight:600;border:1px solid var(--link);border-radius:.375rem;background:var(--link);color:var(--on);cursor:pointer}\
button.quiet{background:transparent;color:var(--link)}\
:focus-visible{outline:3px solid var(--link);outline-offset:2px}\
.error{color:var(--bad);margin:.25rem 0 0}\
.note{color:var(--soft);font-size:.9375rem}\
iframe{display:none}";

static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| source(STYLE));

/// A page.
pub(crate) struct Page {
    /// HTTP status.
    pub status: StatusCode,
    /// `<title>`.
    pub title: String,
    /// `<h1>`.
    pub heading: String,
    /// More for the head; mostly nothing.
    pub head: Html,
    /// What follows the heading.
    pub body: Html,
    /// What it may do.
    pub powers: Powers,
}

/// What a page may do beyond being read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Powers {
    /// A script at its end.
    pub script: Option<&'static str>,
    /// It holds a form.
    ///
    /// Compat: where forms lead is not limited to this server: browsers apply such a limit to the redirects that follow,
    /// and those go to the clients.
    pub has_form: bool,
    /// Another site may show it in a frame, as silent renewal does.
    pub may_be_framed: bool,
    /// `frame-src`: what it may frame itself.
    pub frames: Option<&'static str>,
}

impl Page {
    /// A page that is only read.
    pub(crate) fn new(title: impl Into<String>, heading: impl Into<String>, body: Html) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            heading: heading.into(),
            head: Html::default(),
            body,
            powers: Powers::default(),
        }
    }

    /// The same with another status.
    pub(crate) const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with more powers.
    pub(crate) const fn powers(mut self, powers: Powers) -> Self {
        self.powers = powers;
        self
    }

    /// The answer.
    pub(crate) fn into_reply(self) -> Response {
        let policy = self.powers.policy();
        let may_be_framed = self.powers.may_be_framed;
        let status = self.status;
        let mut reply = (status, self.into_html()).into_response();
        let headers = reply.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !may_be_framed {
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        reply
    }

    fn into_html(self) -> String {
        Html::new(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>",
        )
        .text(&self.title)
        .markup("</title>\n<style>")
        .markup(STYLE)
        .markup("</style>\n")
        .add(&self.head)
        .markup("</head>\n<body>\n<main>\n<h1>")
        .text(&self.heading)
        .markup("</h1>\n")
        .add(&self.body)
        .markup("</main>\n")
        .each(self.powers.script, |html, script| {
            html.markup("<script>").markup(script).markup("</script>\n")
        })
        .markup("</body>\n</html>\n")
        .into_string()
    }
}

impl Powers {
    fn policy(&self) -> String {
        let mut policy = format!(
            "default-src 'none'; base-uri 'none'; style-src {}",
            *STYLE_SOURCE
        );
        if let Some(script) = self.script {
            policy.push_str("; script-src ");
            policy.push_str(&source(script));
        }
        if let Some(frames) = self.frames {
            policy.push_str("; frame-src ");
            policy.push_str(frames);
        }
        if !self.has_form {
            policy.push_str("; form-action 'none'");
        }
        if !self.may_be_framed {
            policy.push_str("; frame-ancestors 'none'");
        }
        policy
    }
}

/// How a policy names an inline script or style.
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())))
}
