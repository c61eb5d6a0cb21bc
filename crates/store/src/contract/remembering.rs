//! Rules of remembered consents.

use std::sync::Arc;

use tessera_protocol::grant::record::GrantRecord;
use tessera_protocol::time::Timestamp;

use super::people::{covered, found, give, grant, recalled, remembered, with_app};
use super::samples::at;
use super::{Fresh, at_once, cases};
use crate::GrantSelector;

cases![
    the_newest_remembered_grant_counts,
    what_is_remembered_ends,
    a_grant_without_a_question_is_not_remembered,
    of_many_remembered_grants_at_once_one_counts,
];

async fn the_newest_remembered_grant_counts(store: Fresh) {
    with_app(&store).await;
    assert_eq!(recalled(&store, 100, 0).await, None);
    give(&store, &remembered(5, Timestamp::MAX), None).await;
    give(&store, &grant(6), None).await;
    assert_eq!(
        recalled(&store, 101, 0).await,
        covered(5),
        "6 is not remembered"
    );
    give(&store, &remembered(3, at(50)), None).await;
    assert_eq!(recalled(&store, 102, 50).await, covered(3), "given last");
    let older = found(&store, 5).await.unwrap();
    assert_eq!(older.remembered_until, None, "it ends with its tokens");
    give(&store, &remembered(4, at(40)), None).await;
    let older = found(&store, 3).await.unwrap();
    assert_eq!(older.remembered_until, Some(at(50)), "it was to end anyway");
    assert_eq!(
        recalled(&store, 103, 41).await,
        None,
        "the newest alone counts"
    );
    let of_bob = GrantRecord {
        subject: "bob".to_owned(),
        ..remembered(7, Timestamp::MAX)
    };
    give(&store, &of_bob, None).await;
    assert_eq!(recalled(&store, 104, 40).await, covered(4));
    store
        .delete_grants(&GrantSelector::One([3; 16]), None, 9)
        .await
        .unwrap();
    assert_eq!(recalled(&store, 105, 40).await, covered(4));
}

async fn what_is_remembered_ends(store: Fresh) {
    with_app(&store).await;
    give(&store, &remembered(1, at(100)), None).await;
    assert_eq!(recalled(&store, 101, 100).await, covered(1));
    assert_eq!(recalled(&store, 102, 101).await, None);
    let past = GrantRecord {
        tokens_until: at(10),
        ..remembered(2, at(200))
    };
    give(&store, &past, None).await;
    store.delete_expired(at(150), 100).await.unwrap();
    assert_eq!(
        recalled(&store, 103, 150).await,
        covered(2),
        "it outlives its tokens"
    );
}

async fn a_grant_without_a_question_is_not_remembered(store: Fresh) {
    with_app(&store).await;
    give(&store, &remembered(1, at(100)), None).await;
    let unasked = GrantRecord {
        was_asked: false,
        ..remembered(2, Timestamp::MAX)
    };
    give(&store, &unasked, None).await;
    assert_eq!(recalled(&store, 101, 0).await, covered(1));
    let stored = found(&store, 2).await.unwrap();
    assert_eq!(stored.remembered_until, None);
}

async fn of_many_remembered_grants_at_once_one_counts(store: Fresh) {
    with_app(&store).await;
    at_once(8, |number| {
        let store = Arc::clone(&store);
        async move {
            let number = u8::try_from(number).unwrap() + 1;
            give(&store, &remembered(number, Timestamp::MAX), None).await;
        }
    })
    .await;
    let newest = recalled(&store, 101, 0).await;
    assert!(
        (1..=8).any(|number| newest == covered(number)),
        "{newest:?}"
    );
}
