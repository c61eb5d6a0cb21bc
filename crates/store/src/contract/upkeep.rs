//! Rules of the server's own state, of the change log and of clean-up.

use std::sync::Arc;

use super::samples::{anchor, at, claim, client, key};
use super::{Fresh, at_once, cases};
use crate::{CHANGES_LISTED_MAX, Changed, Changes, Liveness, Readiness};

cases![
    a_migrated_store_is_ready,
    the_first_epoch_and_secret_stay,
    of_many_proposals_one_is_kept_and_all_see_it,
    changes_are_listed_in_order,
    what_changes_nothing_is_not_logged,
    many_writers_leave_no_gap,
    a_position_out_of_reach_drops_everything,
    too_many_changes_drop_everything,
    expired_rows_go_in_bounded_numbers,
    old_changes_go_an_hour_after_they_were_found,
];

const HOUR: i64 = 3_600;

async fn a_migrated_store_is_ready(store: Fresh) {
    assert_eq!(store.readiness().await.unwrap(), Readiness::Ready);
}

async fn the_first_epoch_and_secret_stay(store: Fresh) {
    assert_eq!(store.server_epoch(u64::MAX).await.unwrap(), u64::MAX);
    assert_eq!(store.server_epoch(2).await.unwrap(), u64::MAX);
    store.renew_server_epoch(3).await.unwrap();
    assert_eq!(store.server_epoch(4).await.unwrap(), 3);
    assert_eq!(store.generated_secret("one").await.unwrap(), "one");
    assert_eq!(store.generated_secret("two").await.unwrap(), "one");
}

async fn of_many_proposals_one_is_kept_and_all_see_it(store: Fresh) {
    let answers = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let secret = store.generated_secret(&number.to_string()).await.unwrap();
            (store.server_epoch(number).await.unwrap(), secret)
        }
    })
    .await;
    let kept = (
        store.server_epoch(99).await.unwrap(),
        store.generated_secret("x").await.unwrap(),
    );
    assert!(kept.0 < 16);
    assert!(answers.iter().all(|answer| *answer == kept), "{answers:?}");
}

async fn position(store: &Fresh) -> u64 {
    let start = store.changes_since(0).await.unwrap();
    assert_eq!(start.changes, Some(Vec::new()), "position 0 lists nothing");
    assert_ne!(start.position, 0, "0 is no position");
    start.position
}

async fn changes_are_listed_in_order(store: Fresh) {
    let start = position(&store).await;
    assert_eq!(
        store.changes_since(start).await.unwrap(),
        Changes {
            position: start,
            changes: Some(Vec::new())
        }
    );
    store.create_client(&client("a", 1)).await.unwrap();
    store.replace_client(&client("a", 2), 1).await.unwrap();
    store.renew_token_epoch("a", 9).await.unwrap();
    store.insert_first_key(&key("set", "kid", 0)).await.unwrap();
    store.renew_server_epoch(1).await.unwrap();
    store.delete_client("a").await.unwrap();
    let of_a = Changed::Client("a".to_owned());
    let of_set = Changed::KeySet("set".to_owned());
    let all = [
        of_a.clone(),
        of_a.clone(),
        of_a.clone(),
        of_set,
        Changed::ServerEpoch,
        of_a,
    ];
    let found = store.changes_since(start).await.unwrap();
    assert_eq!(found.changes.as_deref(), Some(&all[..]));
    assert_eq!(found.position, start + 6);
    let tail = store.changes_since(start + 4).await.unwrap();
    assert_eq!(tail.changes.as_deref(), all.get(4..));
    assert_eq!(position(&store).await, start + 6);
}

async fn what_changes_nothing_is_not_logged(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    store.insert_first_key(&key("set", "kid", 0)).await.unwrap();
    let start = position(&store).await;
    store.create_client(&client("a", 2)).await.unwrap();
    store.replace_client(&client("a", 4), 3).await.unwrap();
    store.replace_client(&client("b", 4), 3).await.unwrap();
    store.delete_client("b").await.unwrap();
    store.renew_token_epoch("b", 1).await.unwrap();
    store
        .insert_first_key(&key("set", "kid2", 0))
        .await
        .unwrap();
    store.server_epoch(1).await.unwrap();
    store.revoke_token([1; 16], at(9)).await.unwrap();
    store.claim(&claim(1, 1, 60), at(0)).await.unwrap();
    assert_eq!(position(&store).await, start);
}

