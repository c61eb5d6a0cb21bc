//! Signs ID tokens.

use std::time::Duration;

use tessera_protocol::client::Client;
use tessera_protocol::grant::record::{GrantRecord, SessionClaims};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::id_token::{self, IdToken};
use uuid::Uuid;

use crate::reply::Fault;
use crate::signing;
use crate::state::AppState;

/// What the ID token is issued with.
pub(crate) struct Beside<'a> {
    /// The access token, for `at_hash`.
    pub access_token: Option<&'a str>,
    /// The code, for `c_hash`.
    pub code: Option<&'a str>,
    /// How long it lives.
    pub lifespan: Duration,
}

/// An ID token for the person of a grant, with the algorithm of the client.
pub(crate) async fn issue(
    app: &AppState,
    client: &Client,
    grant: &GrantRecord,
    claims: &SessionClaims,
    beside: &Beside<'_>,
    now: Timestamp,
) -> Result<String, Fault> {
    let keys = signing::keys_for(app, client, now).await?;
    let Some(key) = keys.first() else {
        return Err(Fault::permanent("the set of ID token keys is empty"));
    };
    let content = IdToken {
        issuer: &app.issuer,
        jti: &Uuid::new_v4().to_string(),
        now,
        lifespan: beside.lifespan,
        access_token: beside.access_token,
        code: beside.code,
    };
    id_token::sign(&content, grant, claims, &key.signing)
        .map_err(|e| Fault::permanent(format!("an ID token could not be signed: {}", e.0)))
}
