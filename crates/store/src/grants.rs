//! What was granted: grants, the codes and refresh tokens that stand on them, and whether an access token is live.

use std::time::Duration;

use async_trait::async_trait;
use tessera_protocol::grant::record::{
    CodeId, CodeRecord, GrantId, GrantRecord, RefreshId, RefreshRecord, SessionId,
};
use tessera_protocol::time::Timestamp;

use crate::{Claim, StoreResult};

/// What must still be true for an access token to be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAnchor<'a> {
    /// A machine's token, which stands on its client alone.
    Machine {
        /// The token's own id, for one-by-one revocation.
        token_id: [u8; 16],
        /// The client it was issued to.
        client_id: &'a str,
        /// The client's epoch when it was issued.
        client_epoch: u64,
        /// The server's epoch when it was issued.
        server_epoch: u64,
    },
    /// A token that stands on a grant: a person's, or a machine's whose claims a grant keeps. The client is the
    /// grant's.
    Person {
        /// The grant.
        grant_id: GrantId,
        /// The refresh token issued beside it: once that is used, this token is dead.
        refresh_id: Option<RefreshId>,
        /// The client's epoch when it was issued.
        client_epoch: u64,
        /// The server's epoch when it was issued.
        server_epoch: u64,
    },
}

/// Whether a token is live.
#[derive(Debug, Clone, PartialEq)]
pub enum Liveness {
    /// Nothing revoked it. One that stands on a grant comes with it.
    Live(Option<Box<GrantRecord>>),
    /// The token, its grant, its client or the whole server's tokens were revoked.
    Revoked,
}

/// The end of a flow: a grant and what is issued on it at once.
///
/// Guard: the consent leg of the flow was not spent, and the login session, if one is named, still exists and has
/// not expired.
#[derive(Debug, Clone, Copy)]
pub struct FinishConsent<'a> {
    /// Spends the flow's consent leg.
    pub claim: &'a Claim,
    /// The grant; its `session` and `context` are empty and come from the pending rows.
    pub grant: &'a GrantRecord,
    /// The pending row whose `session` the grant takes, and whose `context` it takes if there is one.
    pub consent_pending: Option<[u8; 16]>,
    /// The pending row whose `context` the grant takes otherwise.
    pub login_pending: Option<[u8; 16]>,
    /// The code, where the response type asks for one.
    pub code: Option<&'a CodeRecord>,
}

/// Outcome of [`Grants::finish_consent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishedConsent {
    /// Everything is stored. `session` is what the grant took from the pending row, empty if nothing.
    Done {
        /// [`GrantRecord::session`] as stored.
        session: Vec<u8>,
    },
    /// The flow was finished before; nothing is stored.
    AlreadyFinished,
    /// The login session has ended or expired meanwhile; nothing is stored, and the leg is not spent.
    SessionGone,
}

/// A code as it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCode {
    /// The code.
    pub code: CodeRecord,
    /// Whether it was spent, and by which attempt: [`RedeemCode::attempt`].
    pub used_by: Option<u64>,
    /// Its grant.
    pub grant: GrantRecord,
    /// Whether the grant still issues tokens: neither it nor its client was revoked, deleted or made anew, and the
    /// server's epoch is the grant's.
    pub is_live: bool,
}

/// The redemption of a code.
///
/// Guard: the code was not spent, and its grant still issues tokens.
#[derive(Debug, Clone, Copy)]
pub struct RedeemCode<'a> {
    /// The code.
    pub code_id: CodeId,
    /// Its grant.
    pub grant_id: GrantId,
    /// Random id of this attempt; the row keeps it, so a repeat after a lost answer recognises itself.
    pub attempt: u64,
    /// The refresh token that is issued.
    pub refresh: Option<&'a RefreshRecord>,
    /// A hook's answer, which replaces [`GrantRecord::session`].
    pub session: Option<&'a [u8]>,
    /// When the last of the tokens now issued ends; the grant and the refresh token are kept at least as long.
    pub tokens_until: Timestamp,
    /// Until when the spent code is kept, so that a replay is recognised.
    pub kept_until: Timestamp,
}

