//! The consent page: may the application have what it asks for?
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.4, 5.4, 5.5
//!
//! Security: without an account there is nobody to consent: who was taken out of the users file gets no further tokens
//! by an earlier login or consent.

use axum::response::Response;
use serde_json::{Map, Value};
use tessera_protocol::authorize::request::AuthorizeRequest;
use tessera_protocol::flow::{AcceptedConsent, ConsentRequest, Leg, Rejection, Step};
use tessera_protocol::grant::record::SessionClaims;

use super::stop::Stop;
use super::{Asker, Visit, claims};
use crate::authorize::sealed::{self, Opened};
use crate::pages::consent::Consent;
use crate::reply;
use crate::users::User;

pub(super) async fn answer(visit: &Visit<'_>) -> Result<Response, Stop> {
    let Visit { app, now, .. } = *visit;
    let mut opened = visit.open(Leg::ConsentChallenge).await?;
    let Step::ConsentAsked(asked) = std::mem::replace(&mut opened.flow.step, Step::LoginAsked)
    else {
        return Err(Stop::Unusable);
    };
    let client_id = opened.parameters.get("client_id");
    let cookie = app.cookies.consent_csrf(&visit.headers, client_id, now);
    visit.check(&cookie, &asked.consent_csrf, &opened)?;
    let Some(user) = visit.users.find(&asked.login.subject, now).await else {
        return Ok(deny(
            visit,
            opened,
            asked,
            "The person has no account any more.",
        ));
    };
    let asker = Asker::find(app, &opened.parameters).await?;
    let request = AuthorizeRequest::new(&opened.parameters);
    let mut claims = claims::of_scope(&user, &request);
    let named = claims::named(&user, &request);
    let is_trusted = asker.client.metadata().skip_consent;
    // A consent of before says nothing of claims that are named one by one.
    let is_skipped = asked.skip && (named.is_empty() || request.prompt.none);
    match visit.field("answer") {
        _ if is_skipped && !is_trusted => accept(visit, opened, asked, claims).await,
        answer if is_trusted || answer == "accept" => {
            claims.extend(named);
            accept(visit, opened, asked, claims).await
        }
        "deny" => Ok(deny(visit, opened, asked, "The person did not consent.")),
        _ => Ok(page(visit, &request, &asked, &asker, &user, &named)),
    }
}

/// All scopes and audiences that are asked for are granted.
async fn accept(
    visit: &Visit<'_>,
    opened: Opened,
    asked: ConsentRequest,
    claims: Map<String, Value>,
) -> Result<Response, Stop> {
    let app = visit.app;
    let request = AuthorizeRequest::new(&opened.parameters);
    let session = SessionClaims {
        id_token: claims,
        ..SessionClaims::default()
    };
    let consent = AcceptedConsent {
        scope: request.scope.iter().map(|&s| s.to_owned()).collect(),
        audience: request.audience.clone(),
        remember: !visit.field("remember").is_empty(),
        remember_for: 0,
        handled_at: visit.now,
        pending: sealed::keep(app, &opened.flow, Some(&session), None).await?,
    };
    let url = sealed::answer_consent(app, opened, asked, Ok(consent));
    Ok(reply::see_other(&url))
}

fn deny(visit: &Visit<'_>, opened: Opened, asked: ConsentRequest, why: &str) -> Response {
    let denied = Rejection {
        error: "access_denied".to_owned(),
        description: why.to_owned(),
        ..Rejection::default()
    };
    reply::see_other(&sealed::answer_consent(
        visit.app,
        opened,
        asked,
        Err(denied),
    ))
}

fn page(
    visit: &Visit<'_>,
    request: &AuthorizeRequest<'_>,
    asked: &ConsentRequest,
    asker: &Asker,
    user: &User,
    named: &Map<String, Value>,
) -> Response {
    Consent {
        action: &format!("?consent_challenge={}", visit.challenge),
        challenge: &visit.challenge,
        csrf: &visit.csrf(&asked.consent_csrf),
        client: asker.name(),
        links: asker.links(),
        redirect_host: &asker.redirect_host,
        username: &user.username,
        scope: &request.scope,
        claims: &named.keys().map(String::as_str).collect::<Vec<_>>(),
        audience: &request.audience,
        remember: !visit.field("remember").is_empty(),
    }
    .page()
}
