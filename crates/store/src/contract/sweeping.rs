//! Rules of the clean-up of what people leave behind.

use tessera_protocol::grant::record::{GrantRecord, LoginSession, RefreshRecord};
use tessera_protocol::time::Timestamp;

use super::people::{
    code, end, give, grant, is_live, listed, log_in, login_session, pending, person, redeem,
    refresh, remembered, rotate, with_app, with_refresh,
};
use super::samples::at;
use super::{Fresh, cases};
use crate::{GrantList, GrantSelector, LOOK_AGAIN, RedeemCode, RotateRefresh, RotatedRefresh};

cases![
    sessions_and_pending_rows_go_when_they_ended,
    a_grant_goes_when_it_ended,
    grants_go_in_bounded_numbers,
    dead_grants_behind_many_live_ones_go,
    dead_refresh_tokens_behind_many_live_ones_go,
    endless_grants_and_tokens_stay,
    what_a_deleted_client_left_goes_in_the_end,
    what_a_deleted_grant_left_goes_in_the_end,
    a_revoked_grant_goes_when_it_is_looked_at,
    a_rotation_keeps_its_grant,
    a_grant_is_kept_while_its_session_goes_on,
    an_access_token_may_outlive_its_refresh_token,
];

/// An instant after so many looks, and a little.
fn after_looks(looks: u32) -> Timestamp {
    at(100_000).plus(LOOK_AGAIN * looks)
}

async fn sessions_and_pending_rows_go_when_they_ended(store: Fresh) {
    with_app(&store).await;
    log_in(&store, &login_session(1, "ann")).await;
    store.keep_pending(&pending(1)).await.unwrap();
    store.delete_expired(at(600), 100).await.unwrap();
    assert!(store.find_pending([1; 16]).await.unwrap().is_some());
    store.delete_expired(at(601), 100).await.unwrap();
    assert_eq!(store.find_pending([1; 16]).await.unwrap(), None);
    store.delete_expired(at(1_000), 100).await.unwrap();
    assert!(store.find_login_session([1; 16]).await.unwrap().is_some());
    store.delete_expired(at(1_001), 100).await.unwrap();
    assert_eq!(store.find_login_session([1; 16]).await.unwrap(), None);
}

async fn a_grant_goes_when_it_ended(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), None).await;
    give(&store, &remembered(2, at(4_000)), None).await;
    give(&store, &remembered(3, at(100)), None).await;
    for (now, alive) in [
        (3_600, &[1, 2, 3][..]),
        (3_601, &[2]),
        (4_000, &[2]),
        (4_001, &[]),
    ] {
        store.delete_expired(at(now), 100).await.unwrap();
        for number in 1..=3 {
            let is_alive = is_live(&store, &person(number, None)).await;
            assert_eq!(is_alive, alive.contains(&number), "{number} at {now}");
        }
    }
}

async fn grants_go_in_bounded_numbers(store: Fresh) {
    with_app(&store).await;
    for number in 1..=5 {
        give(&store, &grant(number), Some(&code(number, [number; 16]))).await;
    }
    let deleted = async |limit| {
        store
            .delete_expired(at(3_601), limit)
            .await
            .unwrap()
            .deleted
    };
    // Five spent legs, five codes and five grants.
    assert_eq!(deleted(0).await, 0);
    assert_eq!(deleted(7).await, 7);
    assert_eq!(deleted(7).await, 7);
    assert_eq!(deleted(7).await, 1);
    assert_eq!(deleted(7).await, 0);
}

/// More than a step looks at.
const MANY: u16 = 1_200;
/// Dead ones that are due after those.
const DEAD: u16 = 5;

