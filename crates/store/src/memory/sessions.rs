//! Login sessions, pending rows and logout notices in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;

use super::{MemoryStore, State};
use crate::{
    FinishLogin, FinishedLogin, LogoutNotice, Pending, RememberedConsent, Sessions, StoreResult,
    check_login, check_notice, check_text,
};

impl State {
    /// What the newest remembered grant covers, unless it has ended or is another client's.
    fn remembered(&self, finish: &FinishLogin<'_>, now: Timestamp) -> Option<RememberedConsent> {
        let pair = (finish.subject.to_owned(), finish.client_id.to_owned());
        let grant = self.grants.get(self.remembered.get(&pair)?)?;
        let is_remembered = grant.record.remembered_until >= Some(now) && self.has_client(grant);
        is_remembered.then(|| RememberedConsent {
            scope: grant.record.content.scope.clone(),
            audience: grant.record.content.audience.clone(),
        })
    }
}

impl State {
    fn retire(&mut self, sid: SessionId) {
        if let Some(session) = self.login_sessions.get_mut(&sid) {
            session.is_remembered = false;
        }
    }
}

#[async_trait]
impl Sessions for MemoryStore {
    async fn keep_pending(&self, pending: &Pending) -> StoreResult<()> {
        let mut state = self.state();
        let kept = state.pending.entry(pending.id);
        kept.or_insert_with(|| pending.clone());
        Ok(())
    }

    async fn find_pending(&self, id: [u8; 16]) -> StoreResult<Option<Pending>> {
        Ok(self.state().pending.get(&id).cloned())
    }

    async fn find_login_session(&self, sid: SessionId) -> StoreResult<Option<LoginSession>> {
        Ok(self.state().login_sessions.get(&sid).cloned())
    }

    async fn finish_login(
        &self,
        finish: &FinishLogin<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedLogin> {
        check_login(finish)?;
        let mut state = self.state();
        if let Some(attempt) = state.spent_by(finish.claim, now) {
            if attempt != finish.claim.attempt {
                return Ok(FinishedLogin::AlreadyFinished);
            }
            return Ok(FinishedLogin::Done(state.remembered(finish, now)));
        }
        if let Some(used) = finish.used_session {
            let used = state.login_sessions.get(&used);
            if !used.is_some_and(|used| used.is_remembered && used.expires_at >= now) {
                return Ok(FinishedLogin::SessionGone);
            }
        }
        state.spend(finish.claim);
        if let Some(retired) = finish.retired_session {
            state.retire(retired);
        }
        if let Some(session) = finish.new_session {
            let mut session = session.clone();
            if session.identity_provider_session_id.is_empty()
                && let Some(former) = state.login_sessions.get(&session.sid)
            {
                session
                    .identity_provider_session_id
                    .clone_from(&former.identity_provider_session_id);
            }
            state.login_sessions.insert(session.sid, session);
        }
        Ok(FinishedLogin::Done(state.remembered(finish, now)))
    }

    async fn retire_login_session(&self, sid: SessionId) -> StoreResult<()> {
        self.state().retire(sid);
        Ok(())
    }

    async fn clients_of_session(&self, sid: SessionId, limit: u32) -> StoreResult<Vec<String>> {
        let state = self.state();
        let of_session = state
            .grants
            .values()
            .filter(|grant| grant.record.sid == Some(sid) && state.has_client(grant));
        let clients: BTreeSet<String> = of_session
            .map(|grant| grant.record.client_id.clone())
            .collect();
        Ok(clients.into_iter().take(limit as usize).collect())
    }

    async fn end_login_session(
        &self,
        sid: SessionId,
        announcement: &LogoutNotice,
    ) -> StoreResult<bool> {
        check_notice(announcement)?;
        let mut state = self.state();
        if state.login_sessions.remove(&sid).is_none() {
            let queued = state.notices.get(&announcement.id);
            return Ok(queued.is_some_and(|queued| queued.expires_at == announcement.expires_at));
        }
        state.notices.insert(announcement.id, announcement.clone());
        Ok(true)
    }

    async fn end_login_sessions_of(
        &self,
        subject: &str,
        limit: u32,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<u64> {
        check_text(subject)?;
        let mut state = self.state();
        let sessions = state.login_sessions.values();
        let meant = sessions.filter(|session| session.subject == subject);
        let meant: Vec<SessionId> = meant.map(|s| s.sid).take(limit as usize).collect();
        for sid in &meant {
            state.login_sessions.remove(sid);
            state.notices.entry(*sid).or_insert_with(|| LogoutNotice {
                id: *sid,
                client_id: String::new(),
                sid: *sid,
                attempts: 0,
                due_at: now,
                expires_at,
            });
        }
        Ok(meant.len() as u64)
    }

    async fn list_notices(
        &self,
        announcement: [u8; 16],
        notices: &[LogoutNotice],
    ) -> StoreResult<()> {
        notices.iter().try_for_each(check_notice)?;
        let mut state = self.state();
        if state.notices.remove(&announcement).is_some() {
            for notice in notices {
                let queued = state.notices.entry(notice.id);
                queued.or_insert_with(|| notice.clone());
            }
        }
        Ok(())
    }

    async fn take_due_notices(
        &self,
        now: Timestamp,
        retry_at: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<LogoutNotice>> {
        let mut state = self.state();
        let due = state.notices.values_mut();
        let mut due: Vec<&mut LogoutNotice> = due
            .filter(|notice| notice.due_at <= now && notice.expires_at >= now)
            .collect();
        due.sort_by_key(|notice| (notice.due_at, notice.id));
        let mut taken = Vec::new();
        for notice in due.into_iter().take(limit as usize) {
            notice.attempts += 1;
            notice.due_at = retry_at;
            taken.push(notice.clone());
        }
        Ok(taken)
    }

    async fn delete_notice(&self, id: [u8; 16]) -> StoreResult<()> {
        self.state().notices.remove(&id);
        Ok(())
    }
}
