//! The storage contract: every question and every write the server may ask of a database, as typed values.
//!
//! Invariant: each operation is atomic, also under `kill -9`, and is acknowledged only after its commit.
//! Invariant: guards travel with the write; no caller checks first and writes afterwards.
//! Invariant: the caller makes ids, times and tokens; a store generates nothing.
//! Invariant: outcomes are enums, faults are [`StoreError`]; "not found" and "already used" are no errors.
//! Invariant: lists are bounded, and clean-up takes a limit.
//! Invariant: a NUL in a text that databases compare is an error, never a shorter text.

#![warn(missing_docs)]

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tessera_protocol::client::ClientRecord;
use tessera_protocol::time::Timestamp;

#[cfg(feature = "contract")]
pub mod contract;
mod grants;
pub mod memory;
mod sessions;
mod storable;

pub use grants::*;
pub use sessions::*;
pub use storable::*;

/// What a database misbehaving looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The database cannot be reached, is too slow, is full or refuses writes: a later try may succeed.
    Unavailable(String),
    /// A stored row cannot be read back.
    Corrupt(String),
    /// The statement or the schema was refused: a defect of this program or of what it was given.
    Bug(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the database is unavailable: {why}"),
            Self::Corrupt(what) => write!(f, "a stored row cannot be read: {what}"),
            Self::Bug(what) => write!(f, "the database cannot be used: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// How long the change log keeps what a clean-up found, in microseconds.
pub const CHANGES_KEPT_MICROS: i64 = 3_600_000_000;

/// How long a row may stay whose client or grant is gone. A row is looked at when it ends, and at the latest this
/// long after the last look, so no index leads from a client to its grants, and none is needed to delete a client.
pub const LOOK_AGAIN: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Most changes that one answer of [`Upkeep::changes_since`] lists.
pub const CHANGES_LISTED_MAX: usize = 1_000;

/// What every operation answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// Everything the server asks of a database.
pub trait Store: Clients + Grants + Sessions + Keys + Replay + Upkeep + 'static {}

impl<T: Clients + Grants + Sessions + Keys + Replay + Upkeep + 'static> Store for T {}

/// Outcome of [`Clients::create_client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateClient {
    /// Stored.
    Done,
    /// Another client has this id.
    IdTaken,
}

/// Outcome of [`Clients::replace_client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceClient {
    /// Stored.
    Done,
    /// No such client.
    Unknown,
    /// Someone else changed the client since it was read.
    Changed,
}

/// Which clients a list asks for. All given conditions must hold; both compare whole values, byte by byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// `client_name` equals.
    pub name: Option<String>,
    /// `owner` equals.
    pub owner: Option<String>,
}

/// Which part of a list is asked for. Lists are ordered by id, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Only rows whose id is greater; the keyset form.
    pub after: Option<String>,
    /// Rows to leave out first; the limit/offset form of v1.
    pub offset: u64,
    /// Most rows to answer.
    pub limit: u32,
}

/// Registered clients.
#[async_trait]
pub trait Clients: Send + Sync {
    /// Stores a new client unless its id is taken. A repeat with the same `version` is `Done`.
    async fn create_client(&self, record: &ClientRecord) -> StoreResult<CreateClient>;

    /// The client with this id.
    async fn find_client(&self, client_id: &str) -> StoreResult<Option<ClientRecord>>;

    /// One page of clients, ordered by id.
    async fn list_clients(
        &self,
        filter: &ClientFilter,
        page: &Page,
    ) -> StoreResult<Vec<ClientRecord>>;

    /// How many clients there are.
    async fn count_clients(&self) -> StoreResult<u64>;

    /// Replaces the client if its stored version still is `expected_version`. Everything is replaced but the id,
    /// `created_at` and the token epoch. A repeat with the same `record.version` is `Done`.
    ///
    /// Security: the epoch changes by [`Clients::renew_token_epoch`] alone, so an edit that was read before a
    /// revocation and is written after it revives nothing.
    async fn replace_client(
        &self,
        record: &ClientRecord,
        expected_version: u64,
    ) -> StoreResult<ReplaceClient>;

    /// Deletes the client and with it all its tokens. Answers whether it existed.
    async fn delete_client(&self, client_id: &str) -> StoreResult<bool>;

    /// Ends all access tokens of the client by a new epoch. An unknown client is left alone. Where another one renews
    /// it at the same time, the epoch is that of either.
    async fn renew_token_epoch(&self, client_id: &str, token_epoch: u64) -> StoreResult<()>;
}

/// A signing key at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Name of the key set.
    pub set: String,
    /// Key id, unique in its set.
    pub kid: String,
    /// The private JWK, sealed by the caller.
    pub sealed_jwk: Vec<u8>,
    /// Order of the set: newest first; ties are broken by `kid`.
    pub created_at: Timestamp,
}

/// Key sets.
#[async_trait]
pub trait Keys: Send + Sync {
    /// All keys of a set, newest first.
    async fn keys(&self, set: &str) -> StoreResult<Vec<KeyRow>>;

