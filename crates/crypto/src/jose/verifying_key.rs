//! Public keys, parsed once.
//!
//! Spec: RFC 7518 s3.3 to s3.5, RFC 8037 s3.1.
//! Security: RSA keys below 2048 bits verify nothing.

use std::fmt;

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
        RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
    },
};

use super::{Alg, Jwk, JwkError};

/// A public key, bound to one algorithm.
pub struct VerifyingKey {
    alg: Alg,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Parses the public part of a key, to be used with `alg`.
    ///
    /// # Errors
    /// The key is unsound or of another type, its `alg` member names another algorithm, or RSA has
    /// fewer than 2048 bits.
    pub fn from_jwk(jwk: &Jwk, alg: Alg) -> Result<Self, JwkError> {
        jwk.fits(alg)?;
        Ok(Self {
            alg,
            key: parse(jwk, alg)?,
        })
    }

    /// The algorithm it verifies.
    #[must_use]
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Whether `signature` is this key's over `input`. `alg` is what the token claims; another than
    /// the key's never is.
    #[must_use]
    pub fn verify(&self, alg: Alg, input: &[u8], signature: &[u8]) -> bool {
        alg == self.alg && self.key.verify_sig(input, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.alg)
    }
}

/// Whether the public part of an EC or OKP key is a point on its curve.
pub(super) fn check_public(jwk: &Jwk) -> Result<(), JwkError> {
    parse(jwk, jwk.natural_alg()?).map(drop)
}

fn parse(jwk: &Jwk, alg: Alg) -> Result<ParsedPublicKey, JwkError> {
    match alg {
        Alg::RS256 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA256),
        Alg::RS384 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA384),
        Alg::RS512 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA512),
        Alg::PS256 => rsa(jwk, &RSA_PSS_2048_8192_SHA256),
        Alg::PS384 => rsa(jwk, &RSA_PSS_2048_8192_SHA384),
        Alg::PS512 => rsa(jwk, &RSA_PSS_2048_8192_SHA512),
        Alg::ES256 => curve(jwk, &ECDSA_P256_SHA256_FIXED),
        Alg::ES384 => curve(jwk, &ECDSA_P384_SHA384_FIXED),
        Alg::ES512 => curve(jwk, &ECDSA_P521_SHA512_FIXED),
        Alg::EdDSA => curve(jwk, &ED25519),
    }
}

fn rsa(jwk: &Jwk, params: &'static RsaParameters) -> Result<ParsedPublicKey, JwkError> {
    let public = jwk.rsa_public()?;
    if !public.is_strong() {
        return Err(JwkError::TooWeak);
    }
    let components = PublicKeyComponents {
        n: &public.n,
        e: &public.e,
    };
    components
        .to_parsed_public_key(params)
        .map_err(|_| JwkError::Inconsistent)
}

fn curve(
    jwk: &Jwk,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<ParsedPublicKey, JwkError> {
    ParsedPublicKey::new(algorithm, jwk.curve_public()?).map_err(|_| JwkError::Inconsistent)
}
