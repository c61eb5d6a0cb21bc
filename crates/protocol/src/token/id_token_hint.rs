//! ID tokens that come back as `id_token_hint`.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.1; OpenID Connect RP-Initiated Logout 1.0 2
//!
//! Security: the caller has verified the signature with a key that this server publishes. An unsigned hint is refused
//! here once more.
//! Compat: a hint may have expired; it says who was logged in, not that they are. Another process, whose clock is ahead,
//! may have signed it, so one from the future counts.

use std::fmt;

use serde_json::{Map, Value};
use tessera_crypto::jose::{Alg, Jws};

use super::logout_token;
use crate::error::quoted;

/// What a hint says.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// The person, as the client knows them; empty when the hint does not say.
    pub sub: String,
    /// The login session; empty when the hint does not say.
    pub sid: String,
    /// The clients it was issued to.
    pub aud: Vec<String>,
    /// All claims, for the login app.
    pub claims: Map<String, Value>,
}

/// Why a hint is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HintError {
    /// It is not signed by an algorithm of this server.
    Unsigned,
    /// It is another kind of token.
    OtherType,
    /// Its payload is no JSON object, or has a member twice.
    Malformed,
    /// Another server issued it.
    OtherIssuer(String),
    /// It does not say when it was issued.
    NotDated,
}

impl fmt::Display for HintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("Parameter 'id_token_hint' is not signed."),
            Self::OtherType => f.write_str("Parameter 'id_token_hint' is not an ID token."),
            Self::Malformed => f.write_str(
                "Parameter 'id_token_hint' holds no JSON object in which no member comes twice.",
            ),
            Self::OtherIssuer(issuer) => write!(
                f,
                "Parameter 'id_token_hint' was issued by {}, not by this server.",
                quoted(issuer)
            ),
            Self::NotDated => {
                f.write_str("Parameter 'id_token_hint' does not say in 'iat' when it was issued.")
            }
        }
    }
}

impl std::error::Error for HintError {}

/// Reads a hint whose signature was verified.
pub fn read_hint(jws: &Jws<'_>, issuer: &str) -> Result<Hint, HintError> {
    if jws.header.alg.parse::<Alg>().is_err() || jws.signature.is_empty() {
        return Err(HintError::Unsigned);
    }
    if jws.header.typ.as_deref() == Some(logout_token::TYP) {
        return Err(HintError::OtherType);
    }
    let claims = jws.claims().ok_or(HintError::Malformed)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("iss") != issuer {
        return Err(HintError::OtherIssuer(text("iss").to_owned()));
    }
    if !claims.get("iat").is_some_and(Value::is_i64) {
        return Err(HintError::NotDated);
    }
    let aud = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    Ok(Hint {
        sub: text("sub").to_owned(),
        sid: text("sid").to_owned(),
        aud,
        claims,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tessera_crypto::b64;

    use super::*;

    const ISSUER: &str = "https://issuer.example";

    fn read(header: &Value, payload: &str, signature: &str) -> Result<Hint, HintError> {
        let wire = format!(
            "{}.{}.{}",
            b64::encode(header.to_string().as_bytes()),
            b64::encode(payload.as_bytes()),
            b64::encode(signature.as_bytes())
        );
        read_hint(&Jws::parse(&wire).unwrap(), ISSUER)
    }

    fn signed(payload: &Value) -> Result<Hint, HintError> {
        read(&json!({"alg": "RS256"}), &payload.to_string(), "s")
    }

    #[test]
    fn an_expired_hint_still_says_who_it_was() {
        let hint = signed(&json!({"iss": ISSUER, "iat": 1, "exp": 2, "sub": "alice", "sid": "s", "aud": ["a", "b"]})).unwrap();
        assert_eq!((hint.sub.as_str(), hint.sid.as_str()), ("alice", "s"));
        assert_eq!(hint.aud, ["a", "b"]);
        assert_eq!(hint.claims["exp"], 2);
        let one = signed(&json!({"iss": ISSUER, "iat": 99_999_999_999_i64, "aud": "a"})).unwrap();
        assert_eq!((one.sub.as_str(), one.aud), ("", vec!["a".to_owned()]));
    }

    #[test]
    fn each_rule_has_its_error() {
        for (payload, want) in [
            (
                json!({"iss": "https://evil", "iat": 1}),
                HintError::OtherIssuer("https://evil".to_owned()),
            ),
            (json!({"iat": 1}), HintError::OtherIssuer(String::new())),
            (json!({"iss": ISSUER}), HintError::NotDated),
            (json!({"iss": ISSUER, "iat": "1"}), HintError::NotDated),
            (json!([1]), HintError::Malformed),
        ] {
            assert_eq!(signed(&payload), Err(want), "{payload}");
        }
        let good = json!({"iss": ISSUER, "iat": 1}).to_string();
        assert_eq!(
            read(&json!({"alg": "none"}), &good, "s"),
            Err(HintError::Unsigned)
        );
        assert_eq!(
            read(&json!({"alg": "RS256"}), &good, ""),
            Err(HintError::Unsigned)
        );
        assert_eq!(
            read(&json!({"alg": "RS256", "typ": "logout+jwt"}), &good, "s"),
            Err(HintError::OtherType)
        );
        for payload in [
            "\u{0}".to_owned(),
            format!(r#"{{"iss":"{ISSUER}","iat":1,"sub":"alice","sub":"bob"}}"#),
            format!(r#"{{"iss":"https://evil","iat":1,"iss":"{ISSUER}"}}"#),
        ] {
            assert_eq!(
                read(&json!({"alg": "RS256"}), &payload, "s"),
                Err(HintError::Malformed),
                "{payload}"
            );
        }
    }
}
