//! JSON Object Signing: keys, key sets, signed tokens.
//!
//! Spec: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (JWA), RFC 7519 (JWT), RFC 7638 (thumbprint), RFC
//! 8037 (EdDSA).
//! Security: RFC 8725. The set of algorithms is closed and asymmetric, the key decides which one,
//! never the token.

mod alg;
mod crt;
mod generate;
mod jwk;
mod jws;
mod jwt;
mod keyset;
mod signing_key;
mod thumbprint;
mod verifying_key;
mod wire;

pub use alg::{Alg, UnknownAlg};
pub use generate::{GenerateError, RsaBits, generate, generate_rsa};
pub use jwk::{Jwk, JwkError};
pub use jws::{JWS_CHARS_MAX, Jws, JwsError, JwsHeader, sign_compact};
pub use jwt::{Claims, ClaimsError, TimeError, Times};
pub use keyset::{JwkSet, KEYS_MAX, KeySet, KeySetError};
pub use signing_key::{SignError, SigningKey};
pub use verifying_key::VerifyingKey;

#[cfg(test)]
mod tests;
