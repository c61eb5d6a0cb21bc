//! The pages of the web server: plain HTML, without script.
//!
//! Security: every text from outside is escaped, and the policy allows nothing but the page's own style sheet.

use std::fmt::Write as _;

use serde_json::Value;

use super::{attempt::Wanted, id_token, redeem::Redeemed};
use crate::print::json;

/// What goes back to the browser.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Where to go on.
    pub(super) location: Option<String>,
    /// The main part of the page, and its title.
    pub(super) page: Option<Page>,
}

/// A page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    title: String,
    main: String,
}

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 1.5rem 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.125rem; margin-top: 2rem; }
dt { font-weight: 600; margin-top: .75rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre, code { font-family: ui-monospace, monospace; font-size: .875rem; }
pre { border: 1px solid; border-radius: .5rem; overflow: auto; padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
label { display: block; margin-top: .75rem; }
input[type=text] { box-sizing: border-box; font: inherit; padding: .5rem; width: 100%; }
.button, button { border: 2px solid; border-radius: .5rem; background: none; color: inherit; cursor: pointer; display: inline-block;
  font: inherit; font-weight: 600; margin: 1rem .5rem 0 0; padding: .625rem 1.25rem; text-decoration: none; }
.button:focus-visible, button:focus-visible, pre:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
fieldset { border: 1px solid; border-radius: .5rem; margin-top: 1rem; }
";

impl Reply {
    /// A redirect.
    pub(super) fn to(location: String) -> Self {
        Self {
            status: 302,
            location: Some(location),
            page: None,
        }
    }

    /// A page whose `main` is HTML already.
    pub(super) fn page(status: u16, title: &str, main: String) -> Self {
        let page = Page {
            title: title.to_owned(),
            main,
        };
        Self {
            status,
            location: None,
            page: Some(page),
        }
    }

    /// A page with one sentence.
    pub(super) fn sentence(status: u16, title: &str, text: &str) -> Self {
        let main = format!("<p role=\"alert\">{}</p>\n", escaped(text));
        Self::page(status, title, main)
    }
}

impl Page {
    /// The whole document; `nonce` is that of the policy.
    pub(super) fn document(&self, nonce: &str) -> String {
        let (title, main) = (escaped(&self.title), &self.main);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{title}</title>\n<style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<h1>{title}</h1>\n{main}</main>\n</body>\n</html>\n"
        )
    }
}

/// The policy that goes with a page.
pub(super) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Text as HTML, also inside of quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The start page.
pub(super) fn welcome(wanted: &Wanted, authorize_url: &str) -> Reply {
    let mut facts = vec![
        ("Client", wanted.client_id.as_str()),
        ("Scope", &wanted.scope),
        ("Redirect URI", &wanted.redirect_uri),
    ];
    if !wanted.audience.is_empty() {
        facts.push(("Audience", &wanted.audience));
    }
    let main = format!(
        "<p>This page is an OAuth 2.0 client. It asks the authorization server to log you in, and shows the tokens \
         that come of it.</p>\n{}<p><a class=\"button\" href=\"{}\">Authorize application</a></p>\n",
        list(&facts),
        escaped(authorize_url)
    );
    Reply::page(200, "Example OAuth 2.0 client", main)
}

/// The page at the end of a try; `again` when there may be another.
pub(super) fn result(redeemed: &Redeemed, expiry: &str, again: bool) -> Reply {
    let again = if again {
        "<p><a class=\"button\" href=\"/\">Start again</a></p>\n"
    } else {
        "<p>You can close this page.</p>\n"
    };
    match redeemed {
        Redeemed::Tokens(body) => tokens(body, expiry, again),
        Redeemed::Refused { error, description } => {
            let facts = [
                ("Error", error.as_str()),
                ("Description", description.as_str()),
            ];
            let main = format!(
                "<p role=\"alert\">The authorization server refused.</p>\n{}{}",
                list(&facts),
                again
            );
            Reply::page(500, "No tokens", main)
        }
        failed => {
            let main = format!(
                "<p role=\"alert\">{}</p>\n{}",
                escaped(&told(failed)),
                again
            );
            Reply::page(500, "No tokens", main)
        }
    }
}

/// Security: the terminal tells which state was expected, a page does not; it is good until it is used.
fn told(failed: &Redeemed) -> String {
    match failed {
        Redeemed::OtherState { .. } => {
            "States do not match: this answer belongs to another start of the flow.".to_owned()
        }
        failed => super::voice::sentence(failed),
    }
}

fn tokens(body: &Value, expiry: &str, again: &str) -> Reply {
    let text = |name| json::text(body, name);
    let facts = [
        ("Access token", text("access_token")),
        ("Refresh token", text("refresh_token")),
        ("Expires", expiry),
        ("Scope", text("scope")),
        ("ID token", text("id_token")),
    ];
    let mut main = list(&facts);
    if let Some((header, claims)) = id_token::decoded(text("id_token")) {
        for (title, part) in [("ID token: header", header), ("ID token: claims", claims)] {
            let _ = write!(
                main,
                "<h2>{title}</h2>\n<pre tabindex=\"0\">{}</pre>\n",
                escaped(&format!("{part:#}"))
            );
        }
    }
    main.push_str(again);
    Reply::page(200, "Tokens", main)
}

/// Facts that are not empty.
pub(super) fn list(facts: &[(&str, &str)]) -> String {
    let mut out = "<dl>\n".to_owned();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(
            out,
            "<dt>{name}</dt><dd><code>{}</code></dd>",
            escaped(value)
        );
    }
    out.push_str("</dl>\n");
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tessera_crypto::b64;

    use super::{super::attempt::tests::wanted, *};

    fn html(reply: Reply) -> String {
        reply.page.unwrap().document("n")
    }

    #[test]
    fn what_comes_from_outside_cannot_become_markup() {
        let refused = Redeemed::Refused {
            error: "<script>1</script>".to_owned(),
            description: "\" onload='x' & more".to_owned(),
        };
        let page = html(result(&refused, "", true));
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;1&lt;/script&gt;"));
        assert!(page.contains("&quot; onload=&#39;x&#39; &amp; more"));
        let mut wanted = wanted();
        wanted.client_id = "<img src=x>".to_owned();
        let page = html(welcome(&wanted, "http://x/?a=1&b=\"><script>"));
        assert!(!page.contains("<img") && !page.contains("<script"));
        assert!(page.contains("href=\"http://x/?a=1&amp;b=&quot;&gt;&lt;script&gt;\""));
    }

    #[test]
    fn pages_are_documents_that_people_can_read_everywhere() {
        let page = html(welcome(&wanted(), "http://x/"));
        for part in [
            "<html lang=\"en\">",
            "<title>Example",
            "<main>",
            "width=device-width",
            "color-scheme: light dark",
            "<h1>",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(policy("abc").starts_with("default-src 'none'; style-src 'nonce-abc'"));
        assert!(!policy("abc").contains("unsafe"));
    }

    #[test]
    fn the_claims_of_an_id_token_are_shown() {
        let part = |value: Value| b64::encode(value.to_string().as_bytes());
        let token = format!(
            "{}.{}.c2ln",
            part(json!({"alg": "RS256"})),
            part(json!({"sub": "<alice>"}))
        );
        let body = json!({"access_token": "at", "id_token": token});
        let reply = result(&Redeemed::Tokens(body), "soon", false);
        assert_eq!(reply.status, 200);
        let page = html(reply);
        assert!(page.contains("&quot;alg&quot;: &quot;RS256&quot;"));
        assert!(page.contains("&lt;alice&gt;"));
        assert!(!page.contains("Refresh token"), "there is none to show");
    }

    #[test]
    fn a_failed_try_is_an_error_page() {
        let failed = Redeemed::NoTokens("oauth2: \"invalid_grant\"".to_owned());
        let reply = result(&failed, "", true);
        assert_eq!(reply.status, 500);
        assert!(html(reply).contains("invalid_grant"));
        let other = Redeemed::OtherState {
            expected: "the-state".to_owned(),
            got: "x".to_owned(),
        };
        assert!(!html(result(&other, "", true)).contains("the-state"));
    }
}
