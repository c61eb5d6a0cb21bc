//! Exchanges a refresh token: two round trips, one to find it and one to rotate it.
//!
//! Spec: RFC 6749 6

use tessera_protocol::client::Client;
use tessera_protocol::grant::record::SessionClaims;
use tessera_protocol::grant::refresh_token::{self, FoundRefresh, GRANT_TYPE, Grace, Request};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::sealed_id;
use tessera_store::{RotateRefresh, RotatedRefresh, StoredRefresh};

use crate::at_rest;
use crate::endpoint::token::Tokens;
use crate::person_tokens::{self, Exchange};
use crate::reply::{Failure, Fault};
use crate::state::AppState;

pub(crate) async fn refresh(
    app: &AppState,
    client: &Client,
    request: &Request<'_>,
    form: &[u8],
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let found = find(app, &request.refresh_token).await?;
    let grace = grace(app);
    let context = person_tokens::context(app, now);
    let rules = (grace, app.scope_strategy);
    let seen = found
        .as_ref()
        .map(|(stored, session)| facts(stored, session));
    let plan = match refresh_token::decide(request, client, seen, rules, &context) {
        Ok(plan) => plan,
        Err(rejection) => return Err(person_tokens::refused(app, rejection).await?),
    };
    let (Some((stored, session)), Some(next)) = (&found, plan.refresh.clone()) else {
        return Err(refresh_token::not_valid().into());
    };
    let (tokens_until, kept_until) = (plan.tokens_until, plan.kept_until);
    let exchange = Exchange {
        grant_type: GRANT_TYPE,
        form,
        client,
        grant: &stored.grant,
        session,
        code: None,
        // The code's own end is not kept: it was issued when the browser came back, so this is the earliest that it
        // can have been.
        code_expires_at: Some(
            stored
                .grant
                .content
                .handled_at
                .plus(app.settings.ttl.auth_code),
        ),
        now,
    };
    let (tokens, changed) = person_tokens::issue(app, &exchange, plan).await?;
    let rotate = RotateRefresh {
        refresh_id: stored.refresh.refresh_id,
        grant_id: stored.grant.grant_id,
        attempt: u64::from_le_bytes(app.random::<8>()),
        grace: grace.period,
        uses_max: grace.uses_max,
        next: &next,
        session: changed.as_deref(),
        tokens_until,
        kept_until,
        now,
    };
    match app.store.rotate_refresh(&rotate).await? {
        RotatedRefresh::Done => Ok(tokens),
        RotatedRefresh::Reused => Err(refresh_token::already_used().into()),
        RotatedRefresh::Gone => Err(refresh_token::not_valid().into()),
    }
}

/// The token with its grant and the claims of its session; `None` when it does not open or has no row.
pub(crate) async fn find(
    app: &AppState,
    wire: &str,
) -> Result<Option<(StoredRefresh, SessionClaims)>, Fault> {
    let Some(stored) = find_stored(app, wire).await? else {
        return Ok(None);
    };
    let session = at_rest::claims(app, &stored.grant)?;
    Ok(Some((stored, session)))
}

/// The token with its grant, whose claims stay sealed.
pub(crate) async fn find_stored(
    app: &AppState,
    wire: &str,
) -> Result<Option<StoredRefresh>, Fault> {
    let prefix = &app.settings.oauth2.token_prefix.refresh;
    match sealed_id::open(wire, prefix, &app.seals.refresh) {
        Some(refresh_id) => Ok(app.store.find_refresh(refresh_id).await?),
        None => Ok(None),
    }
}

/// What was found, as the core sees it.
pub(crate) fn facts<'a>(stored: &'a StoredRefresh, session: &'a SessionClaims) -> FoundRefresh<'a> {
    FoundRefresh {
        refresh: &stored.refresh,
        first_used_at: stored.first_used_at,
        used_times: stored.used_times,
        is_live: stored.is_live,
        grant: &stored.grant,
        session,
    }
}

/// What the operator chose.
pub(crate) fn grace(app: &AppState) -> Grace {
    let configured = &app.settings.oauth2.grant.refresh_token;
    Grace {
        period: configured.rotation_grace_period,
        uses_max: configured.rotation_grace_reuse_count,
    }
}
