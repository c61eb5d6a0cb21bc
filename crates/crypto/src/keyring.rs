//! Keys derived from `secrets.system`: one for sealing per secret and purpose.
//!
//! Spec: RFC 5869 (HKDF with SHA-256, no salt, info = `tessera/v1/<purpose>`).
//! Invariant: the first secret seals; every listed secret still opens.
//! Security: purposes never share a key, so nothing sealed for one opens as another.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{seal::SealKeys, secret::Secret};

/// The shortest acceptable secret, in characters; what the configuration schema demands too.
pub const SECRET_CHARS_MIN: usize = 16;

/// Sealing key (32 bytes), a part that is not used (32 bytes), key id (2 bytes), in this order.
///
/// Invariant: the layout never changes, as the labels do not.
const DERIVED_BYTES: usize = 66;

/// What a derived key is for.
///
/// Invariant: a label never changes; what was sealed under it would be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Opaque access tokens.
    AccessToken,
    /// Refresh tokens.
    RefreshToken,
    /// Authorization codes.
    AuthorizationCode,
    /// Login, consent and logout challenges and verifiers.
    Challenge,
    /// Session and CSRF cookies.
    Cookie,
    /// Page tokens of lists.
    PageToken,
    /// Private keys in the database.
    KeyAtRest,
    /// Session data in the database.
    SessionAtRest,
    /// The `ref` header of JWT access tokens.
    TokenRef,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::AccessToken => "tessera/v1/access_token",
            Self::RefreshToken => "tessera/v1/refresh_token",
            Self::AuthorizationCode => "tessera/v1/authorization_code",
            Self::Challenge => "tessera/v1/challenge",
            Self::Cookie => "tessera/v1/cookie",
            Self::PageToken => "tessera/v1/page_token",
            Self::KeyAtRest => "tessera/v1/key_at_rest",
            Self::SessionAtRest => "tessera/v1/session_at_rest",
            Self::TokenRef => "tessera/v1/token_ref",
        }
    }
}

/// Why `secrets.system` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyringError {
    /// There is no secret at all.
    Empty,
    /// A secret has fewer than [`SECRET_CHARS_MIN`] characters.
    TooShort {
        /// Its position in the list, from 0.
        index: usize,
        /// How many characters it has.
        chars: usize,
    },
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("secrets.system is empty: at least one secret is needed"),
            Self::TooShort { index, chars } => write!(
                f,
                "secrets.system[{index}] has {chars} characters, at least {SECRET_CHARS_MIN} are needed"
            ),
        }
    }
}

impl std::error::Error for KeyringError {}

/// The secrets of the system, newest first, ready for derivation.
pub struct Keyring {
    extracted: Vec<Hkdf<Sha256>>,
}

impl Keyring {
    /// Takes the list of `secrets.system`, newest first.
    ///
    /// # Errors
    /// The list is empty, or a secret is shorter than [`SECRET_CHARS_MIN`] characters.
    pub fn new(secrets: &[Secret<String>]) -> Result<Self, KeyringError> {
        if secrets.is_empty() {
            return Err(KeyringError::Empty);
        }
        let extract = |(index, secret): (usize, &Secret<String>)| {
            let chars = secret.expose().chars().count();
            if chars < SECRET_CHARS_MIN {
                return Err(KeyringError::TooShort { index, chars });
            }
            Ok(Hkdf::new(None, secret.expose().as_bytes()))
        };
        let extracted = secrets.iter().enumerate().map(extract);
        Ok(Self {
            extracted: extracted.collect::<Result<_, _>>()?,
        })
    }

    /// The sealing keys for `purpose`. Preparing them costs microseconds: do it once, at start.
    #[must_use]
    pub fn seal_keys(&self, purpose: Purpose) -> SealKeys {
        SealKeys::new(self.derive(purpose).map(|key| (key.id, key.seal)))
    }

    #[expect(
        clippy::expect_used,
        reason = "the output is 66 bytes, HKDF-SHA256 gives up to 8160"
    )]
    fn derive(&self, purpose: Purpose) -> impl Iterator<Item = DerivedKey> {
        self.extracted.iter().map(move |prk| {
            let mut okm = Zeroizing::new([0u8; DERIVED_BYTES]);
            prk.expand(purpose.label().as_bytes(), &mut *okm)
                .expect("the output length is allowed");
            DerivedKey::split(&okm)
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} secrets)", self.extracted.len())
    }
}

struct DerivedKey {
    seal: Zeroizing<[u8; 32]>,
    id: [u8; 2],
}

impl DerivedKey {
    fn split(okm: &[u8; DERIVED_BYTES]) -> Self {
        let mut key = Self {
            seal: Zeroizing::default(),
            id: [0; 2],
        };
        let (seal, rest) = okm.split_at(key.seal.len());
        let (_, id) = rest.split_at(rest.len() - key.id.len());
        key.seal.copy_from_slice(seal);
        key.id.copy_from_slice(id);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(list: &[&str]) -> Vec<Secret<String>> {
        list.iter().map(|s| Secret::new((*s).to_owned())).collect()
    }

    #[test]
    fn a_missing_or_short_secret_is_refused() {
        assert_eq!(Keyring::new(&[]).unwrap_err(), KeyringError::Empty);
        assert_eq!(
            Keyring::new(&secrets(&["0123456789abcdef", "0123456789abcde"])).unwrap_err(),
            KeyringError::TooShort {
                index: 1,
                chars: 15
            }
        );
        assert!(Keyring::new(&secrets(&["0123456789abcdef"])).is_ok());
    }

    #[test]
    fn derivation_is_hkdf_with_the_documented_label() {
        // Computed with another HKDF implementation (python-cryptography).
        let expected = "b866c3e6392faf495e2a611515f9f49ecbac49bc4e783c706383d5ebd1e1cd635069";
        let ring = Keyring::new(&secrets(&["a system secret of some length"])).unwrap();
        let key = ring.derive(Purpose::AccessToken).next().unwrap();
        let bytes = [&key.seal[..], &key.id[..]].concat();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn purposes_do_not_share_keys() {
        let ring = Keyring::new(&secrets(&["a system secret of some length"])).unwrap();
        let mut sealed = Vec::new();
        let keys = ring.seal_keys(Purpose::AccessToken);
        keys.seal(&crate::OsEntropy, b"", b"same data", &mut sealed);
        assert!(
            ring.seal_keys(Purpose::AccessToken)
                .open(b"", &sealed)
                .is_ok()
        );
        assert!(
            ring.seal_keys(Purpose::RefreshToken)
                .open(b"", &sealed)
                .is_err()
        );
    }

    #[test]
    fn debug_names_no_secret() {
        let ring = Keyring::new(&secrets(&["a system secret of some length"])).unwrap();
        assert_eq!(format!("{ring:?}"), "Keyring(1 secrets)");
    }
}
