//! Rows and domain values: the only place that knows the format of what is stored.
//!
//! Invariant: what is looked up or guarded by is a column; everything else of a client is one JSON document,
//! `{"v":1,"client":{…}}`. A reader refuses a `v` it does not know, and ignores members it does not know.

use serde::{Deserialize, Serialize};
use tessera_protocol::client::{ClientMetadata, ClientRecord};
use tessera_protocol::time::Timestamp;
use tessera_store::{CHANGES_LISTED_MAX, Changed, Changes, KeyRow, StoreError, StoreResult};

mod grants;

pub(crate) use grants::*;

const DOCUMENT_VERSION: u8 = 1;

const CHANGED_CLIENT: i16 = 1;
const CHANGED_KEY_SET: i16 = 2;
const CHANGED_SERVER_EPOCH: i16 = 3;

/// A SHA-256 digest, by which texts of any length are looked up.
pub(crate) type TextKey = [u8; 32];

/// The key by which a text is looked up.
pub(crate) fn text_key(text: &str) -> TextKey {
    tessera_crypto::sha256(text.as_bytes())
}

#[derive(Serialize)]
struct DocumentRef<'a> {
    v: u8,
    client: &'a ClientMetadata,
}

#[derive(Deserialize)]
struct Document {
    v: u8,
    client: ClientMetadata,
}

/// A client as it is written.
#[derive(Debug)]
pub(crate) struct ClientColumns {
    pub(crate) client_key: TextKey,
    pub(crate) token_epoch: i64,
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) registration_token_hash: Option<Vec<u8>>,
    pub(crate) secret_hashes: String,
    pub(crate) document: String,
}

impl ClientColumns {
    pub(crate) fn of(record: &ClientRecord) -> StoreResult<Self> {
        tessera_store::check_client(record)?;
        let metadata = &record.metadata;
        let document = DocumentRef {
            v: DOCUMENT_VERSION,
            client: metadata,
        };
        Ok(Self {
            client_key: text_key(&metadata.client_id),
            token_epoch: record.token_epoch.cast_signed(),
            version: record.version.cast_signed(),
            created_at: metadata.created_at.as_micros(),
            client_id: metadata.client_id.clone(),
            name: metadata.client_name.clone(),
            owner: metadata.owner.clone(),
            registration_token_hash: record.registration_token_hash.map(|hash| hash.to_vec()),
            secret_hashes: serde_json::to_string(&record.secret_hashes)
                .map_err(|e| unwritable(&e))?,
            document: serde_json::to_string(&document).map_err(|e| unwritable(&e))?,
        })
    }
}

fn unwritable(error: &serde_json::Error) -> StoreError {
    StoreError::Bug(format!("a client cannot be written as JSON: {error}"))
}

/// A client as it is read.
#[derive(Debug)]
pub(crate) struct StoredClient {
    pub(crate) token_epoch: i64,
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) registration_token_hash: Option<Vec<u8>>,
    pub(crate) secret_hashes: String,
    pub(crate) document: String,
}

impl StoredClient {
    pub(crate) fn into_record(self) -> StoreResult<ClientRecord> {
        let unreadable = |error| StoreError::Corrupt(format!("a client's document: {error}"));
        let document: Document = serde_json::from_str(&self.document).map_err(unreadable)?;
        if document.v != DOCUMENT_VERSION {
            return Err(StoreError::Corrupt(format!(
                "a client's document has version {}, this release reads {DOCUMENT_VERSION}",
                document.v
            )));
        }
        let mut metadata = document.client;
        metadata.created_at = Timestamp::from_micros(self.created_at);
        let registration_token_hash = self
            .registration_token_hash
            .map(TextKey::try_from)
            .transpose()
            .map_err(|_| StoreError::Corrupt("a registration token's hash".to_owned()))?;
        Ok(ClientRecord {
            metadata,
            secret_hashes: serde_json::from_str(&self.secret_hashes).map_err(unreadable)?,
            registration_token_hash,
            token_epoch: self.token_epoch.cast_unsigned(),
            version: self.version.cast_unsigned(),
        })
    }
}

/// A key as it is read.
pub(crate) fn key_row(set: String, kid: String, sealed_jwk: Vec<u8>, created_at: i64) -> KeyRow {
    KeyRow {
        set,
        kid,
        sealed_jwk,
        created_at: Timestamp::from_micros(created_at),
    }
}

/// One row of the change log, its kind and name as they are written.
pub(crate) fn change_columns(changed: &Changed) -> (i16, &str) {
    match changed {
        Changed::Client(client_id) => (CHANGED_CLIENT, client_id),
        Changed::KeySet(set) => (CHANGED_KEY_SET, set),
        Changed::ServerEpoch => (CHANGED_SERVER_EPOCH, ""),
    }
}

/// What is known about the log after it was read from `position` on.
#[derive(Debug, Default)]
pub(crate) struct ChangeReader {
    last: i64,
    listed: Vec<(i16, String)>,
}

impl ChangeReader {
    /// Most rows to ask for: one more than may be listed tells that there are too many.
    pub(crate) const ROWS_MAX: i64 = CHANGES_LISTED_MAX as i64 + 1;

    /// Takes one row: the position of the log, and a change if there is one.
    pub(crate) fn take(&mut self, last: i64, change: Option<(i16, String)>) {
        self.last = last;
        self.listed.extend(change);
    }

    /// The log has no gaps, so it reaches back far enough when it holds as many rows as numbers were given.
    pub(crate) fn finish(self, position: u64) -> Changes {
        let last = self.last.cast_unsigned();
        if position == 0 {
            return Changes {
                position: last,
                changes: Some(Vec::new()),
            };
        }
        let is_whole = last.checked_sub(position) == Some(self.listed.len() as u64)
            && self.listed.len() <= CHANGES_LISTED_MAX;
        let changes = if is_whole {
            self.listed.into_iter().map(changed).collect()
        } else {
            None
        };
        Changes {
            position: last,
            changes,
        }
    }
}

/// A kind that a newer release wrote is unknown here, and everything cached must go.
fn changed((kind, name): (i16, String)) -> Option<Changed> {
    match kind {
        CHANGED_CLIENT => Some(Changed::Client(name)),
        CHANGED_KEY_SET => Some(Changed::KeySet(name)),
        CHANGED_SERVER_EPOCH => Some(Changed::ServerEpoch),
        _ => None,
    }
}
