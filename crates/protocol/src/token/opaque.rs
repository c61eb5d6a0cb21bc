//! Opaque access tokens: prefix, then base64url of the sealed record.
//!
//! Invariant: a token is opened, and so authenticated, before anything is read for it. A forged, altered,
//! truncated or foreign token costs one key comparison and no query.
//! Invariant: a person's token seals ids, times and epochs, and its scopes only where they are fewer than its grant's.
//! Invariant: a machine's whose custom claims make it long names the grant that keeps them: see [`is_long`].

use tessera_crypto::seal::nonce_of;
use tessera_crypto::{Entropy, SealKeys, b64};

use super::access::{AccessToken, PersonRef, PersonToken, ReadToken, token_id};
use super::record::{Fields, Writer, read_number, read_text};
use crate::time::Timestamp;

/// A token has fewer characters than this, unless scopes and audiences alone are longer.
const SHORT_OF: usize = 1_024;

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
const GRANT_ID: u8 = 9;
const REFRESH_ID: u8 = 10;
const NARROWED_SCOPE: u8 = 11;
const EXT_GRANT: u8 = 12;

/// Appends the wire form of `token` to `out`.
pub fn seal(
    token: &AccessToken,
    prefix: &str,
    keys: &SealKeys,
    entropy: &dyn Entropy,
    out: &mut String,
) {
    let mut record = Writer::with_capacity(160);
    match &token.person {
        Some(person) => write_person(&mut record, person, &token.scope),
        None => write_machine(&mut record, token),
    }
    let issued_at = token.issued_at.as_secs();
    record.number(ISSUED_AT, u64::try_from(issued_at).unwrap_or_default());
    let lifespan = token.expires_at.as_secs().saturating_sub(issued_at);
    // One that has ended already has a negative lifespan, in two's complement.
    record.number(LIFESPAN_SECS, lifespan.cast_unsigned());
    record.bytes(CLIENT_EPOCH, &token.client_epoch.to_le_bytes());
    record.bytes(SERVER_EPOCH, &token.server_epoch.to_le_bytes());
    match (&token.person, &token.ext_grant) {
        (Some(_), _) => {}
        (None, Some(grant_id)) => record.bytes(EXT_GRANT, grant_id),
        (None, None) => record.text(EXT, &token.ext),
    }
    let mut sealed = Vec::with_capacity(record.0.len().saturating_add(64));
    keys.seal(entropy, prefix.as_bytes(), &record.0, &mut sealed);
    out.push_str(prefix);
    b64::encode_into(&sealed, out);
}

/// Whether the custom claims of a token have to be kept elsewhere, so that its wire form stays short.
pub fn is_long(token: &AccessToken, wire: &str) -> bool {
    wire.len() >= SHORT_OF && token.person.is_none() && !token.ext.is_empty()
}

fn write_machine(record: &mut Writer, token: &AccessToken) {
    record.text(CLIENT_ID, &token.client_id);
    record.text(SCOPE, &token.scope);
    for audience in &token.audience {
        record.bytes(AUDIENCE, audience.as_bytes());
    }
}

fn write_person(record: &mut Writer, person: &PersonRef, scope: &str) {
    record.bytes(GRANT_ID, &person.grant_id);
    if let Some(refresh_id) = &person.refresh_id {
        record.bytes(REFRESH_ID, refresh_id);
    }
    if person.is_narrowed {
        // Written even when empty: without it the grant's scopes hold.
        record.bytes(NARROWED_SCOPE, scope.as_bytes());
    }
}

/// Reads a wire form; `None` when it is not one of this server's.
pub fn open(wire: &str, prefix: &str, keys: &SealKeys) -> Option<ReadToken> {
    if wire.len() > LENGTH_MAX {
        return None;
    }
    let sealed = b64::decode(wire.strip_prefix(prefix)?).ok()?;
    let record = keys.open(prefix.as_bytes(), &sealed).ok()?;
    read(&record, nonce_of(&sealed)?)
}

