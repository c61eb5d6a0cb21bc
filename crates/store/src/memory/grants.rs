//! Grants, codes and refresh tokens in memory.

use async_trait::async_trait;
use tessera_protocol::grant::record::{CodeId, GrantId, GrantRecord, RefreshId, RefreshRecord};
use tessera_protocol::time::Timestamp;

use super::{KeptCode, KeptGrant, KeptRefresh, MemoryStore, State};
use crate::{
    FinishConsent, FinishedConsent, GrantList, GrantPlace, GrantSelector, Grants, LOOK_AGAIN,
    Liveness, RedeemCode, RedeemedCode, RotateRefresh, RotatedRefresh, SealedGrant, StoreResult,
    StoredCode, StoredRefresh, TokenAnchor, check_grant, check_selector, check_text,
};

impl State {
    fn check_live(&self, anchor: &TokenAnchor<'_>) -> Option<Liveness> {
        match *anchor {
            TokenAnchor::Machine {
                token_id,
                client_id,
                client_epoch,
                server_epoch,
            } => {
                let client = self.clients.get(client_id)?;
                let is_live = client.token_epoch == client_epoch
                    && self.server_epoch == Some(server_epoch)
                    && !self.revoked_tokens.contains_key(&token_id);
                is_live.then_some(Liveness::Live(None))
            }
            TokenAnchor::Person {
                grant_id,
                refresh_id,
                client_epoch,
                server_epoch,
            } => {
                let grant = self.grants.get(&grant_id)?;
                let client = self.clients.get(&grant.record.client_id)?;
                let is_unused = |refresh_id| {
                    self.refresh_tokens.get(&refresh_id).is_some_and(|refresh| {
                        refresh.record.grant_id == grant_id && refresh.first_used_at.is_none()
                    })
                };
                let is_live = !grant.tokens_revoked
                    && client.metadata.created_at == grant.client_born
                    && client.token_epoch == client_epoch
                    && self.server_epoch == Some(server_epoch)
                    && refresh_id.is_none_or(is_unused);
                is_live.then(|| Liveness::Live(Some(Box::new(grant.record.clone()))))
            }
        }
    }

    /// The grant with what the pending rows hold for it.
    fn completed(&self, finish: &FinishConsent<'_>) -> GrantRecord {
        let pending = |id: Option<[u8; 16]>| id.and_then(|id| self.pending.get(&id));
        let consent = pending(finish.consent_pending);
        let login = pending(finish.login_pending);
        let mut grant = finish.grant.clone();
        grant.session = consent.and_then(|p| p.session.clone()).unwrap_or_default();
        grant.context = consent
            .and_then(|p| p.context.clone())
            .or_else(|| login.and_then(|p| p.context.clone()))
            .unwrap_or_default();
        if !grant.was_asked {
            grant.remembered_until = None;
        }
        grant
    }

    /// Makes a grant the one that is remembered; an older one that was remembered for ever is so no more.
    fn remember(&mut self, grant: &GrantRecord) {
        let pair = (grant.subject.clone(), grant.client_id.clone());
        let older = self.remembered.insert(pair, grant.grant_id);
        if let Some(older) = older.and_then(|older| self.grants.get_mut(&older))
            && older.record.remembered_until == Some(Timestamp::MAX)
        {
            older.record.remembered_until = None;
        }
    }

    /// The access token beside it stands on its row, and may outlive it.
    fn put_refresh(&mut self, refresh: &RefreshRecord, tokens_until: Timestamp) {
        let kept_until = refresh.expires_at.max(tokens_until);
        let kept = KeptRefresh {
            record: refresh.clone(),
            used_by: None,
            first_used_at: None,
            used_times: 0,
            kept_until,
            swept_at: kept_until.min(refresh.issued_at.plus(LOOK_AGAIN)),
        };
        self.refresh_tokens
            .entry(refresh.refresh_id)
            .or_insert(kept);
    }

    /// What every issue of tokens changes in the grant.
    fn renew(
        &mut self,
        grant_id: GrantId,
        session: Option<&[u8]>,
        tokens_until: Timestamp,
    ) -> Option<&mut KeptGrant> {
        let grant = self.grants.get_mut(&grant_id)?;
        grant.record.tokens_until = grant.record.tokens_until.max(tokens_until);
        if let Some(session) = session {
            grant.record.session = session.to_vec();
        }
        Some(grant)
    }
}

