//! Client authentication: which method a request uses, whether the client may use it, and the checks of a
//! client assertion.
//!
//! Spec: RFC 6749 2.3, RFC 7521 4.2, RFC 7523 2.2 and 3, OpenID Connect Core 1.0 9
//!
//! Invariant: comparing a secret with its slow hash, fetching keys and spending a `jti` are the shell's; this
//! module says what to compare, with what, and what the outcome means.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};
use tessera_crypto::constant_time_eq;
use tessera_crypto::jose::{Alg, Jwk, Jws};

use crate::client::{AuthMethod, Client};
use crate::client_keys;
use crate::discovery::assertion_algorithms;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::form;
use crate::time::Timestamp;
use crate::token::access::MARGIN;

/// The only `client_assertion_type` there is.
pub const JWT_BEARER_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead `iat` and `nbf` of a foreign clock may be.
const CLOCK_TOLERANCE_SECS: i64 = 10;

/// How far ahead `exp` may be: a year, since the spent `jti` is kept as long.
const LIFE_MAX_SECS: i64 = 366 * 24 * 3_600;

/// Everything in a request that can identify or authenticate a client.
#[derive(Default)]
pub struct Presented<'a> {
    /// User and password of `Authorization: Basic`, decoded.
    pub basic: Option<(Cow<'a, str>, Cow<'a, str>)>,
    /// `client_id` of the form.
    pub client_id: Option<Cow<'a, str>>,
    /// `client_secret` of the form.
    pub client_secret: Option<Cow<'a, str>>,
    /// `client_assertion_type` of the form.
    pub client_assertion_type: Option<Cow<'a, str>>,
    /// `client_assertion` of the form.
    pub client_assertion: Option<Cow<'a, str>>,
}

/// What a request authenticates with.
pub enum Method<'p> {
    /// An id and a secret, which may be empty.
    Secret {
        /// The claimed client.
        client_id: &'p str,
        /// The secret as presented.
        secret: &'p str,
    },
    /// A signed assertion.
    Assertion {
        /// `client_id` of the form, if any; else the assertion's `sub` names the client.
        client_id: Option<&'p str>,
        /// The compact JWS.
        assertion: &'p str,
    },
}

/// Decodes the user and password of `Authorization: Basic`: base64, then form-encoding of both parts.
///
/// Spec: RFC 6749 2.3.1, RFC 7617 2
///
/// `None` when the header is no Basic header at all; such a request is read as one without the header.
pub fn decode_basic(header: &str) -> Option<Result<(String, String), OAuthError>> {
    let encoded = header
        .get(..6)
        .filter(|scheme| scheme.eq_ignore_ascii_case("basic "))
        .and_then(|_| header.get(6..))?;
    let decoded = tessera_crypto::b64::decode_padded(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    let (user, password) = decoded.split_at(colon);
    let part = |bytes: &[u8], name: &str| {
        form::decode(bytes).map(Cow::into_owned).map_err(|_| {
            OAuthError::new(
                ErrorCode::InvalidRequest,
                format!(
                    "The {name} in the HTTP Basic header could not be decoded; encode it as \
                     'application/x-www-form-urlencoded' first."
                ),
            )
        })
    };
    Some(part(user, "client id").and_then(|user| {
        Ok((
            user,
            part(password.get(1..).unwrap_or_default(), "client secret")?,
        ))
    }))
}

/// Security: names the client, never the credentials.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let basic = self.basic.as_ref().map(|(id, _)| id);
        f.debug_struct("Presented")
            .field("basic", &basic)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl<'a> Presented<'a> {
    /// Where a form parameter of this name belongs, if it authenticates a client.
    pub fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        match name {
            "client_id" => Some(&mut self.client_id),
            "client_secret" => Some(&mut self.client_secret),
            "client_assertion_type" => Some(&mut self.client_assertion_type),
            "client_assertion" => Some(&mut self.client_assertion),
            _ => None,
        }
    }
}

