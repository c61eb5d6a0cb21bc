//! The `refresh_token` grant: new tokens on a grant that was given before.
//!
//! Spec: RFC 6749 6, 10.4; RFC 9700 4.14.2
//!
//! Invariant: the order of the checks is wire behaviour; each failure has one answer.

use std::borrow::Cow;
use std::time::Duration;

use tessera_crypto::constant_time_eq;

use super::person::{Context, Issue, Lifespans, Plan, own_or, own_or_never, was_granted_offline};
use super::record::{GrantRecord, RefreshRecord, SessionClaims};
use super::rejection::{Consequence, Rejection};
use super::{phases, request};
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::scope::{self, ScopeStrategy};
use crate::time::Timestamp;

/// Its name on the wire.
pub const GRANT_TYPE: &str = "refresh_token";

/// How long a used token is kept at least, so that its reuse is recognised although it has expired.
const KEPT_AFTER_USE: Duration = Duration::from_secs(30 * 60);
/// How long it is kept at most.
const KEPT_MAX: Duration = Duration::from_secs(90 * 24 * 3_600);

/// What this grant reads from the request. The audience is that of the authorization request.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The refresh token.
    pub refresh_token: Cow<'a, str>,
    /// Scopes of the new access token; empty for all that were granted.
    pub scope: Cow<'a, str>,
}

/// The refresh token as it was found.
#[derive(Debug, Clone, Copy)]
pub struct FoundRefresh<'a> {
    /// The token.
    pub refresh: &'a RefreshRecord,
    /// When it was used first.
    pub first_used_at: Option<Timestamp>,
    /// How often it was used.
    pub used_times: u32,
    /// Whether its grant still issues tokens.
    pub is_live: bool,
    /// Its grant.
    pub grant: &'a GrantRecord,
    /// The claims of the grant's session, opened.
    pub session: &'a SessionClaims,
}

/// How often and for how long a token may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// `oauth2.grant.refresh_token.rotation_grace_period`; zero is strict.
    pub period: Duration,
    /// `oauth2.grant.refresh_token.rotation_grace_reuse_count`: uses in all; 0 is as often as one likes.
    pub uses_max: u32,
}

impl FoundRefresh<'_> {
    /// Whether it was not used, or may be used again.
    pub fn is_usable(&self, grace: Grace, now: Timestamp) -> bool {
        self.first_used_at.is_none_or(|first| {
            first.plus(grace.period) > now
                && (grace.uses_max == 0 || self.used_times < grace.uses_max)
        })
    }

    /// Whether it has ended; without leeway.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.refresh.expires_at < now
    }
}

/// Decides what an authenticated client gets for a refresh token; `found` is `None` when the token does not open or has
/// no row.
///
/// Security: a token that was used before, outside its grace, revokes its grant whoever presents it and even when it has
/// expired. A foreign client with a token in use changes nothing.
pub fn decide(
    request: &Request<'_>,
    client: &Client,
    found: Option<FoundRefresh<'_>>,
    rules: (Grace, ScopeStrategy),
    context: &Context,
) -> Result<Plan, Rejection> {
    let (grace, strategy) = rules;
    request::grant_allowed(client, GRANT_TYPE)?;
    let found = found.filter(|found| found.is_live).ok_or_else(not_valid)?;
    let grant = found.grant;
    if !found.is_usable(grace, context.now) {
        return Err(Rejection {
            error: already_used(),
            consequence: Consequence::RevokeGrant(grant.grant_id),
        });
    }
    if found.has_expired(context.now) {
        return Err(refuse("The refresh token has expired.").into());
    }
    if !was_granted_offline(grant) {
        return Err(OAuthError::new(
            ErrorCode::ScopeNotGranted,
            "Neither 'offline_access' nor 'offline' was granted, one of which this grant needs.",
        )
        .into());
    }
    if !constant_time_eq(grant.client_id.as_bytes(), client.id().as_bytes()) {
        return Err(refuse("The refresh token was issued to another client.").into());
    }
    phases::check_scope(
        client,
        grant.content.scope.iter().map(String::as_str),
        strategy,
    )?;
    phases::check_audience(client, &grant.content.audience)?;
    let earliest = context.now.plus(KEPT_AFTER_USE);
    let latest = context.now.plus(KEPT_MAX);
    let issue = Issue {
        client,
        grant,
        session: found.session,
        lifespans: lifespans(client, context.lifespans),
        narrowed_scope: narrow(&request.scope, grant, strategy)?,
        has_code_hash: false,
        kept_until: found.refresh.expires_at.max(earliest).min(latest),
    };
    Ok(issue.plan(context))
}

/// The scopes asked for, where they are fewer than granted.
///
/// Spec: RFC 6749 6: never one that was not granted; the next refresh token keeps them all.
fn narrow(
    requested: &str,
    grant: &GrantRecord,
    strategy: ScopeStrategy,
) -> Result<Option<String>, OAuthError> {
    let requested = scope::normalise(requested);
    if requested.is_empty() {
        return Ok(None);
    }
    let granted = || grant.content.scope.iter().map(String::as_str);
    if let Some(wider) = scope::split(&requested).find(|asked| !strategy.allows(granted(), asked)) {
        return Err(OAuthError::new(
            ErrorCode::InvalidScope,
            format!(
                "Scope {} was not granted; a refresh cannot add one.",
                quoted(wider)
            ),
        ));
    }
    let asks_for_all =
        granted().all(|granted| scope::split(&requested).any(|asked| asked == granted));
    Ok((!asks_for_all).then_some(requested))
}

fn lifespans(client: &Client, server: Lifespans) -> Lifespans {
    let own = &client.metadata().lifespans;
    Lifespans {
        access_token: own_or(
            own.refresh_token_grant_access_token_lifespan,
            server.access_token,
        ),
        id_token: own_or(own.refresh_token_grant_id_token_lifespan, server.id_token),
        refresh_token: own_or_never(
            own.refresh_token_grant_refresh_token_lifespan,
            server.refresh_token,
        ),
    }
}

fn refuse(hint: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, hint)
}

/// The answer when the token was used before, also when another request came first while this one was decided.
pub fn already_used() -> OAuthError {
    refuse("The refresh token was already used; every token of its grant is revoked.")
}

/// The answer when there is no such token, or its grant was revoked.
pub fn not_valid() -> OAuthError {
    refuse("The refresh token is malformed, revoked or not one of this server's.")
}

#[cfg(test)]
mod tests;
