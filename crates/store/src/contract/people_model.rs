//! Random sequences of operations about people, compared answer by answer with the memory store.

use std::fmt::Debug;
use std::time::Duration;

use tessera_protocol::grant::record::{CodeRecord, GrantRecord, LoginSession, RefreshRecord};
use tessera_protocol::time::Timestamp;

use super::people::{
    SERVER_EPOCH, code, finish, grant, leg, login, login_session, notice, pending, person, redeem,
    refresh, rotate,
};
use super::samples::{Seeded, at, client};
use super::{Fresh, cases};
use crate::memory::MemoryStore;
use crate::{
    FinishConsent, FinishLogin, GrantList, GrantSelector, LOOK_AGAIN, LogoutNotice, Pending,
    RedeemCode, RotateRefresh, SingleUse, Store,
};

cases![random_flows_answer_as_the_model_does];

const SEEDS: u64 = 8;
/// Fewer than there are numbers.
const STEPS: u8 = 240;
const SUBJECTS: [&str; 3] = ["ann", "Ann", "bob"];
const CLIENT_IDS: [&str; 2] = ["app", "web"];

async fn random_flows_answer_as_the_model_does(store: Fresh) {
    let model = MemoryStore::new();
    let mut now = 0;
    for store in [&model as &dyn Store, store.as_ref()] {
        store.server_epoch(SERVER_EPOCH).await.unwrap();
    }
    for seed in 0..SEEDS {
        let mut seeded = Seeded::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for step in 0..STEPS {
            // Now and then the time comes in which clean-up looks at everything again.
            now += match seeded.below(60) {
                0 => i64::try_from(LOOK_AGAIN.as_secs()).unwrap(),
                _ => i64::try_from(seeded.below(60)).unwrap(),
            };
            let choices = Choices {
                operation: seeded.below(22),
                new: step,
                draws: std::array::from_fn(|_| seeded.next()),
                now,
            };
            let expected = operate(&model, &choices).await;
            let found = operate(store.as_ref(), &choices).await;
            assert_eq!(found, expected, "seed {seed}, step {step}: {choices:?}");
        }
        now += 3 * i64::try_from(LOOK_AGAIN.as_secs()).unwrap();
        let expected = empty(&model, at(now)).await;
        assert_eq!(empty(store.as_ref(), at(now)).await, expected);
    }
}

/// Ends everything, so that the numbers are free again, and says how much there was.
async fn empty(store: &dyn Store, now: Timestamp) -> u64 {
    for client_id in CLIENT_IDS {
        store.delete_client(client_id).await.unwrap();
    }
    for subject in SUBJECTS {
        let ended = store.end_login_sessions_of(subject, 1_000, at(0), at(0));
        ended.await.unwrap();
    }
    let deleted = store.delete_expired(now, 100_000).await.unwrap().deleted;
    for number in 0..=u8::MAX {
        assert_eq!(store.load_code([number; 16]).await.unwrap(), None);
        assert_eq!(store.find_refresh([number; 16]).await.unwrap(), None);
        assert_eq!(store.find_pending([number; 16]).await.unwrap(), None);
        assert_eq!(store.find_login_session([number; 16]).await.unwrap(), None);
    }
    deleted
}

/// Everything random about one step, drawn before it is used twice.
#[derive(Debug)]
struct Choices {
    operation: u64,
    /// A number that nothing has yet.
    new: u8,
    draws: [u64; 8],
    now: i64,
}

impl Choices {
    fn draw(&self, place: usize, end: u64) -> u64 {
        self.draws.get(place).unwrap() % end
    }

    fn is(&self, place: usize) -> bool {
        self.draw(place, 2) == 1
    }

    /// One of the numbers given lately.
    fn recent(&self, place: usize) -> u8 {
        self.new
            .wrapping_sub(u8::try_from(self.draw(place, 24)).unwrap())
    }

