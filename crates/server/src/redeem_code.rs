//! Exchanges an authorization code: two round trips, one to find it and one to spend it.
//!
//! Spec: RFC 6749 4.1.3

use tessera_protocol::client::Client;
use tessera_protocol::grant::authorization_code::{self, FoundCode, GRANT_TYPE, Request};
use tessera_protocol::pkce::Enforcement;
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::sealed_id;
use tessera_store::{RedeemCode, RedeemedCode};

use crate::at_rest;
use crate::endpoint::token::Tokens;
use crate::person_tokens::{self, Exchange};
use crate::reply::Failure;
use crate::state::AppState;

pub(crate) async fn redeem(
    app: &AppState,
    client: &Client,
    request: &Request<'_>,
    form: &[u8],
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let prefix = &app.settings.oauth2.token_prefix.code;
    let stored = match sealed_id::open(&request.code, prefix, &app.seals.code) {
        Some(code_id) => app.store.load_code(code_id).await?,
        None => None,
    };
    let session = match &stored {
        Some(stored) => at_rest::claims(app, &stored.grant)?,
        None => Default::default(),
    };
    let found = stored.as_ref().map(|stored| FoundCode {
        code: &stored.code,
        is_used: stored.used_by.is_some(),
        is_live: stored.is_live,
        grant: &stored.grant,
        session: &session,
    });
    let context = person_tokens::context(app, now);
    let plan = match authorization_code::decide(request, client, found, enforcement(app), &context)
    {
        Ok(plan) => plan,
        Err(rejection) => return Err(person_tokens::refused(app, rejection).await?),
    };
    let Some(stored) = &stored else {
        return Err(authorization_code::not_valid().into());
    };
    let (refresh, tokens_until, kept_until) =
        (plan.refresh.clone(), plan.tokens_until, plan.kept_until);
    let exchange = Exchange {
        grant_type: GRANT_TYPE,
        form,
        client,
        grant: &stored.grant,
        session: &session,
        code: Some(&request.code),
        code_expires_at: Some(stored.code.expires_at),
        now,
    };
    let (tokens, changed) = person_tokens::issue(app, &exchange, plan).await?;
    let redeem = RedeemCode {
        code_id: stored.code.code_id,
        grant_id: stored.grant.grant_id,
        attempt: u64::from_le_bytes(app.random::<8>()),
        refresh: refresh.as_ref(),
        session: changed.as_deref(),
        tokens_until,
        kept_until,
    };
    match app.store.redeem_code(&redeem).await? {
        RedeemedCode::Done => Ok(tokens),
        RedeemedCode::AlreadyUsed => Err(authorization_code::already_used().into()),
        RedeemedCode::Gone => Err(authorization_code::not_valid().into()),
    }
}

fn enforcement(app: &AppState) -> Enforcement {
    let pkce = &app.settings.oauth2.pkce;
    Enforcement {
        for_everyone: pkce.enforced,
        for_public_clients: pkce.enforced_for_public_clients,
    }
}
