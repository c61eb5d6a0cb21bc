//! Back from the login app: the login is taken up, and the browser goes on to the consent app.

use axum::response::Response;
use std::time::Duration;
use tessera_protocol::authorize::parameters::{RequestParameters, set_query};
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::flow::steps::{self, LoginFacts};
use tessera_protocol::flow::{AcceptedLogin, ConsentRequest, Flow, Leg, Step};
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;
use tessera_store::{FinishLogin, FinishedLogin, RememberedConsent, SingleUse};

use super::sealed::{self, NotOpened, Opened};
use super::{Addressed, Refusal, Visitor, rules};
use crate::cookies::{Csrf, fresh_csrf, session_max_age};
use crate::state::AppState;
use crate::{hint, reply, subject};

pub(super) async fn finish(
    visitor: &Visitor<'_>,
    verifier: &str,
    parameters: RequestParameters,
) -> Result<Response, Refusal> {
    let Visitor { app, headers, now } = *visitor;
    let opened = sealed::open(app, verifier, Leg::LoginVerifier, now).await;
    let (flow, asked) = taken_up(app, opened, parameters, "login").await?;
    let Step::LoginAnswered(answer) = &flow.step else {
        return Err(Refusal::Page(unusable("login")));
    };
    let login = match answer {
        Ok(login) => login,
        Err(rejection) => {
            let told = (asked.destination.clone(), rejection.clone());
            return Err(Refusal::Rejected(Box::new(told)));
        }
    };
    let cookie = app.cookies.login_csrf(headers, asked.client.id(), now);
    check_csrf(&cookie, &flow.login_csrf).map_err(|error| asked.refuse(error))?;
    let identifier =
        subject::identifier(app, &asked.client, login).map_err(|error| asked.refuse(error))?;
    check(visitor, &asked, &flow, login, &identifier).await?;
    let remembered = store(visitor, &asked, &flow, login).await?;
    consent(visitor, &asked, &flow, login, remembered.as_ref())
}

/// The flow and its request; what the browser brought must agree with it.
pub(super) async fn taken_up(
    app: &AppState,
    opened: Result<Opened, NotOpened>,
    brought: RequestParameters,
    leg: &'static str,
) -> Result<(Flow, Addressed), Refusal> {
    let opened = match opened {
        Ok(opened) => opened,
        Err(NotOpened::Fault(fault)) => return Err(fault.into()),
        Err(NotOpened::Unknown) => {
            let asked = Addressed::find(app, brought).await?;
            asked.check_before_login(app)?;
            return Err(asked.refuse(unusable(leg)));
        }
        Err(NotOpened::Expired(opened)) => {
            let asked = Addressed::find(app, opened.parameters).await?;
            return Err(asked.refuse(OAuthError::new(
                ErrorCode::RequestUnauthorized,
                format!("The {leg} request has expired; start again at the client."),
            )));
        }
    };
    let asked = Addressed::find(app, opened.parameters).await?;
    brought
        .check_repeated()
        .map_err(|error| asked.refuse(error))?;
    for (name, code) in [
        ("client_id", ErrorCode::InvalidClient),
        ("scope", ErrorCode::InvalidScope),
        ("redirect_uri", ErrorCode::InvalidRequest),
    ] {
        let sealed = asked.parameters.find_sent(name);
        if brought
            .find(name)
            .is_some_and(|brought| Some(brought) != sealed)
        {
            return Err(asked.refuse(OAuthError::new(
                code,
                format!("Parameter '{name}' is not what the flow was started with."),
            )));
        }
    }
    // The client may have been changed meanwhile.
    asked.check_before_login(app)?;
    Ok((opened.flow, asked))
}

fn unusable(leg: &str) -> OAuthError {
    OAuthError::new(
        ErrorCode::AccessDenied,
        format!("The {leg} verifier was not made by this server, or has been altered."),
    )
}

/// Security: the flow goes on in the browser that started it, or not at all.
pub(super) fn check_csrf(cookie: &Csrf, expected: &[u8; 16]) -> Result<(), OAuthError> {
    cookie
        .check(expected)
        .map_err(|hint| OAuthError::new(ErrorCode::RequestForbidden, hint))
}

/// Whether the login fits what the client asked for. A browser whose session does not is logged out: the session is
/// retired.
async fn check(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    flow: &Flow,
    login: &AcceptedLogin,
    identifier: &str,
) -> Result<(), Refusal> {
    let Visitor { app, headers, now } = *visitor;
    let request = asked.request();
    let hinted = hint::read(app, request.get("id_token_hint"), now)
        .await?
        .map_err(|error| asked.refuse(error))?;
    let facts = LoginFacts {
        request: &request,
        client: &asked.client,
        destination: &asked.destination,
        requested_at: flow.requested_at,
        subject_identifier: identifier,
        hinted: hinted.as_ref().map(|hint| hint.sub.as_str()),
        allows_http: rules(app).allows_http,
        now,
    };
    let Err(error) = steps::check_login(login, &facts) else {
        return Ok(());
    };
    if error.code != ErrorCode::LoginRequired {
        return Err(asked.refuse(error));
    }
    if let Some(sid) = app.cookies.session(headers) {
        app.store.retire_login_session(sid).await?;
    }
    Err(Refusal::ClientAndLogout(Box::new((
        asked.destination.clone(),
        error,
    ))))
}

