//! What login and consent requests of the admin API share: the challenge in the query, reading the app's answer, and
//! where the browser goes next.

use axum::response::Response;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::authorize::request::AuthorizeRequest;
use tessera_protocol::client::ClientMetadata;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::flow::{Flow, Leg, Rejection};
use tessera_protocol::form::Reader;
use tessera_protocol::time::Timestamp;
use tessera_store::SingleUse;

use super::client_write::{self, shown};
use crate::admin::{Admin, Generation};
use crate::authorize::sealed::{self, NotOpened, Opened};
use crate::reply::{self, AdminError, Failure};
use crate::state::AppState;
use crate::{clock, go_json};

/// Longest address that servers and proxies still take.
const ADDRESS_MAX: usize = 7_500;

/// The challenge of a request: by its own name, or by the one that all had.
///
/// Compat: of a parameter that is repeated the first counts, as everywhere in the admin API.
pub(crate) fn in_query(uri: &Uri, name: &str) -> Result<String, Failure> {
    let (mut own, mut general) = (None, None);
    for parameter in Reader::new(uri.query().unwrap_or_default().as_bytes()) {
        let (known, value) = parameter.map_err(|e| AdminError::bad_request(e.text_in_query()))?;
        if known == name {
            own.get_or_insert(value);
        } else if known == "challenge" {
            general.get_or_insert(value);
        }
    }
    let mut found = [own, general].into_iter().flatten();
    let given = found.find(|value| !value.is_empty());
    let given = given.map(Cow::into_owned);
    given.ok_or_else(|| invalid_request(format!("Query parameter '{name}' is missing.")).into())
}

/// 400 in the form of the admin API.
pub(crate) fn invalid_request(hint: impl Into<Cow<'static, str>>) -> AdminError {
    AdminError::metadata(&OAuthError::new(ErrorCode::InvalidRequest, hint))
}

/// Opens a challenge.
///
/// # Errors
/// 404 for what is no challenge of this kind, 401 for one whose time is over.
pub(crate) async fn open(
    app: &AppState,
    wire: &str,
    leg: Leg,
    now: Timestamp,
) -> Result<Opened, Failure> {
    match sealed::open(app, wire, leg, now).await {
        Ok(opened) => Ok(opened),
        Err(NotOpened::Fault(fault)) => Err(fault.into()),
        Err(NotOpened::Unknown) => Err(not_found().into()),
        Err(NotOpened::Expired(_)) => Err(expired().into()),
    }
}

/// 404 for what is no challenge.
pub(crate) const fn not_found() -> AdminError {
    AdminError {
        status: StatusCode::NOT_FOUND,
        error: "Not Found",
        description: Cow::Borrowed("Unable to locate the requested resource"),
    }
}

/// 401 for a challenge whose time is over.
///
/// Security: the address of a fresh start is not told: it may hold an `id_token_hint`, and texts of errors end in logs.
pub(crate) fn expired() -> AdminError {
    AdminError::metadata(&OAuthError::new(
        ErrorCode::RequestUnauthorized,
        "The request has expired; send the browser back to the application, for a fresh start.",
    ))
}

/// Whether the verifier that an answer led to has come up.
///
/// Compat: v1 says so, v26 does not ask.
pub(crate) async fn is_handled(
    admin: &Admin,
    flow: &Flow,
    leg: SingleUse,
) -> Result<bool, Failure> {
    if admin.generation == Generation::V26 {
        return Ok(false);
    }
    let spent = sealed::spent_as(flow);
    Ok(admin.app.store.is_spent(leg, spent, clock::now()).await?)
}

/// The answer about a request that was handled: where the browser may start again.
pub(crate) fn gone(app: &AppState, parameters: &RequestParameters) -> Response {
    let redirect_to = parameters.url(&app.auth_url, None);
    reply::json(StatusCode::GONE, &RedirectTo { redirect_to })
}

/// Compat: an answer to a request that was handled before.
pub(crate) fn conflict() -> AdminError {
    AdminError {
        status: StatusCode::CONFLICT,
        error: "Conflict",
        description: Cow::Borrowed(
            "The request was handled before; its answer can no longer be changed.",
        ),
    }
}

