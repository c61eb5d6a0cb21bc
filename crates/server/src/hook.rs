//! The operator's hooks: called before tokens are issued, they may change claims or refuse.
//!
//! Invariant: the refresh hook comes first, and the token hook sees what it made of the session.
//! Compat: bodies member by member, statuses and retries as recorded. The answer replaces the session, except where a
//! code is redeemed: there what the consent app gave stays and wins.
//! Compat: redirects are not followed; the reference server's recorded answer to one is the same error.
//! Security: fails closed. Whatever is wrong with a hook or its answer, no token is issued. Answers are bounded in size
//! and time, and addresses obey `egress`.

mod body;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::form::Reader;
use tessera_protocol::grant::record::{GrantRecord, SessionClaims};
use tessera_protocol::time::Timestamp;

use crate::config::{ApiKeyPlace, OAuth2, Webhook};
use crate::egress::{Answer, Bounds, Egress, PostError};
use crate::go_json;
use crate::reply::Failure;
use crate::state::AppState;

/// Compat: the reference server's limits of one try.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(30),
    body_max: 5 * 1024 * 1024,
};
/// Pauses before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// No try begins later than this after the first; the client has hardly waited so long.
const TRYING_MAX: Duration = Duration::from_secs(30);

/// The form keys that a hook may see; codes, tokens, verifiers and secrets are not among them.
const PAYLOAD_KEYS: [&str; 5] = [
    "assertion",
    "client_id",
    "grant_type",
    "response_type",
    "scope",
];

/// Form values that a hook may see, by key.
pub(crate) type Payload = BTreeMap<&'static str, Vec<String>>;

/// What a hook is told about a token request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// As the request named it.
    pub grant_type: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// Scopes that were asked for.
    pub requested_scope: &'a [String],
    /// Scopes that the tokens will have.
    pub granted_scope: &'a [String],
    /// Audiences that the tokens will have.
    pub granted_audience: &'a [String],
    /// See [`payload`].
    pub payload: &'a Payload,
    /// The person; for machines the client, or whom an assertion names.
    pub subject: &'a str,
    /// The session so far.
    pub session: &'a SessionClaims,
    /// When the tokens are issued.
    pub now: Timestamp,
    /// When they end.
    pub expiries: Expiries,
    /// What the tokens of a person stand on; `None` for machines.
    pub grant: Option<&'a GrantRecord>,
    /// The key of ID tokens; empty for machines.
    pub id_token_kid: &'a str,
    /// The key of the access token; empty for an opaque one.
    pub access_token_kid: &'a str,
}

/// When tokens end, where there are such tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expiries {
    /// The new access token.
    pub access_token: Timestamp,
    /// The authorization code that is redeemed, or was.
    pub authorize_code: Option<Timestamp>,
    /// The new refresh token.
    pub refresh_token: Option<Timestamp>,
}

/// What a hook may see of a token request's form.
pub(crate) fn payload(form: &[u8]) -> Payload {
    let mut payload = Payload::new();
    for (name, value) in Reader::new(form).filter_map(Result::ok) {
        if let Some(key) = PAYLOAD_KEYS.iter().find(|key| **key == name) {
            payload.entry(key).or_default().push(value.into_owned());
        }
    }
    payload
}

/// Calls the hooks that are configured for this request. `None`: the session stays as it is.
pub(crate) async fn run(
    app: &AppState,
    facts: &Facts<'_>,
) -> Result<Option<SessionClaims>, Failure> {
    let hooks = Hooks {
        settings: &app.settings.oauth2,
        issuer: &app.issuer,
        egress: &app.egress,
        pauses: PAUSES,
    };
    Ok(hooks.run(facts).await?)
}

struct Hooks<'a> {
    settings: &'a OAuth2,
    issuer: &'a str,
    egress: &'a Egress,
    pauses: [Duration; 2],
}

/// A hook under the key that configures it.
#[derive(Clone, Copy)]
struct Hook<'a> {
    key: &'static str,
    webhook: &'a Webhook,
}

