//! Opaque access tokens: prefix, then base64url of the sealed record.
//!
//! Invariant: a token is opened, and so authenticated, before anything is read for it. A forged, altered,
//! truncated or foreign token costs one key comparison and no query.

use tessera_crypto::seal::nonce_of;
use tessera_crypto::{Entropy, SealKeys, b64};

use super::access::{AccessToken, ReadToken, token_id};
use super::record::{Fields, Writer, read_number, read_text};
use crate::time::Timestamp;

/// Longest wire form looked at; what is granted is bounded so that nothing longer is issued.
const LENGTH_MAX: usize = 64 * 1024;

const CLIENT_ID: u8 = 1;
const SCOPE: u8 = 2;
const AUDIENCE: u8 = 3;
const ISSUED_AT: u8 = 4;
const LIFESPAN_SECS: u8 = 5;
const CLIENT_EPOCH: u8 = 6;
const SERVER_EPOCH: u8 = 7;
const EXT: u8 = 8;

/// Appends the wire form of `token` to `out`.
pub fn seal(
    token: &AccessToken,
    prefix: &str,
    keys: &SealKeys,
    entropy: &dyn Entropy,
    out: &mut String,
) {
    let mut record = Writer::with_capacity(160);
    record.text(CLIENT_ID, &token.client_id);
    record.text(SCOPE, &token.scope);
    for audience in &token.audience {
        record.bytes(AUDIENCE, audience.as_bytes());
    }
    let issued_at = token.issued_at.as_secs();
    record.number(ISSUED_AT, u64::try_from(issued_at).unwrap_or_default());
    let lifespan = token.expires_at.as_secs().saturating_sub(issued_at);
    record.number(LIFESPAN_SECS, u64::try_from(lifespan).unwrap_or_default());
    record.bytes(CLIENT_EPOCH, &token.client_epoch.to_le_bytes());
    record.bytes(SERVER_EPOCH, &token.server_epoch.to_le_bytes());
    record.text(EXT, &token.ext);
    let mut sealed = Vec::with_capacity(record.0.len().saturating_add(64));
    keys.seal(entropy, prefix.as_bytes(), &record.0, &mut sealed);
    out.push_str(prefix);
    b64::encode_into(&sealed, out);
}

/// Reads a wire form; `None` when it is not one of this server's.
pub fn open(wire: &str, prefix: &str, keys: &SealKeys) -> Option<ReadToken> {
    if wire.len() > LENGTH_MAX {
        return None;
    }
    let sealed = b64::decode(wire.strip_prefix(prefix)?).ok()?;
    let record = keys.open(prefix.as_bytes(), &sealed).ok()?;
    let nonce = nonce_of(&sealed)?;
    Some(ReadToken {
        token: read(&record)?,
        token_id: token_id(nonce),
    })
}

fn read(record: &[u8]) -> Option<AccessToken> {
    let mut token = AccessToken::default();
    let (mut issued_at, mut lifespan) = (0_i64, 0_i64);
    for field in Fields(record) {
        let (tag, value) = field?;
        match tag {
            CLIENT_ID => token.client_id = read_text(value)?,
            SCOPE => token.scope = read_text(value)?,
            AUDIENCE => token.audience.push(read_text(value)?),
            ISSUED_AT => issued_at = i64::try_from(read_number(value)?).ok()?,
            LIFESPAN_SECS => lifespan = i64::try_from(read_number(value)?).ok()?,
            CLIENT_EPOCH => token.client_epoch = read_number(value)?,
            SERVER_EPOCH => token.server_epoch = read_number(value)?,
            EXT => token.ext = read_text(value)?,
            _ => return None,
        }
    }
    token.issued_at = Timestamp::from_secs(issued_at);
    token.expires_at = Timestamp::from_secs(issued_at.checked_add(lifespan)?);
    Some(token)
}

#[cfg(test)]
mod tests {
    use tessera_crypto::{Keyring, OsEntropy, Purpose, Secret};

    use super::*;

    fn keys() -> SealKeys {
        Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
            .unwrap()
            .seal_keys(Purpose::AccessToken)
    }

    fn sample() -> AccessToken {
        AccessToken {
            client_id: "my-client".to_owned(),
            scope: "api read".to_owned(),
            audience: vec!["https://api.example.com".to_owned(), String::new()],
            issued_at: Timestamp::from_secs(1_795_540_447),
            expires_at: Timestamp::from_secs(1_795_544_047),
            client_epoch: u64::MAX,
            server_epoch: 1 << 56,
            ext: r#"{"tenant":"a"}"#.to_owned(),
        }
    }

    #[test]
    fn a_token_reads_back_whole() {
        let keys = keys();
        let mut wire = String::new();
        seal(&sample(), "tsa_", &keys, &OsEntropy, &mut wire);
        assert!(wire.starts_with("tsa_"));
        assert_eq!(open(&wire, "tsa_", &keys).unwrap().token, sample());
    }

    #[test]
    fn a_machine_token_stays_short() {
        let token = AccessToken {
            client_id: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
            audience: Vec::new(),
            ext: String::new(),
            ..sample()
        };
        let mut wire = String::new();
        seal(&token, "tsa_", &keys(), &OsEntropy, &mut wire);
        assert!(wire.len() < 256, "{}", wire.len());
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let keys = keys();
        let mut wire = String::new();
        seal(&sample(), "tsa_", &keys, &OsEntropy, &mut wire);
        for at in 0..wire.len() {
            for replacement in ["A", "B", "-", "="] {
                let mut altered = wire.clone();
                altered.replace_range(at..=at, replacement);
                assert_eq!(
                    open(&altered, "tsa_", &keys).is_some(),
                    altered == wire,
                    "{at}"
                );
            }
            assert!(open(&wire[..at], "tsa_", &keys).is_none());
        }
        assert!(open(&format!("{wire}A"), "tsa_", &keys).is_none());
    }

    #[test]
    fn another_prefix_or_key_opens_nothing() {
        let keys = keys();
        let mut wire = String::new();
        seal(&sample(), "tsa_", &keys, &OsEntropy, &mut wire);
        let as_refresh = wire.replace("tsa_", "tsr_");
        assert!(open(&as_refresh, "tsr_", &keys).is_none());
        let other = Keyring::new(&[Secret::new("another-secret-of-16".to_owned())])
            .unwrap()
            .seal_keys(Purpose::AccessToken);
        assert!(open(&wire, "tsa_", &other).is_none());
    }

    #[test]
    fn unknown_fields_close_the_token() {
        let mut record = Writer::default();
        record.text(CLIENT_ID, "c");
        record.text(99, "restriction of a later release");
        assert_eq!(read(&record.0), None);
    }
}
