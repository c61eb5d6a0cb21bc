//! Rules of how grants end, and of what ends with them.

use tessera_protocol::grant::record::GrantRecord;
use tessera_protocol::time::Timestamp;

use super::people::{
    SERVER_EPOCH, code, covered, found, give, grant, is_live, person, recalled, redeem, refresh,
    remake_app, remembered, rotate, with_app, with_refresh,
};
use super::samples::{at, client};
use super::{Fresh, cases};
use crate::{GrantSelector, RedeemedCode, RotatedRefresh, TokenAnchor};

cases![
    a_persons_token_lives_until_something_above_it_dies,
    epochs_of_a_persons_token_are_compared,
    a_used_refresh_token_ends_the_access_token_beside_it,
    a_remade_client_inherits_nothing,
    a_revoked_grant_issues_nothing_and_is_still_remembered,
    a_deleted_grant_takes_all_with_it,
    grants_are_deleted_by_person_and_client,
];

async fn a_persons_token_lives_until_something_above_it_dies(store: Fresh) {
    with_app(&store).await;
    assert!(!is_live(&store, &person(1, None)).await);
    for number in 1..4 {
        give(&store, &grant(number), None).await;
        assert_eq!(found(&store, number).await, Some(grant(number)));
    }
    store.revoke_grant([1; 16]).await.unwrap();
    store.revoke_grant([1; 16]).await.unwrap();
    store.revoke_grant([77; 16]).await.unwrap();
    assert!(!is_live(&store, &person(1, None)).await);
    assert!(
        is_live(&store, &person(2, None)).await,
        "other grants live on"
    );
    assert!(
        !is_live(&store, &person(2, Some(9))).await,
        "no such refresh token"
    );
    store.revoke_token([2; 16], at(60)).await.unwrap();
    assert!(
        is_live(&store, &person(2, None)).await,
        "a grant's id is no token's"
    );
    store
        .delete_grants(&GrantSelector::One([2; 16]))
        .await
        .unwrap();
    assert!(!is_live(&store, &person(2, None)).await);
    store.renew_server_epoch(6).await.unwrap();
    assert!(!is_live(&store, &person(3, None)).await);
}

async fn epochs_of_a_persons_token_are_compared(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), None).await;
    for (client_epoch, server_epoch, expected) in [
        (7, SERVER_EPOCH, true),
        (7 | (1 << 63), SERVER_EPOCH, false),
        (7, SERVER_EPOCH | (1 << 63), false),
    ] {
        let anchor = TokenAnchor::Person {
            grant_id: [1; 16],
            refresh_id: None,
            client_epoch,
            server_epoch,
        };
        assert_eq!(is_live(&store, &anchor).await, expected);
    }
    store.renew_token_epoch("app", 8).await.unwrap();
    assert!(!is_live(&store, &person(1, None)).await);
}

async fn a_used_refresh_token_ends_the_access_token_beside_it(store: Fresh) {
    with_refresh(&store).await;
    assert!(is_live(&store, &person(1, Some(1))).await);
    let next = refresh(2, [1; 16]);
    let rotated = store.rotate_refresh(&rotate(1, 1, &next)).await;
    assert_eq!(rotated, Ok(RotatedRefresh::Done));
    assert!(!is_live(&store, &person(1, Some(1))).await);
    assert!(is_live(&store, &person(1, Some(2))).await);
    assert!(is_live(&store, &person(1, None)).await);
    give(&store, &grant(2), None).await;
    assert!(
        !is_live(&store, &person(2, Some(2))).await,
        "another grant's refresh token"
    );
}