/// Security: every login makes a session of its own, also one of the same person: whoever got hold of the cookie of the
/// former session, or planted it, gains nothing by the new login. The former session is retired, since no cookie of
/// this browser names it any more. It stays until it would have ended, so that its clients can still be told: by a
/// logout with an ID token that names it, or by the operator, by `sid` or by subject.
/// Compat: the reference server leaves the former session usable when the new one is remembered, and deletes it
/// without telling its clients when it is not.
async fn store(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    flow: &Flow,
    login: &AcceptedLogin,
) -> Result<Option<RememberedConsent>, Refusal> {
    let Visitor { app, headers, now } = *visitor;
    let skipped = flow.known_login.is_some();
    let session = session_after(app, flow, login, now);
    let replaced = (!skipped).then(|| app.cookies.session(headers)).flatten();
    let finish = FinishLogin {
        claim: &sealed::claim(app, flow, SingleUse::LoginLeg),
        new_session: session.as_ref(),
        used_session: skipped.then_some(flow.sid),
        retired_session: replaced.filter(|sid| *sid != flow.sid),
        subject: &login.subject,
        client_id: asked.client.id(),
    };
    match app.store.finish_login(&finish, now).await? {
        FinishedLogin::Done(remembered) => Ok(remembered),
        FinishedLogin::AlreadyFinished => Err(asked.refuse(OAuthError::new(
            ErrorCode::AccessDenied,
            "The login verifier has been used before; start again at the client.",
        ))),
        FinishedLogin::SessionGone => Err(asked.refuse(OAuthError::new(
            ErrorCode::LoginRequired,
            "The login session ended while it was used; start again at the client.",
        ))),
    }
}

/// The session as it is from now on; `None` when the one that was used stays as it is.
///
/// Spec: a session ends with what the app remembers it for, and with `ttl.authentication_session` at the latest.
/// Compat: only a login that is not skipped says which session of the identity provider stands behind.
fn session_after(
    app: &AppState,
    flow: &Flow,
    login: &AcceptedLogin,
    now: Timestamp,
) -> Option<LoginSession> {
    let skipped = flow.known_login.is_some();
    if skipped && !login.extend_session_lifespan {
        return None;
    }
    let ttl = app.settings.ttl.authentication_session;
    let lifespan = match u64::try_from(login.remember_for) {
        Ok(secs) if login.remember && secs > 0 => Duration::from_secs(secs).min(ttl),
        _ => ttl,
    };
    Some(LoginSession {
        sid: flow.sid,
        subject: login.subject.clone(),
        authenticated_at: login.auth_time,
        is_remembered: login.remember,
        expires_at: now.plus(lifespan),
        identity_provider_session_id: match skipped {
            true => String::new(),
            false => login.identity_provider_session_id.clone(),
        },
    })
}

fn consent(
    visitor: &Visitor<'_>,
    asked: &Addressed,
    flow: &Flow,
    login: &AcceptedLogin,
    remembered: Option<&RememberedConsent>,
) -> Result<Response, Refusal> {
    let Visitor { app, headers, now } = *visitor;
    let request = asked.request();
    let covered = remembered.map(|remembered| (&remembered.scope[..], &remembered.audience[..]));
    let skip = steps::may_skip_consent(
        &request,
        &asked.client,
        &asked.destination,
        covered,
        app.scope_strategy,
    );
    if request.prompt.none && !skip {
        return Err(asked.refuse(OAuthError::new(
            ErrorCode::ConsentRequired,
            "Parameter 'prompt' is 'none', but no earlier consent covers the request.",
        )));
    }
    let client_id = asked.client.id();
    let consent_csrf = fresh_csrf(app.random(), now);
    let next = Flow {
        step: Step::ConsentAsked(ConsentRequest {
            login: login.clone(),
            grant_id: app.fresh_id(),
            consent_csrf,
            skip,
        }),
        ..flow.clone()
    };
    let challenge = sealed::seal(app, &next, Leg::ConsentChallenge);
    let mut url = app.settings.consent_url();
    set_query(
        &mut url,
        std::iter::once(("consent_challenge", challenge.as_str())),
    );
    let mut reply = reply::found(&url);
    set_session_cookie(app, &mut reply, flow.sid, flow.known_login.is_some(), login);
    let added = (&consent_csrf, now);
    app.cookies
        .add_consent_csrf(headers, reply.headers_mut(), client_id, added);
    Ok(reply)
}

/// Compat: a login that is not remembered takes the browser's session away.
fn set_session_cookie(
    app: &AppState,
    reply: &mut Response,
    sid: SessionId,
    skipped: bool,
    login: &AcceptedLogin,
) {
    if login.remember && (!skipped || login.extend_session_lifespan) {
        app.cookies.set_session(
            reply.headers_mut(),
            &sid,
            session_max_age(login.remember_for),
        );
    } else if !login.remember && !skipped {
        app.cookies.clear_session(reply.headers_mut());
    }
}
