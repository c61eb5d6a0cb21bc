//! Rules of logout and of the notices that it owes.

use std::collections::BTreeSet;
use std::sync::Arc;

use tessera_protocol::grant::record::GrantRecord;

use super::people::{
    announcement, end, finish, grant, leg, log_in, log_out, login_session, notice, with_app,
};
use super::samples::{at, client};
use super::{Fresh, at_once, cases};
use crate::{FinishedConsent, LogoutNotice, SingleUse};

cases![
    an_ended_session_is_announced_once,
    of_many_logouts_one_is_announced,
    a_repeated_logout_is_true,
    a_client_that_joins_an_ending_session_is_told_or_refused,
    an_announcement_gives_way_to_notices_once,
    sessions_of_a_person_are_announced,
    due_notices_are_taken_and_put_off,
    expired_notices_are_not_taken,
    a_notice_is_taken_by_one_sender,
];

/// Ends a session and lists these notices.
async fn queued(store: &Fresh, notices: &[LogoutNotice]) {
    with_app(store).await;
    log_in(store, &login_session(200, "ann")).await;
    assert!(end(store, 200).await);
    store.list_notices([200; 16], notices).await.unwrap();
}

/// The numbers of the notices that are taken.
async fn taken(store: &Fresh, now: i64, retry_at: i64, limit: u32) -> Vec<u8> {
    let taken = store.take_due_notices(at(now), at(retry_at), limit).await;
    let mut numbers: Vec<u8> = taken.unwrap().iter().map(|n| n.id[0]).collect();
    numbers.sort_unstable();
    numbers
}

async fn an_ended_session_is_announced_once(store: Fresh) {
    with_app(&store).await;
    assert!(!end(&store, 1).await);
    assert_eq!(taken(&store, 100, 200, 9).await, [0; 0]);
    for number in [1, 2] {
        log_in(&store, &login_session(number, "ann")).await;
    }
    assert!(end(&store, 1).await);
    assert_eq!(store.find_login_session([1; 16]).await.unwrap(), None);
    assert!(store.find_login_session([2; 16]).await.unwrap().is_some());
    let again = announcement(3);
    assert!(!store.end_login_session([1; 16], &again).await.unwrap());
    assert!(end(&store, 2).await);
    assert_eq!(taken(&store, 100, 200, 9).await, [1, 2]);
}

async fn of_many_logouts_one_is_announced(store: Fresh) {
    with_app(&store).await;
    log_in(&store, &login_session(1, "ann")).await;
    let answers = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let own = announcement(u8::try_from(number).unwrap());
            store.end_login_session([1; 16], &own).await.unwrap()
        }
    })
    .await;
    let winner = answers.iter().position(|answer| *answer).unwrap();
    assert_eq!(answers.iter().filter(|answer| **answer).count(), 1);
    assert_eq!(
        taken(&store, 100, 200, 99).await,
        [u8::try_from(winner).unwrap()]
    );
}

async fn a_repeated_logout_is_true(store: Fresh) {
    with_app(&store).await;
    log_in(&store, &login_session(1, "ann")).await;
    for _ in 0..2 {
        assert!(end(&store, 1).await);
    }
    let other = LogoutNotice {
        expires_at: at(601),
        ..announcement(1)
    };
    let second = store.end_login_session([1; 16], &other).await;
    assert_eq!(second, Ok(false), "another logout of the same session");
    assert_eq!(taken(&store, 100, 200, 9).await, [1]);
    assert!(end(&store, 1).await);
    let put_off = store.take_due_notices(at(199), at(300), 9).await.unwrap();
    assert_eq!(put_off, [], "a repeat queues nothing again");
}

/// Clients that are given a grant while their session ends. Whoever is asked for when the end was acknowledged is all
/// there ever will be.
async fn a_client_that_joins_an_ending_session_is_told_or_refused(store: Fresh) {
    const CLIENTS: u8 = 8;
    with_app(&store).await;
    for number in 1..=CLIENTS {
        let record = client(&format!("app{number}"), u64::from(number));
        store.create_client(&record).await.unwrap();
    }
    for round in 0..12_u8 {
        let sid = [round; 16];
        log_in(&store, &login_session(round, "ann")).await;
        let answers = at_once(u64::from(CLIENTS) + 1, |number| {
            let store = Arc::clone(&store);
            async move {
                let number = u8::try_from(number).unwrap();
                if number == 0 {
                    assert!(end(&store, round).await);
                    return store.clients_of_session(sid, 99).await.unwrap();
                }
                let record = GrantRecord {
                    client_id: format!("app{number}"),
                    sid: Some(sid),
                    grant_id: [round * CLIENTS + number; 16],
                    ..grant(number)
                };
                let mut claim = leg(SingleUse::ConsentLeg, 100 + round, 1);
                claim.value_hash[0] = number;
                let given = store.finish_consent(&finish(&claim, &record), at(0)).await;
                match given.unwrap() {
                    FinishedConsent::Done { .. } => vec![record.client_id],
                    outcome => {
                        assert_eq!(outcome, FinishedConsent::SessionGone);
                        Vec::new()
                    }
                }
            }
        })
        .await;
        let (told, given) = answers.split_first().unwrap();
        let told: BTreeSet<String> = told.iter().cloned().collect();
        let given: BTreeSet<String> = given.concat().into_iter().collect();
        assert_eq!(told, given, "round {round}");
    }
}