/// A reader polls while others write; it must see every change exactly once.
async fn many_writers_leave_no_gap(store: Fresh) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 10;
    let start = position(&store).await;
    let seen = at_once(WRITERS + 1, |number| {
        let store = Arc::clone(&store);
        async move {
            let mut seen = Vec::new();
            if number == WRITERS {
                let mut at = start;
                while at < start + WRITERS * EACH {
                    let found = store.changes_since(at).await.unwrap();
                    seen.extend(found.changes.unwrap());
                    at = found.position;
                    tokio::task::yield_now().await;
                }
            } else {
                for turn in 0..EACH {
                    let client_id = format!("{number}/{turn}");
                    store.create_client(&client(&client_id, 1)).await.unwrap();
                }
            }
            seen
        }
    })
    .await
    .concat();
    assert_eq!(seen.len() as u64, WRITERS * EACH);
    for number in 0..WRITERS {
        for turn in 0..EACH {
            assert!(seen.contains(&Changed::Client(format!("{number}/{turn}"))));
        }
    }
}

async fn a_position_out_of_reach_drops_everything(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    let last = position(&store).await;
    for beyond in [last + 1, u64::MAX, 1 << 63] {
        let found = store.changes_since(beyond).await.unwrap();
        assert_eq!(
            found,
            Changes {
                position: last,
                changes: None
            }
        );
    }
}

async fn too_many_changes_drop_everything(store: Fresh) {
    let start = position(&store).await;
    for epoch in 0..CHANGES_LISTED_MAX as u64 {
        store.renew_server_epoch(epoch).await.unwrap();
    }
    let found = store.changes_since(start).await.unwrap();
    assert_eq!(found.changes.unwrap().len(), CHANGES_LISTED_MAX);
    store.renew_server_epoch(0).await.unwrap();
    let found = store.changes_since(start).await.unwrap();
    assert_eq!(found.changes, None);
    assert_eq!(found.position, start + CHANGES_LISTED_MAX as u64 + 1);
}

async fn expired_rows_go_in_bounded_numbers(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    for number in 0..5_u8 {
        store
            .revoke_token([number; 16], at(i64::from(number)))
            .await
            .unwrap();
        store
            .claim(&claim(number, 1, i64::from(number)), at(0))
            .await
            .unwrap();
    }
    assert_eq!(
        store.delete_expired(at(0), 100).await.unwrap().deleted,
        0,
        "not before they expired"
    );
    assert_eq!(store.delete_expired(at(3), 4).await.unwrap().deleted, 4);
    assert_eq!(store.delete_expired(at(3), 4).await.unwrap().deleted, 2);
    assert_eq!(store.delete_expired(at(3), 4).await.unwrap().deleted, 0);
    assert_eq!(store.delete_expired(at(3), 0).await.unwrap().deleted, 0);
    let live = store.check_live(&anchor("a", 3, 5)).await.unwrap();
    assert_eq!(live, Liveness::Revoked, "what has not expired stays");
    let live = store.check_live(&anchor("a", 2, 5)).await.unwrap();
    assert_eq!(
        live,
        Liveness::Live(None),
        "the row of an expired token is gone"
    );
}

async fn old_changes_go_an_hour_after_they_were_found(store: Fresh) {
    let start = position(&store).await;
    store.renew_server_epoch(1).await.unwrap();
    store.renew_server_epoch(2).await.unwrap();
    assert_eq!(
        store.delete_expired(at(0), 10).await.unwrap().deleted,
        0,
        "found, not deleted"
    );
    store.renew_server_epoch(3).await.unwrap();
    assert_eq!(
        store
            .delete_expired(at(HOUR - 1), 10)
            .await
            .unwrap()
            .deleted,
        0
    );
    assert_eq!(
        store
            .changes_since(start)
            .await
            .unwrap()
            .changes
            .unwrap()
            .len(),
        3
    );
    assert_eq!(store.delete_expired(at(HOUR), 1).await.unwrap().deleted, 1);
    assert_eq!(store.delete_expired(at(HOUR), 10).await.unwrap().deleted, 1);
    assert_eq!(
        store.delete_expired(at(HOUR), 10).await.unwrap().deleted,
        0,
        "the later one stays"
    );
    assert_eq!(store.changes_since(start).await.unwrap().changes, None);
    let tail = store.changes_since(start + 2).await.unwrap();
    assert_eq!(tail.changes, Some(vec![Changed::ServerEpoch]));
    assert_eq!(
        store
            .delete_expired(at(2 * HOUR), 10)
            .await
            .unwrap()
            .deleted,
        1
    );
    assert_eq!(
        position(&store).await,
        start + 3,
        "the position outlives the rows"
    );
    let end = store.changes_since(start + 3).await.unwrap();
    assert_eq!(end.changes, Some(Vec::new()));
}
