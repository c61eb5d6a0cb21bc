//! JSON Object Signing: keys, key sets, signed tokens.
//!
//! Spec: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (JWA), RFC 8037 (EdDSA).
//! Security: RFC 8725. The set of algorithms is closed and asymmetric, the key decides which one,
//! never the token.

mod alg;
mod crt;
mod generate;
mod jwk;
mod jwk_set;
mod jws;
mod signing_key;
mod verifying_key;
mod wire;

pub use alg::{Alg, UnknownAlg};
pub use generate::{GenerateError, generate};
pub use jwk::{Jwk, JwkError};
pub use jwk_set::JwkSet;
pub use jws::{JWS_CHARS_MAX, Jws, JwsError, JwsHeader, sign_compact};
pub use signing_key::{SignError, SigningKey};
pub use verifying_key::VerifyingKey;

#[cfg(test)]
mod tests;
