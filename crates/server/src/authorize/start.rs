//! The start: checks the request and sends the browser to the login app.

use axum::response::Response;
use tessera_protocol::authorize::parameters::{RequestParameters, set_query};
use tessera_protocol::flow::{Flow, Step, steps};

use super::{Addressed, Refusal, Visitor, sealed};
use crate::cookies::fresh_csrf;
use crate::{hint, reply, request_object, subject};

pub(super) async fn start(
    visitor: &Visitor<'_>,
    parameters: RequestParameters,
) -> Result<Response, Refusal> {
    let Visitor { app, headers, now } = *visitor;
    parameters.check_length().map_err(Refusal::Page)?;
    let parameters = request_object::merged(app, parameters, now).await?;
    let asked = Addressed::find(app, parameters).await?;
    let request = asked.request();
    asked.check_before_login(app)?;
    let hinted = hint::read(app, request.get("id_token_hint"), now)
        .await?
        .map_err(|error| asked.refuse(error))?;
    let session = match request.prompt.login {
        true => None,
        false => sealed::browser_session(app, headers, now).await?,
    };
    let identifiers = match &session {
        Some(session) => {
            subject::known_as(app, &asked.client, session, hinted.as_ref(), now).await?
        }
        None => Vec::new(),
    };
    let hinted = hinted.as_ref().map(|hint| hint.sub.as_str());
    let known_login = steps::known_login(&request, session.as_ref(), hinted, &identifiers, now)
        .map_err(|error| asked.refuse(error))?;
    let client_id = asked.client.id();
    let login_csrf = fresh_csrf(app.random(), now);
    let mut flow = Flow {
        flow_id: app.fresh_id(),
        requested_at: now,
        parameters: asked.parameters.clone(),
        request_pending: None,
        login_csrf,
        sid: match (&known_login, &session) {
            (Some(_), Some(session)) => session.sid,
            _ => app.fresh_id(),
        },
        known_login,
        step: Step::LoginAsked,
    };
    let challenge = sealed::seal_start(app, &mut flow).await?;
    let mut url = match request.prompt.registration {
        true => app.settings.registration_url(),
        false => app.settings.login_url(),
    };
    let schema = request.parameters.find("identity_schema");
    let schema = schema.map(|schema| ("identity_schema", schema));
    set_query(
        &mut url,
        [("login_challenge", challenge.as_str())]
            .into_iter()
            .chain(schema),
    );
    let mut reply = reply::found(&url);
    let written = reply.headers_mut();
    let added = (&login_csrf, now);
    app.cookies
        .add_login_csrf(headers, written, client_id, added);
    if let Some(session) = &session {
        app.cookies.renew_session(headers, written, session, now);
    }
    Ok(reply)
}