/// Outcome of [`Grants::redeem_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedeemedCode {
    /// The code is spent and everything is stored.
    Done,
    /// Another attempt spent it: every token of the grant is revoked by this very operation.
    AlreadyUsed,
    /// There is no such code or its grant issues no tokens any more.
    Gone,
}

/// A refresh token as it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRefresh {
    /// The token.
    pub refresh: RefreshRecord,
    /// When it was used first.
    pub first_used_at: Option<Timestamp>,
    /// How often it was used.
    pub used_times: u32,
    /// Its grant.
    pub grant: GrantRecord,
    /// Whether the grant still issues tokens, as for [`StoredCode::is_live`].
    pub is_live: bool,
}

/// The use of a refresh token.
///
/// Guard: the grant still issues tokens, and the token was not used, or was used first less than `grace` ago and
/// fewer than `uses_max` times (0: any number).
#[derive(Debug, Clone, Copy)]
pub struct RotateRefresh<'a> {
    /// The token that is used.
    pub refresh_id: RefreshId,
    /// Its grant.
    pub grant_id: GrantId,
    /// Random id of this attempt; the row keeps the last one, so a repeat after a lost answer recognises itself.
    pub attempt: u64,
    /// For how long after its first use a token may be used again; zero is strict.
    pub grace: Duration,
    /// How often a token may be used within the grace; 0 is as often as one likes.
    pub uses_max: u32,
    /// The token that takes its place.
    pub next: &'a RefreshRecord,
    /// A hook's answer, which replaces [`GrantRecord::session`].
    pub session: Option<&'a [u8]>,
    /// When the last of the tokens now issued ends; the grant and the refresh token are kept at least as long.
    pub tokens_until: Timestamp,
    /// Until when the used token is kept, so that a reuse is recognised.
    pub kept_until: Timestamp,
    /// The time of the request.
    pub now: Timestamp,
}

/// Outcome of [`Grants::rotate_refresh`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotatedRefresh {
    /// The token is marked as used and the next one is stored.
    Done,
    /// The token was used before and its grace is over: every token of the grant is revoked by this very operation.
    Reused,
    /// There is no such token or its grant issues no tokens any more.
    Gone,
}

/// A place in the order of grants: by the time of the request, and of two at the same time by id.
pub type GrantPlace = (Timestamp, GrantId);

/// What a grant keeps sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SealedGrant {
    /// The grant.
    pub grant_id: GrantId,
    /// [`GrantContent::login_challenge`](tessera_protocol::grant::record::GrantContent::login_challenge), to which the
    /// seals are bound; empty when the grant's document cannot be read.
    pub login_challenge: String,
    /// [`GrantRecord::session`].
    pub session: Vec<u8>,
    /// [`GrantRecord::context`].
    pub context: Vec<u8>,
}

/// Which grants are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantSelector<'a> {
    /// This one.
    One(GrantId),
    /// Those that a person gave to a client.
    OfClient {
        /// The person.
        subject: &'a str,
        /// The client.
        client_id: &'a str,
    },
    /// All that a person gave.
    OfSubject(&'a str),
}

/// Which grants a list asks for: those for which the person was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantList<'a> {
    /// Of this person.
    pub subject: &'a str,
    /// Given in this login session, while that exists.
    pub sid: Option<SessionId>,
    /// Whether those are listed whose consent was remembered for a time that is over, and whose tokens go on.
    pub includes_lapsed: bool,
    /// Newest first; else oldest first. Ties are broken by id, in the same direction.
    pub newest_first: bool,
    /// Only grants after this one in the order of the list; the keyset form.
    pub after: Option<GrantPlace>,
    /// Rows to leave out first; the limit/offset form of v1.
    pub offset: u64,
    /// Most rows to answer.
    pub limit: u32,
    /// Grants that ended before this instant are left out.
    pub now: Timestamp,
}