    fn subject(&self) -> &'static str {
        SUBJECTS
            .get(usize::try_from(self.draw(6, 3)).unwrap())
            .unwrap()
    }

    fn client_id(&self) -> &'static str {
        CLIENT_IDS
            .get(usize::try_from(self.draw(7, 2)).unwrap())
            .unwrap()
    }

    /// An end after now, or the end of time.
    fn until(&self, place: usize) -> Timestamp {
        match self.draw(place, 5) {
            0 => Timestamp::MAX,
            other => at(self.now + i64::try_from(other).unwrap() * 100),
        }
    }

    fn grant(&self) -> GrantRecord {
        GrantRecord {
            subject: self.subject().to_owned(),
            client_id: self.client_id().to_owned(),
            sid: self.is(0).then(|| [self.recent(1); 16]),
            requested_at: at(self.now / 200),
            remembered_until: self.is(2).then(|| self.until(3)),
            tokens_until: self.until(4),
            was_asked: self.draw(5, 4) > 0,
            ..grant(self.new)
        }
    }

    fn refresh(&self) -> RefreshRecord {
        RefreshRecord {
            issued_at: at(self.now),
            expires_at: self.until(3),
            ..refresh(self.new, [self.recent(1); 16])
        }
    }

    fn list(&self) -> GrantList<'static> {
        let after = self.recent(4);
        GrantList {
            subject: self.subject(),
            sid: self.is(0).then(|| [self.recent(1); 16]),
            includes_lapsed: self.is(1),
            newest_first: self.is(2),
            after: self.is(3).then(|| (at(self.now / 200), [after; 16])),
            offset: self.draw(5, 3),
            limit: 5,
            now: at(self.now),
        }
    }
}

fn shown<T: Debug>(answer: T) -> String {
    format!("{answer:?}")
}

/// Notices are taken in no order.
fn sorted(mut notices: Vec<LogoutNotice>) -> Vec<LogoutNotice> {
    notices.sort_by_key(|notice| notice.id);
    notices
}

async fn operate(store: &dyn Store, choices: &Choices) -> String {
    match choices.operation {
        0..=6 => operate_flow(store, choices).await,
        7..=13 => operate_tokens(store, choices).await,
        _ => operate_rest(store, choices).await,
    }
}

async fn operate_flow(store: &dyn Store, choices: &Choices) -> String {
    let now = at(choices.now);
    let attempt = choices.draw(5, 3);
    match choices.operation {
        0 | 1 => {
            let record = LoginSession {
                is_remembered: choices.is(0),
                expires_at: choices.until(3),
                ..login_session(choices.new, choices.subject())
            };
            let mut claim = leg(SingleUse::LoginLeg, choices.recent(2), attempt);
            claim.expires_at = at(choices.now + 300);
            let finish = FinishLogin {
                new_session: choices.is(1).then_some(&record),
                used_session: (choices.draw(3, 3) == 0).then(|| [choices.recent(4); 16]),
                retired_session: (choices.draw(4, 3) == 0).then(|| [choices.recent(3); 16]),
                subject: choices.subject(),
                client_id: choices.client_id(),
                ..login(&claim)
            };
            shown(store.finish_login(&finish, now).await)
        }
        2..=4 => {
            let record = choices.grant();
            let code = CodeRecord {
                expires_at: at(choices.now + 100),
                ..code(choices.new, record.grant_id)
            };
            let mut claim = leg(SingleUse::ConsentLeg, choices.new, 1);
            claim.expires_at = at(choices.now + 300);
            let finish = FinishConsent {
                consent_pending: choices.is(6).then(|| [choices.recent(7); 16]),
                login_pending: choices.is(7).then(|| [choices.recent(6); 16]),
                code: choices.is(1).then_some(&code),
                ..finish(&claim, &record)
            };
            shown(store.finish_consent(&finish, now).await)
        }
        5 => {
            let row = Pending {
                session: choices.is(0).then(|| vec![choices.new]),
                context: choices.is(1).then(|| vec![choices.new, 0]),
                expires_at: at(choices.now + 300),
                ..pending(choices.new)
            };
            let kept = store.keep_pending(&row).await;
            shown((kept, store.find_pending([choices.recent(2); 16]).await))
        }
        _ => shown(store.find_login_session([choices.recent(2); 16]).await),
    }
}

