//! Back from the consent app: the grant is stored and the client gets its answer.

use std::time::Duration;

use axum::response::Response;
use tessera_protocol::authorize::checks::{self, BEFORE_ANSWER, Facts};
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::flow::{AcceptedConsent, ConsentRequest, Flow, Leg, Step};
use tessera_protocol::grant::record::{CodeContent, CodeRecord, GrantContent, GrantRecord};
use tessera_protocol::time::Timestamp;
use tessera_store::{FinishConsent, FinishedConsent, SingleUse};

use super::login_leg::{check_csrf, taken_up};
use super::sealed::{self};
use super::{Addressed, Refusal, Visitor, answer, refusal, rules};
use crate::state::AppState;
use crate::{ids, subject};

pub(super) async fn finish(
    visitor: &Visitor<'_>,
    verifier: &str,
    parameters: RequestParameters,
) -> Result<Response, Refusal> {
    let Visitor { app, headers, now } = *visitor;
    let opened = sealed::open(app, verifier, Leg::ConsentVerifier, now).await;
    let (flow, asked) = taken_up(app, opened, parameters, "consent").await?;
    let Step::ConsentAnswered(request, answer) = &flow.step else {
        return Err(asked.refuse(OAuthError::new(ErrorCode::AccessDenied, "")));
    };
    let consent = match answer {
        Ok(consent) => consent,
        Err(rejection) => {
            let told = (asked.destination.clone(), rejection.clone());
            return Err(Refusal::Rejected(Box::new(told)));
        }
    };
    let cookie = app.cookies.consent_csrf(headers, asked.client.id(), now);
    if let Err(error) = check_csrf(&cookie, &request.consent_csrf) {
        // Compat: a verifier that came up in the wrong browser is spent.
        let burnt = sealed::claim(app, &flow, SingleUse::ConsentLeg);
        app.store.claim(&burnt, now).await?;
        return Err(asked.refuse(error));
    }
    let facts = Facts {
        request: &asked.request(),
        client: &asked.client,
        destination: &asked.destination,
        rules: rules(app),
        granted_scope: &consent.scope,
    };
    checks::run(&BEFORE_ANSWER, &facts).map_err(|error| asked.refuse(error))?;
    let mut grant = grant(visitor, &asked, &flow, request, consent)?;
    let code = code(visitor, &asked, &grant);
    let finish = FinishConsent {
        claim: &sealed::claim(app, &flow, SingleUse::ConsentLeg),
        grant: &grant,
        consent_pending: consent.pending,
        login_pending: request.login.context_pending,
        code: code.as_ref(),
    };
    grant.session = store(visitor, &asked, &finish).await?;
    let parameters = answer::parameters(visitor, &asked, &grant, code.as_ref()).await?;
    let mut reply = refusal::deliver(app, &asked.destination, parameters);
    app.cookies
        .show_session(headers, reply.headers_mut(), &flow.sid);
    Ok(reply)
}

fn grant(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    flow: &Flow,
    consented: &ConsentRequest,
    consent: &AcceptedConsent,
) -> Result<GrantRecord, Refusal> {
    let Visitor { app, .. } = *visitor;
    let request = asked.request();
    let login = &consented.login;
    let identifier =
        subject::identifier(app, &asked.client, login).map_err(|error| asked.refuse(error))?;
    let is_remembered = consent.remember && !consented.skip;
    Ok(GrantRecord {
        grant_id: consented.grant_id,
        client_id: asked.client.id().to_owned(),
        subject: login.subject.clone(),
        sid: Some(flow.sid),
        requested_at: flow.requested_at,
        remembered_until: is_remembered
            .then(|| remembered_until(flow.requested_at, consent.remember_for)),
        tokens_until: tokens_until(visitor, asked),
        server_epoch: app.server_epoch(),
        was_asked: !consented.skip,
        content: GrantContent {
            scope: consent.scope.clone(),
            audience: consent.audience.clone(),
            requested_scope: request
                .scope
                .iter()
                .map(|&scope| scope.to_owned())
                .collect(),
            requested_audience: request.audience.clone(),
            resource: request.resource.iter().map(|&uri| uri.to_owned()).collect(),
            subject_identifier: if identifier == login.subject {
                String::new()
            } else {
                identifier
            },
            auth_time: login.auth_time,
            acr: login.acr.clone(),
            amr: login.amr.clone(),
            asked_acr: !request.get("acr_values").is_empty(),
            nonce: request.get("nonce").to_owned(),
            handled_at: consent.handled_at,
            remember: consent.remember,
            remember_for: consent.remember_for,
            login_challenge: ids::hex(&flow.flow_id),
            request_url: request_url(app, &asked.parameters),
            oidc_context: request.oidc_context(None),
        },
        session: Vec::new(),
        context: Vec::new(),
    })
}

/// Security: no token is stored, so an `id_token_hint` is left out.
fn request_url(app: &AppState, parameters: &RequestParameters) -> String {
    const HINT: &str = "id_token_hint";
    match parameters.find(HINT) {
        None => parameters.url(&app.auth_url, None),
        Some(_) => parameters.without(HINT).url(&app.auth_url, None),
    }
}

/// Compat: counted from the start of the flow; 0 seconds are for ever.
fn remembered_until(requested_at: Timestamp, remember_for: i64) -> Timestamp {
    match u64::try_from(remember_for) {
        Ok(secs) if secs > 0 => requested_at.plus(Duration::from_secs(secs)),
        _ => Timestamp::MAX,
    }
}

/// When what is issued now has ended: the code, and the token of the front channel.
fn tokens_until(visitor: &Visitor<'_>, asked: &Addressed) -> Timestamp {
    let Visitor { app, now, .. } = *visitor;
    let lifespans = answer::Lifespans::of(app, &asked.client);
    let asked_type = asked.request().response_type.unwrap_or_default();
    let code = asked_type
        .code
        .then(|| now.plus(app.settings.ttl.auth_code));
    let token = asked_type.token.then(|| now.plus(lifespans.access_token));
    code.max(token).unwrap_or(now)
}

fn code(visitor: &Visitor<'_>, asked: &Addressed, grant: &GrantRecord) -> Option<CodeRecord> {
    let Visitor { app, now, .. } = *visitor;
    let request = asked.request();
    let asked_type = request.response_type?;
    asked_type.code.then(|| CodeRecord {
        code_id: app.fresh_id(),
        grant_id: grant.grant_id,
        expires_at: now.plus(app.settings.ttl.auth_code),
        content: CodeContent {
            redirect_uri: request.get("redirect_uri").to_owned(),
            code_challenge: request.get("code_challenge").to_owned(),
            is_hybrid: asked_type.is_hybrid(),
        },
    })
}

async fn store(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    finish: &FinishConsent<'_>,
) -> Result<Vec<u8>, Refusal> {
    let Visitor { app, now, .. } = *visitor;
    match app.store.finish_consent(finish, now).await? {
        FinishedConsent::Done { session } => Ok(session),
        FinishedConsent::AlreadyFinished => Err(asked.refuse(OAuthError::new(
            ErrorCode::AccessDenied,
            "The consent verifier has been used before, or the client was removed meanwhile; start again at the client.",
        ))),
        FinishedConsent::SessionGone => Err(asked.refuse(OAuthError::new(
            ErrorCode::LoginRequired,
            "The login session ended before the consent was given; start again at the client.",
        ))),
    }
}
