//! The server's own state, values that may be used once, and clean-up, in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tessera_protocol::grant::record::{GrantId, RefreshId};
use tessera_protocol::time::Timestamp;

use super::grants::ends_at;
use super::{KeptGrant, MemoryStore, State};
use crate::{
    CHANGES_KEPT_MICROS, CHANGES_LISTED_MAX, Changed, Changes, Claim, ClaimOutcome, LOOK_AGAIN,
    Readiness, Replay, SingleUse, StoreResult, Swept, Upkeep, check_text,
};

#[async_trait]
impl Replay for MemoryStore {
    async fn claim(&self, claim: &Claim, now: Timestamp) -> StoreResult<ClaimOutcome> {
        let mut state = self.state();
        if let Some(attempt) = state.spent_by(claim, now)
            && attempt != claim.attempt
        {
            return Ok(ClaimOutcome::Replayed);
        }
        state.spend(claim);
        Ok(ClaimOutcome::Fresh)
    }

    async fn is_spent(
        &self,
        single_use: SingleUse,
        value_hash: [u8; 32],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let asked = Claim {
            single_use,
            value_hash,
            attempt: 0,
            expires_at: now,
        };
        Ok(self.state().spent_by(&asked, now).is_some())
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    async fn readiness(&self) -> StoreResult<Readiness> {
        Ok(Readiness::Ready)
    }

    async fn server_epoch(&self, proposed: u64) -> StoreResult<u64> {
        Ok(*self.state().server_epoch.get_or_insert(proposed))
    }

    async fn renew_server_epoch(&self, epoch: u64) -> StoreResult<()> {
        let mut state = self.state();
        state.server_epoch = Some(epoch);
        state.log(Changed::ServerEpoch);
        Ok(())
    }

    async fn generated_secret(&self, proposed: &str) -> StoreResult<String> {
        check_text(proposed)?;
        Ok(self
            .state()
            .generated_secret
            .get_or_insert_with(|| proposed.to_owned())
            .clone())
    }

    async fn changes_since(&self, position: u64) -> StoreResult<Changes> {
        let state = self.state();
        let last = state.last_change;
        if position == 0 || position == last {
            return Ok(Changes {
                position: last,
                changes: Some(Vec::new()),
            });
        }
        let listed: Vec<Changed> = state
            .changes
            .range(position.saturating_add(1)..)
            .map(|(_, c)| c.clone())
            .collect();
        let missing = last.checked_sub(position);
        let is_whole = missing == Some(listed.len() as u64) && listed.len() <= CHANGES_LISTED_MAX;
        Ok(Changes {
            position: last,
            changes: is_whole.then_some(listed),
        })
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> StoreResult<Swept> {
        let limit = limit as usize;
        let mut state = self.state();
        state.look_again(now);
        let mut left = limit;
        left -= remove_some(&mut state.revoked_tokens, left, |at| *at < now);
        left -= remove_some(&mut state.used_once, left, |spent| spent.expires_at < now);
        left -= remove_some(&mut state.codes, left, |code| code.kept_until < now);
        left -= remove_some(&mut state.refresh_tokens, left, |r| r.swept_at < now);
        left -= state.delete_due_grants(now, left);
        left -= remove_some(&mut state.login_sessions, left, |s| s.expires_at < now);
        left -= remove_some(&mut state.pending, left, |p| p.expires_at < now);
        left -= remove_some(&mut state.notices, left, |n| n.expires_at < now);
        left -= state.delete_old_changes(now, left);
        // Everything due was looked at.
        Ok(Swept::of(limit as u64, (limit - left) as u64, 0))
    }
}

/// Removes the first `limit` values that are meant and says how many there were.
fn remove_some<K: Ord + Clone, V>(
    rows: &mut BTreeMap<K, V>,
    limit: usize,
    is_meant: impl Fn(&V) -> bool,
) -> usize {
    let meant = rows.iter().filter(|(_, row)| is_meant(row));
    let meant: Vec<K> = meant.map(|(key, _)| key.clone()).take(limit).collect();
    for key in &meant {
        rows.remove(key);
    }
    meant.len()
}

impl State {
    /// Puts off the clean-up of what is due only to be looked at, so that only what must go is due.
    fn look_again(&mut self, now: Timestamp) {
        let next = now.plus(LOOK_AGAIN);
        let is_alive = |grant: &KeptGrant| {
            let tokens_live = self.is_live(grant) && grant.record.tokens_until >= now;
            self.has_client(grant)
                && (tokens_live
                    || grant.record.remembered_until >= Some(now)
                    || self.session_until(grant) >= Some(now)
                    || self.is_announced(grant))
        };
        let due = self.grants.values().filter(|grant| grant.swept_at < now);
        let alive: Vec<GrantId> = due
            .filter(|grant| is_alive(grant))
            .map(|grant| grant.record.grant_id)
            .collect();
        for grant_id in alive {
            let session_until = self
                .grants
                .get(&grant_id)
                .and_then(|grant| self.session_until(grant));
            let is_announced = self
                .grants
                .get(&grant_id)
                .is_some_and(|grant| self.is_announced(grant));
            let announced_until = is_announced.then(|| now.plus(Duration::from_secs(60)));
            if let Some(grant) = self.grants.get_mut(&grant_id) {
                let until = session_until.max(announced_until);
                grant.swept_at = until
                    .max(Some(ends_at(&grant.record)))
                    .unwrap_or(now)
                    .min(next);
            }
        }
        let due = self.refresh_tokens.values().filter(|r| r.swept_at < now);
        let alive: Vec<RefreshId> = due
            .filter(|r| r.kept_until >= now && self.live_grant(r.record.grant_id).is_some())
            .map(|r| r.record.refresh_id)
            .collect();
        for refresh_id in alive {
            if let Some(refresh) = self.refresh_tokens.get_mut(&refresh_id) {
                refresh.swept_at = refresh.kept_until.min(next);
            }
        }
    }

    /// When the login session of a grant ends, if it has not been ended.
    fn session_until(&self, grant: &KeptGrant) -> Option<Timestamp> {
        let session = self.login_sessions.get(&grant.record.sid?)?;
        Some(session.expires_at)
    }

    /// Whether the end of a grant's login session is announced: its client is found by the grant.
    fn is_announced(&self, grant: &KeptGrant) -> bool {
        let sid = grant.record.sid;
        sid.is_some_and(|sid| self.notices.contains_key(&sid))
    }

    fn delete_due_grants(&mut self, now: Timestamp, limit: usize) -> usize {
        let before = self.grants.len();
        remove_some(&mut self.grants, limit, |grant| grant.swept_at < now);
        let deleted = before - self.grants.len();
        self.delete_grants(|_| false);
        deleted
    }

    /// Deletes the generation of the change log that has been marked for long enough, then marks the next.
    fn delete_old_changes(&mut self, now: Timestamp, limit: usize) -> usize {
        let kept_since = now.as_micros().saturating_sub(CHANGES_KEPT_MICROS);
        if self.marked_at.as_micros() > kept_since {
            return 0;
        }
        let old: Vec<u64> = self
            .changes
            .range(..=self.marked_change)
            .map(|(seq, _)| *seq)
            .collect();
        for seq in old.iter().take(limit) {
            self.changes.remove(seq);
        }
        if old.len() <= limit {
            self.marked_change = self.last_change;
            self.marked_at = now;
        }
        old.len().min(limit)
    }
}
