//! Message authentication with rotated keys, and plain digests.
//!
//! Spec: RFC 2104 (HMAC with SHA-256), FIPS 180-4.
//! Invariant: key set-up happens once per key; a MAC starts from a copy of that state.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, random_bytes};

/// MAC keys of one purpose, newest first.
pub struct MacKeys {
    newest: Hmac<Sha256>,
    older: Vec<Hmac<Sha256>>,
}

impl MacKeys {
    #[expect(
        clippy::expect_used,
        reason = "a Keyring cannot be built without a secret"
    )]
    pub(crate) fn new(keys: impl Iterator<Item = Zeroizing<[u8; 32]>>) -> Self {
        let mut prepared = keys.map(|key| prepare(&key));
        Self {
            newest: prepared.next().expect("a keyring has a key"),
            older: prepared.collect(),
        }
    }

    /// The tag of `data` under the newest key.
    #[must_use]
    pub fn mac(&self, data: &[u8]) -> [u8; 32] {
        self.newest
            .clone()
            .chain_update(data)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Whether `tag` is the whole tag of `data` under any key. A shortened tag never is.
    #[must_use]
    pub fn verify(&self, data: &[u8], tag: &[u8]) -> bool {
        let is_tag = |key: &Hmac<Sha256>| key.clone().chain_update(data).verify_slice(tag).is_ok();
        is_tag(&self.newest) || self.older.iter().any(is_tag)
    }
}

impl fmt::Debug for MacKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKeys({} keys)", 1 + self.older.len())
    }
}

/// A keyed digest under a random key that lives as long as the process, for cache keys over
/// secrets.
pub struct ProcessMac(Hmac<Sha256>);

impl ProcessMac {
    /// Draws the key.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(prepare(&Zeroizing::new(random_bytes(entropy))))
    }

    /// The digest of the parts; each is preceded by its length, so `["ab", "c"]` and `["a", "bc"]`
    /// differ.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for ProcessMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessMac(..)")
    }
}

/// SHA-256 of `data`.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn prepare(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("the length is allowed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::OsEntropy;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn keys(list: &[[u8; 32]]) -> MacKeys {
        MacKeys::new(list.iter().map(|k| Zeroizing::new(*k)))
    }

    #[test]
    fn fips_180_sha256_example() {
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn rfc_4231_case_1_padded_to_32_bytes() {
        // A key of 20 bytes and the same key with 12 zero bytes are one HMAC key.
        let mut key = [0u8; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hex(&keys(&[key]).mac(b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn older_keys_verify_and_newest_signs() {
        let old = keys(&[[1; 32]]);
        let both = keys(&[[2; 32], [1; 32]]);
        let tag = old.mac(b"data");
        assert!(both.verify(b"data", &tag));
        assert_ne!(both.mac(b"data"), tag);
        assert!(!old.verify(b"data", &both.mac(b"data")));
    }

    #[test]
    fn damaged_or_shortened_tags_fail() {
        let keys = keys(&[[1; 32]]);
        let tag = keys.mac(b"data");
        for bit in 0..256 {
            let mut bad = tag;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!keys.verify(b"data", &bad));
        }
        assert!(!keys.verify(b"data", &tag[..16]));
        assert!(!keys.verify(b"data", &[]));
    }

    #[test]
    fn process_mac_separates_parts_and_processes() {
        let mac = ProcessMac::new(&OsEntropy);
        assert_eq!(mac.mac(&[b"ab", b"c"]), mac.mac(&[b"ab", b"c"]));
        assert_ne!(mac.mac(&[b"ab", b"c"]), mac.mac(&[b"a", b"bc"]));
        assert_ne!(mac.mac(&[b"abc"]), mac.mac(&[b"abc", b""]));
        assert_ne!(mac.mac(&[b"x"]), ProcessMac::new(&OsEntropy).mac(&[b"x"]));
    }
}