/// The client of a flow as the apps see it.
pub(crate) async fn client(
    admin: &Admin,
    parameters: &RequestParameters,
) -> Result<ClientMetadata, Failure> {
    let record = client_write::find(&admin.app, parameters.get("client_id")).await?;
    Ok(shown(record.metadata, admin.generation))
}

/// What the request asks for, as both requests show it.
#[derive(Serialize)]
pub(crate) struct Requested {
    pub(crate) requested_scope: Vec<String>,
    pub(crate) requested_access_token_audience: Vec<String>,
}

impl Requested {
    pub(crate) fn of(request: &AuthorizeRequest<'_>) -> Self {
        Self {
            requested_scope: request
                .scope
                .iter()
                .map(|&scope| scope.to_owned())
                .collect(),
            requested_access_token_audience: request.audience.clone(),
        }
    }
}

/// Reads an app's answer. What is kept as a text must be one that every database can hold.
///
/// Compat: v1 refuses members it does not know, v26 ignores them.
pub(crate) fn decode<T: DeserializeOwned>(
    admin: &Admin,
    body: &[u8],
    known: &[&str],
) -> Result<T, Failure> {
    let refuse = |why: String| invalid_request(format!("Unable to decode the body: {why}"));
    let value = go_json::value(body).map_err(|e| refuse(e.to_string()))?;
    if admin.generation == Generation::V1
        && let Some(members) = value.as_object()
        && let Some(unknown) = members
            .keys()
            .find(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name)))
    {
        return Err(refuse(format!("member '{unknown}' is unknown")).into());
    }
    if let Some(name) = member_with_nul(&value) {
        return Err(invalid_request(format!("Member '{name}' holds a NUL character.")).into());
    }
    go_json::from_value(value).map_err(|e| refuse(e.to_string()).into())
}

/// The first member whose text, or one of whose texts, holds a NUL. What lies deeper is kept as JSON, which writes it
/// as an escape.
fn member_with_nul(body: &serde_json::Value) -> Option<&str> {
    let has_nul =
        |value: &serde_json::Value| value.as_str().is_some_and(|text| text.contains('\0'));
    let members = body.as_object()?.iter();
    let mut found = members.filter(|(_, value)| {
        has_nul(value)
            || value
                .as_array()
                .is_some_and(|list| list.iter().any(has_nul))
    });
    found.next().map(|(name, _)| name.as_str())
}

/// A refusal as an app sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RejectBody {
    error: Option<String>,
    error_description: Option<String>,
    error_hint: Option<String>,
    error_debug: Option<String>,
    /// Means nothing in a redirect, but has to be a number.
    #[serde(rename = "status_code")]
    _status_code: Option<i64>,
    /// The same, and has to be a truth value.
    #[serde(rename = "valid")]
    _valid: Option<bool>,
}

/// The members of [`RejectBody`].
pub(crate) const REJECT_MEMBERS: [&str; 6] = [
    "error",
    "error_description",
    "error_hint",
    "error_debug",
    "status_code",
    "valid",
];

impl RejectBody {
    /// Compat: without a name the error is called as in Hydra, with spaces.
    pub(crate) fn into_rejection(self, default_error: &str) -> Rejection {
        let error = self.error.filter(|error| !error.is_empty());
        Rejection {
            error: error.unwrap_or_else(|| default_error.to_owned()),
            description: self.error_description.unwrap_or_default(),
            hint: self.error_hint.unwrap_or_default(),
            debug: self.error_debug.unwrap_or_default(),
        }
    }
}

/// Where the app sends the browser.
#[derive(Serialize)]
pub(crate) struct RedirectTo {
    pub(crate) redirect_to: String,
}

impl RedirectTo {
    /// To an address that browsers, and what stands in between, can carry.
    ///
    /// # Errors
    /// 400 when it is too long: nobody would get back with it.
    pub(crate) fn short(redirect_to: String) -> Result<Self, AdminError> {
        let length = redirect_to.len();
        if length <= ADDRESS_MAX {
            return Ok(Self { redirect_to });
        }
        Err(invalid_request(format!(
            "The answer makes an address of {length} characters, and {ADDRESS_MAX} fit: only members 'session' and \
             'context' may be long."
        )))
    }
}
