//! Rules of logout and of the notices that it owes.

use std::sync::Arc;

use super::people::{log_in, login_session, notice, with_app};
use super::samples::at;
use super::{Fresh, at_once, cases};
use crate::LogoutNotice;

cases![
    an_ended_session_is_announced_once,
    of_many_logouts_one_is_announced,
    a_repeated_logout_is_true,
    due_notices_are_taken_and_put_off,
    expired_notices_are_not_taken,
    a_notice_is_taken_by_one_sender,
];

async fn queued(store: &Fresh, notices: &[LogoutNotice]) {
    with_app(store).await;
    log_in(store, &login_session(1, "ann")).await;
    assert!(store.end_login_session([1; 16], notices).await.unwrap());
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
    assert!(
        !store
            .end_login_session([1; 16], &[notice(1)])
            .await
            .unwrap()
    );
    assert_eq!(taken(&store, 100, 200, 9).await, [0; 0]);
    for number in [1, 2] {
        log_in(&store, &login_session(number, "ann")).await;
    }
    let both = [notice(1), notice(2)];
    assert!(store.end_login_session([1; 16], &both).await.unwrap());
    assert_eq!(store.find_login_session([1; 16]).await.unwrap(), None);
    assert!(store.find_login_session([2; 16]).await.unwrap().is_some());
    assert!(
        !store
            .end_login_session([1; 16], &[notice(3)])
            .await
            .unwrap()
    );
    assert!(!store.end_login_session([1; 16], &[]).await.unwrap());
    assert!(store.end_login_session([2; 16], &[]).await.unwrap());
    assert_eq!(taken(&store, 100, 200, 9).await, [1, 2]);
}

async fn of_many_logouts_one_is_announced(store: Fresh) {
    with_app(&store).await;
    log_in(&store, &login_session(1, "ann")).await;
    let answers = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let notices = [notice(u8::try_from(number).unwrap())];
            store.end_login_session([1; 16], &notices).await.unwrap()
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
    let both = [notice(1), notice(2)];
    queued(&store, &both).await;
    assert!(store.end_login_session([1; 16], &both).await.unwrap());
    assert_eq!(taken(&store, 100, 200, 9).await, [1, 2]);
    assert!(store.end_login_session([1; 16], &both).await.unwrap());
    let put_off = store.take_due_notices(at(199), at(300), 9).await.unwrap();
    assert_eq!(put_off, [], "a repeat queues nothing again");
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
    assert_eq!(store.delete_expired(at(50), 9).await.unwrap(), 0);
    assert_eq!(store.delete_expired(at(51), 9).await.unwrap(), 1);
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
