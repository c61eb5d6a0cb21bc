//! JSON Web Keys: their members, and whether the key material is sound.
//!
//! Spec: RFC 7517, RFC 7518 s6, RFC 8037 s2.
//! Security: private members are wiped on drop, and absent from `Debug`.

use std::fmt;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use super::{Alg, signing_key::SigningMaterial, verifying_key};
use crate::secret::Secret;

/// The most characters of `kid`, `alg` and `use`.
const NAME_CHARS_MAX: usize = 1024;
/// The most bytes of a symmetric key.
const OCT_BYTES_MAX: usize = 4096;
/// The most certificates in a chain, and the most characters of each.
const X5C_MAX: (usize, usize) = (16, 16 * 1024);
/// The sizes of an RSA modulus that may be kept. Using it takes 2048 bits or more.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 64..=1024;

/// A key in its wire form. Key material is base64url text; [`Jwk::check`] says whether it is sound.
///
/// An empty member is an absent one.
#[derive(Clone, Default)]
pub struct Jwk {
    /// `use`: `sig`, `enc` or anything else.
    pub use_: String,
    /// Key type: `RSA`, `EC`, `OKP` or `oct`.
    pub kty: String,
    /// Key id.
    pub kid: String,
    /// Curve.
    pub crv: String,
    /// Algorithm the key is meant for.
    pub alg: String,
    /// First coordinate (EC), or the public key (OKP).
    pub x: String,
    /// Second coordinate (EC).
    pub y: String,
    /// Modulus (RSA).
    pub n: String,
    /// Public exponent (RSA).
    pub e: String,
    /// Certificate chain, each in standard base64.
    pub x5c: Vec<String>,
    /// Where the certificate chain is.
    pub x5u: String,
    /// SHA-1 thumbprint of the certificate.
    pub x5t: String,
    /// SHA-256 thumbprint of the certificate.
    pub x5t_s256: String,
    pub(super) private: Option<Private>,
}

/// The members that are nobody else's business.
#[derive(Clone)]
pub(super) struct Private {
    pub(super) k: Secret<String>,
    pub(super) d: Secret<String>,
    pub(super) p: Secret<String>,
    pub(super) q: Secret<String>,
    pub(super) dp: Secret<String>,
    pub(super) dq: Secret<String>,
    pub(super) qi: Secret<String>,
}

impl Default for Private {
    fn default() -> Self {
        let empty = || Secret::new(String::new());
        Self {
            k: empty(),
            d: empty(),
            p: empty(),
            q: empty(),
            dp: empty(),
            dq: empty(),
            qi: empty(),
        }
    }
}

/// Why a key cannot be used or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwkError {
    /// `kty` is none of `RSA`, `EC`, `OKP`, `oct`.
    UnknownKeyType,
    /// `crv` is not a curve of this key type.
    UnknownCurve,
    /// This member is missing.
    Missing(&'static str),
    /// This member is not base64url, has the wrong length, or is too long.
    Malformed(&'static str),
    /// The members do not form a key: the point is not on the curve, or the private part belongs to
    /// another key.
    Inconsistent,
    /// The key is public, or symmetric.
    NotPrivate,
    /// The key, or its `alg`, does not fit the algorithm asked for.
    WrongAlgorithm,
    /// An RSA modulus below 2048 bits.
    TooWeak,
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKeyType => f.write_str("kty must be RSA, EC, OKP or oct"),
            Self::UnknownCurve => {
                f.write_str("crv must be P-256, P-384 or P-521 (EC), or Ed25519 (OKP)")
            }
            Self::Missing(member) => write!(f, "member {member} is missing"),
            Self::Malformed(member) => {
                write!(f, "member {member} is malformed or has the wrong length")
            }
            Self::Inconsistent => f.write_str("the members do not form a valid key"),
            Self::NotPrivate => f.write_str("the key has no private part to sign with"),
            Self::WrongAlgorithm => f.write_str("the key is not meant for this algorithm"),
            Self::TooWeak => f.write_str("an RSA key needs 2048 bits or more"),
        }
    }
}

impl std::error::Error for JwkError {}

impl Jwk {
    /// The public half. A symmetric key has none: what is left then fails [`Self::check`].
    #[must_use]
    pub fn public(&self) -> Self {
        let mut public = self.clone();
        public.private = None;
        public
    }