impl Presented<'_> {
    /// Chooses the method: an assertion before Basic before the form.
    pub fn method(&self) -> Result<Method<'_>, OAuthError> {
        match self.client_assertion_type.as_deref() {
            Some(JWT_BEARER_ASSERTION) => {
                return match self.client_assertion.as_deref().filter(|a| !a.is_empty()) {
                    Some(assertion) => Ok(Method::Assertion {
                        client_id: self.client_id.as_deref().filter(|id| !id.is_empty()),
                        assertion,
                    }),
                    None => Err(OAuthError::new(
                        ErrorCode::InvalidRequest,
                        "Parameter 'client_assertion' must be set when 'client_assertion_type' is.",
                    )),
                };
            }
            Some(other) if !other.is_empty() => {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    format!(
                        "Parameter 'client_assertion_type' is {}, but only '{JWT_BEARER_ASSERTION}' is known.",
                        quoted(other)
                    ),
                ));
            }
            _ => {}
        }
        if let Some((client_id, secret)) = &self.basic {
            return Ok(Method::Secret { client_id, secret });
        }
        match self.client_id.as_deref().filter(|id| !id.is_empty()) {
            Some(client_id) => Ok(Method::Secret {
                client_id,
                secret: self.client_secret.as_deref().unwrap_or_default(),
            }),
            None => Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                "Client credentials are missing: send them by HTTP Basic, as 'client_id' and \
                 'client_secret' in the form, or as a 'client_assertion'.",
            )),
        }
    }

    /// Whether the client tried HTTP Basic, so that a 401 names that scheme.
    pub const fn used_basic(&self) -> bool {
        self.basic.is_some()
    }
}

/// What remains to be done for a client that authenticates by id and secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretCheck {
    /// A public client: nothing to compare.
    Public,
    /// Compare the secret with the client's hashes.
    Compare,
}

/// Whether the client is registered for the secret-based method that the request uses.
pub fn check_secret_method(
    client: &Client,
    presented: &Presented<'_>,
) -> Result<SecretCheck, OAuthError> {
    let filled = |value: &Option<Cow<'_, str>>| value.as_ref().is_some_and(|v| !v.is_empty());
    let by_form = filled(&presented.client_id) && filled(&presented.client_secret);
    let by_basic = presented
        .basic
        .as_ref()
        .is_some_and(|(_, secret)| !secret.is_empty());
    for (used, method, name) in [
        (by_form, AuthMethod::ClientSecretPost, "client_secret_post"),
        (
            by_basic,
            AuthMethod::ClientSecretBasic,
            "client_secret_basic",
        ),
    ] {
        if used && client.auth_method() != method {
            return Err(OAuthError::new(
                ErrorCode::InvalidClient,
                format!(
                    "The client is registered with 'token_endpoint_auth_method' {}, but the request uses \
                     '{name}'. Use the registered method, or register '{name}'.",
                    quoted(client.auth_method_name())
                ),
            ));
        }
    }
    Ok(if client.is_public() {
        SecretCheck::Public
    } else {
        SecretCheck::Compare
    })
}

/// The one answer to an unknown client and to a wrong secret: nobody learns which it was.
///
/// Security: no hint, whatever the cause.
/// Compat: a request by another method than the registered one is told so, as in Hydra, which tells that the client
/// exists.
pub fn failed() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, "")
}

fn bad_assertion(hint: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, hint)
}

/// A client assertion that could be parsed; nothing of it is believed yet.
#[derive(Debug)]
pub struct Assertion<'a> {
    jws: Jws<'a>,
    claims: Map<String, Value>,
}

/// What a good assertion obliges the shell to do: spend its `jti`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentJti {
    /// The assertion's `jti`.
    pub jti: String,
    /// Until when the `jti` must stay spent.
    ///
    /// Security: longer than `exp` says: an assertion is good through its last second, and clocks of several
    /// processes differ.
    pub expires_at: Timestamp,
}

impl<'a> Assertion<'a> {
    /// Reads a compact JWS with a JSON object as payload.
    pub fn parse(compact: &'a str) -> Result<Self, OAuthError> {
        let unreadable =
            |_| bad_assertion("The 'client_assertion' is not a signed JSON Web Token.");
        let jws = Jws::parse(compact).map_err(unreadable)?;
        let claims = jws.claims().ok_or_else(|| {
            bad_assertion(
                "The payload of the 'client_assertion' is not a JSON object in which no member comes twice.",
            )
        })?;
        Ok(Self { jws, claims })
    }

    /// The client this assertion speaks for: `client_id` of the form, else the `sub` claim.
    pub fn client_id<'s>(&'s self, from_form: Option<&'s str>) -> Result<&'s str, OAuthError> {
        from_form
            .or_else(|| self.claims.get("sub").and_then(Value::as_str))
            .ok_or_else(|| bad_assertion("Claim 'sub' of the 'client_assertion' is missing."))
    }

