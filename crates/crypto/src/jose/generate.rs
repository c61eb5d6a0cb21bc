//! New keys.
//!
//! RSA takes tens of milliseconds and up, very variable: never on an async thread.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsBigEndian as _, AsDer as _, EcPrivateKeyBin, Pkcs8V1Der},
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        KeyPair as _, RsaKeyPair,
    },
};
use zeroize::Zeroizing;

use super::{Alg, Jwk, jwk::Private};
use crate::{
    b64,
    entropy::{Entropy, random_bytes},
    secret::Secret,
};

/// The library could not make a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerateError;

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key could not be generated")
    }
}

impl std::error::Error for GenerateError {}

/// A new private key for `alg`, with `use` set to `sig`. RSA keys have 2048 bits.
///
/// `entropy` feeds Ed25519; the library draws for RSA and ECDSA itself, from the operating system.
///
/// # Errors
/// See [`GenerateError`].
pub fn generate(alg: Alg, kid: &str, entropy: &dyn Entropy) -> Result<Jwk, GenerateError> {
    match alg {
        Alg::ES256 => ec(alg, kid, &ECDSA_P256_SHA256_FIXED_SIGNING),
        Alg::ES384 => ec(alg, kid, &ECDSA_P384_SHA384_FIXED_SIGNING),
        Alg::ES512 => ec(alg, kid, &ECDSA_P521_SHA512_FIXED_SIGNING),
        Alg::EdDSA => ed(kid, entropy),
        _ => rsa(alg, kid),
    }
}

fn rsa(alg: Alg, kid: &str) -> Result<Jwk, GenerateError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| GenerateError)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| GenerateError)?;
    let [n, e, d, p, q, dp, dq, qi] = rsa_numbers(der.as_ref()).ok_or(GenerateError)?;
    Ok(Jwk {
        n: b64::encode(n),
        e: b64::encode(e),
        private: Some(Private {
            d: secret(d),
            p: secret(p),
            q: secret(q),
            dp: secret(dp),
            dq: secret(dq),
            qi: secret(qi),
            ..Private::default()
        }),
        ..describe(alg, kid)
    })
}

fn ec(alg: Alg, kid: &str, curve: &'static EcdsaSigningAlgorithm) -> Result<Jwk, GenerateError> {
    let pair = EcdsaKeyPair::generate(curve).map_err(|_| GenerateError)?;
    let d: EcPrivateKeyBin<'_> = pair
        .private_key()
        .as_be_bytes()
        .map_err(|_| GenerateError)?;
    // An uncompressed point is a 4 and the two coordinates.
    let point = pair.public_key().as_ref();
    let (_, coordinates) = point.split_first().ok_or(GenerateError)?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Ok(Jwk {
        x: b64::encode(x),
        y: b64::encode(y),
        private: Some(Private {
            d: secret(d.as_ref()),
            ..Private::default()
        }),
        ..describe(alg, kid)
    })
}

fn ed(kid: &str, entropy: &dyn Entropy) -> Result<Jwk, GenerateError> {
    let seed = Zeroizing::new(random_bytes::<32>(entropy));
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| GenerateError)?;
    Ok(Jwk {
        x: b64::encode(pair.public_key().as_ref()),
        private: Some(Private {
            d: secret(&*seed),
            ..Private::default()
        }),
        ..describe(Alg::EdDSA, kid)
    })
}

fn describe(alg: Alg, kid: &str) -> Jwk {
    Jwk {
        use_: String::from("sig"),
        kty: alg.kty().to_owned(),
        kid: kid.to_owned(),
        crv: alg.crv().unwrap_or_default().to_owned(),
        alg: alg.as_str().to_owned(),
        ..Jwk::default()
    }
}

fn secret(bytes: &[u8]) -> Secret<String> {
    Secret::new(b64::encode(bytes))
}

/// The numbers n, e, d, p, q, dp, dq, qi of a PKCS #8 RSA key, without leading zeros.
///
/// Spec: RFC 5208 s5, RFC 8017 A.1.2; X.690 for the encoding.
fn rsa_numbers(pkcs8: &[u8]) -> Option<[&[u8]; 8]> {
    const INTEGER: u8 = 0x02;
    const OCTET_STRING: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    let (info, _) = der_value(SEQUENCE, pkcs8)?;
    let (_version, rest) = der_value(INTEGER, info)?;
    let (_algorithm, rest) = der_value(SEQUENCE, rest)?;
    let (private_key, _) = der_value(OCTET_STRING, rest)?;
    let (numbers, _) = der_value(SEQUENCE, private_key)?;
    let (_version, mut rest) = der_value(INTEGER, numbers)?;
    let mut found: [&[u8]; 8] = [&[]; 8];
    for number in &mut found {
        let (bytes, after) = der_value(INTEGER, rest)?;
        *number = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        rest = after;
    }
    Some(found)
}

/// Splits `der` into the content of its first value, which must have this tag, and what follows.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let long_form = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return rest.split_at_checked(long_form);
    }
    let (length, rest) = rest.split_at_checked(long_form)?;
    let length = length.iter().try_fold(0usize, |sum, byte| {
        sum.checked_mul(256)?.checked_add(usize::from(*byte))
    })?;
    rest.split_at_checked(length)
}
