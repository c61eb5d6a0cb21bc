//! Rules of key sets.

use std::sync::Arc;

use super::samples::key;
use super::{Fresh, at_once, cases};

cases![
    a_set_without_keys_is_empty,
    the_first_key_is_read_as_it_was_written,
    a_second_first_key_is_not_stored,
    of_many_first_keys_one_is_stored_and_all_see_it,
    a_key_is_resealed_only_from_the_expected_form,
    a_repeated_reseal_is_done,
    all_keys_of_all_sets_are_listed,
];

async fn a_set_without_keys_is_empty(store: Fresh) {
    assert!(store.keys("set").await.unwrap().is_empty());
    assert!(store.all_keys().await.unwrap().is_empty());
    assert!(!store.reseal_key(&key("set", "kid", 0), b"").await.unwrap());
}

async fn the_first_key_is_read_as_it_was_written(store: Fresh) {
    let first = key("set", "kid", 0);
    assert_eq!(
        store.insert_first_key(&first).await.unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(store.keys("set").await.unwrap(), [first]);
    assert!(store.keys("SET").await.unwrap().is_empty());
}

async fn a_second_first_key_is_not_stored(store: Fresh) {
    let first = key("set", "kid", 0);
    store.insert_first_key(&first).await.unwrap();
    for second in [key("set", "other", 1), key("set", "kid", 1)] {
        assert_eq!(
            store.insert_first_key(&second).await.unwrap(),
            std::slice::from_ref(&first)
        );
    }
    assert_eq!(store.all_keys().await.unwrap(), [first]);
}

async fn of_many_first_keys_one_is_stored_and_all_see_it(store: Fresh) {
    let answers = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            store
                .insert_first_key(&key("set", &format!("kid{number}"), 0))
                .await
                .unwrap()
        }
    })
    .await;
    let stored = store.keys("set").await.unwrap();
    assert_eq!(stored.len(), 1);
    assert!(
        answers.iter().all(|answer| *answer == stored),
        "{answers:?}"
    );
}

async fn a_key_is_resealed_only_from_the_expected_form(store: Fresh) {
    let first = key("set", "kid", 0);
    store.insert_first_key(&first).await.unwrap();
    let mut resealed = first.clone();
    resealed.sealed_jwk = b"new".to_vec();
    assert!(!store.reseal_key(&resealed, b"other").await.unwrap());
    assert_eq!(
        store.keys("set").await.unwrap(),
        std::slice::from_ref(&first)
    );
    assert!(
        store
            .reseal_key(&resealed, &first.sealed_jwk)
            .await
            .unwrap()
    );
    assert_eq!(store.keys("set").await.unwrap(), [resealed]);
}

async fn a_repeated_reseal_is_done(store: Fresh) {
    let first = key("set", "kid", 0);
    store.insert_first_key(&first).await.unwrap();
    let mut resealed = first.clone();
    resealed.sealed_jwk = b"new".to_vec();
    for _ in 0..2 {
        assert!(
            store
                .reseal_key(&resealed, &first.sealed_jwk)
                .await
                .unwrap()
        );
    }
    assert_eq!(store.keys("set").await.unwrap(), [resealed]);
}

async fn all_keys_of_all_sets_are_listed(store: Fresh) {
    for (set, kid) in [("b", "1"), ("a", "1"), ("B", "2")] {
        store.insert_first_key(&key(set, kid, 0)).await.unwrap();
    }
    let sets: Vec<String> = store
        .all_keys()
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.set)
        .collect();
    assert_eq!(sets, ["B", "a", "b"]);
}