async fn an_announcement_gives_way_to_notices_once(store: Fresh) {
    queued(&store, &[announcement(1)]).await;
    let found = store.take_due_notices(at(1), at(5), 9).await.unwrap();
    let expected = LogoutNotice {
        attempts: 1,
        due_at: at(5),
        ..announcement(1)
    };
    assert_eq!(found, [expected]);
    let both = [notice(2), notice(3)];
    store.list_notices([9; 16], &both).await.unwrap();
    assert_eq!(taken(&store, 4, 5, 9).await, [0; 0], "there is no such one");
    let answers = at_once(8, |number| {
        let store = Arc::clone(&store);
        async move {
            let own = [notice(10 * u8::try_from(number + 1).unwrap())];
            store.list_notices([1; 16], &own).await.unwrap();
        }
    });
    answers.await;
    let listed = taken(&store, 100, 200, 9).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_ne!(listed, [1], "the announcement is gone");
    let only = *listed.first().unwrap();
    store.list_notices([only; 16], &[]).await.unwrap();
    assert_eq!(taken(&store, 300, 400, 9).await, [0; 0], "nobody to tell");
}

async fn sessions_of_a_person_are_announced(store: Fresh) {
    with_app(&store).await;
    for (number, subject) in [(1, "ann"), (2, "bob"), (3, "ann")] {
        log_in(&store, &login_session(number, subject)).await;
    }
    store.retire_login_session([3; 16]).await.unwrap();
    for _ in 0..2 {
        log_out(&store, "ann").await;
        log_out(&store, "nobody").await;
    }
    let found = store.take_due_notices(at(0), at(5), 9).await.unwrap();
    let mut expected = [1, 3].map(|number| LogoutNotice {
        sid: [number; 16],
        attempts: 1,
        due_at: at(5),
        ..announcement(number)
    });
    let mut found = found;
    found.sort_by_key(|notice| notice.id);
    expected.sort_by_key(|notice| notice.id);
    assert_eq!(found, expected);
    let other = announcement(9);
    assert!(!store.end_login_session([1; 16], &other).await.unwrap());
}

async fn due_notices_are_taken_and_put_off(store: Fresh) {
    queued(&store, &[notice(1), notice(2), notice(3)]).await;
    assert_eq!(taken(&store, 0, 100, 9).await, [0; 0]);
    let first = store.take_due_notices(at(1), at(100), 9).await.unwrap();
    let expected = LogoutNotice {
        attempts: 1,
        due_at: at(100),
        ..notice(1)
    };
    assert_eq!(first, std::slice::from_ref(&expected));
    assert_eq!(
        taken(&store, 99, 100, 1).await,
        [2],
        "the longest due first"
    );
    assert_eq!(taken(&store, 99, 100, 0).await, [0; 0]);
    store.delete_notice([2; 16]).await.unwrap();
    store.delete_notice([2; 16]).await.unwrap();
    let again = store.take_due_notices(at(99), at(101), 9).await.unwrap();
    assert_eq!(again.len(), 1, "3");
    let again = store.take_due_notices(at(100), at(200), 9).await.unwrap();
    let expected = LogoutNotice {
        attempts: 2,
        due_at: at(200),
        ..expected
    };
    assert_eq!(again, [expected]);
}

async fn expired_notices_are_not_taken(store: Fresh) {
    let short = LogoutNotice {
        expires_at: at(50),
        ..notice(1)
    };
    queued(&store, &[short, notice(2)]).await;
    assert_eq!(taken(&store, 50, 51, 9).await, [1, 2]);
    assert_eq!(taken(&store, 51, 52, 9).await, [2]);
    assert_eq!(store.delete_expired(at(50), 9).await.unwrap().deleted, 0);
    assert_eq!(store.delete_expired(at(51), 9).await.unwrap().deleted, 1);
    assert_eq!(taken(&store, 52, 53, 9).await, [2]);
}

async fn a_notice_is_taken_by_one_sender(store: Fresh) {
    let all: Vec<LogoutNotice> = (1..=40).map(notice).collect();
    queued(&store, &all).await;
    let mut seen = at_once(8, |_| {
        let store = Arc::clone(&store);
        async move {
            let mut seen = Vec::new();
            loop {
                let taken = taken(&store, 100, 200, 3).await;
                if taken.is_empty() {
                    return seen;
                }
                seen.extend(taken);
            }
        }
    })
    .await
    .concat();
    seen.sort_unstable();
    let all: Vec<u8> = (1..=40).collect();
    assert_eq!(seen, all);
}
