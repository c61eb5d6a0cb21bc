//! `/oauth2/auth/sessions/consent` and `/oauth2/auth/sessions/login`: what a person granted, and where they are logged in.

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::client::ClientMetadata;
use tessera_protocol::grant::record::{GrantId, GrantRecord, SessionClaims};
use tessera_protocol::time::Timestamp;
use tessera_store::{GrantList, GrantSelector, StoreError};

use super::challenge::invalid_request;
use super::client_write::shown;
use super::paging::ListRequest;
use super::{add_headers, answer};
use crate::admin::{Admin, Generation};
use crate::at_rest::{self, Part};
use crate::reply::{self, AdminError, Failure};
use crate::state::AppState;
use crate::{clock, end_session, ids};

/// Grants that go in one step: few enough to hold up nobody.
const STEP: u32 = 500;

#[derive(Serialize)]
struct ConsentSession {
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_request_id: Option<String>,
    grant_scope: Vec<String>,
    grant_access_token_audience: Vec<String>,
    session: SessionClaims,
    remember: bool,
    remember_for: i64,
    handled_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Value>,
    consent_request: ConsentRequest,
}

#[derive(Serialize)]
struct ConsentRequest {
    challenge: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_request_id: Option<String>,
    requested_scope: Vec<String>,
    requested_access_token_audience: Vec<String>,
    skip: bool,
    subject: String,
    oidc_context: Value,
    client: ClientMetadata,
    request_url: String,
    login_challenge: String,
    login_session_id: String,
    acr: String,
    amr: Vec<String>,
    context: Value,
}

/// Lists what a person granted when asked.
pub(crate) async fn list_consents(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(list(&admin, &uri).await)
}

async fn list(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let app = &admin.app;
    let now = clock::now();
    let query = parameters(uri)?;
    let subject = required(&query, "subject")?;
    let sid = match query.get("login_session_id") {
        "" => None,
        text => match ids::parse(text) {
            Some(sid) => Some(sid),
            // No session has such a name.
            None => return Ok(reply::json(StatusCode::OK, &[(); 0])),
        },
    };
    let mut wanted = GrantList {
        subject,
        sid,
        // Compat: v26 leaves them out, v1 does not.
        includes_lapsed: admin.generation == Generation::V1,
        newest_first: admin.generation == Generation::V1,
        after: None,
        offset: 0,
        limit: 0,
        now,
    };
    let request = ListRequest::parse(uri, "consents", &app.seals.page, now)
        .map_err(|refused| invalid_request(refused.description))?;
    let (grants, headers) = match admin.generation {
        Generation::V26 => {
            let (page, size) = request
                .keyset_page()
                .map_err(|refused| invalid_request(refused.description))?;
            wanted.after = page.after.as_deref().and_then(position);
            wanted.limit = page.limit;
            let mut grants = app.store.list_grants(&wanted).await?;
            let next = (grants.len() > size).then(|| {
                grants.truncate(size);
                grants.last().map(place)
            });
            let links = request.keyset_links(&app.seals.page, next.flatten().as_deref(), now);
            (grants, vec![("link", links)])
        }
        Generation::V1 => {
            let page = request.offset_page();
            (wanted.offset, wanted.limit) = (page.offset, page.limit);
            let grants = app.store.list_grants(&wanted).await?;
            let total = app.store.count_grants(&wanted).await?;
            let links = request.offset_links(total);
            (
                grants,
                vec![("link", links), ("x-total-count", total.to_string())],
            )
        }
    };
    let mut entries = Vec::with_capacity(grants.len());
    let mut clients = HashMap::new();
    for grant in grants {
        // Compat: a grant whose client is gone is not listed.
        if let Some(client) = client_of(app, &mut clients, &grant.client_id).await? {
            entries.extend(entry(admin, grant, client));
        }
    }
    let mut reply = reply::json(StatusCode::OK, &entries);
    // Compat: an empty list has no links.
    if !entries.is_empty() {
        add_headers(reply.headers_mut(), headers);
    }
    Ok(reply)
}

/// A place in the list, as a text for a page token.
fn place(grant: &GrantRecord) -> String {
    format!(
        "{} {}",
        grant.requested_at.as_micros(),
        ids::hex(&grant.grant_id)
    )
}

fn position(text: &str) -> Option<(Timestamp, GrantId)> {
    let (time, id) = text.split_once(' ')?;
    Some((Timestamp::from_micros(time.parse().ok()?), ids::parse(id)?))
}

/// A client as it is stored, read once for all grants of a list. Admin reads bypass the cache.
async fn client_of(
    app: &AppState,
    known: &mut HashMap<String, Option<ClientMetadata>>,
    id: &str,
) -> Result<Option<ClientMetadata>, StoreError> {
    if let Some(client) = known.get(id) {
        return Ok(client.clone());
    }
    let client = app
        .store
        .find_client(id)
        .await?
        .map(|record| record.metadata);
    known.insert(id.to_owned(), client.clone());
    Ok(client)
}