async fn a_remade_client_inherits_nothing(store: Fresh) {
    with_refresh(&store).await;
    give(
        &store,
        &remembered(2, Timestamp::MAX),
        Some(&code(2, [2; 16])),
    )
    .await;
    assert_eq!(recalled(&store, 101, 0).await, covered(2));
    remake_app(&store).await;
    assert!(!is_live(&store, &person(1, None)).await);
    assert!(!is_live(&store, &person(1, Some(1))).await);
    assert_eq!(recalled(&store, 102, 0).await, None);
    assert!(!store.load_code([2; 16]).await.unwrap().unwrap().is_live);
    assert!(!store.find_refresh([1; 16]).await.unwrap().unwrap().is_live);
    let redeemed = store.redeem_code(&redeem(2, 1)).await.unwrap();
    assert_eq!(redeemed, RedeemedCode::Gone);
    let next = refresh(2, [1; 16]);
    let rotated = store.rotate_refresh(&rotate(1, 1, &next)).await;
    assert_eq!(rotated, Ok(RotatedRefresh::Gone));
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
    give(&store, &remembered(3, Timestamp::MAX), None).await;
    assert_eq!(recalled(&store, 103, 0).await, covered(3));
    assert!(is_live(&store, &person(3, None)).await);
}

async fn a_revoked_grant_issues_nothing_and_is_still_remembered(store: Fresh) {
    with_refresh(&store).await;
    give(&store, &remembered(2, at(500)), Some(&code(2, [2; 16]))).await;
    for number in [1, 2] {
        store.revoke_grant([number; 16]).await.unwrap();
    }
    assert_eq!(recalled(&store, 101, 500).await, covered(2));
    let stored = store.load_code([2; 16]).await.unwrap().unwrap();
    assert_eq!((stored.used_by, stored.is_live), (None, false));
    assert!(!store.find_refresh([1; 16]).await.unwrap().unwrap().is_live);
    let redeemed = store.redeem_code(&redeem(2, 1)).await.unwrap();
    assert_eq!(redeemed, RedeemedCode::Gone);
}

async fn a_deleted_grant_takes_all_with_it(store: Fresh) {
    with_refresh(&store).await;
    give(&store, &remembered(2, at(500)), Some(&code(2, [2; 16]))).await;
    for number in [1, 2, 3] {
        let selector = GrantSelector::One([number; 16]);
        store.delete_grants(&selector).await.unwrap();
    }
    assert_eq!(recalled(&store, 101, 0).await, None);
    assert_eq!(store.load_code([2; 16]).await.unwrap(), None);
    assert_eq!(store.find_refresh([1; 16]).await.unwrap(), None);
    assert!(!is_live(&store, &person(1, None)).await);
    let redeemed = store.redeem_code(&redeem(2, 1)).await.unwrap();
    assert_eq!(redeemed, RedeemedCode::Gone);
}

async fn grants_are_deleted_by_person_and_client(store: Fresh) {
    with_app(&store).await;
    store.create_client(&client("web", 1)).await.unwrap();
    let given = |number: u8, subject: &str, client_id: &str| GrantRecord {
        subject: subject.to_owned(),
        client_id: client_id.to_owned(),
        ..remembered(number, Timestamp::MAX)
    };
    let unasked = GrantRecord {
        was_asked: false,
        ..given(2, "ann", "app")
    };
    give(&store, &given(1, "ann", "app"), None).await;
    give(&store, &unasked, None).await;
    give(&store, &given(3, "ann", "web"), None).await;
    give(&store, &given(4, "bob", "app"), None).await;
    let alive = async || {
        let mut alive = Vec::new();
        for number in 1..=4 {
            if found(&store, number).await.is_some() {
                alive.push(number);
            }
        }
        alive
    };
    let selector = GrantSelector::OfClient {
        subject: "ann",
        client_id: "app",
    };
    store.delete_grants(&selector).await.unwrap();
    assert_eq!(alive().await, [3, 4]);
    assert_eq!(recalled(&store, 101, 0).await, None);
    store
        .delete_grants(&GrantSelector::OfSubject("ann"))
        .await
        .unwrap();
    assert_eq!(alive().await, [4]);
    store
        .delete_grants(&GrantSelector::OfSubject("an"))
        .await
        .unwrap();
    assert_eq!(alive().await, [4]);
}
