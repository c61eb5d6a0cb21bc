//! What hooks are sent.
//!
//! Compat: members, their order and their empty forms (`null`, `""`, the year 1) are the reference server's.

use serde_json::{Map, Value, json};
use tessera_protocol::grant::record::{GrantRecord, SessionClaims};

use super::Facts;
use crate::config::OAuth2;
use crate::ids;

/// A time that is not set.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The body for the token hook.
///
/// Compat: `requested_scopes` is `null` when there are none. When a code is redeemed the grants are not told yet.
pub(super) fn token(facts: &Facts<'_>, session: &Value) -> Value {
    let is_code = facts.grant_type == "authorization_code";
    let told = |granted: &[String]| {
        if is_code { json!([]) } else { json!(granted) }
    };
    let requested = match facts.requested_scope {
        [] => Value::Null,
        scope => json!(scope),
    };
    json!({
        "session": session,
        "request": {
            "client_id": facts.client_id,
            "requested_scopes": requested,
            "granted_scopes": told(facts.granted_scope),
            "granted_audience": told(facts.granted_audience),
            "grant_types": [facts.grant_type],
            "payload": facts.payload,
        },
    })
}

/// The body for the refresh hook.
pub(super) fn refresh(facts: &Facts<'_>, session: &Value) -> Value {
    json!({
        "subject": facts.subject,
        "session": session,
        "requester": {
            "client_id": facts.client_id,
            "granted_scopes": facts.granted_scope,
            "granted_audience": facts.granted_audience,
            "grant_types": [facts.grant_type],
        },
        "client_id": facts.client_id,
        "granted_scopes": facts.granted_scope,
        "granted_audience": facts.granted_audience,
    })
}

/// The session, with `claims` in their places.
pub(super) fn session(
    facts: &Facts<'_>,
    claims: &SessionClaims,
    issuer: &str,
    settings: &OAuth2,
) -> Value {
    let extra = match facts.id_token_kid {
        "" => Value::Null,
        kid => json!({"kid": kid}),
    };
    let challenge = facts.grant.map(|grant| ids::hex(&grant.grant_id));
    let mut session = json!({
        "id_token": {
            "id_token_claims": id_token_claims(facts, claims, issuer),
            "headers": {"extra": extra},
            "expires_at": expires_at(facts),
            "subject": facts.subject,
        },
        "extra": claims.access_token,
        "kid": facts.access_token_kid,
        "client_id": facts.client_id,
        "consent_challenge": challenge.unwrap_or_default(),
        "exclude_not_before_claim": settings.exclude_not_before_claim,
        "allowed_top_level_claims": settings.allowed_top_level_claims,
        "mirror_top_level_claims": settings.mirror_top_level_claims,
    });
    if let (true, Value::Object(members)) = (settings.preserve_ext_claims, &mut session) {
        members.insert("preserve_ext_claims".to_owned(), Value::Bool(true));
    }
    session
}

fn id_token_claims(facts: &Facts<'_>, claims: &SessionClaims, issuer: &str) -> Value {
    let Some(grant) = facts.grant else {
        return json!({
            "jti": "", "iss": issuer, "sub": "", "aud": null, "nonce": "",
            "exp": NEVER, "iat": facts.now, "rat": NEVER, "auth_time": NEVER,
            "at_hash": "", "acr": "", "amr": null, "c_hash": "", "ext": null,
        });
    };
    let content = &grant.content;
    let subject = match content.subject_identifier.as_str() {
        "" => &grant.subject,
        pairwise => pairwise,
    };
    let amr = match content.amr.as_slice() {
        [] => Value::Null,
        amr => json!(amr),
    };
    json!({
        "jti": "", "iss": issuer, "sub": subject, "aud": [facts.client_id], "nonce": content.nonce,
        "exp": NEVER,
        "iat": content.handled_at.whole_seconds(),
        "rat": grant.requested_at.whole_seconds(),
        "auth_time": content.auth_time,
        "at_hash": "", "acr": content.acr, "amr": amr, "c_hash": "",
        "ext": ext(grant, claims),
    })
}

/// The claims for ID tokens; the session is one of them.
fn ext(grant: &GrantRecord, claims: &SessionClaims) -> Map<String, Value> {
    let mut ext = claims.id_token.clone();
    if let Some(sid) = grant.sid {
        ext.insert("sid".to_owned(), Value::String(ids::uuid(&sid)));
    }
    ext
}

fn expires_at(facts: &Facts<'_>) -> Map<String, Value> {
    let expiries = &facts.expiries;
    let known = [
        ("access_token", Some(expiries.access_token)),
        ("authorize_code", expiries.authorize_code),
        ("refresh_token", expiries.refresh_token),
    ];
    known
        .into_iter()
        .filter_map(|(name, at)| Some((name.to_owned(), json!(at?))))
        .collect()
}
