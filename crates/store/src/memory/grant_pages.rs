//! Grants by pages: listed, deleted and sealed anew, in memory.

use tessera_protocol::grant::record::{GrantId, GrantRecord, SessionId};

use super::State;
use super::grants::ends_at;
use crate::{GrantList, GrantPlace, GrantSelector, SealedGrant};

impl State {
    pub(super) fn list_page(&self, list: &GrantList<'_>) -> Vec<GrantRecord> {
        let named = |grant: &GrantRecord| GrantRecord {
            sid: grant
                .sid
                .filter(|sid| self.login_sessions.contains_key(sid)),
            ..grant.clone()
        };
        let mut found: Vec<GrantRecord> = self.listed(list).map(named).collect();
        found.sort_by_key(place);
        if list.newest_first {
            found.reverse();
        }
        let is_after = |grant: &GrantRecord| match list.after {
            None => true,
            Some(after) if list.newest_first => place(grant) < after,
            Some(after) => place(grant) > after,
        };
        let rest = found.into_iter().filter(is_after);
        let offset = usize::try_from(list.offset).unwrap_or(usize::MAX);
        rest.skip(offset).take(list.limit as usize).collect()
    }

    /// A person's grants for which they were asked, and that have not ended, in no order.
    pub(super) fn listed(&self, list: &GrantList<'_>) -> impl Iterator<Item = &GrantRecord> {
        let kept = self.grants.values().filter(|grant| self.has_client(grant));
        let records = kept.map(|grant| &grant.record);
        let is_of = move |record: &GrantRecord, sid: SessionId| {
            record.sid == Some(sid) && self.login_sessions.contains_key(&sid)
        };
        records.filter(move |record| {
            let lapses_at = record.remembered_until.unwrap_or(list.now);
            record.subject == list.subject
                && record.was_asked
                && list.sid.is_none_or(|sid| is_of(record, sid))
                && ends_at(record) >= list.now
                && (list.includes_lapsed || lapses_at >= list.now)
        })
    }

    pub(super) fn delete_page(
        &mut self,
        selector: &GrantSelector<'_>,
        after: Option<GrantPlace>,
        limit: usize,
    ) -> Option<GrantPlace> {
        let is_meant = |grant: &GrantRecord| match *selector {
            GrantSelector::One(grant_id) => grant.grant_id == grant_id,
            GrantSelector::OfClient { subject, client_id } => {
                grant.subject == subject && grant.client_id == client_id
            }
            GrantSelector::OfSubject(subject) => grant.subject == subject,
        };
        let records = self.grants.values().map(|grant| &grant.record);
        let places = records.filter(|grant| is_meant(grant)).map(place);
        let (limit, after) = match selector {
            GrantSelector::One(_) => (1, None),
            _ => (limit, after),
        };
        let mut meant: Vec<GrantPlace> = places.filter(|at| Some(*at) > after).collect();
        meant.sort_unstable();
        meant.truncate(limit);
        self.delete_grants(|grant| meant.binary_search(&place(grant)).is_ok());
        let is_one = matches!(selector, GrantSelector::One(_));
        let has_more = !is_one && meant.len() == limit;
        meant.last().copied().filter(|_| has_more)
    }

    pub(super) fn sealed_page(&self, after: Option<GrantId>, limit: usize) -> Vec<SealedGrant> {
        let records = self.grants.values().map(|grant| &grant.record);
        let records = records.filter(|grant| Some(grant.grant_id) > after);
        let sealed = records.map(|grant| SealedGrant {
            grant_id: grant.grant_id,
            login_challenge: grant.content.login_challenge.clone(),
            session: grant.session.clone(),
            context: grant.context.clone(),
        });
        sealed.take(limit).collect()
    }

    pub(super) fn reseal(&mut self, renewed: &SealedGrant, expected: &SealedGrant) -> bool {
        let Some(grant) = self.grants.get_mut(&expected.grant_id) else {
            return false;
        };
        let record = &mut grant.record;
        let holds = |sealed: &SealedGrant| {
            record.session == sealed.session && record.context == sealed.context
        };
        if !holds(expected) {
            return holds(renewed);
        }
        record.session.clone_from(&renewed.session);
        record.context.clone_from(&renewed.context);
        true
    }
}

/// Where a grant stands in the order of grants.
fn place(grant: &GrantRecord) -> GrantPlace {
    (grant.requested_at, grant.grant_id)
}