impl Hooks<'_> {
    async fn run(&self, facts: &Facts<'_>) -> Result<Option<SessionClaims>, OAuthError> {
        let mut changed = None;
        let refresh_hook = self.settings.refresh_token_hook.as_ref();
        if let Some(webhook) = refresh_hook.filter(|_| facts.grant_type == "refresh_token") {
            let hook = Hook {
                key: "oauth2.refresh_token_hook",
                webhook,
            };
            let session = self.session(facts, facts.session);
            changed = self.call(hook, &body::refresh(facts, &session)).await?;
        }
        if let Some(webhook) = &self.settings.token_hook {
            let hook = Hook {
                key: "oauth2.token_hook",
                webhook,
            };
            let session = self.session(facts, changed.as_ref().unwrap_or(facts.session));
            let answer = self.call(hook, &body::token(facts, &session)).await?;
            changed = answer.or(changed);
        }
        Ok(changed.map(|claims| kept(facts, claims)))
    }

    fn session(&self, facts: &Facts<'_>, claims: &SessionClaims) -> serde_json::Value {
        body::session(facts, claims, self.issuer, self.settings)
    }

    async fn call(
        &self,
        hook: Hook<'_>,
        body: &serde_json::Value,
    ) -> Result<Option<SessionClaims>, OAuthError> {
        let headers = headers(hook.webhook).map_err(|reason| failed(hook, &reason))?;
        let body = crate::reply::to_json(body);
        let answer = self.post(&hook.webhook.url, &headers, &body).await;
        let answer = answer.map_err(|error| match error {
            PostError::Never(reason) | PostError::Lost(reason) => failed(hook, &reason),
        })?;
        match answer.status {
            StatusCode::OK => match go_json::from_slice::<Reply>(&answer.body) {
                Ok(reply) => Ok(Some(reply.session.unwrap_or_default())),
                Err(error) => Err(failed(
                    hook,
                    &format!("its answer is not the JSON expected: {error}"),
                )),
            },
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::FORBIDDEN => Err(OAuthError::new(
                ErrorCode::AccessDenied,
                "The token hook of the operator refused it.",
            )),
            status => Err(failed(
                hook,
                &format!("it answered {status} instead of 200, 204 or 403"),
            )),
        }
    }

    /// Compat: a lost connection, 429 and 5xx but 501 are tried again.
    async fn post(&self, url: &str, headers: &HeaderMap, body: &[u8]) -> Result<Answer, PostError> {
        let started = Instant::now();
        let mut pauses = self.pauses.into_iter();
        loop {
            let sent = self
                .egress
                .post(url, headers.clone(), body.to_owned(), BOUNDS)
                .await;
            let may_pass = match &sent {
                Ok(answer) => is_passing(answer.status),
                Err(PostError::Lost(_)) => true,
                Err(PostError::Never(_)) => false,
            };
            match pauses.next() {
                Some(pause) if may_pass && started.elapsed() < TRYING_MAX => {
                    tokio::time::sleep(pause).await;
                }
                _ => return sent,
            }
        }
    }
}

/// `null` and a missing session are empty ones.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    session: Option<SessionClaims>,
}

fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

fn headers(webhook: &Webhook) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    let Some(key) = &webhook.api_key else {
        return Ok(headers);
    };
    let (name, text) = match key.place {
        ApiKeyPlace::Header => (
            HeaderName::from_bytes(key.name.as_bytes())
                .map_err(|_| format!("'{}' cannot be a header", key.name))?,
            key.value.expose().to_owned(),
        ),
        ApiKeyPlace::Cookie => (COOKIE, format!("{}={}", key.name, key.value.expose())),
    };
    let mut value =
        HeaderValue::try_from(text).map_err(|_| "its key cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

/// What is kept of an answer.
///
/// Compat: where a code is redeemed, the claims of the consent app are laid over those of the hook.
fn kept(facts: &Facts<'_>, mut claims: SessionClaims) -> SessionClaims {
    const CODES: [&str; 2] = [
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:device_code",
    ];
    if CODES.contains(&facts.grant_type) {
        claims
            .access_token
            .extend(facts.session.access_token.clone());
        claims.id_token.extend(facts.session.id_token.clone());
    }
    claims
}

/// The reason is for the log and for `debug` texts; clients only learn that it is not their fault.
fn failed(hook: Hook<'_>, reason: &str) -> OAuthError {
    tracing::error!(
        key = hook.key,
        reason,
        "A token hook failed, so a token was not issued."
    );
    OAuthError::new(
        ErrorCode::ServerError,
        "The token hook of the operator failed; the log of the server says why.",
    )
    .with_debug(format!("{}: {reason}", hook.key))
}

#[cfg(test)]
mod tests;
