//! Grants, codes, refresh tokens and login sessions as rows.
//!
//! Invariant: what is looked up or guarded by is a column; the rest of a grant is one JSON document,
//! `{"v":1,"grant":{…}}`, and that of a code `{"v":1,"code":{…}}`, read as those of clients are.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tessera_protocol::grant::record::{
    CodeContent, CodeRecord, GrantContent, GrantRecord, LoginSession, RefreshRecord,
};
use tessera_protocol::time::Timestamp;
use tessera_store::{
    LOOK_AGAIN, LogoutNotice, Pending, RememberedConsent, SealedGrant, StoreError, StoreResult,
    StoredCode, StoredRefresh, check_grant,
};

use super::{DOCUMENT_VERSION, TextKey, text_key};

/// How long clean-up leaves a row alone.
pub(crate) const LOOK_AGAIN_MICROS: i64 = LOOK_AGAIN.as_micros() as i64;

/// How many due rows clean-up looks at, beside as many as it may delete.
pub(crate) const LOOKED_AT_MORE: i64 = 1_000;

/// A UUID.
pub(crate) type Id = [u8; 16];

#[derive(Serialize, Deserialize)]
struct GrantDocument<C> {
    v: u8,
    grant: C,
}

#[derive(Serialize, Deserialize)]
struct CodeDocument<C> {
    v: u8,
    code: C,
}

/// The part of a grant's document that a later request is compared with.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Covered {
    scope: Vec<String>,
    audience: Vec<String>,
}

fn written(document: &impl Serialize) -> StoreResult<String> {
    serde_json::to_string(document)
        .map_err(|e| StoreError::Bug(format!("a grant cannot be written as JSON: {e}")))
}

fn corrupt(what: &impl Display) -> StoreError {
    StoreError::Corrupt(format!("a grant's document: {what}"))
}

fn read<T: DeserializeOwned>(document: &str) -> StoreResult<T> {
    serde_json::from_str(document).map_err(|e| corrupt(&e))
}

fn check_version(v: u8) -> StoreResult<()> {
    if v == DOCUMENT_VERSION {
        return Ok(());
    }
    let what = format!("it has version {v}, this release reads {DOCUMENT_VERSION}");
    Err(corrupt(&what))
}

/// An id as it is read.
pub(crate) fn id(bytes: &[u8]) -> StoreResult<Id> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("an id has not 16 bytes".to_owned()))
}

fn times(stored: i64) -> StoreResult<u32> {
    u32::try_from(stored).map_err(|_| StoreError::Corrupt("a count of uses".to_owned()))
}

/// A grant as it is written. Its session and context come from pending rows.
#[derive(Debug)]
pub(crate) struct GrantColumns {
    pub(crate) grant_id: Id,
    pub(crate) client_key: TextKey,
    pub(crate) subject_key: TextKey,
    pub(crate) sid: Option<Id>,
    pub(crate) requested_at: i64,
    pub(crate) remembered_until: Option<i64>,
    pub(crate) tokens_until: i64,
    pub(crate) server_epoch: i64,
    pub(crate) was_asked: i16,
    pub(crate) swept_at: i64,
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) document: String,
}

impl GrantColumns {
    pub(crate) fn of(record: &GrantRecord, now: Timestamp) -> StoreResult<Self> {
        check_grant(record)?;
        let remembered_until = record.remembered_until.filter(|_| record.was_asked);
        let ends_at = record
            .tokens_until
            .max(remembered_until.unwrap_or(record.tokens_until));
        let document = GrantDocument {
            v: DOCUMENT_VERSION,
            grant: &record.content,
        };
        Ok(Self {
            grant_id: record.grant_id,
            client_key: text_key(&record.client_id),
            subject_key: text_key(&record.subject),
            sid: record.sid,
            requested_at: record.requested_at.as_micros(),
            remembered_until: remembered_until.map(Timestamp::as_micros),
            tokens_until: record.tokens_until.as_micros(),
            server_epoch: record.server_epoch.cast_signed(),
            was_asked: record.was_asked.into(),
            swept_at: ends_at.min(now.plus(LOOK_AGAIN)).as_micros(),
            client_id: record.client_id.clone(),
            subject: record.subject.clone(),
            document: written(&document)?,
        })
    }
}

/// A grant as it is read.
#[derive(Debug)]
pub(crate) struct StoredGrant {
    pub(crate) grant_id: Vec<u8>,
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) sid: Option<Vec<u8>>,
    pub(crate) requested_at: i64,
    pub(crate) remembered_until: Option<i64>,
    pub(crate) tokens_until: i64,
    pub(crate) was_asked: i16,
    pub(crate) document: String,
    pub(crate) session: Vec<u8>,
    pub(crate) context: Vec<u8>,
    pub(crate) server_epoch: i64,
}

impl StoredGrant {
    /// How many columns it has, in the order of its members.
    pub(crate) const COLUMNS: usize = 12;

    pub(crate) fn into_record(self) -> StoreResult<GrantRecord> {
        let document: GrantDocument<GrantContent> = read(&self.document)?;
        check_version(document.v)?;
        Ok(GrantRecord {
            grant_id: id(&self.grant_id)?,
            client_id: self.client_id,
            subject: self.subject,
            sid: self.sid.as_deref().map(id).transpose()?,
            requested_at: Timestamp::from_micros(self.requested_at),
            remembered_until: self.remembered_until.map(Timestamp::from_micros),
            tokens_until: Timestamp::from_micros(self.tokens_until),
            server_epoch: self.server_epoch.cast_unsigned(),
            was_asked: self.was_asked != 0,
            content: document.grant,
            session: self.session,
            context: self.context,
        })
    }
}

