//! Tells the clients of a login session in hidden frames that it has ended, and goes on.
//!
//! Spec: OpenID Connect Front-Channel Logout 1.0 3
//!
//! Invariant: the browser goes on half a second after the last frame has loaded, after seven seconds at the latest.
//! Compat: the reference server's page goes on by a meta refresh as well, even when its script has left it; here that
//! is for browsers without scripts only.

use axum::response::Response;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use super::html::Html;
use super::layout::{Page, Powers};

/// The window has loaded when all of its frames have, or have failed to.
const SCRIPT: &str = "\
(function(){\
var next=document.getElementById('next').href,gone=false;\
function go(){if(!gone){gone=true;window.location.replace(next);}}\
window.addEventListener('load',function(){window.setTimeout(go,500);});\
window.setTimeout(go,7000);\
})();";

/// The page; `frames` are the clients' addresses, `target` is where the browser goes on to.
pub(crate) fn page<U: AsRef<str>>(frames: &[U], target: &str) -> Response {
    let body = Html::new("<p>You are being signed out of the applications that you used. This takes a few seconds.</p>\n")
        .each(frames, |html, url| {
            html.markup("<iframe title=\"Sign-out of an application\" src=\"")
                .text(url.as_ref())
                .markup("\"></iframe>\n")
        })
        .markup("<p><a id=\"next\" href=\"")
        .text(target)
        .markup("\">Go on without waiting</a></p>\n");
    let head = Html::new("<noscript><meta http-equiv=\"refresh\" content=\"7; url=")
        .text(target)
        .markup("\"></noscript>\n");
    let is_plain = |url: &U| url.as_ref().starts_with("http:");
    let powers = Powers {
        script: Some(SCRIPT),
        may_be_framed: true,
        // A client may pass the browser on to another host of its own, so hosts are not listed.
        frames: Some(if frames.iter().any(is_plain) {
            "https: http:"
        } else {
            "https:"
        }),
        ..Powers::default()
    };
    let page = Page {
        head,
        ..Page::new("Signing out", "Signing out", body)
    };
    let mut reply = page.powers(powers).into_reply();
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