/// When a grant ends.
pub(super) fn ends_at(grant: &GrantRecord) -> Timestamp {
    let remembered_until = grant.remembered_until.unwrap_or(grant.tokens_until);
    grant.tokens_until.max(remembered_until)
}

#[async_trait]
impl Grants for MemoryStore {
    async fn check_live(&self, anchor: &TokenAnchor<'_>) -> StoreResult<Liveness> {
        let live = self.state().check_live(anchor);
        Ok(live.unwrap_or(Liveness::Revoked))
    }

    async fn revoke_token(&self, token_id: [u8; 16], expires_at: Timestamp) -> StoreResult<()> {
        self.state()
            .revoked_tokens
            .entry(token_id)
            .or_insert(expires_at);
        Ok(())
    }

    async fn finish_consent(
        &self,
        finish: &FinishConsent<'_>,
        now: Timestamp,
    ) -> StoreResult<FinishedConsent> {
        check_grant(finish.grant)?;
        let mut state = self.state();
        let grant_id = finish.grant.grant_id;
        if let Some(attempt) = state.spent_by(finish.claim, now) {
            if attempt != finish.claim.attempt {
                return Ok(FinishedConsent::AlreadyFinished);
            }
            let stored = state.grants.get(&grant_id);
            let session = stored.map(|grant| grant.record.session.clone());
            return Ok(FinishedConsent::Done {
                session: session.unwrap_or_default(),
            });
        }
        let Some(client) = state.clients.get(&finish.grant.client_id) else {
            return Ok(FinishedConsent::AlreadyFinished);
        };
        let client_born = client.metadata.created_at;
        if let Some(sid) = finish.grant.sid {
            let session = state.login_sessions.get(&sid);
            if session.is_none_or(|session| session.expires_at < now) {
                return Ok(FinishedConsent::SessionGone);
            }
        }
        state.spend(finish.claim);
        let record = state.completed(finish);
        if record.remembered_until.is_some() {
            state.remember(&record);
        }
        let session = record.session.clone();
        let kept = KeptGrant {
            client_born,
            tokens_revoked: false,
            swept_at: ends_at(&record).min(now.plus(LOOK_AGAIN)),
            record,
        };
        state.grants.insert(grant_id, kept);
        if let Some(code) = finish.code {
            let kept = KeptCode {
                record: code.clone(),
                used_by: None,
                kept_until: code.expires_at,
            };
            state.codes.insert(code.code_id, kept);
        }
        Ok(FinishedConsent::Done { session })
    }

    async fn load_code(&self, code_id: CodeId) -> StoreResult<Option<StoredCode>> {
        let state = self.state();
        let Some(code) = state.codes.get(&code_id) else {
            return Ok(None);
        };
        let grant = state.grants.get(&code.record.grant_id);
        Ok(grant.map(|grant| StoredCode {
            code: code.record.clone(),
            used_by: code.used_by,
            grant: grant.record.clone(),
            is_live: state.is_live(grant),
        }))
    }

    async fn redeem_code(&self, redeem: &RedeemCode<'_>) -> StoreResult<RedeemedCode> {
        let mut state = self.state();
        let is_live = state.live_grant(redeem.grant_id).is_some();
        let code = state.codes.get_mut(&redeem.code_id);
        let Some(code) = code.filter(|code| code.record.grant_id == redeem.grant_id) else {
            return Ok(RedeemedCode::Gone);
        };
        match code.used_by {
            Some(attempt) if attempt == redeem.attempt => return Ok(RedeemedCode::Done),
            Some(_) => {
                state.revoke(redeem.grant_id);
                return Ok(RedeemedCode::AlreadyUsed);
            }
            None if !is_live => return Ok(RedeemedCode::Gone),
            None => {}
        }
        code.used_by = Some(redeem.attempt);
        code.kept_until = redeem.kept_until;
        if let Some(refresh) = redeem.refresh {
            state.put_refresh(refresh, redeem.tokens_until);
        }
        let until = redeem.tokens_until;
        if let Some(grant) = state.renew(redeem.grant_id, redeem.session, until) {
            let look = until.min(grant.swept_at.plus(LOOK_AGAIN));
            grant.swept_at = grant.swept_at.max(look);
        }
        Ok(RedeemedCode::Done)
    }

