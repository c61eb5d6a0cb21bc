//! Request objects: parameters in a signed (or, where the client may, unsigned) JSON Web Token.
//!
//! Spec: OpenID Connect Core 1.0 6; RFC 9101 6, 10
//!
//! Security: a client assertion never passes for a request object, nor the reverse: other explicit types are refused.

use serde_json::{Map, Value};
use tessera_crypto::jose::{Alg, Jwk, Jws};

use super::parameters::RequestParameters;
use crate::client::Client;
use crate::client_keys;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::scope;
use crate::time::Timestamp;

/// How far `iat` and `nbf` may lie in the future, in seconds.
const CLOCK_TOLERANCE_SECS: i64 = 10;

/// Types that a request object may have.
const TYPES: [&str; 2] = ["JWT", "oauth-authz-req+jwt"];

/// Claims about the object itself, which are no parameters.
const OWN_CLAIMS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// An object that could be parsed; nothing of it is believed yet.
#[derive(Debug)]
pub struct RequestObject<'a> {
    jws: Jws<'a>,
    claims: Map<String, Value>,
}

impl<'a> RequestObject<'a> {
    /// Reads the compact form.
    pub fn parse(compact: &'a str) -> Result<Self, OAuthError> {
        let jws = Jws::parse(compact.trim())
            .map_err(|e| refused(format!("The request object is no JSON Web Token: {e}.")))?;
        let claims = serde_json::from_slice(&jws.payload)
            .map_err(|_| refused("The payload of the request object is no JSON object."))?;
        Ok(Self { jws, claims })
    }

    /// The key it says it was signed with.
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Whether it has no signature.
    pub fn is_unsigned(&self) -> bool {
        self.jws.header.alg == "none"
    }

    /// Checks the object and gives the parameters that it sets for the request.
    pub fn check(
        &self,
        request: &RequestParameters,
        client: &Client,
        keys: &[Jwk],
        issuer: &str,
        now: Timestamp,
    ) -> Result<Vec<(String, String)>, OAuthError> {
        let typ = self.jws.header.typ.as_deref();
        if typ.is_some_and(|typ| !TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ))) {
            return Err(refused(
                "The type of the request object is that of another kind of token.",
            ));
        }
        self.check_signature(client, keys)?;
        self.check_times(now)?;
        self.check_parties(client, issuer)?;
        for name in ["request", "request_uri"] {
            if self.claims.contains_key(name) {
                return Err(refused(format!("A request object must not hold '{name}'.")));
            }
        }
        self.parameters(request)
    }

    fn check_signature(&self, client: &Client, keys: &[Jwk]) -> Result<(), OAuthError> {
        let alg_name = self.jws.header.alg.as_str();
        let registered = client.metadata().request_object_signing_alg.as_str();
        if !registered.is_empty() && registered != alg_name {
            return Err(refused(format!(
                "The request object is signed with {}, but the client is registered with \
                 'request_object_signing_alg' {}.",
                quoted(alg_name),
                quoted(registered)
            )));
        }
        if self.is_unsigned() {
            return match self.jws.signature.is_empty() {
                true => Ok(()),
                false => Err(refused(
                    "The request object has a signature but no algorithm.",
                )),
            };
        }
        let alg: Alg = alg_name.parse().map_err(|_| {
            refused(format!(
                "The request object is signed with {}, which is not supported.",
                quoted(alg_name)
            ))
        })?;
        client_keys::verify(&self.jws, alg, keys)
            .map_err(|why| refused(format!("The request object cannot be verified. {why}")))
    }

    fn check_times(&self, now: Timestamp) -> Result<(), OAuthError> {
        let now = now.as_secs();
        for claim in ["exp", "nbf", "iat"] {
            let Some(value) = self.claims.get(claim) else {
                continue;
            };
            let Some(secs) = value.as_i64() else {
                return Err(refused(format!(
                    "Claim '{claim}' of the request object must be a number of seconds."
                )));
            };
            if claim == "exp" && secs < now {
                return Err(refused("The request object has expired."));
            }
            if claim != "exp" && secs > now.saturating_add(CLOCK_TOLERANCE_SECS) {
                return Err(refused(format!(
                    "Claim '{claim}' of the request object lies in the future."
                )));
            }
        }
        Ok(())
    }

    fn check_parties(&self, client: &Client, issuer: &str) -> Result<(), OAuthError> {
        for claim in ["iss", "client_id"] {
            let other = self
                .claims
                .get(claim)
                .is_some_and(|value| value.as_str() != Some(client.id()));
            if other {
                return Err(refused(format!(
                    "Claim '{claim}' of the request object must be the 'client_id' of the request."
                )));
            }
        }
        let is_us = |value: &Value| value.as_str() == Some(issuer);
        let is_meant = match self.claims.get("aud") {
            None => true,
            Some(Value::Array(list)) => list.iter().any(is_us),
            Some(single) => is_us(single),
        };
        if is_meant {
            return Ok(());
        }
        Err(refused(format!(
            "Claim 'aud' of the request object must hold '{issuer}'."
        )))
    }

    /// Compat: scopes beside the object and in it are united.
    fn parameters(&self, request: &RequestParameters) -> Result<Vec<(String, String)>, OAuthError> {
        let mut parameters = Vec::new();
        for (name, value) in &self.claims {
            if OWN_CLAIMS.contains(&name.as_str()) {
                continue;
            }
            match value {
                Value::Array(list) if ["audience", "resource"].contains(&name.as_str()) => {
                    let texts = list.iter().filter_map(Value::as_str);
                    parameters.extend(texts.map(|text| (name.clone(), text.to_owned())));
                }
                Value::String(text) if name == "scope" => {
                    let both = format!("{} {text}", request.get("scope"));
                    parameters.push((name.clone(), scope::normalise(&both)));
                }
                Value::String(text) => parameters.push((name.clone(), text.clone())),
                Value::Number(_) | Value::Object(_) | Value::Array(_) => {
                    parameters.push((name.clone(), value.to_string()));
                }
                Value::Bool(_) | Value::Null => {
                    return Err(refused(format!(
                        "Claim {} of the request object is neither text nor number nor object.",
                        quoted(name)
                    )));
                }
            }
        }
        Ok(parameters)
    }
}

fn refused(hint: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestObject, hint)
}
