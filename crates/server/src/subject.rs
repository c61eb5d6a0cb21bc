//! The subject as a client sees it, with the server's settings.

use std::borrow::Cow;

use tessera_protocol::client::Client;
use tessera_protocol::error::OAuthError;
use tessera_protocol::flow::AcceptedLogin;
use tessera_protocol::subject;

use crate::config::SubjectType;
use crate::state::AppState;
use crate::token;

/// The `sub` of ID tokens and userinfo.
pub(crate) fn identifier(
    app: &AppState,
    client: &Client,
    login: &AcceptedLogin,
) -> Result<String, OAuthError> {
    subject::identifier(
        client,
        &login.subject,
        &login.force_subject_identifier,
        salt(app, client),
    )
    .map(Cow::into_owned)
}

/// The forms in which a client may know a subject, besides the real one.
pub(crate) fn identifiers(app: &AppState, client: &Client, real: &str) -> Vec<String> {
    subject::identifier(client, real, "", salt(app, client))
        .ok()
        .map(Cow::into_owned)
        .into_iter()
        .collect()
}

/// The salt, where pairwise subjects are offered.
///
/// Security: a JWT access token shows the real subject, so a client that gets such tokens has no pairwise ones.
fn salt<'a>(app: &'a AppState, client: &Client) -> Option<&'a str> {
    if token::is_jwt(app, client) {
        return None;
    }
    let offered = app
        .settings
        .subject_types()
        .contains(&SubjectType::Pairwise);
    let pairwise = app.settings.oidc.subject_identifiers.pairwise.as_ref();
    pairwise
        .filter(|_| offered)
        .map(|pairwise| pairwise.salt.expose())
}
