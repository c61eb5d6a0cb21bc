//! The `authorization_code` grant: a client redeems what a person gave it.
//!
//! Spec: RFC 6749 4.1.3, 4.1.4, 10.5; RFC 7636 4.6; OpenID Connect Core 1.0 3.1.3
//!
//! Invariant: the order of the checks is wire behaviour; each failure has one answer.

use std::borrow::Cow;
use std::time::Duration;

use tessera_crypto::constant_time_eq;

use super::person::{Context, Issue, Lifespans, Plan, own_or, own_or_never};
use super::record::{CodeRecord, GrantRecord, SessionClaims};
use super::rejection::{Consequence, Rejection};
use super::request;
use crate::authorize::checks;
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::pkce::{self, Enforcement, PkceError};

/// Its name on the wire.
pub const GRANT_TYPE: &str = "authorization_code";

/// How long after its end a spent code is kept, so that a replay is recognised.
const KEPT_AFTER_END: Duration = Duration::from_secs(30 * 60);

/// What this grant reads from the request. `scope` and `audience` are those of the authorization request.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The code.
    pub code: Cow<'a, str>,
    /// Where the code was sent; empty when it was not given.
    pub redirect_uri: Cow<'a, str>,
    /// The proof key; empty when it was not given.
    pub code_verifier: Cow<'a, str>,
}

/// The code as it was found.
#[derive(Debug, Clone, Copy)]
pub struct FoundCode<'a> {
    /// The code.
    pub code: &'a CodeRecord,
    /// Whether it was spent before.
    pub is_used: bool,
    /// Whether its grant still issues tokens.
    pub is_live: bool,
    /// Its grant.
    pub grant: &'a GrantRecord,
    /// The claims of the grant's session, opened.
    pub session: &'a SessionClaims,
}

/// Decides what an authenticated client gets for a code; `found` is `None` when the code does not open or has no row.
///
/// Security: a spent code revokes its grant whoever presents it, as it must have leaked. A foreign client, a wrong
/// `redirect_uri` and an expired code change nothing. A wrong verifier spends the code, whatever is wrong with it; a
/// missing one is no guess and does not. Either way no tokens come without the right one.
pub fn decide(
    request: &Request<'_>,
    client: &Client,
    found: Option<FoundCode<'_>>,
    enforcement: Enforcement,
    context: &Context,
) -> Result<Plan, Rejection> {
    request::grant_allowed(client, GRANT_TYPE)?;
    let found = found.ok_or_else(not_valid)?;
    let FoundCode { code, grant, .. } = found;
    if found.is_used {
        return Err(Rejection {
            error: already_used(),
            consequence: match found.is_live {
                true => Consequence::RevokeGrant(grant.grant_id),
                false => Consequence::None,
            },
        });
    }
    if !found.is_live {
        return Err(not_valid().into());
    }
    if code.expires_at < context.now {
        return Err(refuse("The authorization code has expired.").into());
    }
    if !constant_time_eq(grant.client_id.as_bytes(), client.id().as_bytes()) {
        return Err(refuse("The authorization code was issued to another client.").into());
    }
    let redirect_uri = &code.content.redirect_uri;
    if !redirect_uri.is_empty() && *redirect_uri != request.redirect_uri {
        return Err(refuse(
            "Parameter 'redirect_uri' is not the one of the authorization request.",
        )
        .into());
    }
    check_proof(request, code, enforcement.binds(client))?;
    check_nonce(grant)?;
    let issue = Issue {
        client,
        grant,
        session: found.session,
        lifespans: lifespans(client, context.lifespans),
        narrowed_scope: None,
        has_code_hash: code.content.is_hybrid,
        kept_until: code.expires_at.plus(KEPT_AFTER_END),
    };
    Ok(issue.plan(context))
}

fn check_proof(
    request: &Request<'_>,
    code: &CodeRecord,
    is_enforced: bool,
) -> Result<(), Rejection> {
    let challenge = &code.content.code_challenge;
    pkce::verify(challenge, &request.code_verifier, is_enforced).map_err(|failed| Rejection {
        error: failed.into_error(),
        consequence: match failed {
            PkceError::TooShort if request.code_verifier.is_empty() => Consequence::None,
            PkceError::TooShort
            | PkceError::TooLong
            | PkceError::BadCharacter
            | PkceError::Wrong => Consequence::BurnCode(code.code_id),
            PkceError::ChallengeMissing | PkceError::ChallengeAbsent => Consequence::None,
        },
    })
}

/// Compat: in the code flow a short nonce is refused here, and the code stays as it is.
fn check_nonce(grant: &GrantRecord) -> Result<(), OAuthError> {
    let is_openid = grant.content.scope.iter().any(|scope| scope == "openid");
    match is_openid {
        true => checks::nonce_is_long_enough(&grant.content.nonce),
        false => Ok(()),
    }
}

fn lifespans(client: &Client, server: Lifespans) -> Lifespans {
    let own = &client.metadata().lifespans;
    Lifespans {
        access_token: own_or(
            own.authorization_code_grant_access_token_lifespan,
            server.access_token,
        ),
        id_token: own_or(
            own.authorization_code_grant_id_token_lifespan,
            server.id_token,
        ),
        refresh_token: own_or_never(
            own.authorization_code_grant_refresh_token_lifespan,
            server.refresh_token,
        ),
    }
}

fn refuse(hint: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, hint)
}

/// The answer when the code was spent by another request, also when that came first while this one was decided.
pub fn already_used() -> OAuthError {
    refuse("The authorization code has already been used.")
}

/// The answer when there is no such code, or its grant was revoked.
pub fn not_valid() -> OAuthError {
    refuse("The authorization code is not valid.")
}

#[cfg(test)]
mod tests;
