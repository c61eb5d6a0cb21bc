//! The subject as a client sees it, with the server's settings.

use std::borrow::Cow;

use tessera_protocol::client::Client;
use tessera_protocol::error::OAuthError;
use tessera_protocol::flow::AcceptedLogin;
use tessera_protocol::grant::record::LoginSession;
use tessera_protocol::subject;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::id_token_hint::Hint;
use tessera_store::{GrantList, StoreError};

use crate::config::{AccessTokenStrategy, SubjectType};
use crate::ids;
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

/// Most grants that are looked through for a forced subject.
const GRANTS_MAX: u32 = 100;

/// What this client may call the person of a session, as far as it concerns the hint.
///
/// The login app may have forced an identifier when it last let the person in. It is found by the hint's own session,
/// else among the grants that the client has of this person.
///
/// Security: a hint of another person is never among them. Hydra asks only whether anybody was ever known by it.
pub(crate) async fn known_as(
    app: &AppState,
    client: &Client,
    session: &LoginSession,
    hint: Option<&Hint>,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let subject = session.subject.as_str();
    let salt = salt(app, client);
    // What is wrong with the client is said when the login is taken up.
    let own = subject::identifier(client, subject, "", salt).unwrap_or(Cow::Borrowed(subject));
    let mut names = vec![own.into_owned()];
    let Some(hint) = hint.filter(|hint| !names.contains(&hint.sub)) else {
        return Ok(names);
    };
    let may_be_forced = subject::may_be_forced(client);
    if !may_be_forced || !hint.aud.iter().any(|audience| audience == client.id()) {
        return Ok(names);
    }
    let is_forced = ids::parse(&hint.sid) == Some(session.sid)
        || app
            .store
            .list_grants(&GrantList {
                subject,
                sid: None,
                includes_lapsed: true,
                newest_first: true,
                after: None,
                offset: 0,
                limit: GRANTS_MAX,
                now,
            })
            .await?
            .iter()
            .any(|grant| {
                grant.client_id == client.id() && grant.content.subject_identifier == hint.sub
            });
    if is_forced {
        names.push(hint.sub.clone());
    }
    Ok(names)
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
        .subject_types(AccessTokenStrategy::Opaque)
        .contains(&SubjectType::Pairwise);
    let pairwise = app.settings.oidc.subject_identifiers.pairwise.as_ref();
    pairwise
        .filter(|_| offered)
        .map(|pairwise| pairwise.salt.expose())
}