async fn operate_tokens(store: &dyn Store, choices: &Choices) -> String {
    let number = choices.recent(1);
    let issued = choices.refresh();
    match choices.operation {
        7 | 8 => {
            let redeem = RedeemCode {
                refresh: choices.is(0).then_some(&issued),
                session: choices.is(2).then_some(&[7]),
                tokens_until: choices.until(4),
                kept_until: at(choices.now + 400),
                ..redeem(number, choices.draw(5, 3))
            };
            shown(store.redeem_code(&redeem).await)
        }
        9 | 10 => {
            let used = store.find_refresh([choices.recent(2); 16]).await.unwrap();
            let Some(used) = used else {
                return "no refresh token".to_owned();
            };
            let next = RefreshRecord {
                grant_id: used.refresh.grant_id,
                ..issued
            };
            let rotate = RotateRefresh {
                grant_id: used.refresh.grant_id,
                grace: Duration::from_secs(choices.draw(0, 3) * 60),
                uses_max: u32::try_from(choices.draw(6, 3)).unwrap(),
                tokens_until: choices.until(4),
                kept_until: at(choices.now + 900),
                now: at(choices.now),
                ..rotate(choices.recent(2), choices.draw(5, 3), &next)
            };
            shown((used, store.rotate_refresh(&rotate).await))
        }
        11 => shown(store.burn_code([number; 16], choices.draw(5, 3)).await),
        12 => shown(store.load_code([number; 16]).await),
        _ => {
            let refresh = choices.is(0).then(|| choices.recent(2));
            shown(store.check_live(&person(number, refresh)).await)
        }
    }
}

async fn operate_rest(store: &dyn Store, choices: &Choices) -> String {
    let number = choices.recent(1);
    match choices.operation {
        14 => {
            let mut record = client(choices.client_id(), u64::from(choices.new));
            record.metadata.created_at = at(choices.now);
            if choices.draw(0, 6) == 0 {
                store.delete_client(choices.client_id()).await.unwrap();
            }
            shown(store.create_client(&record).await)
        }
        15 if choices.is(0) => shown(store.revoke_grant([number; 16]).await),
        15 => {
            let selector = match choices.draw(2, 8) {
                0 => GrantSelector::OfSubject(choices.subject()),
                1 | 2 => GrantSelector::OfClient {
                    subject: choices.subject(),
                    client_id: choices.client_id(),
                },
                _ => GrantSelector::One([number; 16]),
            };
            let after = choices.is(3).then(|| (at(choices.now / 200), [number; 16]));
            let limit = u32::try_from(choices.draw(4, 4)).unwrap();
            shown(store.delete_grants(&selector, after, limit).await)
        }
        16 => {
            let list = choices.list();
            let count = store.count_grants(&list).await;
            shown((store.list_grants(&list).await, count))
        }
        17 if choices.draw(0, 3) == 0 => shown(store.retire_login_session([number; 16]).await),
        17 => shown(store.clients_of_session([number; 16], 5).await),
        18 => {
            let notice = LogoutNotice {
                due_at: at(choices.now),
                expires_at: at(choices.now + 200),
                ..notice(choices.new)
            };
            if choices.is(2) {
                let notices = if choices.is(0) { &[notice][..] } else { &[] };
                return shown(store.list_notices([choices.recent(3); 16], notices).await);
            }
            shown(store.end_login_session([number; 16], &notice).await)
        }
        19 if choices.draw(0, 4) == 0 => {
            let (now, expires_at) = (at(choices.now), at(choices.now + 200));
            let ended = store.end_login_sessions_of(choices.subject(), 1_000, now, expires_at);
            shown(ended.await)
        }
        19 => {
            let (now, retry_at) = (at(choices.now), at(choices.now + 50));
            let taken = store.take_due_notices(now, retry_at, 100).await;
            shown((taken.map(sorted), store.delete_notice([number; 16]).await))
        }
        20 => shown(store.delete_expired(at(choices.now), 10_000).await),
        _ => {
            // Another epoch comes seldom, so that most grants live.
            let other = u64::from(choices.draw(0, 6) == 0);
            shown(store.renew_server_epoch(SERVER_EPOCH + other).await)
        }
    }
}
