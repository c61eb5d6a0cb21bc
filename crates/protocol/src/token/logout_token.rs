//! Logout tokens: what a client is told when a login session has ended.
//!
//! Spec: OpenID Connect Back-Channel Logout 1.0 2.4
//!
//! Security: there is no `nonce`, and the type says what it is, so that none passes for an ID token.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tessera_crypto::jose::SigningKey;

use super::id_token::sign_claims;
use super::jwt_access::SigningFailed;
use super::sid;
use crate::grant::record::SessionId;
use crate::time::Timestamp;

/// Its media type in the header.
pub const TYP: &str = "logout+jwt";

/// Spec: Back-Channel Logout 1.0 2.4: at most two minutes are recommended.
const LIFESPAN: Duration = Duration::from_secs(120);

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What one logout token says.
#[derive(Debug, Clone, Copy)]
pub struct LogoutToken<'a> {
    /// The issuer, as it is published.
    pub issuer: &'a str,
    /// The client that is told.
    pub client_id: &'a str,
    /// The session that ended.
    pub sid: &'a SessionId,
    /// A fresh UUID.
    pub jti: &'a str,
    /// The time of sending.
    pub now: Timestamp,
}

/// Signs a logout token.
pub fn sign(token: &LogoutToken<'_>, key: &SigningKey) -> Result<String, SigningFailed> {
    let claims: Map<String, Value> = [
        ("aud", json!([token.client_id])),
        ("events", json!({EVENT: {}})),
        ("exp", token.now.plus(LIFESPAN).as_secs().into()),
        ("iat", token.now.as_secs().into()),
        ("iss", token.issuer.into()),
        ("jti", token.jti.into()),
        ("sid", sid::text(token.sid).into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    sign_claims(&claims, TYP, key)
}

#[cfg(test)]
mod tests {
    use tessera_crypto::OsEntropy;
    use tessera_crypto::jose::{Alg, Jws, generate};

    use super::*;

    #[test]
    fn a_logout_token_is_these_bytes() {
        let key = SigningKey::from_jwk(&generate(Alg::EdDSA, "k", &OsEntropy).unwrap()).unwrap();
        let token = LogoutToken {
            issuer: "https://issuer.example",
            client_id: "app",
            sid: &[0xab; 16],
            jti: "j",
            now: Timestamp::from_micros(1_000_900_000),
        };
        let wire = sign(&token, &key).unwrap();
        let jws = Jws::parse(&wire).unwrap();
        assert_eq!(jws.header.typ.as_deref(), Some("logout+jwt"));
        assert_eq!(
            String::from_utf8(jws.payload).unwrap(),
            concat!(
                r#"{"aud":["app"],"events":{"http://schemas.openid.net/event/backchannel-logout":{}},"exp":1120,"#,
                r#""iat":1000,"iss":"https://issuer.example","jti":"j","sid":"abababab-abab-abab-abab-abababababab"}"#
            )
        );
    }
}