/// Grants and their tokens.
///
/// A grant ends at the later of `tokens_until` and `remembered_until`. Revoking its tokens leaves a remembered consent
/// alone; deleting it takes both. While its login session goes on it is kept, so that a logout reaches the client. A new epoch of the server revokes the tokens of every grant.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Whether an access token is live; one statement, whatever the answer.
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness>;

    /// Revokes one access token of a machine; the row goes when the token would have expired. Repeats change nothing.
    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()>;

    /// Stores a grant, its code, and that it is the one remembered if it is. A repeat with the same `claim.attempt`
    /// is `Done`. One statement where the database can do it.
    ///
    /// The newest remembered grant of a person and client alone counts; an older one that was remembered for ever ends
    /// with its tokens from now on. The grant belongs to the client as it is now: not to one that is created under
    /// the same id later. A client that is gone makes the outcome `AlreadyFinished`.
    async fn finish_consent(
        &self,
        finish: &FinishConsent<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedConsent>;

    /// The code with its grant, spent or not; one statement.
    async fn load_code(&self, code_id: CodeId) -> StoreResult<Option<StoredCode>>;

    /// Spends a code and stores what is issued for it, or revokes the tokens of its grant when it was spent before;
    /// one statement where the database can do it. A repeat with the same `attempt` is `Done`.
    async fn redeem_code(&self, redeem: &RedeemCode<'_>) -> StoreResult<RedeemedCode>;

    /// Spends a code without issuing anything, after a wrong `code_verifier`. A code that was spent before stays as
    /// it is.
    async fn burn_code(&self, code_id: CodeId, attempt: u64) -> StoreResult<()>;

    /// The refresh token with its grant, used or not; one statement.
    async fn find_refresh(&self, refresh_id: RefreshId) -> StoreResult<Option<StoredRefresh>>;

    /// Marks a refresh token as used and stores the next one, or revokes the tokens of its grant when it must not be
    /// used again; one statement where the database can do it. A repeat with the same `attempt` is `Done`, and so is
    /// one whose `next` is stored already: another attempt may have used the token since.
    async fn rotate_refresh(&self, rotate: &RotateRefresh<'_>) -> StoreResult<RotatedRefresh>;

    /// Revokes every token of a grant. Repeats change nothing; a remembered consent stays.
    async fn revoke_grant(&self, grant_id: GrantId) -> StoreResult<()>;

    /// Deletes grants, and with them their tokens and what they remember: at most `limit` of them, oldest first and
    /// only those after `after`. Answers where to go on; `None` when no more were there.
    ///
    /// A person may have any number of them, so no one step takes all. Whoever answers for their deletion goes on
    /// until there is no more, and answers then.
    async fn delete_grants(
        &self,
        selector: &GrantSelector<'_>,
        after: Option<GrantPlace>,
        limit: u32,
    ) -> StoreResult<Option<GrantPlace>>;

    /// Stores a grant that comes out of no flow, as it is, with its session. It belongs to the client as it is now,
    /// and is not stored when that is gone. A repeat changes nothing.
    async fn keep_grant(&self, grant: &GrantRecord, now: Timestamp) -> StoreResult<()>;

    /// What grants keep sealed, whoever gave them: one page, ordered by id, with those that keep nothing.
    async fn sealed_grants(
        &self,
        after: Option<GrantId>,
        limit: u32,
    ) -> StoreResult<Vec<SealedGrant>>;

    /// Replaces what a grant keeps sealed if it still is what `expected` says; answers whether the new form is stored,
    /// which a repeat answers alike.
    async fn reseal_grant(
        &self,
        renewed: &SealedGrant,
        expected: &SealedGrant,
    ) -> StoreResult<bool>;

    /// One page of a person's grants. A grant names its login session only while that exists, remembered or retired.
    async fn list_grants(&self, list: &GrantList<'_>) -> StoreResult<Vec<GrantRecord>>;

    /// How many grants [`Grants::list_grants`] would list without bounds.
    async fn count_grants(&self, list: &GrantList<'_>) -> StoreResult<u64>;
}