    async fn burn_code(&self, code_id: CodeId, attempt: u64) -> StoreResult<()> {
        if let Some(code) = self.state().codes.get_mut(&code_id) {
            code.used_by.get_or_insert(attempt);
        }
        Ok(())
    }

    async fn find_refresh(&self, refresh_id: RefreshId) -> StoreResult<Option<StoredRefresh>> {
        let state = self.state();
        let Some(refresh) = state.refresh_tokens.get(&refresh_id) else {
            return Ok(None);
        };
        let grant = state.grants.get(&refresh.record.grant_id);
        Ok(grant.map(|grant| StoredRefresh {
            refresh: refresh.record.clone(),
            first_used_at: refresh.first_used_at,
            used_times: refresh.used_times,
            grant: grant.record.clone(),
            is_live: state.is_live(grant),
        }))
    }

    async fn rotate_refresh(&self, rotate: &RotateRefresh<'_>) -> StoreResult<RotatedRefresh> {
        let mut state = self.state();
        let is_live = state.live_grant(rotate.grant_id).is_some();
        let next = state.refresh_tokens.get(&rotate.next.refresh_id);
        let is_stored = next.is_some_and(|next| next.record.grant_id == rotate.grant_id);
        let refresh = state.refresh_tokens.get_mut(&rotate.refresh_id);
        let Some(refresh) = refresh.filter(|r| r.record.grant_id == rotate.grant_id) else {
            return Ok(RotatedRefresh::Gone);
        };
        if refresh.used_by == Some(rotate.attempt) || is_stored {
            return Ok(RotatedRefresh::Done);
        }
        let is_in_grace = |first_used_at: Timestamp| {
            !rotate.grace.is_zero()
                && rotate.now < first_used_at.plus(rotate.grace)
                && (rotate.uses_max == 0 || refresh.used_times < rotate.uses_max)
        };
        if !refresh.first_used_at.is_none_or(is_in_grace) {
            state.revoke(rotate.grant_id);
            return Ok(RotatedRefresh::Reused);
        }
        if !is_live {
            return Ok(RotatedRefresh::Gone);
        }
        refresh.used_by = Some(rotate.attempt);
        refresh.first_used_at.get_or_insert(rotate.now);
        refresh.used_times += 1;
        refresh.kept_until = rotate.kept_until;
        refresh.swept_at = refresh.swept_at.min(refresh.kept_until);
        state.put_refresh(rotate.next, rotate.tokens_until);
        state.renew(rotate.grant_id, rotate.session, rotate.tokens_until);
        Ok(RotatedRefresh::Done)
    }

    async fn revoke_grant(&self, grant_id: GrantId) -> StoreResult<()> {
        self.state().revoke(grant_id);
        Ok(())
    }

    async fn delete_grants(
        &self,
        selector: &GrantSelector<'_>,
        after: Option<GrantPlace>,
        limit: u32,
    ) -> StoreResult<Option<GrantPlace>> {
        check_selector(selector)?;
        Ok(self.state().delete_page(selector, after, limit as usize))
    }

    async fn keep_grant(&self, grant: &GrantRecord, now: Timestamp) -> StoreResult<()> {
        check_grant(grant)?;
        let mut state = self.state();
        let Some(client) = state.clients.get(&grant.client_id) else {
            return Ok(());
        };
        let kept = KeptGrant {
            client_born: client.metadata.created_at,
            tokens_revoked: false,
            swept_at: ends_at(grant).min(now.plus(LOOK_AGAIN)),
            record: grant.clone(),
        };
        state.grants.entry(grant.grant_id).or_insert(kept);
        Ok(())
    }

    async fn sealed_grants(
        &self,
        after: Option<GrantId>,
        limit: u32,
    ) -> StoreResult<Vec<SealedGrant>> {
        Ok(self.state().sealed_page(after, limit as usize))
    }

    async fn reseal_grant(
        &self,
        renewed: &SealedGrant,
        expected: &SealedGrant,
    ) -> StoreResult<bool> {
        Ok(self.state().reseal(renewed, expected))
    }

    async fn list_grants(&self, list: &GrantList<'_>) -> StoreResult<Vec<GrantRecord>> {
        check_text(list.subject)?;
        Ok(self.state().list_page(list))
    }

    async fn count_grants(&self, list: &GrantList<'_>) -> StoreResult<u64> {
        check_text(list.subject)?;
        Ok(self.state().listed(list).count() as u64)
    }
}
