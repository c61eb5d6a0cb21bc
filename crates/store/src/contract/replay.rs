//! Rules of values that may be used once.

use std::sync::Arc;

use super::samples::{at, claim};
use super::{Fresh, at_once, cases};
use crate::ClaimOutcome;

cases![
    a_value_is_fresh_once,
    of_many_claims_one_is_fresh,
    an_attempt_recognises_itself,
    an_expired_value_is_fresh_again,
    a_value_expires_only_after_its_instant,
    what_is_spent_is_known,
];

async fn what_is_spent_is_known(store: Fresh) {
    let spent = claim(1, 1, 60);
    let asked = |store: Fresh, now| async move {
        store
            .is_spent(spent.single_use, spent.value_hash, now)
            .await
            .unwrap()
    };
    assert!(!asked(Arc::clone(&store), at(0)).await);
    store.claim(&spent, at(0)).await.unwrap();
    assert!(asked(Arc::clone(&store), at(60)).await);
    assert!(!asked(store, at(61)).await);
}

async fn a_value_is_fresh_once(store: Fresh) {
    assert_eq!(
        store.claim(&claim(1, 1, 60), at(0)).await.unwrap(),
        ClaimOutcome::Fresh
    );
    assert_eq!(
        store.claim(&claim(1, 2, 60), at(0)).await.unwrap(),
        ClaimOutcome::Replayed
    );
    assert_eq!(
        store.claim(&claim(2, 3, 60), at(0)).await.unwrap(),
        ClaimOutcome::Fresh
    );
}

async fn of_many_claims_one_is_fresh(store: Fresh) {
    for value in 0..4 {
        let outcomes = at_once(32, |number| {
            let store = Arc::clone(&store);
            async move { store.claim(&claim(value, number, 60), at(0)).await.unwrap() }
        })
        .await;
        let fresh = outcomes
            .iter()
            .filter(|o| **o == ClaimOutcome::Fresh)
            .count();
        assert_eq!(fresh, 1, "{outcomes:?}");
    }
}

async fn an_attempt_recognises_itself(store: Fresh) {
    for attempt in [u64::MAX, 0] {
        let value = if attempt == 0 { 1 } else { 2 };
        for _ in 0..3 {
            let outcome = store
                .claim(&claim(value, attempt, 60), at(0))
                .await
                .unwrap();
            assert_eq!(outcome, ClaimOutcome::Fresh);
        }
        let other = store
            .claim(&claim(value, attempt ^ (1 << 63), 60), at(0))
            .await
            .unwrap();
        assert_eq!(other, ClaimOutcome::Replayed);
    }
}

async fn an_expired_value_is_fresh_again(store: Fresh) {
    store.claim(&claim(1, 1, 60), at(0)).await.unwrap();
    assert_eq!(
        store.claim(&claim(1, 2, 160), at(100)).await.unwrap(),
        ClaimOutcome::Fresh
    );
    assert_eq!(
        store.claim(&claim(1, 3, 160), at(100)).await.unwrap(),
        ClaimOutcome::Replayed
    );
    let outcomes = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            store
                .claim(&claim(1, 100 + number, 999), at(200))
                .await
                .unwrap()
        }
    })
    .await;
    let fresh = outcomes
        .iter()
        .filter(|o| **o == ClaimOutcome::Fresh)
        .count();
    assert_eq!(fresh, 1, "{outcomes:?}");
}

async fn a_value_expires_only_after_its_instant(store: Fresh) {
    store.claim(&claim(1, 1, 60), at(0)).await.unwrap();
    store.delete_expired(at(60), 10).await.unwrap();
    assert_eq!(
        store.claim(&claim(1, 2, 60), at(60)).await.unwrap(),
        ClaimOutcome::Replayed
    );
}
