//! Rules of login sessions and of what flows leave behind.

use std::sync::Arc;

use tessera_protocol::grant::record::LoginSession;

use super::people::{end, leg, log_in, log_out, login, login_session, pending, with_app};
use super::samples::at;
use super::{Fresh, at_once, cases};
use crate::{FinishLogin, FinishedLogin, Pending, SingleUse};

cases![
    a_pending_row_is_read_as_it_was_first_written,
    a_session_is_read_as_it_was_written,
    a_login_replaces_a_session_of_the_same_name,
    a_login_is_finished_once,
    a_repeated_login_is_done,
    of_many_ends_of_a_login_one_is_stored,
    a_skipped_login_needs_a_remembered_session,
    a_login_may_retire_another_session,
    a_retired_session_is_not_revived,
    sessions_of_a_person_end_together,
];

fn done() -> FinishedLogin {
    FinishedLogin::Done(None)
}

async fn has_session(store: &Fresh, number: u8) -> bool {
    let found = store.find_login_session([number; 16]).await.unwrap();
    found.is_some()
}

async fn a_pending_row_is_read_as_it_was_first_written(store: Fresh) {
    let full = Pending {
        session: Some(vec![0, 255]),
        context: Some(Vec::new()),
        request: Some(b"request".to_vec()),
        ..pending(1)
    };
    assert_eq!(store.find_pending([1; 16]).await.unwrap(), None);
    store.keep_pending(&full).await.unwrap();
    store.keep_pending(&pending(1)).await.unwrap();
    store.keep_pending(&pending(2)).await.unwrap();
    assert_eq!(store.find_pending([1; 16]).await.unwrap(), Some(full));
    assert_eq!(store.find_pending([2; 16]).await.unwrap(), Some(pending(2)));
}

async fn a_session_is_read_as_it_was_written(store: Fresh) {
    with_app(&store).await;
    assert_eq!(store.find_login_session([1; 16]).await.unwrap(), None);
    let bare = LoginSession {
        is_remembered: false,
        expires_at: at(-1),
        identity_provider_session_id: String::new(),
        ..login_session(2, "")
    };
    for session in [login_session(1, "ann ü\n"), bare] {
        log_in(&store, &session).await;
        let found = store.find_login_session(session.sid).await.unwrap();
        assert_eq!(found, Some(session));
    }
}

async fn a_login_replaces_a_session_of_the_same_name(store: Fresh) {
    with_app(&store).await;
    log_in(&store, &login_session(1, "ann")).await;
    let again = LoginSession {
        authenticated_at: at(50),
        is_remembered: false,
        expires_at: at(60),
        identity_provider_session_id: "other".to_owned(),
        ..login_session(1, "bob")
    };
    let claim = leg(SingleUse::LoginLeg, 2, 1);
    let finish = FinishLogin {
        new_session: Some(&again),
        retired_session: Some([1; 16]),
        ..login(&claim)
    };
    assert_eq!(store.finish_login(&finish, at(0)).await, Ok(done()));
    let found = store.find_login_session([1; 16]).await.unwrap();
    assert_eq!(found, Some(again.clone()));
    let claim = leg(SingleUse::LoginLeg, 3, 1);
    let extended = LoginSession {
        expires_at: at(70),
        identity_provider_session_id: String::new(),
        ..again.clone()
    };
    let finish = FinishLogin {
        new_session: Some(&extended),
        ..login(&claim)
    };
    assert_eq!(store.finish_login(&finish, at(0)).await, Ok(done()));
    let found = store.find_login_session([1; 16]).await.unwrap().unwrap();
    assert_eq!(found.expires_at, at(70));
    assert_eq!(
        found.identity_provider_session_id, "other",
        "nothing new was said of it"
    );
    log_out(&store, "ann").await;
    assert!(has_session(&store, 1).await, "it is bob's now");
    log_out(&store, "bob").await;
    assert!(!has_session(&store, 1).await);
}

async fn a_login_is_finished_once(store: Fresh) {
    with_app(&store).await;
    log_in(&store, &login_session(1, "ann")).await;
    let (claim, other) = (leg(SingleUse::LoginLeg, 1, 2), login_session(2, "ann"));
    let finish = FinishLogin {
        new_session: Some(&other),
        used_session: Some([77; 16]),
        retired_session: Some([1; 16]),
        ..login(&claim)
    };
    let outcome = store.finish_login(&finish, at(600)).await.unwrap();
    assert_eq!(outcome, FinishedLogin::AlreadyFinished);
    assert!(has_session(&store, 1).await);
    assert!(!has_session(&store, 2).await);
    let finish = FinishLogin {
        used_session: None,
        ..finish
    };
    let outcome = store.finish_login(&finish, at(601)).await.unwrap();
    assert_eq!(outcome, done(), "the first leg has expired");
}

async fn a_repeated_login_is_done(store: Fresh) {
    with_app(&store).await;
    for _ in 0..2 {
        log_in(&store, &login_session(1, "ann")).await;
    }
    end(&store, 1).await;
    log_in(&store, &login_session(1, "ann")).await;
    assert!(!has_session(&store, 1).await, "a repeat revives nothing");
}

