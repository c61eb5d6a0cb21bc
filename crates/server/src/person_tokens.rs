//! Makes the tokens that a code or a refresh token is exchanged for.
//!
//! Invariant: everything is made before anything is stored, so that a failure leaves code and refresh token as they were.

use tessera_crypto::OsEntropy;
use tessera_protocol::client::Client;
use tessera_protocol::grant::person::{Context, Lifespans, Plan};
use tessera_protocol::grant::record::{GrantRecord, SessionClaims};
use tessera_protocol::grant::rejection::{Consequence, Rejection};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::sealed_id;

use crate::endpoint::token::Tokens;
use crate::hook::{self, Expiries, Facts};
use crate::id_token::{self, Beside};
use crate::reply::Failure;
use crate::state::AppState;
use crate::{at_rest, signing, token};

/// What the plans of both grants are made with.
pub(crate) fn context(app: &AppState, now: Timestamp) -> Context {
    let ttl = &app.settings.ttl;
    Context {
        now,
        lifespans: Lifespans {
            access_token: ttl.access_token,
            id_token: ttl.id_token,
            refresh_token: ttl.refresh_token,
        },
        server_epoch: app.server_epoch(),
        refresh_id: app.fresh_id(),
    }
}

/// What is exchanged, for the hooks and the ID token.
pub(crate) struct Exchange<'a> {
    pub(crate) grant_type: &'static str,
    pub(crate) form: &'a [u8],
    pub(crate) client: &'a Client,
    pub(crate) grant: &'a GrantRecord,
    pub(crate) session: &'a SessionClaims,
    /// The code as the client sent it, where it is one.
    pub(crate) code: Option<&'a str>,
    /// When the code ends, where it is one.
    pub(crate) code_expires_at: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// The tokens, and what the grant's session is from now on if a hook changed it, sealed.
pub(crate) async fn issue(
    app: &AppState,
    exchange: &Exchange<'_>,
    mut plan: Plan,
) -> Result<(Tokens, Option<Vec<u8>>), Failure> {
    let changed = ask_hooks(app, exchange, &plan).await?;
    if let Some(session) = &changed {
        plan.access_token.set_claims(session);
    }
    let session = changed.as_ref().unwrap_or(exchange.session);
    let Exchange {
        client, grant, now, ..
    } = *exchange;
    let access_token = token::issue(app, client, &plan.access_token, now).await?;
    let id_token = match plan.id_token {
        Some(id_plan) => {
            let beside = Beside {
                access_token: Some(&access_token),
                code: exchange.code.filter(|_| id_plan.has_code_hash),
                lifespan: id_plan.lifespan,
            };
            Some(id_token::issue(app, client, grant, session, &beside, now).await?)
        }
        None => None,
    };
    let prefix = &app.settings.oauth2.token_prefix.refresh;
    let refresh_token = plan.refresh.as_ref().map(|refresh| {
        sealed_id::mint(&refresh.refresh_id, prefix, &app.seals.refresh, &OsEntropy)
    });
    let tokens = Tokens {
        access_token,
        expires_in: plan.access_token.expires_in(now),
        id_token,
        refresh_token,
        scope: plan.access_token.scope,
        token_type: "bearer",
    };
    let stored = changed
        .map(|claims| at_rest::seal_claims(app, grant, &claims))
        .transpose()?;
    Ok((tokens, stored))
}

async fn ask_hooks(
    app: &AppState,
    exchange: &Exchange<'_>,
    plan: &Plan,
) -> Result<Option<SessionClaims>, Failure> {
    let hooks = &app.settings.oauth2;
    if hooks.token_hook.is_none() && hooks.refresh_token_hook.is_none() {
        return Ok(None);
    }
    let keys = signing::keys_for(app, exchange.client, exchange.now).await?;
    let grant = exchange.grant;
    let granted: Vec<String> = tessera_protocol::scope::split(&plan.access_token.scope)
        .map(str::to_owned)
        .collect();
    let access_token_kid = token::kid(app, exchange.client, exchange.now).await?;
    let facts = Facts {
        grant_type: exchange.grant_type,
        client_id: exchange.client.id(),
        requested_scope: &grant.content.requested_scope,
        granted_scope: &granted,
        granted_audience: &grant.content.audience,
        payload: &hook::payload(exchange.form),
        subject: &grant.subject,
        session: exchange.session,
        now: exchange.now,
        expiries: Expiries {
            access_token: plan.access_token.expires_at,
            authorize_code: exchange.code_expires_at,
            refresh_token: plan.refresh.as_ref().map(|refresh| refresh.expires_at),
        },
        grant: Some(grant),
        id_token_kid: keys
            .first()
            .map(|key| key.signing.kid())
            .unwrap_or_default(),
        access_token_kid: &access_token_kid,
    };
    hook::run(app, &facts).await
}

/// Writes what a refusal obliges to, and answers it.
pub(crate) async fn refused(app: &AppState, rejection: Rejection) -> Result<Failure, Failure> {
    match rejection.consequence {
        Consequence::None => {}
        Consequence::RevokeGrant(grant_id) => app.store.revoke_grant(grant_id).await?,
        Consequence::BurnCode(code_id) => {
            let attempt = u64::from_le_bytes(app.random::<8>());
            app.store.burn_code(code_id, attempt).await?;
        }
    }
    Ok(rejection.error.into())
}
