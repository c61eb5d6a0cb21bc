//! An access token that was presented: whether it is live, and what it says.
//!
//! Security: never cached: a revocation holds on the next request, on every node.

use tessera_protocol::grant::record::{GrantRecord, SessionClaims};
use tessera_protocol::token::access::{AccessToken, ReadToken};
use tessera_store::{Liveness, TokenAnchor};

use crate::at_rest;
use crate::reply::Fault;
use crate::state::AppState;

/// A token that is good.
pub(crate) struct LiveToken {
    /// What it says.
    pub token: AccessToken,
    /// What a person's token stands on.
    pub person: Option<Person>,
}

/// A person's grant.
pub(crate) struct Person {
    /// The grant.
    pub grant: GrantRecord,
    /// The claims of its session.
    pub session: SessionClaims,
}

/// Asks whether a token is live, by one statement; its end is the caller's to check.
pub(crate) async fn check(app: &AppState, read: ReadToken) -> Result<Option<LiveToken>, Fault> {
    let Liveness::Live(grant) = app.store.check_live(&anchor(&read)).await? else {
        return Ok(None);
    };
    Ok(match (read, grant) {
        (ReadToken::Machine { mut token, .. }, grant) => {
            if let Some(grant) = grant {
                token.set_claims(&at_rest::claims(app, &grant)?);
            }
            Some(LiveToken {
                token,
                person: None,
            })
        }
        (ReadToken::Person(token), Some(grant)) => {
            let session = at_rest::claims(app, &grant)?;
            Some(LiveToken {
                token: token.complete(&grant, &session),
                person: Some(Person {
                    grant: *grant,
                    session,
                }),
            })
        }
        (ReadToken::Person(_), None) => None,
    })
}

/// The grant of a person's token that is live. Its claims are not opened, so that a token can be revoked although the
/// secret that sealed them is gone.
pub(crate) async fn grant_of(
    app: &AppState,
    read: &ReadToken,
) -> Result<Option<Box<GrantRecord>>, Fault> {
    Ok(match app.store.check_live(&anchor(read)).await? {
        Liveness::Live(grant) => grant,
        Liveness::Revoked => None,
    })
}

/// The client of a token that is live; its claims stay sealed.
pub(crate) async fn client_of(app: &AppState, read: &ReadToken) -> Result<Option<String>, Fault> {
    let Liveness::Live(grant) = app.store.check_live(&anchor(read)).await? else {
        return Ok(None);
    };
    Ok(match read {
        ReadToken::Machine { token, .. } => Some(token.client_id.clone()),
        ReadToken::Person(_) => grant.map(|grant| grant.client_id),
    })
}

/// What a token stands on. A machine's whose claims a grant keeps stands on that.
fn anchor(read: &ReadToken) -> TokenAnchor<'_> {
    match read {
        ReadToken::Machine { token, token_id } => match token.ext_grant {
            None => TokenAnchor::Machine {
                token_id: *token_id,
                client_id: &token.client_id,
                client_epoch: token.client_epoch,
                server_epoch: token.server_epoch,
            },
            Some(grant_id) => TokenAnchor::Person {
                grant_id,
                refresh_id: None,
                client_epoch: token.client_epoch,
                server_epoch: token.server_epoch,
            },
        },
        ReadToken::Person(token) => TokenAnchor::Person {
            grant_id: token.grant_id,
            refresh_id: token.refresh_id,
            client_epoch: token.client_epoch,
            server_epoch: token.server_epoch,
        },
    }
}
