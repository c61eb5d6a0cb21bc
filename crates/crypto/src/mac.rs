//! Keyed digests for caches, and plain digests.
//!
//! Spec: RFC 2104 (HMAC with SHA-256), FIPS 180-4.
//! Invariant: key set-up happens once; a digest starts from a copy of that state.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, random_bytes};

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
        let tag = prepare(&key).chain_update(b"Hi There").finalize();
        assert_eq!(
            hex(&tag.into_bytes()),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
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