fn read(record: &[u8], nonce: &[u8]) -> Option<ReadToken> {
    let mut token = AccessToken::default();
    let mut grant_id = None;
    let (mut refresh_id, mut narrowed_scope) = (None, None);
    let (mut issued_at, mut lifespan) = (0_i64, 0_i64);
    for field in Fields(record) {
        let (tag, value) = field?;
        match tag {
            CLIENT_ID => token.client_id = read_text(value)?,
            SCOPE => token.scope = read_text(value)?,
            AUDIENCE => token.audience.push(read_text(value)?),
            ISSUED_AT => issued_at = i64::try_from(read_number(value)?).ok()?,
            LIFESPAN_SECS => lifespan = read_number(value)?.cast_signed(),
            CLIENT_EPOCH => token.client_epoch = read_number(value)?,
            SERVER_EPOCH => token.server_epoch = read_number(value)?,
            EXT => token.ext = read_text(value)?,
            EXT_GRANT => token.ext_grant = Some(value.try_into().ok()?),
            GRANT_ID => grant_id = Some(<[u8; 16]>::try_from(value).ok()?),
            REFRESH_ID => refresh_id = Some(<[u8; 16]>::try_from(value).ok()?),
            NARROWED_SCOPE => narrowed_scope = Some(read_text(value)?),
            _ => return None,
        }
    }
    token.issued_at = Timestamp::from_secs(issued_at);
    token.expires_at = Timestamp::from_secs(issued_at.checked_add(lifespan)?);
    let Some(grant_id) = grant_id else {
        token.subject.clone_from(&token.client_id);
        return Some(ReadToken::Machine {
            token,
            token_id: token_id(nonce),
        });
    };
    Some(ReadToken::Person(PersonToken {
        grant_id,
        refresh_id,
        narrowed_scope,
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        client_epoch: token.client_epoch,
        server_epoch: token.server_epoch,
    }))
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
            subject: "my-client".to_owned(),
            scope: "api read".to_owned(),
            audience: vec!["https://api.example.com".to_owned(), String::new()],
            issued_at: Timestamp::from_secs(1_795_540_447),
            expires_at: Timestamp::from_secs(1_795_544_047),
            client_epoch: u64::MAX,
            server_epoch: 1 << 56,
            ext: r#"{"tenant":"a"}"#.to_owned(),
            ext_grant: None,
            person: None,
        }
    }

    fn of_a_person(refresh_id: Option<[u8; 16]>, is_narrowed: bool) -> AccessToken {
        AccessToken {
            subject: "alice".to_owned(),
            person: Some(PersonRef {
                grant_id: [7; 16],
                refresh_id,
                is_narrowed,
            }),
            ..sample()
        }
    }

    #[test]
    fn a_persons_token_names_its_grant_and_stays_short() {
        let keys = keys();
        for (refresh_id, is_narrowed) in
            [(None, false), (Some([9; 16]), false), (Some([9; 16]), true)]
        {
            let token = of_a_person(refresh_id, is_narrowed);
            let mut wire = String::new();
            seal(&token, "tsa_", &keys, &OsEntropy, &mut wire);
            assert!(wire.len() < 256, "{}", wire.len());
            let want = PersonToken {
                grant_id: [7; 16],
                refresh_id,
                narrowed_scope: is_narrowed.then(|| "api read".to_owned()),
                issued_at: token.issued_at,
                expires_at: token.expires_at,
                client_epoch: token.client_epoch,
                server_epoch: token.server_epoch,
            };
            assert_eq!(open(&wire, "tsa_", &keys), Some(ReadToken::Person(want)));
        }
    }

    #[test]
    fn scopes_narrowed_to_none_are_not_those_of_the_grant() {
        let keys = keys();
        let mut token = of_a_person(None, true);
        token.scope.clear();
        let mut wire = String::new();
        seal(&token, "tsa_", &keys, &OsEntropy, &mut wire);
        let Some(ReadToken::Person(read)) = open(&wire, "tsa_", &keys) else {
            panic!("no person's token");
        };
        assert_eq!(read.narrowed_scope.as_deref(), Some(""));
    }

    #[test]
    fn a_token_reads_back_whole() {
        let keys = keys();
        let ended = AccessToken {
            expires_at: Timestamp::from_secs(1_795_540_446),
            ..sample()
        };
        for whole in [sample(), ended] {
            let mut wire = String::new();
            seal(&whole, "tsa_", &keys, &OsEntropy, &mut wire);
            assert!(wire.starts_with("tsa_"));
            let Some(ReadToken::Machine { token, .. }) = open(&wire, "tsa_", &keys) else {
                panic!("no machine's token");
            };
            assert_eq!(token, whole);
        }
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
    fn long_claims_are_named_and_not_sealed_in() {
        let keys = keys();
        let wire_of = |token: &AccessToken| {
            let mut wire = String::new();
            seal(token, "tsa_", &keys, &OsEntropy, &mut wire);
            wire
        };
        let with_claims = |length: usize| AccessToken {
            ext: format!(r#"{{"groups":"{}"}}"#, "g".repeat(length)),
            ..sample()
        };
        let (short, long) = (with_claims(500), with_claims(2_000));
        assert!(!is_long(&short, &wire_of(&short)));
        assert!(is_long(&long, &wire_of(&long)));
        let kept = AccessToken {
            ext_grant: Some([7; 16]),
            ..long
        };
        let wire = wire_of(&kept);
        assert!(wire.len() < SHORT_OF, "{}", wire.len());
        let Some(ReadToken::Machine { token, .. }) = open(&wire, "tsa_", &keys) else {
            panic!("no machine's token");
        };
        assert_eq!((token.ext.as_str(), token.ext_grant), ("", Some([7; 16])));
        // Scopes and audiences are the token's own, and bounded by the request.
        let scoped = AccessToken {
            scope: "s".repeat(2_000),
            ext: String::new(),
            ..sample()
        };
        assert!(!is_long(&scoped, &wire_of(&scoped)));
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
        assert_eq!(read(&record.0, b"nonce"), None);
    }

    #[test]
    fn ids_of_another_length_close_the_token() {
        let mut record = Writer::default();
        record.bytes(GRANT_ID, &[7; 15]);
        assert_eq!(read(&record.0, b"nonce"), None);
    }

    #[test]
    fn no_record_makes_the_reader_panic() {
        let mut state = 1_u32;
        for length in 0..400_usize {
            let bytes: Vec<u8> = (0..length % 64)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8 % if length % 2 == 0 { 255 } else { 12 }
                })
                .collect();
            read(&bytes, b"nonce");
        }
    }
}