    /// Stores the first key of a set unless the set has a key already; answers the set as it then is, so that
    /// the loser of a race gets the winner's key.
    async fn insert_first_key(&self, key: &KeyRow) -> StoreResult<Vec<KeyRow>>;

    /// Replaces the sealed form of a key if it still is `expected`; answers whether the new form is stored, which
    /// a repeat answers alike.
    async fn reseal_key(&self, key: &KeyRow, expected: &[u8]) -> StoreResult<bool>;

    /// All keys of all sets, for re-sealing under a new secret.
    async fn all_keys(&self) -> StoreResult<Vec<KeyRow>>;
}

/// What a single-use value is used for; a value spent for one use says nothing about another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SingleUse {
    /// `jti` of a client assertion, scoped by its issuer.
    ClientAssertion,
    /// The login leg of a flow, by the flow's id.
    LoginLeg,
    /// The consent leg of a flow, by the flow's id.
    ConsentLeg,
}

impl SingleUse {
    /// The stable number that stores keep.
    pub const fn code(self) -> i16 {
        match self {
            Self::ClientAssertion => 1,
            Self::LoginLeg => 2,
            Self::ConsentLeg => 3,
        }
    }
}

/// A value to be spent once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it is used for.
    pub single_use: SingleUse,
    /// Hash of the scope within which the value must be unique, and of the value.
    pub value_hash: [u8; 32],
    /// Random id of this attempt; the row keeps it, so a repeat after a lost answer recognises itself.
    pub attempt: u64,
    /// Until when the value must not be used again.
    pub expires_at: Timestamp,
}

/// Outcome of [`Replay::claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// First use.
    Fresh,
    /// The value was used before and has not expired at `now`.
    Replayed,
}

/// Values that may be used once.
#[async_trait]
pub trait Replay: Send + Sync {
    /// Spends a value. A row that expired before `now` does not count and is replaced.
    async fn claim(&self, claim: &Claim, now: Timestamp) -> StoreResult<ClaimOutcome>;

    /// Whether a value was spent and must not be used again. No guard: for those who want to know beforehand.
    async fn is_spent(
        &self,
        single_use: SingleUse,
        value_hash: [u8; 32],
        now: Timestamp,
    ) -> StoreResult<bool>;
}

/// What was changed, for the caches of other processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The client with this id was changed or deleted.
    Client(String),
    /// The keys of this set were changed.
    KeySet(String),
    /// The server's token epoch was changed.
    ServerEpoch,
}

/// What changed since a given position of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The position to ask from next time.
    pub position: u64,
    /// The changes in order; `None` when the log no longer reaches back that far or there are too many, so that
    /// everything cached must be dropped.
    pub changes: Option<Vec<Changed>>,
}

/// Whether the database can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Reachable, with the schema this release needs.
    Ready,
    /// Reachable, but migrations have to be applied first.
    MigrationsPending,
    /// The schema is newer than this release can use; the text names the release needed.
    SchemaTooNew(String),
}

/// What one step of the clean-up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Rows that went.
    pub deleted: u64,
    /// Whether another step may find more: none does when this is `false`, but for what others lock or add just now.
    pub has_more: bool,
}

impl Swept {
    /// A step that may delete `limit` rows, and put off as many or more of one table. Dead rows may wait behind those
    /// that were put off, so that only a step which did little has come to the end.
    pub const fn of(limit: u64, deleted: u64, put_off: u64) -> Self {
        Self {
            deleted,
            has_more: deleted.saturating_add(put_off) >= limit,
        }
    }
}

/// What the server needs to run and to stay clean.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Asks the database whether it can serve.
    async fn readiness(&self) -> StoreResult<Readiness>;

    /// The server-wide token epoch; `proposed` is stored if there is none yet, and the stored one is answered.
    async fn server_epoch(&self, proposed: u64) -> StoreResult<u64>;

    /// Ends every token and code of the server by a new epoch: access tokens carry theirs, codes and refresh tokens
    /// have that of their grant. Grants stay listed and remembered. Of two at the same time, the epoch is that of either.
    async fn renew_server_epoch(&self, epoch: u64) -> StoreResult<()>;

    /// The generated system secret; `proposed` is stored if there is none yet, and the stored one is answered.
    /// Used only where no secret is configured and the operator asked for convenience.
    async fn generated_secret(&self, proposed: &str) -> StoreResult<String>;

    /// Changes after `position`; one statement. Position 0 asks only where the log is: no answer ever names it.
    async fn changes_since(&self, position: u64) -> StoreResult<Changes>;

    /// Deletes at most `limit` rows that expired before `now`. Change-log rows go in
    /// generations: what a clean-up found is deleted by the clean-ups an hour later and after. A grant goes with what
    /// it remembers. What has not ended, but lost its client or grant, goes after [`LOOK_AGAIN`] at the latest. A call
    /// looks at no more than `limit` and a thousand grants, and as many refresh tokens: one that deletes nothing may
    /// have [more to do](Swept::has_more).
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> StoreResult<Swept>;
}