/// An id for each of more numbers than a byte has.
fn id_of(number: u16) -> [u8; 16] {
    let mut id = [0xee; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    id
}

/// Takes steps until there is no more to do, and says how much went.
async fn sweep(store: &Fresh, now: Timestamp) -> u64 {
    let (mut deleted, mut steps, mut has_more) = (0, 0, true);
    while has_more {
        let swept = store.delete_expired(now, 100).await.unwrap();
        assert!(swept.deleted <= 100, "{swept:?}");
        deleted += swept.deleted;
        has_more = swept.has_more;
        steps += 1;
        assert!(steps < 100, "there is always more");
    }
    deleted
}

/// `ann`'s are alive and due for a look; `bob`'s, revoked, come after them.
async fn dead_grants_behind_many_live_ones_go(store: Fresh) {
    with_app(&store).await;
    for number in 0..MANY + DEAD {
        let (subject, kept_at) = match number < MANY {
            true => ("ann", at(0)),
            false => ("bob", at(1)),
        };
        let endless = GrantRecord {
            grant_id: id_of(number),
            subject: subject.to_owned(),
            tokens_until: Timestamp::MAX,
            ..grant(1)
        };
        store.keep_grant(&endless, kept_at).await.unwrap();
        if subject == "bob" {
            store.revoke_grant(endless.grant_id).await.unwrap();
        }
    }
    let count = async |subject| store.count_grants(&all_of(subject)).await.unwrap();
    assert_eq!((count("ann").await, count("bob").await), (1_200, 5));
    assert_eq!(sweep(&store, at(2).plus(LOOK_AGAIN)).await, 5);
    assert_eq!((count("ann").await, count("bob").await), (1_200, 0));
}

/// Those of grant 1 are alive and due for a look; those of grant 2, which is revoked, come after them.
async fn dead_refresh_tokens_behind_many_live_ones_go(store: Fresh) {
    with_app(&store).await;
    for (number, tokens, issued_at) in [(1, 0..MANY, at(10)), (2, MANY..MANY + DEAD, at(11))] {
        give(&store, &grant(number), Some(&code(number, [number; 16]))).await;
        let endless = |refresh_id| RefreshRecord {
            refresh_id,
            issued_at,
            expires_at: Timestamp::MAX,
            ..refresh(number, [number; 16])
        };
        let first = endless([number; 16]);
        let redeem = RedeemCode {
            refresh: Some(&first),
            tokens_until: Timestamp::MAX,
            ..redeem(number, 1)
        };
        store.redeem_code(&redeem).await.unwrap();
        for token in tokens {
            let next = endless(id_of(token));
            let rotation = RotateRefresh {
                grant_id: [number; 16],
                grace: std::time::Duration::from_secs(60),
                kept_until: Timestamp::MAX,
                tokens_until: Timestamp::MAX,
                ..rotate(number, token.into(), &next)
            };
            let rotated = store.rotate_refresh(&rotation).await.unwrap();
            assert_eq!(rotated, RotatedRefresh::Done);
        }
    }
    // What else has ended, the change log included, goes before.
    sweep(&store, at(9).plus(LOOK_AGAIN)).await;
    store.revoke_grant([2; 16]).await.unwrap();
    let gone = sweep(&store, at(12).plus(LOOK_AGAIN)).await;
    assert!(gone >= DEAD.into(), "{gone}");
    let is_there = async |id| store.find_refresh(id).await.unwrap().is_some();
    for token in 0..MANY + DEAD {
        assert_eq!(is_there(id_of(token)).await, token < MANY, "{token}");
    }
    assert!(!is_there([2; 16]).await);
}

/// Grant 1 with refresh token 1, both without an end, and grant 2 remembered for ever.
async fn with_endless(store: &Fresh) {
    with_app(store).await;
    give(store, &grant(1), Some(&code(1, [1; 16]))).await;
    let endless = RefreshRecord {
        expires_at: Timestamp::MAX,
        ..refresh(1, [1; 16])
    };
    let redeem = RedeemCode {
        refresh: Some(&endless),
        tokens_until: Timestamp::MAX,
        ..redeem(1, 1)
    };
    store.redeem_code(&redeem).await.unwrap();
    give(store, &remembered(2, Timestamp::MAX), None).await;
}

async fn endless_grants_and_tokens_stay(store: Fresh) {
    with_endless(&store).await;
    for looks in 0..5 {
        store.delete_expired(after_looks(looks), 100).await.unwrap();
        assert!(is_live(&store, &person(1, Some(1))).await);
        assert!(is_live(&store, &person(2, None)).await);
    }
    let last = after_looks(4);
    assert_eq!(store.delete_expired(last, 100).await.unwrap().deleted, 0);
}

async fn what_a_deleted_client_left_goes_in_the_end(store: Fresh) {
    with_endless(&store).await;
    store.delete_expired(after_looks(0), 100).await.unwrap();
    store.delete_client("app").await.unwrap();
    let deleted = store
        .delete_expired(after_looks(3), 100)
        .await
        .unwrap()
        .deleted;
    assert_eq!(
        deleted, 4,
        "two grants, a refresh token and what the change log has for long"
    );
    let deleted = store
        .delete_expired(after_looks(9), 100)
        .await
        .unwrap()
        .deleted;
    assert_eq!(deleted, 1, "the deletion in the change log");
}

async fn what_a_deleted_grant_left_goes_in_the_end(store: Fresh) {
    with_endless(&store).await;
    store.delete_expired(after_looks(0), 100).await.unwrap();
    let selector = GrantSelector::OfSubject("ann");
    store.delete_grants(&selector, None, 9).await.unwrap();
    let deleted = store
        .delete_expired(after_looks(3), 1)
        .await
        .unwrap()
        .deleted;
    assert_eq!(deleted, 1, "a refresh token");
    assert_eq!(store.find_refresh([1; 16]).await.unwrap(), None);
}

/// The first nine of a person.
const fn all_of(subject: &str) -> GrantList<'_> {
    GrantList {
        subject,
        sid: None,
        includes_lapsed: true,
        newest_first: false,
        after: None,
        offset: 0,
        limit: 9,
        now: at(0),
    }
}