/// What a grant covers, of its document.
pub(crate) fn remembered(document: &str) -> StoreResult<RememberedConsent> {
    let document: GrantDocument<Covered> = read(document)?;
    check_version(document.v)?;
    Ok(RememberedConsent {
        scope: document.grant.scope,
        audience: document.grant.audience,
    })
}

/// The part of a grant's document to which its seals are bound.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Bound {
    login_challenge: String,
}

/// What a grant keeps sealed, as it is read. A document that cannot be read hides no other grant.
pub(crate) fn sealed_grant(
    grant_id: &[u8],
    document: &str,
    session: Vec<u8>,
    context: Vec<u8>,
) -> StoreResult<SealedGrant> {
    let document: Option<GrantDocument<Bound>> = read(document).ok();
    Ok(SealedGrant {
        grant_id: id(grant_id)?,
        login_challenge: document
            .map(|d| d.grant.login_challenge)
            .unwrap_or_default(),
        session,
        context,
    })
}

/// The document of a code.
pub(crate) fn code_document(code: &CodeRecord) -> StoreResult<String> {
    written(&CodeDocument {
        v: DOCUMENT_VERSION,
        code: &code.content,
    })
}

/// A code as it is read, with its grant behind it.
#[derive(Debug)]
pub(crate) struct StoredCodeRow {
    pub(crate) code_id: Vec<u8>,
    pub(crate) used_by: Option<i64>,
    pub(crate) expires_at: i64,
    pub(crate) document: String,
    pub(crate) is_live: bool,
    pub(crate) grant: StoredGrant,
}

impl StoredCodeRow {
    pub(crate) fn into_stored(self) -> StoreResult<StoredCode> {
        let document: CodeDocument<CodeContent> = read(&self.document)?;
        check_version(document.v)?;
        let grant = self.grant.into_record()?;
        let code = CodeRecord {
            code_id: id(&self.code_id)?,
            grant_id: grant.grant_id,
            expires_at: Timestamp::from_micros(self.expires_at),
            content: document.code,
        };
        Ok(StoredCode {
            code,
            used_by: self.used_by.map(i64::cast_unsigned),
            grant,
            is_live: self.is_live,
        })
    }
}

/// Until when a new refresh token is kept, and when clean-up looks at it first. The access token beside it stands on
/// its row, and may outlive it.
pub(crate) fn refresh_kept(refresh: &RefreshRecord, tokens_until: Timestamp) -> (i64, i64) {
    let kept_until = refresh.expires_at.max(tokens_until);
    let look = refresh.issued_at.plus(LOOK_AGAIN);
    (kept_until.as_micros(), kept_until.min(look).as_micros())
}

/// A refresh token as it is read, with its grant behind it.
#[derive(Debug)]
pub(crate) struct StoredRefreshRow {
    pub(crate) refresh_id: Vec<u8>,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) first_used_at: Option<i64>,
    pub(crate) used_times: i64,
    pub(crate) is_live: bool,
    pub(crate) grant: StoredGrant,
}

impl StoredRefreshRow {
    pub(crate) fn into_stored(self) -> StoreResult<StoredRefresh> {
        let grant = self.grant.into_record()?;
        let refresh = RefreshRecord {
            refresh_id: id(&self.refresh_id)?,
            grant_id: grant.grant_id,
            issued_at: Timestamp::from_micros(self.issued_at),
            expires_at: Timestamp::from_micros(self.expires_at),
        };
        Ok(StoredRefresh {
            refresh,
            first_used_at: self.first_used_at.map(Timestamp::from_micros),
            used_times: times(self.used_times)?,
            grant,
            is_live: self.is_live,
        })
    }
}

/// After which first use a refresh token may be used again; the end of time when it never may.
pub(crate) fn grace_begins(now: Timestamp, grace: std::time::Duration) -> i64 {
    if grace.is_zero() {
        return i64::MAX;
    }
    let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    now.as_micros().saturating_sub(grace)
}

/// A login session as it is read.
#[derive(Debug)]
pub(crate) struct StoredSession {
    pub(crate) sid: Vec<u8>,
    pub(crate) subject: String,
    pub(crate) authenticated_at: i64,
    pub(crate) is_remembered: i16,
    pub(crate) expires_at: i64,
    pub(crate) provider_session_id: String,
}

impl StoredSession {
    pub(crate) fn into_session(self) -> StoreResult<LoginSession> {
        Ok(LoginSession {
            sid: id(&self.sid)?,
            subject: self.subject,
            authenticated_at: Timestamp::from_micros(self.authenticated_at),
            is_remembered: self.is_remembered != 0,
            expires_at: Timestamp::from_micros(self.expires_at),
            identity_provider_session_id: self.provider_session_id,
        })
    }
}

/// A pending row as it is read.
pub(crate) fn pending(
    id: Id,
    session: Option<Vec<u8>>,
    context: Option<Vec<u8>>,
    request: Option<Vec<u8>>,
    expires_at: i64,
) -> Pending {
    Pending {
        id,
        session,
        context,
        request,
        expires_at: Timestamp::from_micros(expires_at),
    }
}

/// A notice as it is read.
#[derive(Debug)]
pub(crate) struct StoredNotice {
    pub(crate) notice_id: Vec<u8>,
    pub(crate) client_id: String,
    pub(crate) sid: Vec<u8>,
    pub(crate) attempts: i64,
    pub(crate) due_at: i64,
    pub(crate) expires_at: i64,
}

impl StoredNotice {
    pub(crate) fn into_notice(self) -> StoreResult<LogoutNotice> {
        Ok(LogoutNotice {
            id: id(&self.notice_id)?,
            client_id: self.client_id,
            sid: id(&self.sid)?,
            attempts: times(self.attempts)?,
            due_at: Timestamp::from_micros(self.due_at),
            expires_at: Timestamp::from_micros(self.expires_at),
        })
    }
}
