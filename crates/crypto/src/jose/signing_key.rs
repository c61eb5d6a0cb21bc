//! Private keys, parsed once.
//!
//! Spec: RFC 7518 s3.3 to s3.5, RFC 8037 s3.1.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use zeroize::Zeroizing;

use super::{
    Alg, Jwk, JwkError,
    crt::Crt,
    jwk::{Private, decode},
};
use crate::secret::Secret;

/// The library could not sign; with a key that was checked this does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignError;

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signing failed")
    }
}

impl std::error::Error for SignError {}

/// A private key, bound to one algorithm.
pub struct SigningKey {
    alg: Alg,
    kid: String,
    material: SigningMaterial,
}

impl SigningKey {
    /// Parses a private key. Without an `alg` member the key's type decides, RS256 for RSA.
    ///
    /// # Errors
    /// The key is public or unsound, its `alg` is unknown or of another key type, or RSA has fewer
    /// than 2048 bits.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JwkError> {
        let natural = jwk.natural_alg()?;
        let alg = if jwk.alg.is_empty() {
            natural
        } else {
            jwk.alg.parse().map_err(|_| JwkError::WrongAlgorithm)?
        };
        jwk.fits(alg)?;
        Ok(Self {
            alg,
            kid: jwk.kid.clone(),
            material: SigningMaterial::parse(jwk, alg)?,
        })
    }

    /// The key id; may be empty.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it signs with.
    #[must_use]
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Signs. ECDSA signatures are the two numbers one after the other, as JWS wants them.
    ///
    /// # Errors
    /// See [`SignError`].
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let rng = SystemRandom::new();
        match &self.material {
            SigningMaterial::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &rng, input, &mut signature)
                    .map_err(|_| SignError)?;
                Ok(signature)
            }
            SigningMaterial::Ec(pair) => {
                let signature = pair.sign(&rng, input).map_err(|_| SignError)?;
                Ok(signature.as_ref().to_vec())
            }
            SigningMaterial::Ed(pair) => {
                let signature = pair.try_sign(input).map_err(|_| SignError)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {:?})", self.alg, self.kid())
    }
}

pub(super) enum SigningMaterial {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl SigningMaterial {
    /// Parses the private part for `alg`, which must fit the key's type and curve, and compares it
    /// with the public one.
    pub(super) fn parse(jwk: &Jwk, alg: Alg) -> Result<Self, JwkError> {
        match alg {
            Alg::RS256 => rsa(jwk, &RSA_PKCS1_SHA256),
            Alg::RS384 => rsa(jwk, &RSA_PKCS1_SHA384),
            Alg::RS512 => rsa(jwk, &RSA_PKCS1_SHA512),
            Alg::PS256 => rsa(jwk, &RSA_PSS_SHA256),
            Alg::PS384 => rsa(jwk, &RSA_PSS_SHA384),
            Alg::PS512 => rsa(jwk, &RSA_PSS_SHA512),
            Alg::ES256 => ec(jwk, &ECDSA_P256_SHA256_FIXED_SIGNING),
            Alg::ES384 => ec(jwk, &ECDSA_P384_SHA384_FIXED_SIGNING),
            Alg::ES512 => ec(jwk, &ECDSA_P521_SHA512_FIXED_SIGNING),
            Alg::EdDSA => Ed25519KeyPair::from_seed_and_public_key(
                &jwk.curve_private()?,
                &jwk.curve_public()?,
            )
            .map(|pair| Self::Ed(Box::new(pair)))
            .map_err(|_| JwkError::Inconsistent),
        }
    }
}

fn rsa(jwk: &Jwk, encoding: &'static dyn RsaEncoding) -> Result<SigningMaterial, JwkError> {
    let public = jwk.rsa_public()?;
    let private = jwk.private.as_ref().ok_or(JwkError::NotPrivate)?;
    if !public.is_strong() {
        return Err(JwkError::TooWeak);
    }
    let member = |name, pick: fn(&Private) -> &Secret<String>| {
        decode(name, pick(private).expose()).map(Zeroizing::new)
    };
    let (d, p, q) = (
        member("d", |k| &k.d)?,
        member("p", |k| &k.p)?,
        member("q", |k| &k.q)?,
    );
    // Factors longer than the modulus are none; this also bounds the work below.
    if [&d, &p, &q].iter().any(|m| m.len() > public.n.len() + 1) {
        return Err(JwkError::Inconsistent);
    }
    let Crt { dp, dq, qi } = if private.has_crt() {
        Crt {
            dp: member("dp", |k| &k.dp)?,
            dq: member("dq", |k| &k.dq)?,
            qi: member("qi", |k| &k.qi)?,
        }
    } else {
        Crt::compute(&d, &p, &q).ok_or(JwkError::Inconsistent)?
    };
    let components = KeyPairComponents {
        public_key: PublicKeyComponents {
            n: &public.n,
            e: &public.e,
        },
        d,
        p,
        q,
        dP: dp,
        dQ: dq,
        qInv: qi,
    };
    let pair = RsaKeyPair::from_components(&components).map_err(|_| JwkError::Inconsistent)?;
    Ok(SigningMaterial::Rsa(Box::new(pair), encoding))
}

fn ec(jwk: &Jwk, curve: &'static EcdsaSigningAlgorithm) -> Result<SigningMaterial, JwkError> {
    EcdsaKeyPair::from_private_key_and_public_key(
        curve,
        &jwk.curve_private()?,
        &jwk.curve_public()?,
    )
    .map(|pair| SigningMaterial::Ec(Box::new(pair)))
    .map_err(|_| JwkError::Inconsistent)
}