async fn of_many_ends_of_a_login_one_is_stored(store: Fresh) {
    with_app(&store).await;
    let outcomes = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let claim = leg(SingleUse::LoginLeg, 1, number);
            let session = login_session(u8::try_from(number).unwrap(), "ann");
            let finish = FinishLogin {
                new_session: Some(&session),
                ..login(&claim)
            };
            store.finish_login(&finish, at(0)).await.unwrap()
        }
    })
    .await;
    for (number, outcome) in (0..).zip(&outcomes) {
        let is_done = *outcome == done();
        assert_eq!(has_session(&store, number).await, is_done, "{outcomes:?}");
        assert!(is_done || *outcome == FinishedLogin::AlreadyFinished);
    }
    let stored = outcomes.iter().filter(|o| **o == done()).count();
    assert_eq!(stored, 1, "{outcomes:?}");
}

async fn a_skipped_login_needs_a_remembered_session(store: Fresh) {
    with_app(&store).await;
    let unremembered = LoginSession {
        is_remembered: false,
        ..login_session(2, "ann")
    };
    log_in(&store, &login_session(1, "ann")).await;
    log_in(&store, &unremembered).await;
    let claim = leg(SingleUse::LoginLeg, 100, 1);
    for (used, now) in [(2, 0), (1, 1_001), (3, 0)] {
        let finish = FinishLogin {
            used_session: Some([used; 16]),
            retired_session: Some([1; 16]),
            ..login(&claim)
        };
        let outcome = store.finish_login(&finish, at(now)).await.unwrap();
        assert_eq!(outcome, FinishedLogin::SessionGone, "{used}");
    }
    let mut claim = claim;
    claim.expires_at = at(2_000);
    let finish = FinishLogin {
        used_session: Some([1; 16]),
        ..login(&claim)
    };
    for _ in 0..2 {
        let outcome = store.finish_login(&finish, at(1_000)).await.unwrap();
        assert_eq!(outcome, done(), "the leg was not spent");
        end(&store, 1).await;
    }
}

async fn a_login_may_retire_another_session(store: Fresh) {
    with_app(&store).await;
    for number in [1, 2] {
        log_in(&store, &login_session(number, "ann")).await;
    }
    let (claim, third) = (leg(SingleUse::LoginLeg, 100, 1), login_session(3, "ann"));
    let finish = FinishLogin {
        new_session: Some(&third),
        used_session: Some([1; 16]),
        retired_session: Some([1; 16]),
        ..login(&claim)
    };
    assert_eq!(store.finish_login(&finish, at(0)).await, Ok(done()));
    let retired = LoginSession {
        is_remembered: false,
        ..login_session(1, "ann")
    };
    for expected in [retired, login_session(2, "ann"), third] {
        let found = store.find_login_session(expected.sid).await.unwrap();
        assert_eq!(found, Some(expected));
    }
    store.retire_login_session([9; 16]).await.unwrap();
    for _ in 0..2 {
        store.retire_login_session([2; 16]).await.unwrap();
    }
    for used in [1, 2] {
        let claim = leg(SingleUse::LoginLeg, 101, 1);
        let finish = FinishLogin {
            used_session: Some([used; 16]),
            ..login(&claim)
        };
        let outcome = store.finish_login(&finish, at(0)).await.unwrap();
        assert_eq!(outcome, FinishedLogin::SessionGone, "{used}");
    }
}

/// Logins that extend a session, against the one that takes its place: whatever the order, it is not remembered after.
async fn a_retired_session_is_not_revived(store: Fresh) {
    with_app(&store).await;
    for round in 0..8_u8 {
        let session = login_session(round, "ann");
        log_in(&store, &session).await;
        at_once(6, |number| {
            let (store, session) = (Arc::clone(&store), session.clone());
            async move {
                if number == 0 {
                    return store.retire_login_session(session.sid).await.unwrap();
                }
                let mut claim = leg(SingleUse::LoginLeg, 100 + round, 1);
                claim.value_hash[0] = u8::try_from(number).unwrap();
                let finish = FinishLogin {
                    new_session: Some(&session),
                    used_session: Some(session.sid),
                    ..login(&claim)
                };
                let outcome = store.finish_login(&finish, at(0)).await.unwrap();
                assert!(outcome == done() || outcome == FinishedLogin::SessionGone);
            }
        })
        .await;
        let found = store.find_login_session([round; 16]).await.unwrap();
        assert!(!found.unwrap().is_remembered, "round {round}");
    }
}

async fn sessions_of_a_person_end_together(store: Fresh) {
    with_app(&store).await;
    for (number, subject) in [(1, "ann"), (2, "Ann"), (3, "ann")] {
        log_in(&store, &login_session(number, subject)).await;
    }
    let end = async |subject, limit| {
        let ended = store.end_login_sessions_of(subject, limit, at(0), at(600));
        ended.await.unwrap()
    };
    assert_eq!(end("nobody", 9).await, 0);
    assert_eq!(end("ann", 0).await, 0);
    assert_eq!(end("ann", 1).await, 1);
    let left =
        usize::from(has_session(&store, 1).await) + usize::from(has_session(&store, 3).await);
    assert_eq!(left, 1, "no more than the limit");
    assert_eq!(end("ann", 9).await, 1);
    assert!(!has_session(&store, 1).await);
    assert!(has_session(&store, 2).await);
    assert!(!has_session(&store, 3).await);
}
