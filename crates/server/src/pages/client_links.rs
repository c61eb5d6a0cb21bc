//! Links to what a client says of itself, below the pages on which a person decides about it.
//!
//! Spec: RFC 7591 2, OpenID Connect Dynamic Client Registration 1.0 2 (`policy_uri`, `tos_uri`)
//!
//! Invariant: a link opens a tab of its own, so the page stays. The client's logo is not shown: pages load nothing.
//! Security: what is no web address is left out, and the address of this page is told to nobody.

use tessera_protocol::authorize::redirect_uri::is_web;

use super::html::Html;

/// The addresses, empty where the client has none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientLinks<'a> {
    /// Its privacy policy.
    pub policy_uri: &'a str,
    /// Its terms of service.
    pub tos_uri: &'a str,
}

impl ClientLinks<'_> {
    /// A paragraph, or nothing.
    pub(super) fn html(&self, client: &str) -> Html {
        let links = [
            ("policy", "privacy policy", self.policy_uri),
            ("terms", "terms of service", self.tos_uri),
        ];
        let links = links.into_iter().filter(|(_, _, uri)| is_web(uri));
        if links.clone().next().is_none() {
            return Html::default();
        }
        Html::new("<p class=\"note\">About <strong>")
            .text(client)
            .markup("</strong>, in a new tab:")
            .each(links.enumerate(), |html, (index, (id, words, uri))| {
                html.markup(if index > 0 { ", " } else { " " })
                    .markup("<a rel=\"noopener noreferrer\" target=\"_blank\" id=\"")
                    .markup(id)
                    .markup("\" href=\"")
                    .text(uri)
                    .markup("\">")
                    .markup(words)
                    .markup("</a>")
            })
            .markup("</p>\n")
    }
}
