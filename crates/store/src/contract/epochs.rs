//! Rules of the server's epoch and of what people granted.

use tessera_protocol::grant::record::GrantRecord;

use super::people::{
    SERVER_EPOCH, code, covered, give, grant, person, recalled, redeem, refresh, remembered,
    rotate, with_app, with_refresh,
};
use super::samples::at;
use super::{Fresh, cases};
use crate::{
    GrantList, LOOK_AGAIN, Liveness, RedeemCode, RedeemedCode, RotatedRefresh, TokenAnchor,
};

cases![
    a_new_server_epoch_ends_codes,
    a_new_server_epoch_ends_refresh_tokens,
    a_grant_of_the_new_epoch_works,
    a_new_server_epoch_leaves_lists_and_consents,
    a_grant_of_an_old_epoch_goes_when_it_is_looked_at,
];

const NEXT_EPOCH: u64 = u64::MAX - 1;

async fn a_new_server_epoch_ends_codes(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), Some(&code(1, [1; 16]))).await;
    store.renew_server_epoch(NEXT_EPOCH).await.unwrap();
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!((stored.used_by, stored.is_live), (None, false));
    assert_eq!(stored.grant, grant(1));
    let issued = refresh(1, [1; 16]);
    let redeem = RedeemCode {
        refresh: Some(&issued),
        ..redeem(1, 1)
    };
    let outcome = store.redeem_code(&redeem).await.unwrap();
    assert_eq!(outcome, RedeemedCode::Gone);
    assert_eq!(store.find_refresh([1; 16]).await.unwrap(), None);
}

async fn a_new_server_epoch_ends_refresh_tokens(store: Fresh) {
    with_refresh(&store).await;
    store.renew_server_epoch(NEXT_EPOCH).await.unwrap();
    let found = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!((found.used_times, found.is_live), (0, false));
    let next = refresh(2, [1; 16]);
    let outcome = store.rotate_refresh(&rotate(1, 1, &next)).await.unwrap();
    assert_eq!(outcome, RotatedRefresh::Gone);
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
}

async fn a_grant_of_the_new_epoch_works(store: Fresh) {
    with_app(&store).await;
    store.renew_server_epoch(NEXT_EPOCH).await.unwrap();
    let given = GrantRecord {
        server_epoch: NEXT_EPOCH,
        ..grant(1)
    };
    give(&store, &given, Some(&code(1, [1; 16]))).await;
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!((stored.grant, stored.is_live), (given.clone(), true));
    let (first, next) = (refresh(1, [1; 16]), refresh(2, [1; 16]));
    let redeem = RedeemCode {
        refresh: Some(&first),
        ..redeem(1, 1)
    };
    let outcome = store.redeem_code(&redeem).await.unwrap();
    assert_eq!(outcome, RedeemedCode::Done);
    let outcome = store.rotate_refresh(&rotate(1, 1, &next)).await.unwrap();
    assert_eq!(outcome, RotatedRefresh::Done);
    let found = store.find_refresh([2; 16]).await.unwrap().unwrap();
    assert!(found.is_live);
    let live = async |server_epoch| {
        let anchor = TokenAnchor::Person {
            grant_id: [1; 16],
            refresh_id: Some([2; 16]),
            client_epoch: 7,
            server_epoch,
        };
        store.check_live(&anchor).await.unwrap()
    };
    let expected = Liveness::Live(Some(Box::new(given)));
    assert_eq!(live(NEXT_EPOCH).await, expected);
    assert_eq!(live(SERVER_EPOCH).await, Liveness::Revoked);
}

/// Everything that `ann` is listed with.
async fn listed(store: &Fresh) -> Vec<GrantRecord> {
    let list = GrantList {
        subject: "ann",
        sid: None,
        includes_lapsed: true,
        newest_first: false,
        after: None,
        offset: 0,
        limit: 9,
        now: at(0),
    };
    store.list_grants(&list).await.unwrap()
}

async fn a_new_server_epoch_leaves_lists_and_consents(store: Fresh) {
    with_app(&store).await;
    let given = remembered(1, at(4_000));
    give(&store, &given, None).await;
    store.renew_server_epoch(NEXT_EPOCH).await.unwrap();
    assert_eq!(listed(&store).await, std::slice::from_ref(&given));
    assert_eq!(recalled(&store, 2, 0).await, covered(1));
    store.delete_expired(at(4_000), 100).await.unwrap();
    assert_eq!(listed(&store).await, [given]);
    assert_eq!(recalled(&store, 3, 4_000).await, covered(1));
    let live = store.check_live(&person(1, None)).await.unwrap();
    assert_eq!(live, Liveness::Revoked);
}

async fn a_grant_of_an_old_epoch_goes_when_it_is_looked_at(store: Fresh) {
    with_app(&store).await;
    let endless = |number| GrantRecord {
        tokens_until: tessera_protocol::time::Timestamp::MAX,
        ..grant(number)
    };
    give(&store, &endless(1), None).await;
    store.renew_server_epoch(NEXT_EPOCH).await.unwrap();
    let newer = GrantRecord {
        server_epoch: NEXT_EPOCH,
        ..endless(2)
    };
    give(&store, &newer, None).await;
    let later = at(1).plus(LOOK_AGAIN);
    store.delete_expired(later, 100).await.unwrap();
    assert_eq!(listed(&store).await, [newer]);
}