    /// The key the assertion says it was signed with.
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Checks everything but the signature's key source and the single use of `jti`.
    ///
    /// `keys` are the client's keys, by value or fetched; `audiences` the values of which one must be in `aud`.
    /// Spec: RFC 7523 3, with the checks in this order: method, algorithm, signature, times, identity, audience.
    pub fn check(
        &self,
        client: &Client,
        keys: &[Jwk],
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<SpentJti, OAuthError> {
        self.check_signature(client, keys)?;
        let expires_at = self.check_times(now)?;
        for claim in ["iss", "sub"] {
            let good = self
                .claims
                .get(claim)
                .and_then(Value::as_str)
                .is_some_and(|value| constant_time_eq(value.as_bytes(), client.id().as_bytes()));
            if !good {
                return Err(bad_assertion(format!(
                    "Claim '{claim}' of the 'client_assertion' must be the 'client_id' of the client."
                )));
            }
        }
        self.check_audience(audiences)?;
        let jti = match self.claims.get("jti").and_then(Value::as_str) {
            Some(jti) if !jti.is_empty() => jti.to_owned(),
            _ => {
                return Err(bad_assertion(
                    "Claim 'jti' of the 'client_assertion' must be a text that is not empty.",
                ));
            }
        };
        Ok(SpentJti { jti, expires_at })
    }

    fn check_signature(&self, client: &Client, keys: &[Jwk]) -> Result<(), OAuthError> {
        let alg_name = self.jws.header.alg.as_str();
        let Ok(alg) = alg_name.parse::<Alg>() else {
            return Err(bad_assertion(format!(
                "The 'client_assertion' is signed with {}; use one of {}.",
                quoted(alg_name),
                assertion_algorithms().join(", ")
            )));
        };
        // Compat: without a registered algorithm Hydra takes RS256 alone; we take any that the key fits.
        let registered = client.metadata().token_endpoint_auth_signing_alg.as_str();
        if !registered.is_empty() && registered != alg_name {
            return Err(bad_assertion(format!(
                "The 'client_assertion' is signed with {}, but the client is registered with \
                 'token_endpoint_auth_signing_alg' {}.",
                quoted(alg_name),
                quoted(registered)
            )));
        }
        client_keys::verify(&self.jws, alg, keys).map_err(|why| {
            bad_assertion(format!("The 'client_assertion' cannot be verified. {why}"))
        })
    }

    fn check_times(&self, now: Timestamp) -> Result<Timestamp, OAuthError> {
        let number = |claim: &str| match self.claims.get(claim) {
            None => Ok(None),
            Some(value) => match value.as_i64().or_else(|| value.as_f64().map(float_secs)) {
                Some(secs) => Ok(Some(secs)),
                None => Err(bad_assertion(format!(
                    "Claim '{claim}' of the 'client_assertion' must be a number of seconds."
                ))),
            },
        };
        let now_secs = now.as_secs();
        for claim in ["iat", "nbf"] {
            let ahead = number(claim)?.map_or(0, |value| value.saturating_sub(now_secs));
            if ahead > CLOCK_TOLERANCE_SECS {
                return Err(bad_assertion(format!(
                    "Claim '{claim}' of the 'client_assertion' is {ahead} seconds in the future."
                )));
            }
        }
        match number("exp")? {
            Some(exp) if exp > now_secs.saturating_add(LIFE_MAX_SECS) => {
                Err(bad_assertion(format!(
                    "Claim 'exp' of the 'client_assertion' is more than {LIFE_MAX_SECS} seconds ahead."
                )))
            }
            Some(exp) if now_secs <= exp => Ok(Timestamp::from_secs(exp).plus(MARGIN)),
            Some(exp) => Err(bad_assertion(format!(
                "The 'client_assertion' expired {} seconds ago.",
                now_secs.saturating_sub(exp)
            ))),
            None => Err(bad_assertion(
                "Claim 'exp' of the 'client_assertion' is missing.",
            )),
        }
    }

    fn check_audience(&self, audiences: &[&str]) -> Result<(), OAuthError> {
        let accepted = |value: &Value| value.as_str().is_some_and(|aud| audiences.contains(&aud));
        let good = match self.claims.get("aud") {
            Some(Value::Array(list)) => list.iter().any(accepted),
            Some(single) => accepted(single),
            None => false,
        };
        if good {
            return Ok(());
        }
        Err(bad_assertion(format!(
            "Claim 'aud' of the 'client_assertion' must hold '{}'.",
            audiences.join("' or '")
        )))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is what a bound wants"
)]
fn float_secs(secs: f64) -> i64 {
    secs as i64
}

#[cfg(test)]
mod tests;
