//! The page that asks whether to log out.
//!
//! Spec: OpenID Connect RP-Initiated Logout 1.0 2, 6
//!
//! Security: a logout that a client asks for may come up in a browser without a session cookie, so the form is bound to
//! a cookie that the page itself sets.

use axum::response::Response;
use tessera_protocol::flow::logout::{LogoutLeg, LogoutRequest};

use super::stop::Stop;
use super::{Visit, shown_name};
use crate::cookies::fresh_csrf;
use crate::logout_request::{self, NotOpened};
use crate::pages::fallback::notice;
use crate::pages::sign_out::SignOut;
use crate::reply;

pub(super) async fn answer(visit: &Visit<'_>) -> Result<Response, Stop> {
    let Visit { app, now, .. } = *visit;
    let opened = logout_request::open(app, &visit.challenge, LogoutLeg::Challenge, now).await;
    let request = opened.map_err(|why| match why {
        NotOpened::Unknown => Stop::Unusable,
        NotOpened::Expired(again) => Stop::Expired(again),
        NotOpened::Fault(fault) => fault.into(),
    })?;
    let again = app.settings.public_path(&request.request_url);
    if app.store.find_login_session(request.sid).await?.is_none() {
        // There is nothing to end any more, which the endpoint itself finds and goes on from.
        return Ok(reply::see_other(&again));
    }
    let client = match request.is_rp_initiated() {
        true => app.clients.load(&*app.store, &request.client_id).await?,
        false => None,
    };
    let client = client.as_deref();
    if client.is_some_and(|client| client.metadata().skip_logout_consent == Some(true)) {
        return Ok(reply::see_other(&logout_request::confirm(app, &request)));
    }
    if visit.form.is_none() {
        return Ok(page(visit, &request, client.map(shown_name)).await);
    }
    // The page's value is in no challenge: the form names it.
    let cookie = app.cookies.logout_csrf(&visit.headers, now);
    cookie
        .holds(|value| visit.has_csrf(value))
        .map_err(|hint| Stop::Foreign(hint, again))?;
    Ok(match visit.field("answer") {
        "accept" => reply::see_other(&logout_request::confirm(app, &request)),
        _ => notice("You are still signed in", "You can close this page.").into_reply(),
    })
}

async fn page(visit: &Visit<'_>, request: &LogoutRequest, client: Option<&str>) -> Response {
    let Visit { app, now, .. } = *visit;
    let secret = fresh_csrf(app.random(), now);
    let user = visit.users.find(&request.subject, now).await;
    let mut reply = SignOut {
        action: &format!("?logout_challenge={}", visit.challenge),
        challenge: &visit.challenge,
        csrf: &visit.csrf(&secret),
        client: client.unwrap_or_default(),
        username: user.as_ref().map_or("", |user| &user.username),
    }
    .page();
    let headers = reply.headers_mut();
    let added = (&secret, now);
    app.cookies.add_logout_csrf(&visit.headers, headers, added);
    reply
}
