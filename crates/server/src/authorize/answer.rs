//! What the authorization endpoint hands out itself: the code, and the tokens of implicit and hybrid flows.
//!
//! Spec: RFC 6749 4.1.2, 4.2.2; OpenID Connect Core 1.0 3.2.2.5, 3.3.2.5; OpenID Connect Session Management
//! 1.0 2

use std::time::Duration;

use tessera_crypto::OsEntropy;
use tessera_protocol::authorize::deliver::Parameters;
use tessera_protocol::client::Client;
use tessera_protocol::grant::record::{CodeRecord, GrantRecord, SessionClaims};
use tessera_protocol::session_state;
use tessera_protocol::time::Lifespan;
use tessera_protocol::token::access::{AccessToken, PersonRef};
use tessera_protocol::token::sealed_id;

use super::{Addressed, Refusal, Visitor};
use crate::id_token::{self, Beside};
use crate::state::AppState;
use crate::{at_rest, ids, token};

/// How long tokens of the front channel live.
pub(super) struct Lifespans {
    pub(super) access_token: Duration,
    pub(super) id_token: Duration,
}

impl Lifespans {
    /// Compat: hybrid flows take the lifespans of the implicit grant too.
    pub(super) fn of(app: &AppState, client: &Client) -> Self {
        let own = &client.metadata().lifespans;
        let or = |own: Option<Lifespan>, general: Duration| {
            own.map_or(general, |own| own.positive().unwrap_or_default())
        };
        let ttl = &app.settings.ttl;
        Self {
            access_token: or(own.implicit_grant_access_token_lifespan, ttl.access_token),
            id_token: or(own.implicit_grant_id_token_lifespan, ttl.id_token),
        }
    }
}

/// The parameters of a successful answer. Everything is stored already.
pub(super) async fn parameters(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    grant: &GrantRecord,
    code: Option<&CodeRecord>,
) -> Result<Parameters, Refusal> {
    let Visitor { app, now, .. } = *visitor;
    let asked_type = asked.request().response_type.unwrap_or_default();
    let mut parameters = Parameters::new();
    // Compat: an answer with an ID token and no access token has no `scope`.
    if asked_type.token || asked_type.is_code_alone() {
        parameters.push(("scope", grant.content.scope.join(" ")));
    }
    let is_openid = grant.content.scope.iter().any(|scope| scope == "openid");
    if is_openid && let Some(state) = session_state(app, asked, grant) {
        parameters.push(("session_state", state));
    }
    let code = code.map(|code| {
        let prefix = &app.settings.oauth2.token_prefix.code;
        sealed_id::mint(&code.code_id, prefix, &app.seals.code, &OsEntropy)
    });
    if asked_type.token || asked_type.id_token {
        let claims = at_rest::claims(app, grant)?;
        let lifespans = Lifespans::of(app, &asked.client);
        let mut access_token = None;
        if asked_type.token {
            let token = access_token_of(visitor, asked, grant, &claims);
            let wire = token::issue(app, &asked.client, &token, now).await?;
            parameters.push(("expires_in", token.expires_in(now).to_string()));
            parameters.push(("token_type", "bearer".to_owned()));
            parameters.push(("access_token", wire.clone()));
            access_token = Some(wire);
        }
        if asked_type.id_token && is_openid {
            let beside = Beside {
                access_token: access_token.as_deref(),
                code: code.as_deref(),
                lifespan: lifespans.id_token,
            };
            let signed = id_token::issue(app, &asked.client, grant, &claims, &beside, now).await?;
            parameters.push(("id_token", signed));
        }
    }
    if let Some(code) = code {
        parameters.push(("code", code));
    }
    Ok(parameters)
}

/// What the client's pages compare the session with; `None` unless session management is on.
fn session_state(app: &AppState, asked: &Addressed, grant: &GrantRecord) -> Option<String> {
    let browser_state = app.cookies.browser_state_of(&grant.sid?)?;
    let salt = ids::hex(&app.random::<16>());
    let redirect_uri = &asked.destination.redirect_uri;
    session_state::session_state(&grant.client_id, redirect_uri, &browser_state, &salt)
}

fn access_token_of(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    grant: &GrantRecord,
    claims: &SessionClaims,
) -> AccessToken {
    let Visitor { app, now, .. } = *visitor;
    let lifespan = Lifespans::of(app, &asked.client).access_token;
    let mut token = AccessToken {
        client_id: grant.client_id.clone(),
        subject: grant.subject.clone(),
        scope: grant.content.scope.join(" "),
        audience: grant.content.audience.clone(),
        issued_at: now,
        expires_at: now.end_of(lifespan).nearest_second(),
        client_epoch: asked.client.record().token_epoch,
        server_epoch: app.server_epoch(),
        ext: String::new(),
        ext_grant: None,
        person: Some(PersonRef {
            grant_id: grant.grant_id,
            refresh_id: None,
            is_narrowed: false,
        }),
    };
    token.set_claims(claims);
    token
}
