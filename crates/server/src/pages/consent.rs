//! The built-in consent page.
//!
//! Spec: RFC 6819 5.1.3, 5.2.3.2: the person sees who asks, for what, and where the answer goes.
//!
//! Invariant: ids are stable: `remember`, `accept`, `deny`. The form posts `challenge`, `csrf`, `remember` and `answer`.
//! All that is asked is granted, or nothing.

use axum::response::Response;

use super::client_links::ClientLinks;
use super::html::Html;
use super::layout::{Page, Powers};

/// What the page shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Consent<'a> {
    /// Where the form goes; empty is the page's own address.
    pub action: &'a str,
    /// The consent challenge.
    pub challenge: &'a str,
    /// What makes a post from elsewhere fail.
    pub csrf: &'a str,
    /// The client's name, else its id.
    pub client: &'a str,
    /// What the client says of itself.
    pub links: ClientLinks<'a>,
    /// The host that the answer goes to.
    pub redirect_host: &'a str,
    /// Who is logged in, as that person knows it.
    pub username: &'a str,
    /// Requested scopes.
    pub scope: &'a [&'a str],
    /// Claims that are asked for beside those of the scopes.
    pub claims: &'a [&'a str],
    /// Requested audiences.
    pub audience: &'a [String],
    /// Whether the box is ticked.
    pub remember: bool,
}

impl Consent<'_> {
    /// The page.
    pub(crate) fn page(&self) -> Response {
        let title = format!("Allow {}?", self.client);
        let powers = Powers {
            has_form: true,
            ..Powers::default()
        };
        Page::new(title.clone(), title, self.body())
            .powers(powers)
            .into_reply()
    }

    fn body(&self) -> Html {
        let checked = if self.remember { " checked" } else { "" };
        Html::new("<p>You are signed in as <strong>")
            .text(self.username)
            .markup("</strong>. The answer goes to <strong>")
            .text(self.redirect_host)
            .markup("</strong>.</p>\n")
            .add(&self.wishes())
            .markup("<form method=\"post\" action=\"")
            .text(self.action)
            .markup("\" id=\"consent\">\n<input type=\"hidden\" name=\"challenge\" value=\"")
            .text(self.challenge)
            .markup("\">\n<input type=\"hidden\" name=\"csrf\" value=\"")
            .text(self.csrf)
            .markup("\">\n<label class=\"check\" for=\"remember\"><input type=\"checkbox\" id=\"remember\" name=\"remember\" value=\"1\"")
            .markup(checked)
            .markup(">Do not ask again for this application</label>\n")
            .markup(
                "<div class=\"buttons\">\n\
                 <button type=\"submit\" id=\"accept\" name=\"answer\" value=\"accept\">Allow</button>\n\
                 <button type=\"submit\" id=\"deny\" name=\"answer\" value=\"deny\" class=\"quiet\">Do not allow</button>\n\
                 </div>\n</form>\n",
            )
            .add(&self.links.html(self.client))
    }

    fn wishes(&self) -> Html {
        if self.scope.is_empty() && self.claims.is_empty() && self.audience.is_empty() {
            return Html::new("<p>It asks for nothing but that you let it in.</p>\n");
        }
        // `offline` and `offline_access` are one wish.
        let is_twin =
            |scope: &&&str| **scope == "offline" && self.scope.contains(&"offline_access");
        Html::new("<h2>It wants to</h2>\n<ul>\n")
            .each(self.scope.iter().filter(|s| !is_twin(s)), |html, scope| {
                let html = html.markup("<li>");
                match in_words(scope) {
                    Some(words) => html.markup(words),
                    None => html
                        .markup("use the permission <code>")
                        .text(scope)
                        .markup("</code>"),
                }
                .markup("</li>\n")
            })
            .each(self.claims, |html, claim| {
                html.markup("<li>see <code>")
                    .text(claim)
                    .markup("</code> of your account</li>\n")
            })
            .each(self.audience, |html, audience| {
                html.markup("<li>act for you at <code>")
                    .text(audience)
                    .markup("</code></li>\n")
            })
            .markup("</ul>\n")
    }
}

/// Spec: OpenID Connect Core 1.0 5.4, 11
fn in_words(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "openid" => "know who you are, by an identifier",
        "profile" => "see your profile, such as your name and picture",
        "email" => "see your e-mail address",
        "address" => "see your postal address",
        "phone" => "see your phone number",
        "offline" | "offline_access" => {
            "keep its access while you are away, until you take it back"
        }
        _ => return None,
    })
}
