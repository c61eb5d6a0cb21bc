//! `/oauth2/tokens` and v1's `/oauth2/flush`.

use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use serde::Deserialize;
use tessera_protocol::error::{ErrorCode, OAuthError};
use tessera_protocol::form::Reader;
use tessera_protocol::time::Timestamp;

use super::answer;
use crate::admin::Admin;
use crate::reply::{self, AdminError, Failure};
use crate::{clock, extract, go_json};

/// Ends all access tokens of the client named by `client_id`.
pub(crate) async fn delete_of_client(State(admin): State<Admin>, uri: Uri) -> Response {
    answer(delete_tokens(&admin, &uri).await)
}

async fn delete_tokens(admin: &Admin, uri: &Uri) -> Result<Response, Failure> {
    let parameters = Reader::new(uri.query().unwrap_or_default().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| AdminError::bad_request(e.text_in_query()))?;
    let client_id = parameters
        .into_iter()
        .find_map(|(name, value)| (name == "client_id").then_some(value));
    let Some(client_id) = client_id.filter(|id| !id.is_empty()) else {
        return Err(AdminError::metadata(&OAuthError::new(
            ErrorCode::InvalidRequest,
            "Query parameter 'client_id' is missing; it names the client whose tokens are to end.",
        ))
        .into());
    };
    let epoch = u64::from_le_bytes(admin.app.random::<8>());
    admin.app.store.renew_token_epoch(&client_id, epoch).await?;
    admin.app.clients.evict(&client_id);
    Ok(reply::no_content())
}

#[derive(Deserialize)]
struct Flush {
    #[serde(rename = "notAfter")]
    not_after: Option<Timestamp>,
}

/// Deletes expired rows now. The server does so by itself; the path is for scripts written for v1.
pub(crate) async fn flush(State(admin): State<Admin>, request: Request) -> Response {
    answer(flush_expired(&admin, request).await)
}

async fn flush_expired(admin: &Admin, request: Request) -> Result<Response, Failure> {
    /// Compat: as many rows as one call of v1 deletes.
    const ROWS_MAX: u32 = 1_000;
    let body = extract::admin_body(request).await?;
    let flush: Flush = go_json::from_slice(&body)
        .map_err(|e| AdminError::bad_request(format!("Unable to decode the request body: {e}")))?;
    let now = clock::now();
    let until = flush.not_after.map_or(now, |not_after| not_after.min(now));
    admin.app.store.delete_expired(until, ROWS_MAX).await?;
    Ok(reply::no_content())
}