async fn a_revoked_grant_goes_when_it_is_looked_at(store: Fresh) {
    with_endless(&store).await;
    for number in [1, 2] {
        store.revoke_grant([number; 16]).await.unwrap();
    }
    store.delete_expired(after_looks(3), 100).await.unwrap();
    let left: Vec<GrantRecord> = store.list_grants(&all_of("ann")).await.unwrap();
    assert_eq!(
        left,
        [remembered(2, Timestamp::MAX)],
        "what is remembered stays"
    );
}

async fn a_rotation_keeps_its_grant(store: Fresh) {
    with_refresh(&store).await;
    let next = refresh(2, [1; 16]);
    let rotation = RotateRefresh {
        tokens_until: at(1_000_000),
        ..rotate(1, 1, &next)
    };
    store.rotate_refresh(&rotation).await.unwrap();
    store.delete_expired(at(3_601), 100).await.unwrap();
    assert!(is_live(&store, &person(1, Some(2))).await);
    store.delete_expired(at(1_000_001), 100).await.unwrap();
    assert!(!is_live(&store, &person(1, None)).await);
}

/// Refresh tokens 1 and 2 end at 900, the access tokens beside them at 3,600.
async fn an_access_token_may_outlive_its_refresh_token(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), Some(&code(1, [1; 16]))).await;
    let short = |number| RefreshRecord {
        expires_at: at(900),
        ..refresh(number, [1; 16])
    };
    let (first, next) = (short(1), short(2));
    let redeem = RedeemCode {
        refresh: Some(&first),
        ..redeem(1, 1)
    };
    store.redeem_code(&redeem).await.unwrap();
    store.delete_expired(at(901), 100).await.unwrap();
    assert!(is_live(&store, &person(1, Some(1))).await);
    let found = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!(found.refresh, first, "it ends when it did");
    let rotation = RotateRefresh {
        kept_until: at(900),
        ..rotate(1, 1, &next)
    };
    store.rotate_refresh(&rotation).await.unwrap();
    store.delete_expired(at(3_600), 100).await.unwrap();
    assert!(is_live(&store, &person(1, Some(2))).await);
    assert_eq!(store.find_refresh([1; 16]).await.unwrap(), None, "used");
    store.delete_expired(at(3_601), 100).await.unwrap();
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
}

/// Grant 1 belongs to a session that expires, grant 2 to one that is ended, grant 3 to one without an end.
async fn a_grant_is_kept_while_its_session_goes_on(store: Fresh) {
    with_app(&store).await;
    for (number, expires_at) in [(1, at(50_000)), (2, at(50_000)), (3, Timestamp::MAX)] {
        let session = LoginSession {
            expires_at,
            ..login_session(number, "ann")
        };
        log_in(&store, &session).await;
        let given = GrantRecord {
            sid: Some(session.sid),
            ..grant(number)
        };
        give(&store, &given, None).await;
    }
    store.revoke_grant([1; 16]).await.unwrap();
    let clients = async |number: u8| store.clients_of_session([number; 16], 9).await.unwrap();
    for now in [3_601, 10_000, 50_000] {
        store.delete_expired(at(now), 100).await.unwrap();
        for number in 1..=3 {
            assert_eq!(clients(number).await, ["app"], "{number} at {now}");
        }
        assert_eq!(store.delete_expired(at(now), 100).await.unwrap().deleted, 0);
    }
    assert!(end(&store, 2).await);
    store.delete_expired(at(50_001), 100).await.unwrap();
    for (number, expected) in [(1, &[][..]), (2, &["app"]), (3, &["app"])] {
        assert_eq!(
            clients(number).await,
            expected,
            "{number}: its end is announced"
        );
    }
    listed(&store, 2).await;
    store.delete_expired(at(50_100), 100).await.unwrap();
    for (number, expected) in [(1, &[][..]), (2, &[]), (3, &["app"])] {
        assert_eq!(clients(number).await, expected, "{number}");
    }
    let later = at(50_001).plus(LOOK_AGAIN * 2);
    store.delete_expired(later, 100).await.unwrap();
    assert_eq!(clients(3).await, ["app"]);
    assert!(end(&store, 3).await);
    listed(&store, 3).await;
    let later = at(50_001).plus(LOOK_AGAIN * 4);
    store.delete_expired(later, 100).await.unwrap();
    assert_eq!(clients(3).await, [""; 0]);
}
