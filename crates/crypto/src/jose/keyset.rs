//! Key sets: the wire form, and the form that verifies.
//!
//! Spec: RFC 7517 s5.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Alg, Jwk, Jws, VerifyingKey};

/// The most keys of a set that are looked at, so that a token without `kid` cannot cost many
/// verifications.
pub const KEYS_MAX: usize = 100;

/// Keys in their wire form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys; an order, where there is one, is newest first.
    pub keys: Vec<Jwk>,
}

/// Public keys, parsed once, ready to verify with.
///
/// Invariant: keys with a `use` other than `sig`, and keys that are unsound or of an unknown kind,
/// are left out.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    kid: String,
    /// One for each algorithm that the key may be used with.
    verifying: Vec<VerifyingKey>,
}

/// Why no key of a set verified a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySetError {
    /// The algorithm of the token is unknown, or not among the allowed ones.
    AlgNotAllowed,
    /// No usable key has the token's `kid` and fits its algorithm.
    NoKey,
    /// The signature is not by any of the keys it could be by.
    BadSignature,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlgNotAllowed => "the signature algorithm is not allowed here",
            Self::NoKey => "no key of the set fits the kid and the algorithm of the token",
            Self::BadSignature => "the signature does not verify",
        })
    }
}

impl std::error::Error for KeySetError {}

impl KeySet {
    /// Parses the usable keys among the first [`KEYS_MAX`].
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Jwk>) -> Self {
        let for_signatures = |jwk: &&Jwk| jwk.use_.is_empty() || jwk.use_ == "sig";
        let entry = |jwk: &Jwk| {
            let parse = |alg| VerifyingKey::from_jwk(jwk, alg).ok();
            let verifying: Vec<_> = Alg::ALL.into_iter().filter_map(parse).collect();
            (!verifying.is_empty()).then(|| Entry {
                kid: jwk.kid.clone(),
                verifying,
            })
        };
        let keys = keys.into_iter().take(KEYS_MAX).filter(for_signatures);
        Self {
            keys: keys.filter_map(entry).collect(),
        }
    }

    /// How many usable keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a usable key has this id.
    #[must_use]
    pub fn has_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|entry| entry.kid == kid)
    }

    /// Verifies a token: by the keys with its `kid`, or, if it names none, by any key that fits its
    /// algorithm.
    ///
    /// # Errors
    /// See [`KeySetError`].
    pub fn verify(&self, jws: &Jws<'_>, allowed: &[Alg]) -> Result<Alg, KeySetError> {
        let alg: Alg = jws
            .header
            .alg
            .parse()
            .map_err(|_| KeySetError::AlgNotAllowed)?;
        if !allowed.contains(&alg) {
            return Err(KeySetError::AlgNotAllowed);
        }
        let mut result = Err(KeySetError::NoKey);
        for key in self.candidates(jws.header.kid.as_deref(), alg) {
            if jws.verify(key) {
                return Ok(alg);
            }
            result = Err(KeySetError::BadSignature);
        }
        result
    }

    fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        alg: Alg,
    ) -> impl Iterator<Item = &'a VerifyingKey> {
        self.keys
            .iter()
            .filter(move |entry| kid.is_none_or(|kid| kid == entry.kid))
            .flat_map(|entry| &entry.verifying)
            .filter(move |key| key.alg() == alg)
    }
}
