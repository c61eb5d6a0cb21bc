//! What an ID token says, and whether it is the answer to our question.
//!
//! Spec: OpenID Connect Core 1.0 section 3.1.3.7. The token came straight from the token endpoint, so TLS vouches for the
//! issuer (item 6); nonce and audience are checked here.

use serde_json::Value;
use tessera_crypto::{b64, constant_time_eq};

/// Header and claims, unverified; nothing when the text is no JWS.
pub(super) fn decoded(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.');
    let mut part = || -> Option<Value> {
        let bytes = b64::decode(parts.next()?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    Some((part()?, part()?))
}

/// Refuses a token for another client or another try. The error is a sentence for the user.
pub(super) fn check(token: &str, client_id: &str, nonce: &str) -> Result<(), String> {
    let (_, claims) = decoded(token)
        .ok_or_else(|| "the ID token cannot be read: it is no signed JWT".to_owned())?;
    let found = claims
        .get("nonce")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // Security: a token from another try, that someone slipped in, has another nonce.
    if !constant_time_eq(found.as_bytes(), nonce.as_bytes()) {
        return Err(format!(
            "the ID token's nonce is not the one that was sent. Expected {nonce:?}, got {found:?}"
        ));
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == client_id,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == client_id),
        _ => false,
    };
    if is_for_us {
        Ok(())
    } else {
        Err(format!(
            "the ID token is not for this client: its aud does not name {client_id:?}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> String {
        let part = |value: &Value| b64::encode(value.to_string().as_bytes());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
    }

    #[test]
    fn only_the_nonce_that_was_sent_passes() {
        let with = |nonce: Value| token(&json!({"aud": ["app"], "nonce": nonce}));
        assert_eq!(check(&with(json!("n")), "app", "n"), Ok(()));
        for other in [json!("m"), json!(""), json!(null), json!(1)] {
            let refused = check(&with(other.clone()), "app", "n").unwrap_err();
            assert!(refused.contains("nonce"), "{other}: {refused}");
        }
    }

    #[test]
    fn a_token_for_another_client_is_refused() {
        for (audience, is_for_us) in [
            (json!("app"), true),
            (json!(["x", "app"]), true),
            (json!("x"), false),
            (json!([]), false),
            (json!(null), false),
        ] {
            let token = token(&json!({"aud": audience, "nonce": "n"}));
            assert_eq!(check(&token, "app", "n").is_ok(), is_for_us, "{audience}");
        }
    }

    #[test]
    fn what_is_no_jwt_is_refused() {
        for text in ["", "a", "a.b.c", "e30"] {
            assert!(check(text, "app", "n").is_err(), "{text}");
        }
    }
}
