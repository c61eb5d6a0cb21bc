//! Rules of how grants end, and of what ends with them.

use tessera_protocol::grant::record::GrantRecord;
use tessera_protocol::time::Timestamp;

use super::people::{
    SERVER_EPOCH, code, covered, found, give, grant, is_live, person, recalled, redeem, refresh,
    remake_app, remembered, rotate, with_app, with_refresh,
};
use super::samples::{at, client};
use super::{Fresh, cases};
use crate::{GrantSelector, RedeemedCode, RotatedRefresh, SealedGrant, TokenAnchor};

cases![
    a_persons_token_lives_until_something_above_it_dies,
    epochs_of_a_persons_token_are_compared,
    a_used_refresh_token_ends_the_access_token_beside_it,
    a_remade_client_inherits_nothing,
    a_revoked_grant_issues_nothing_and_is_still_remembered,
    a_deleted_grant_takes_all_with_it,
    grants_are_deleted_by_person_and_client,
    grants_are_deleted_in_steps,
    a_kept_grant_stands_on_its_client_alone,
    what_is_sealed_is_listed_by_id,
    what_is_sealed_is_replaced_unless_it_changed,
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
        .delete_grants(&GrantSelector::One([2; 16]), None, 9)
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
        store.delete_grants(&selector, None, 9).await.unwrap();
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
    store.delete_grants(&selector, None, 9).await.unwrap();
    assert_eq!(alive().await, [3, 4]);
    assert_eq!(recalled(&store, 101, 0).await, None);
    store
        .delete_grants(&GrantSelector::OfSubject("ann"), None, 9)
        .await
        .unwrap();
    assert_eq!(alive().await, [4]);
    store
        .delete_grants(&GrantSelector::OfSubject("an"), None, 9)
        .await
        .unwrap();
    assert_eq!(alive().await, [4]);
}

async fn grants_are_deleted_in_steps(store: Fresh) {
    with_app(&store).await;
    // Two of them came at the same time.
    for (number, second) in [(5, 1), (4, 2), (3, 2), (2, 3), (1, 4)] {
        let given = GrantRecord {
            requested_at: at(second),
            ..remembered(number, Timestamp::MAX)
        };
        give(&store, &given, None).await;
    }
    let alive = async || {
        let mut alive = Vec::new();
        for number in 1..=5 {
            if found(&store, number).await.is_some() {
                alive.push(number);
            }
        }
        alive
    };
    let of_ann = GrantSelector::OfSubject("ann");
    let delete = async |after, limit| store.delete_grants(&of_ann, after, limit).await.unwrap();
    assert_eq!(delete(None, 0).await, None);
    assert_eq!(alive().await, [1, 2, 3, 4, 5]);
    assert_eq!(delete(None, 2).await, Some((at(2), [3; 16])));
    assert_eq!(alive().await, [1, 2, 4], "oldest first, ties by id");
    assert_eq!(delete(Some((at(3), [2; 16])), 9).await, None);
    assert_eq!(alive().await, [2, 4], "only what comes after");
    assert_eq!(
        recalled(&store, 101, 0).await,
        None,
        "what the newest remembered"
    );
    assert_eq!(
        delete(Some((at(2), [3; 16])), 2).await,
        Some((at(3), [2; 16]))
    );
    assert_eq!(delete(Some((at(3), [2; 16])), 2).await, None);
    assert_eq!(alive().await, [0; 0]);
}

/// A machine's: without a person, a session or a flow.
async fn a_kept_grant_stands_on_its_client_alone(store: Fresh) {
    with_app(&store).await;
    let kept = GrantRecord {
        subject: String::new(),
        was_asked: false,
        session: vec![1, 2],
        context: vec![3],
        ..grant(1)
    };
    store.keep_grant(&kept, at(0)).await.unwrap();
    let other = GrantRecord {
        session: vec![9],
        ..kept.clone()
    };
    store.keep_grant(&other, at(0)).await.unwrap();
    assert_eq!(found(&store, 1).await, Some(kept), "the first one stays");
    let homeless = GrantRecord {
        client_id: "gone".to_owned(),
        ..grant(2)
    };
    store.keep_grant(&homeless, at(0)).await.unwrap();
    assert_eq!(found(&store, 2).await, None);
    store.delete_expired(at(3_600), 9).await.unwrap();
    assert!(is_live(&store, &person(1, None)).await);
    remake_app(&store).await;
    assert!(!is_live(&store, &person(1, None)).await);
    store.keep_grant(&grant(3), at(0)).await.unwrap();
    store.delete_expired(at(3_601), 9).await.unwrap();
    assert_eq!(found(&store, 3).await, None, "it ends with its token");
}

fn sealed(number: u8, session: &[u8], context: &[u8]) -> SealedGrant {
    SealedGrant {
        grant_id: [number; 16],
        login_challenge: format!("challenge{number}"),
        session: session.to_vec(),
        context: context.to_vec(),
    }
}

async fn keep_sealed(store: &Fresh, number: u8, session: &[u8], context: &[u8]) -> SealedGrant {
    let mut kept = GrantRecord {
        session: session.to_vec(),
        context: context.to_vec(),
        ..grant(number)
    };
    kept.content.login_challenge = format!("challenge{number}");
    store.keep_grant(&kept, at(0)).await.unwrap();
    sealed(number, session, context)
}

async fn what_is_sealed_is_listed_by_id(store: Fresh) {
    with_app(&store).await;
    let third = keep_sealed(&store, 3, &[1, 3], &[]).await;
    let first = keep_sealed(&store, 1, &[1, 1], &[1, 2]).await;
    let second = keep_sealed(&store, 2, &[], &[]).await;
    let page = async |after: Option<u8>, limit| {
        let after = after.map(|number| [number; 16]);
        store.sealed_grants(after, limit).await.unwrap()
    };
    assert_eq!(page(None, 0).await, []);
    assert_eq!(page(None, 2).await, [first.clone(), second.clone()]);
    assert_eq!(page(Some(2), 2).await, std::slice::from_ref(&third));
    assert_eq!(page(Some(3), 2).await, []);
    assert_eq!(page(None, 9).await, [first, second, third]);
}

async fn what_is_sealed_is_replaced_unless_it_changed(store: Fresh) {
    with_app(&store).await;
    let before = keep_sealed(&store, 1, &[1], &[2]).await;
    let renewed = sealed(1, &[3], &[4]);
    let reseal = async |renewed: &SealedGrant, expected: &SealedGrant| {
        store.reseal_grant(renewed, expected).await.unwrap()
    };
    let (other_session, other_context) = (sealed(1, &[9], &[2]), sealed(1, &[1], &[9]));
    for changed in [other_session, other_context] {
        assert!(!reseal(&renewed, &changed).await);
        assert_eq!(
            store.sealed_grants(None, 9).await.unwrap(),
            std::slice::from_ref(&before)
        );
    }
    for _ in 0..2 {
        assert!(reseal(&renewed, &before).await, "a repeat finds itself");
        assert_eq!(
            store.sealed_grants(None, 9).await.unwrap(),
            std::slice::from_ref(&renewed)
        );
    }
    let unknown = sealed(7, &[1], &[2]);
    assert!(!reseal(&unknown, &unknown).await);
}
