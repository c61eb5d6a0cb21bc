//! Values for the cases: clients, keys and a seeded generator.

use serde_json::json;
use tessera_protocol::client::{ClientJwks, ClientMetadata, ClientRecord, Lifespans};
use tessera_protocol::time::{Lifespan, Timestamp};

use crate::{Claim, KeyRow, SingleUse, TokenAnchor};

/// An instant some seconds after a fixed one.
pub(super) const fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// A client with little in it.
pub(super) fn client(client_id: &str, version: u64) -> ClientRecord {
    let metadata = ClientMetadata {
        client_id: client_id.to_owned(),
        client_name: format!("name of {version}"),
        created_at: at(0),
        updated_at: at(0),
        ..ClientMetadata::default()
    };
    ClientRecord {
        metadata,
        secret_hashes: vec!["hash".to_owned()],
        registration_token_hash: None,
        token_epoch: 7,
        version,
    }
}

/// A client with something in every kind of member, so that a lost one shows.
pub(super) fn full_client(client_id: &str) -> ClientRecord {
    let hour = Lifespan::parse("1h30m").ok();
    let texts = |text: &str| {
        vec![
            text.to_owned(),
            String::new(),
            "ü \u{1f511} \"\\".to_owned(),
        ]
    };
    let metadata = ClientMetadata {
        client_id: client_id.to_owned(),
        client_name: "ñame 'quoted' \"twice\"".to_owned(),
        redirect_uris: Some(texts("https://app.example/cb")),
        grant_types: Some(Vec::new()),
        response_types: None,
        scope: "a b".to_owned(),
        audience: texts("https://api.example"),
        owner: "owner".to_owned(),
        jwks: Some(ClientJwks::default()),
        token_endpoint_auth_method: "private_key_jwt".to_owned(),
        created_at: Timestamp::from_micros(1_700_000_000_123_456),
        updated_at: Timestamp::from_micros(1_700_000_001_000_001),
        metadata: Some(
            json!({"b": [1, 2.5, null, "\u{0}"], "a": {"n": 9_007_199_254_740_993_i64}}),
        ),
        skip_logout_consent: Some(false),
        frontchannel_logout_session_required: true,
        lifespans: Lifespans {
            authorization_code_grant_access_token_lifespan: hour,
            password_grant_access_token_lifespan: Some(None),
            password_grant_refresh_token_lifespan: Some(hour),
            ..Lifespans::default()
        },
        ..ClientMetadata::default()
    };
    ClientRecord {
        metadata,
        secret_hashes: vec!["$pbkdf2$one".to_owned(), "$2b$two".to_owned()],
        registration_token_hash: Some([0xfe; 32]),
        token_epoch: u64::MAX,
        version: u64::MAX - 1,
    }
}

/// A key whose sealed form is not text.
pub(super) fn key(set: &str, kid: &str, secs: i64) -> KeyRow {
    KeyRow {
        set: set.to_owned(),
        kid: kid.to_owned(),
        sealed_jwk: vec![0, 255, 1, 0xc3, 0x28],
        created_at: at(secs),
    }
}

/// A token of a client made by [`client`].
pub(super) const fn anchor(client_id: &str, number: u8, server_epoch: u64) -> TokenAnchor<'_> {
    TokenAnchor::Machine {
        token_id: [number; 16],
        client_id,
        client_epoch: 7,
        server_epoch,
    }
}

/// A token that no case revokes.
pub(super) const fn machine(
    client_id: &str,
    client_epoch: u64,
    server_epoch: u64,
) -> TokenAnchor<'_> {
    TokenAnchor::Machine {
        token_id: [99; 16],
        client_id,
        client_epoch,
        server_epoch,
    }
}

/// An attempt to spend a value until some seconds from the fixed instant.
pub(super) fn claim(value: u8, attempt: u64, secs: i64) -> Claim {
    Claim {
        single_use: SingleUse::ClientAssertion,
        value_hash: [value; 32],
        attempt,
        expires_at: at(secs),
    }
}

/// Marsaglia's xorshift64*: the same seed gives the same run everywhere.
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
