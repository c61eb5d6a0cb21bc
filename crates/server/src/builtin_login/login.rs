//! The login page: who is it?
//!
//! Spec: OpenID Connect Core 1.0 2 (`acr`, `amr`), 3.1.2.3; RFC 8176 2 (`pwd`)
//!
//! Compat: a wrong password answers 400. 401 would need `WWW-Authenticate` (RFC 9110 15.5.2), for which browsers open a
//! box of their own, and password managers take 200 for a success.
//! Security: somebody who was taken out of the users file is not let in by an earlier login.

use std::time::Duration;

use axum::response::Response;
use tessera_protocol::authorize::request::AuthorizeRequest;
use tessera_protocol::flow::{AcceptedLogin, Flow, KnownLogin, Leg, Rejection};

use super::stop::Stop;
use super::{Asker, Visit};
use crate::authorize::sealed::{self, Opened};
use crate::cookies::Csrf;
use crate::pages::sign_in::{Refused, SignIn};
use crate::reply;
use crate::users::{Outcome, User};

/// No class of ISO/IEC 29115 is claimed for a password.
const ACR: &str = "0";
/// How people log in here.
const AMR: &str = "pwd";

pub(super) async fn answer(visit: &Visit<'_>) -> Result<Response, Stop> {
    let Visit { app, now, .. } = *visit;
    let opened = visit.open(Leg::LoginChallenge).await?;
    let client_id = opened.parameters.get("client_id");
    let cookie = app.cookies.login_csrf(&visit.headers, client_id, now);
    // Strict cookies come with the form, but not with a visit that began at another site.
    let comes_later = visit.form.is_none() && app.cookies.are_kept_back();
    if cookie != Csrf::Missing || !comes_later {
        visit.check(&cookie, &opened.flow.login_csrf, &opened)?;
    }
    let Some(known) = opened.flow.known_login.clone() else {
        return match visit.form {
            None => page(visit, &opened, &visit.challenge, None).await,
            Some(_) => take(visit, opened).await,
        };
    };
    if visit.users.find(&known.subject, now).await.is_some() {
        let url = sealed::answer_login(app, opened, Ok(continued(known)));
        return Ok(reply::see_other(&url));
    }
    start_over(visit, opened).await
}

/// What the form says.
async fn take(visit: &Visit<'_>, opened: Opened) -> Result<Response, Stop> {
    if visit.field("answer") == "deny" {
        let denied = rejection("access_denied", "The person did not log in.");
        let url = sealed::answer_login(visit.app, opened, Err(denied));
        return Ok(reply::see_other(&url));
    }
    // No name begins or ends with a blank, but keyboards of phones append one.
    let (username, password) = (visit.field("username").trim(), visit.field("password"));
    let refused = match (username, password) {
        ("", _) => Refused::NoUsername,
        (_, "") => Refused::NoPassword,
        _ => match verified(visit, username, password).await? {
            Ok(login) => {
                let url = sealed::answer_login(visit.app, opened, Ok(login));
                return Ok(reply::see_other(&url));
            }
            Err(refused) => refused,
        },
    };
    page(visit, &opened, &visit.challenge, Some(refused)).await
}

async fn verified(
    visit: &Visit<'_>,
    username: &str,
    password: &str,
) -> Result<Result<AcceptedLogin, Refused>, Stop> {
    let pool = &visit.app.hash_pool;
    let outcome = visit.users.verify(pool, username, password, visit.now);
    Ok(match outcome.await? {
        Outcome::Verified(user) => Ok(accepted(visit, &user)),
        Outcome::Refused => Err(Refused::Mismatch),
        Outcome::TooManyAttempts { retry_after } => Err(Refused::TooManyAttempts {
            retry_after_secs: whole_seconds_above(retry_after),
        }),
    })
}

fn whole_seconds_above(time: Duration) -> u64 {
    let more = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(more).max(1)
}

fn accepted(visit: &Visit<'_>, user: &User) -> AcceptedLogin {
    let remember = !visit.field("remember").is_empty();
    let ttl = visit.app.settings.ttl.authentication_session.as_secs();
    AcceptedLogin {
        subject: user.subject.clone(),
        auth_time: visit.now.whole_seconds(),
        remember,
        remember_for: match remember {
            true => i64::try_from(ttl).unwrap_or(i64::MAX),
            false => 0,
        },
        acr: ACR.to_owned(),
        amr: vec![AMR.to_owned()],
        ..AcceptedLogin::default()
    }
}

/// An earlier login, used again as it is.
fn continued(known: KnownLogin) -> AcceptedLogin {
    AcceptedLogin {
        subject: known.subject,
        auth_time: known.auth_time,
        remember: true,
        acr: ACR.to_owned(),
        amr: vec![AMR.to_owned()],
        ..AcceptedLogin::default()
    }
}

/// The earlier login is of somebody who may not log in here any more: the flow goes on without it.
async fn start_over(visit: &Visit<'_>, opened: Opened) -> Result<Response, Stop> {
    let app = visit.app;
    if AuthorizeRequest::new(&opened.parameters).prompt.none {
        let required = rejection(
            "login_required",
            "Parameter 'prompt' is 'none', but the person who was logged in has no account any more.",
        );
        let url = sealed::answer_login(app, opened, Err(required));
        return Ok(reply::see_other(&url));
    }
    let flow = Flow {
        known_login: None,
        sid: app.fresh_id(),
        ..opened.flow
    };
    let challenge = sealed::seal(app, &flow, Leg::LoginChallenge);
    let opened = Opened { flow, ..opened };
    page(visit, &opened, &challenge, None).await
}

async fn page(
    visit: &Visit<'_>,
    opened: &Opened,
    challenge: &str,
    refused: Option<Refused>,
) -> Result<Response, Stop> {
    let asker = Asker::find(visit.app, &opened.parameters).await?;
    let username = match visit.form {
        None => opened.parameters.get("login_hint"),
        Some(_) => visit.field("username").trim(),
    };
    Ok(SignIn {
        action: &format!("?login_challenge={challenge}"),
        challenge,
        csrf: &super::csrf(&opened.flow.login_csrf, challenge),
        client: asker.name(),
        links: asker.links(),
        redirect_host: &asker.redirect_host,
        username,
        remember: !visit.field("remember").is_empty(),
        refused,
    }
    .page())
}

fn rejection(error: &str, description: &str) -> Rejection {
    Rejection {
        error: error.to_owned(),
        description: description.to_owned(),
        ..Rejection::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_come_back_too_early() {
        for (millis, secs) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (900_000, 900)] {
            assert_eq!(
                whole_seconds_above(Duration::from_millis(millis)),
                secs,
                "{millis}"
            );
        }
    }
}
