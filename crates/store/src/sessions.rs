//! Login sessions, what flows leave behind between their legs, and the notices that a logout owes.

use async_trait::async_trait;
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;

use crate::{Claim, StoreResult};

/// Something too large for a URL, kept while a flow goes on. All parts are sealed by the caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Fresh.
    pub id: [u8; 16],
    /// Claims for tokens that the consent app gave.
    pub session: Option<Vec<u8>>,
    /// What the login or the consent app gave for later.
    pub context: Option<Vec<u8>>,
    /// An authorization request that is too long for a challenge.
    pub request: Option<Vec<u8>>,
    /// When the flow has ended.
    pub expires_at: Timestamp,
}

/// The end of the login leg.
///
/// Guard: the leg was not spent, and the session that was used, if one was, still exists, is remembered and has not
/// ended.
#[derive(Debug, Clone, Copy)]
pub struct FinishLogin<'a> {
    /// Spends the flow's login leg.
    pub claim: &'a Claim,
    /// The session of a new login, which replaces one with the same name; without an id of the identity provider's session it
    /// keeps the former one's.
    pub new_session: Option<&'a LoginSession>,
    /// The session on which the login was skipped.
    pub used_session: Option<SessionId>,
    /// A session whose place another login takes: it is retired.
    pub retired_session: Option<SessionId>,
    /// Whose remembered consent is asked for.
    pub subject: &'a str,
    /// For which client.
    pub client_id: &'a str,
}

/// What a remembered consent covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RememberedConsent {
    /// Granted scopes.
    pub scope: Vec<String>,
    /// Granted audiences.
    pub audience: Vec<String>,
}

/// Outcome of [`Sessions::finish_login`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishedLogin {
    /// Stored, with the newest remembered grant that has not ended.
    Done(Option<RememberedConsent>),
    /// The leg was spent before; nothing is stored.
    AlreadyFinished,
    /// The session that was used has ended; nothing is stored, and the leg is not spent.
    SessionGone,
}

/// A back-channel logout that a client has to be told of.
///
/// Spec: OpenID Connect Back-Channel Logout 1.0 2.5
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Fresh; of an announcement the session's name.
    pub id: [u8; 16],
    /// The client to be told. Empty in an announcement, which stands for all clients of the session until they are
    /// listed.
    pub client_id: String,
    /// The session that ended.
    pub sid: SessionId,
    /// How often it was tried, this time included when it was just taken.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// Login sessions and flows.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Keeps a pending row. A repeat changes nothing.
    async fn keep_pending(&self, pending: &Pending) -> StoreResult<()>;

    /// The pending row with this id.
    async fn find_pending(&self, id: [u8; 16]) -> StoreResult<Option<Pending>>;

    /// The session with this name, remembered, retired or neither, ended or not.
    async fn find_login_session(&self, sid: SessionId) -> StoreResult<Option<LoginSession>>;

    /// Spends the login leg, stores or ends sessions and answers what is remembered; one statement where the database
    /// can do it. A repeat with the same `claim.attempt` is `Done`.
    async fn finish_login(
        &self,
        finish: &FinishLogin<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedLogin>;

    /// Retires a session: no login may use it any more, as if it had never been remembered. It stays, so that its
    /// clients can still be told of its end.
    async fn retire_login_session(&self, sid: SessionId) -> StoreResult<()>;

    /// The clients that hold grants of this session, each once, ordered by id; at most `limit`.
    ///
    /// Invariant: once the session has ended nobody joins them: a grant that was being given is among them, or its
    /// giver hears that the session is gone.
    async fn clients_of_session(&self, sid: SessionId, limit: u32) -> StoreResult<Vec<String>>;

    /// Ends a session and queues its announcement, which has its name as id, in one step. Answers whether the session existed;
    /// if not, nothing is queued, so that each session is announced once. A repeat, which its `expires_at` tells from another
    /// logout, answers `true` while its announcement is queued.
    async fn end_login_session(
        &self,
        sid: SessionId,
        announcement: &LogoutNotice,
    ) -> StoreResult<bool>;

    /// Ends sessions of a person, at most `limit`, and queues an announcement of each, in one step; answers how many
    /// those were. Fewer than `limit` were all. The announcement has the name of its session as its id, is due at once
    /// and is given up at `expires_at`.
    async fn end_login_sessions_of(
        &self,
        subject: &str,
        limit: u32,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<u64>;

    /// Puts the notices of a session's clients in the place of its announcement, in one step. Nothing happens when
    /// the announcement is gone, so that each client is told once.
    async fn list_notices(
        &self,
        announcement: [u8; 16],
        notices: &[LogoutNotice],
    ) -> StoreResult<()>;

    /// Takes notices that are due, for one sender at a time: each answered one has its `attempts` raised by one and
    /// its `due_at` set to `retry_at`. Expired ones are not taken.
    async fn take_due_notices(
        &self,
        now: Timestamp,
        retry_at: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<LogoutNotice>>;

    /// Removes a notice that was delivered or given up.
    async fn delete_notice(&self, id: [u8; 16]) -> StoreResult<()>;
}