    /// Whether anything in it must be kept secret.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Whether the key material is there, well-formed, bounded in size, and forms a key.
    ///
    /// Small RSA keys pass, because they may be kept; they cannot be used.
    ///
    /// Compat: what the reference server's JOSE library refuses is refused, except that
    /// certificates are not compared with the key.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), JwkError> {
        for (name, text) in [("kid", &self.kid), ("alg", &self.alg), ("use", &self.use_)] {
            if text.len() > NAME_CHARS_MAX {
                return Err(JwkError::Malformed(name));
            }
        }
        let (certificates_max, chars_max) = X5C_MAX;
        let too_long = |certificate: &String| certificate.len() > chars_max;
        if self.x5c.len() > certificates_max || self.x5c.iter().any(too_long) {
            return Err(JwkError::Malformed("x5c"));
        }
        match self.kty.as_str() {
            "oct" => self.check_oct(),
            "RSA" => {
                self.rsa_public()?;
                let usable = self.private.is_some() && self.rsa_public()?.is_strong();
                if usable { self.check_private() } else { Ok(()) }
            }
            "EC" | "OKP" => {
                verifying_key::check_public(self)?;
                if self.is_private() {
                    self.check_private()
                } else {
                    Ok(())
                }
            }
            _ => Err(JwkError::UnknownKeyType),
        }
    }

    fn check_oct(&self) -> Result<(), JwkError> {
        let private = self.private.as_ref().ok_or(JwkError::Missing("k"))?;
        let k = Zeroizing::new(decode("k", private.k.expose())?);
        if k.len() > OCT_BYTES_MAX {
            return Err(JwkError::Malformed("k"));
        }
        Ok(())
    }

    fn check_private(&self) -> Result<(), JwkError> {
        SigningMaterial::parse(self, self.natural_alg()?).map(drop)
    }

    /// The algorithm its type and curve suggest, whatever `alg` says.
    pub(super) fn natural_alg(&self) -> Result<Alg, JwkError> {
        match (self.kty.as_str(), self.crv.as_str()) {
            ("RSA", _) => Ok(Alg::RS256),
            ("EC", "P-256") => Ok(Alg::ES256),
            ("EC", "P-384") => Ok(Alg::ES384),
            ("EC", "P-521") => Ok(Alg::ES512),
            ("OKP", "Ed25519") => Ok(Alg::EdDSA),
            ("EC" | "OKP", _) => Err(JwkError::UnknownCurve),
            _ => Err(JwkError::UnknownKeyType),
        }
    }

    /// Whether a key for `alg` has this type and curve, and `alg`, when given, is that algorithm.
    pub(super) fn fits(&self, alg: Alg) -> Result<(), JwkError> {
        self.natural_alg()?;
        let same_kind = self.kty == alg.kty() && alg.crv().is_none_or(|crv| crv == self.crv);
        if same_kind && (self.alg.is_empty() || self.alg == alg.as_str()) {
            Ok(())
        } else {
            Err(JwkError::WrongAlgorithm)
        }
    }

    pub(super) fn rsa_public(&self) -> Result<RsaPublic, JwkError> {
        let (n, e) = (decode("n", &self.n)?, decode("e", &self.e)?);
        let (n, e) = (strip_zeros(n), strip_zeros(e));
        if !RSA_BYTES.contains(&n.len()) {
            return Err(JwkError::Malformed("n"));
        }
        let odd = e.last().is_some_and(|byte| byte % 2 == 1);
        // No longer than four bytes, which is also what the reference server can hold.
        if !odd || e == [1] || e.len() > 4 {
            return Err(JwkError::Malformed("e"));
        }
        Ok(RsaPublic { n, e })
    }

    /// The public point, uncompressed (EC), or the 32 bytes of an Ed25519 key.
    pub(super) fn curve_public(&self) -> Result<Vec<u8>, JwkError> {
        let size = self.coordinate_bytes()?;
        let x = decode_sized("x", &self.x, size)?;
        if self.kty == "OKP" {
            return Ok(x);
        }
        let y = decode_sized("y", &self.y, size)?;
        Ok([&[4][..], &x, &y].concat())
    }

    /// The private scalar (EC) or seed (OKP), as long as a coordinate.
    pub(super) fn curve_private(&self) -> Result<Zeroizing<Vec<u8>>, JwkError> {
        let private = self.private.as_ref().ok_or(JwkError::NotPrivate)?;
        let d = Zeroizing::new(decode("d", private.d.expose())?);
        if d.len() == self.coordinate_bytes()? {
            Ok(d)
        } else {
            Err(JwkError::Malformed("d"))
        }
    }

    fn coordinate_bytes(&self) -> Result<usize, JwkError> {
        Ok(match self.natural_alg()? {
            Alg::ES384 => 48,
            Alg::ES512 => 66,
            _ => 32,
        })
    }
}

/// Modulus and exponent, big-endian, without leading zeros.
pub(super) struct RsaPublic {
    pub(super) n: Vec<u8>,
    pub(super) e: Vec<u8>,
}

impl RsaPublic {
    /// 2048 bits or more.
    pub(super) fn is_strong(&self) -> bool {
        self.n.len() > 256 || (self.n.len() == 256 && self.n.first().is_some_and(|b| *b >= 0x80))
    }
}

/// Decodes a member of a key. Unlike in tokens, padding and trailing bits are tolerated: a key has
/// one holder, who cannot gain from a second encoding, and some libraries pad.
pub(super) fn decode(member: &'static str, text: &str) -> Result<Vec<u8>, JwkError> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    if text.is_empty() {
        return Err(JwkError::Missing(member));
    }
    if text.len() > 2 * OCT_BYTES_MAX {
        return Err(JwkError::Malformed(member));
    }
    LENIENT
        .decode(text)
        .map_err(|_| JwkError::Malformed(member))
}

fn decode_sized(member: &'static str, text: &str, size: usize) -> Result<Vec<u8>, JwkError> {
    decode(member, text).and_then(|b| {
        if b.len() == size {
            Ok(b)
        } else {
            Err(JwkError::Malformed(member))
        }
    })
}

fn strip_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("kty", &self.kty)
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("use", &self.use_)
            .field("is_private", &self.is_private())
            .finish_non_exhaustive()
    }
}

impl Private {
    /// Whether any of dp, dq and qi is there; if one is, all must be.
    pub(super) fn has_crt(&self) -> bool {
        let members = [&self.dp, &self.dq, &self.qi];
        members.iter().any(|member| !member.expose().is_empty())
    }

    pub(super) fn any(&self) -> bool {
        let members = [
            &self.k, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi,
        ];
        members.iter().any(|member| !member.expose().is_empty())
    }
}
