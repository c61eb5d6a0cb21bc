//! The wire form of what has a row: codes and refresh tokens. Prefix, then base64url of the sealed name.
//!
//! Security: a row's name alone, as a copy of the database shows it, is no token; and a forged, altered or mistyped one
//! costs no query.
//! Invariant: keys of one purpose and the prefix tell kinds apart, so a code never opens as a refresh token.

use tessera_crypto::{Entropy, SealKeys, b64, seal};

/// How many bytes a sealed id has.
const SEALED_BYTES: usize = 16 + seal::OVERHEAD_BYTES;

/// The wire form of the row named `id`. Each call gives another text for the same row.
pub fn mint(id: &[u8; 16], prefix: &str, keys: &SealKeys, entropy: &dyn Entropy) -> String {
    let mut sealed = Vec::with_capacity(SEALED_BYTES);
    keys.seal(entropy, prefix.as_bytes(), id, &mut sealed);
    let mut wire =
        String::with_capacity(prefix.len().saturating_add(b64::encoded_len(sealed.len())));
    wire.push_str(prefix);
    b64::encode_into(&sealed, &mut wire);
    wire
}

/// The name of the row; `None` when the text is not one that this server made.
pub fn open(wire: &str, prefix: &str, keys: &SealKeys) -> Option<[u8; 16]> {
    let body = wire.strip_prefix(prefix)?;
    if body.len() != b64::encoded_len(SEALED_BYTES) {
        return None;
    }
    let sealed = b64::decode(body).ok()?;
    let id = keys.open(prefix.as_bytes(), &sealed).ok()?;
    id.try_into().ok()
}

#[cfg(test)]
mod tests {
    use tessera_crypto::{Keyring, OsEntropy, Purpose, Secret};

    use super::*;

    fn keys(purpose: Purpose) -> SealKeys {
        Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
            .unwrap()
            .seal_keys(purpose)
    }

    #[test]
    fn what_was_minted_opens_and_nothing_else_does() {
        let keys = keys(Purpose::RefreshToken);
        let wire = mint(&[5; 16], "tsr_", &keys, &OsEntropy);
        assert_eq!(open(&wire, "tsr_", &keys), Some([5; 16]));
        assert_ne!(wire, mint(&[5; 16], "tsr_", &keys, &OsEntropy));
        assert!(wire.len() < 100 && wire.bytes().all(|b| b.is_ascii_graphic()));
        for at in 0..wire.len() {
            for replacement in ["A", "B", "-", "="] {
                let mut altered = wire.clone();
                altered.replace_range(at..=at, replacement);
                assert_eq!(
                    open(&altered, "tsr_", &keys).is_some(),
                    altered == wire,
                    "{at}"
                );
            }
            assert_eq!(open(&wire[..at], "tsr_", &keys), None);
        }
        for other in ["", "tsr_", "garbage", "tsr_ü", &format!("{wire}A")] {
            assert_eq!(open(other, "tsr_", &keys), None, "{other}");
        }
    }

    #[test]
    fn kinds_are_not_exchangeable() {
        let (codes, refreshes) = (
            keys(Purpose::AuthorizationCode),
            keys(Purpose::RefreshToken),
        );
        let code = mint(&[5; 16], "tsc_", &codes, &OsEntropy);
        assert_eq!(open(&code, "tsc_", &refreshes), None);
        assert_eq!(open(&code.replace("tsc_", "tsr_"), "tsr_", &codes), None);
    }
}
