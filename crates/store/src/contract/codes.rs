//! Rules of authorization codes.

use super::people::{code, give, grant, is_live, person, redeem, refresh, with_app};
use super::samples::at;
use super::{Fresh, cases};
use crate::{RedeemCode, RedeemedCode};

cases![
    an_unknown_code_is_gone,
    a_redeemed_code_leaves_tokens,
    a_hook_replaces_the_session,
    a_grant_is_kept_as_long_as_its_tokens,
    a_replayed_code_revokes_its_grant,
    a_repeated_redemption_is_done,
    a_code_belongs_to_its_grant,
    a_burnt_code_issues_nothing,
    a_burnt_code_that_was_spent_stays_as_it_was,
    a_spent_code_is_kept_for_replays,
];

async fn with_code(store: &Fresh) {
    with_app(store).await;
    give(store, &grant(1), Some(&code(1, [1; 16]))).await;
}

async fn outcome(store: &Fresh, redeem: &RedeemCode<'_>) -> RedeemedCode {
    store.redeem_code(redeem).await.unwrap()
}

async fn an_unknown_code_is_gone(store: Fresh) {
    with_code(&store).await;
    assert_eq!(store.load_code([2; 16]).await.unwrap(), None);
    assert_eq!(outcome(&store, &redeem(2, 1)).await, RedeemedCode::Gone);
    store.burn_code([2; 16], 1).await.unwrap();
    assert_eq!(store.load_code([2; 16]).await.unwrap(), None);
}

async fn a_redeemed_code_leaves_tokens(store: Fresh) {
    with_code(&store).await;
    let issued = refresh(1, [1; 16]);
    let redeem = RedeemCode {
        refresh: Some(&issued),
        ..redeem(1, u64::MAX)
    };
    assert_eq!(outcome(&store, &redeem).await, RedeemedCode::Done);
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!((stored.used_by, stored.is_live), (Some(u64::MAX), true));
    assert_eq!(stored.code, code(1, [1; 16]));
    assert_eq!(stored.grant, grant(1));
    let found = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!(found.refresh, issued);
    assert_eq!((found.first_used_at, found.used_times), (None, 0));
    assert_eq!((found.grant, found.is_live), (grant(1), true));
    assert!(is_live(&store, &person(1, Some(1))).await);
}

async fn a_hook_replaces_the_session(store: Fresh) {
    with_code(&store).await;
    let redeem = RedeemCode {
        session: Some(&[0, 255]),
        ..redeem(1, 1)
    };
    outcome(&store, &redeem).await;
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!(stored.grant.session, [0, 255]);
}

async fn a_grant_is_kept_as_long_as_its_tokens(store: Fresh) {
    with_code(&store).await;
    give(&store, &grant(2), Some(&code(2, [2; 16]))).await;
    for (number, until, expected) in [(1, at(9_000), at(9_000)), (2, at(5), at(3_600))] {
        let redeem = RedeemCode {
            tokens_until: until,
            ..redeem(number, 1)
        };
        outcome(&store, &redeem).await;
        let stored = store.load_code([number; 16]).await.unwrap().unwrap();
        assert_eq!(stored.grant.tokens_until, expected);
    }
    store.delete_expired(at(9_000), 100).await.unwrap();
    assert!(is_live(&store, &person(1, None)).await);
    assert!(!is_live(&store, &person(2, None)).await);
}

async fn a_replayed_code_revokes_its_grant(store: Fresh) {
    with_code(&store).await;
    let issued = refresh(1, [1; 16]);
    let first = RedeemCode {
        refresh: Some(&issued),
        ..redeem(1, 1)
    };
    outcome(&store, &first).await;
    let other = refresh(2, [1; 16]);
    let replay = RedeemCode {
        refresh: Some(&other),
        session: Some(&[9]),
        tokens_until: at(99_999),
        ..redeem(1, 2)
    };
    for _ in 0..2 {
        assert_eq!(outcome(&store, &replay).await, RedeemedCode::AlreadyUsed);
    }
    assert!(!is_live(&store, &person(1, None)).await);
    let found = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert!(!found.is_live);
    assert_eq!(found.grant, grant(1), "a replay changes nothing else");
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!((stored.used_by, stored.is_live), (Some(1), false));
}

async fn a_repeated_redemption_is_done(store: Fresh) {
    with_code(&store).await;
    let issued = refresh(1, [1; 16]);
    let redeem = RedeemCode {
        refresh: Some(&issued),
        ..redeem(1, 0)
    };
    for _ in 0..3 {
        assert_eq!(outcome(&store, &redeem).await, RedeemedCode::Done);
    }
    assert!(is_live(&store, &person(1, Some(1))).await);
    store.revoke_grant([1; 16]).await.unwrap();
    assert_eq!(outcome(&store, &redeem).await, RedeemedCode::Done);
    assert!(
        !is_live(&store, &person(1, Some(1))).await,
        "nothing is revived"
    );
}

async fn a_code_belongs_to_its_grant(store: Fresh) {
    with_code(&store).await;
    give(&store, &grant(2), None).await;
    let other = RedeemCode {
        grant_id: [2; 16],
        ..redeem(1, 1)
    };
    assert_eq!(outcome(&store, &other).await, RedeemedCode::Gone);
    assert_eq!(outcome(&store, &redeem(1, 2)).await, RedeemedCode::Done);
    assert!(is_live(&store, &person(2, None)).await);
}

async fn a_burnt_code_issues_nothing(store: Fresh) {
    with_code(&store).await;
    for _ in 0..2 {
        store.burn_code([1; 16], 7).await.unwrap();
    }
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!((stored.used_by, stored.is_live), (Some(7), true));
    assert_eq!(
        outcome(&store, &redeem(1, 8)).await,
        RedeemedCode::AlreadyUsed
    );
    assert!(!is_live(&store, &person(1, None)).await);
}

async fn a_burnt_code_that_was_spent_stays_as_it_was(store: Fresh) {
    with_code(&store).await;
    outcome(&store, &redeem(1, 1)).await;
    store.burn_code([1; 16], 2).await.unwrap();
    assert_eq!(outcome(&store, &redeem(1, 1)).await, RedeemedCode::Done);
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!((stored.used_by, stored.is_live), (Some(1), true));
}

async fn a_spent_code_is_kept_for_replays(store: Fresh) {
    with_code(&store).await;
    give(&store, &grant(2), Some(&code(2, [2; 16]))).await;
    outcome(&store, &redeem(1, 1)).await;
    store.delete_expired(at(3_600), 100).await.unwrap();
    assert!(store.load_code([1; 16]).await.unwrap().is_some());
    assert_eq!(store.load_code([2; 16]).await.unwrap(), None, "it expired");
    let longer = RedeemCode {
        tokens_until: at(9_000),
        ..redeem(2, 1)
    };
    assert_eq!(outcome(&store, &longer).await, RedeemedCode::Gone);
    store.delete_expired(at(3_601), 100).await.unwrap();
    assert_eq!(store.load_code([1; 16]).await.unwrap(), None);
}
