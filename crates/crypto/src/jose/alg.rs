//! The signature algorithms.
//!
//! Spec: RFC 7518 s3.1, RFC 8037 s3.1, RFC 8032 s5.1 (Ed25519 hashes with SHA-512).
//! Security: `none` and the symmetric algorithms cannot be expressed.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A signature algorithm, by its `alg` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519.
    EdDSA,
}

impl Alg {
    /// All of them, in the order of RFC 7518.
    pub const ALL: [Self; 10] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
        }
    }

    /// `data` under the hash function of the algorithm.
    #[must_use]
    pub fn hash(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::RS256 | Self::PS256 | Self::ES256 => Sha256::digest(data).to_vec(),
            Self::RS384 | Self::PS384 | Self::ES384 => Sha384::digest(data).to_vec(),
            Self::RS512 | Self::PS512 | Self::ES512 | Self::EdDSA => Sha512::digest(data).to_vec(),
        }
    }

    /// The `kty` of its keys.
    pub(super) const fn kty(self) -> &'static str {
        match self {
            Self::ES256 | Self::ES384 | Self::ES512 => "EC",
            Self::EdDSA => "OKP",
            _ => "RSA",
        }
    }

    /// The `crv` of its keys; RSA keys have none.
    pub(super) const fn crv(self) -> Option<&'static str> {
        match self {
            Self::ES256 => Some("P-256"),
            Self::ES384 => Some("P-384"),
            Self::ES512 => Some("P-521"),
            Self::EdDSA => Some("Ed25519"),
            _ => None,
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not one of [`Alg::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAlg;

impl fmt::Display for UnknownAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unsupported signature algorithm")
    }
}

impl std::error::Error for UnknownAlg {}

impl FromStr for Alg {
    type Err = UnknownAlg;

    /// Names are case-sensitive.
    fn from_str(name: &str) -> Result<Self, UnknownAlg> {
        let mut all = Self::ALL.into_iter();
        all.find(|alg| alg.as_str() == name).ok_or(UnknownAlg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_unknown() {
        for alg in Alg::ALL {
            assert_eq!(alg.to_string().parse(), Ok(alg));
        }
        for name in ["none", "None", "HS256", "rs256", "RS256 ", "ES256K", ""] {
            assert_eq!(name.parse::<Alg>(), Err(UnknownAlg), "{name:?}");
        }
    }

    #[test]
    fn fips_180_examples_of_each_hash() {
        for (alg, first, length) in [
            (Alg::RS256, [0xba, 0x78, 0x16, 0xbf], 32),
            (Alg::ES384, [0xcb, 0x00, 0x75, 0x3f], 48),
            (Alg::PS512, [0xdd, 0xaf, 0x35, 0xa1], 64),
            (Alg::EdDSA, [0xdd, 0xaf, 0x35, 0xa1], 64),
        ] {
            let hash = alg.hash(b"abc");
            assert_eq!((&hash[..4], hash.len()), (&first[..], length), "{alg}");
        }
    }
}