/// One grant as the list shows it; `None` when it cannot be opened: the others are listed all the same, and revoking it
/// needs no opening.
fn entry(admin: &Admin, grant: GrantRecord, client: ClientMetadata) -> Option<ConsentSession> {
    let app = &admin.app;
    let is_v26 = admin.generation == Generation::V26;
    let session = match at_rest::claims(app, &grant) {
        Ok(session) => session,
        Err(fault) => {
            tracing::error!(reason = %fault.source, "A consent is missing in a list.");
            return None;
        }
    };
    let context: Value = match grant.context.as_slice() {
        // Compat: nothing is `null` in v26 and an empty object in v1.
        [] if is_v26 => Value::Null,
        [] => Value::Object(serde_json::Map::new()),
        stored => at_rest::open(app, &at_rest::flow_of(&grant), Part::Context, stored)
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .unwrap_or_default(),
    };
    let content = grant.content;
    let id = is_v26.then(|| ids::hex(&grant.grant_id));
    Some(ConsentSession {
        consent_request_id: id.clone(),
        grant_scope: content.scope,
        grant_access_token_audience: content.audience,
        session,
        remember: content.remember,
        remember_for: content.remember_for,
        handled_at: content.handled_at,
        context: is_v26.then(|| context.clone()),
        consent_request: ConsentRequest {
            challenge: String::new(),
            consent_request_id: id,
            requested_scope: content.requested_scope,
            requested_access_token_audience: content.requested_audience,
            skip: false,
            subject: grant.subject,
            oidc_context: content.oidc_context,
            client: shown(client, admin.generation),
            request_url: content.request_url,
            login_challenge: content.login_challenge,
            login_session_id: grant.sid.as_ref().map(ids::uuid).unwrap_or_default(),
            acr: content.acr,
            amr: content.amr,
            context,
        },
    })
}

/// Takes grants back, and with them their tokens.
pub(crate) async fn revoke_consents(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(revoke(&admin, &uri).await)
}

async fn revoke(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let query = parameters(uri)?;
    let selected = match admin.generation {
        Generation::V26 => select(&query)?,
        Generation::V1 => select_v1(&query)?,
    };
    if let Some(selector) = selected {
        let store = &admin.app.store;
        let mut after = None;
        // Answered when all are gone: what is answered holds for every token at once.
        loop {
            after = store.delete_grants(&selector, after, STEP).await?;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(reply::no_content())
}

/// `None` selects what cannot exist.
fn select(query: &RequestParameters) -> Result<Option<GrantSelector<'_>>, AdminError> {
    let all = query.get("all") == "true";
    match (
        query.get("consent_request_id"),
        query.get("subject"),
        query.get("client"),
    ) {
        (id, "", "") if !id.is_empty() && !all => Ok(ids::parse(id).map(GrantSelector::One)),
        ("", subject, client_id) if !subject.is_empty() && !client_id.is_empty() && !all => {
            Ok(Some(GrantSelector::OfClient { subject, client_id }))
        }
        ("", subject, "") if !subject.is_empty() && all => {
            Ok(Some(GrantSelector::OfSubject(subject)))
        }
        _ => Err(invalid_request(
            "Name the consents by 'consent_request_id' alone, by 'subject' and 'client', or by 'subject' and 'all=true'.",
        )),
    }
}

fn select_v1(query: &RequestParameters) -> Result<Option<GrantSelector<'_>>, AdminError> {
    let subject = required(query, "subject")?;
    match (query.get("client"), query.get("all")) {
        ("", "true") => Ok(Some(GrantSelector::OfSubject(subject))),
        ("", _) => Err(invalid_request(
            "Query parameters 'client' and 'all' are missing; name a client, or say 'all=true'.",
        )),
        (client_id, _) => Ok(Some(GrantSelector::OfClient { subject, client_id })),
    }
}

/// Ends login sessions: one by `sid`, or all of a person; their clients are told.
pub(crate) async fn revoke_logins(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(log_out(&admin, &uri).await)
}

async fn log_out(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let app = &admin.app;
    let query = parameters(uri)?;
    match (query.get("sid"), query.get("subject"), admin.generation) {
        ("", "", _) | (_, "", Generation::V1) => Err(invalid_request(
            "Query parameters 'subject' and 'sid' are missing; one of them names the sessions.",
        )
        .into()),
        (sid, _, Generation::V26) if !sid.is_empty() => {
            if let Some(sid) = ids::parse(sid) {
                end_session::end(app, sid, clock::now()).await?;
            }
            Ok(reply::no_content())
        }
        (_, subject, _) => {
            end_session::end_all_of(app, subject, clock::now()).await?;
            Ok(reply::no_content())
        }
    }
}

fn parameters(uri: &Uri) -> Result<RequestParameters, Failure> {
    RequestParameters::parse(uri.query().unwrap_or_default().as_bytes(), b"")
        .map_err(|error| AdminError::metadata(&error).into())
}

fn required<'q>(query: &'q RequestParameters, name: &str) -> Result<&'q str, AdminError> {
    match query.get(name) {
        "" => Err(invalid_request(format!(
            "Query parameter '{name}' is missing."
        ))),
        value => Ok(value),
    }
}
