//! Rules of refresh tokens.

use std::sync::Arc;
use std::time::Duration;

use tessera_protocol::grant::record::RefreshRecord;
use tessera_protocol::time::Timestamp;

use super::people::{code, give, grant, is_live, person, redeem, refresh, rotate, with_refresh};
use super::samples::at;
use super::{Fresh, at_once, cases};
use crate::{LOOK_AGAIN, RedeemCode, RotateRefresh, RotatedRefresh};

cases![
    an_unknown_refresh_token_is_gone,
    a_rotation_leaves_the_next_token,
    a_rotation_keeps_what_it_does_not_replace,
    a_strict_reuse_revokes_the_family,
    a_strict_reuse_before_its_first_use_is_a_reuse,
    a_token_may_be_used_again_within_its_grace,
    a_token_may_be_used_so_often_only,
    a_repeated_rotation_is_done,
    a_repeated_rotation_counts_once_also_after_another,
    many_rotations_within_the_grace_all_live,
    a_revoked_family_gets_no_live_token,
    a_refresh_token_belongs_to_its_grant,
    a_used_token_is_kept_for_so_long,
];

fn in_grace(number: u8, attempt: u64, next: &RefreshRecord) -> RotateRefresh<'_> {
    RotateRefresh {
        grace: Duration::from_secs(60),
        ..rotate(number, attempt, next)
    }
}

async fn outcome(store: &Fresh, rotate: &RotateRefresh<'_>) -> RotatedRefresh {
    store.rotate_refresh(rotate).await.unwrap()
}

async fn is_usable(store: &Fresh, number: u8) -> bool {
    let found = store.find_refresh([number; 16]).await.unwrap();
    found.is_some_and(|found| found.is_live && found.first_used_at.is_none())
}

async fn an_unknown_refresh_token_is_gone(store: Fresh) {
    with_refresh(&store).await;
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
    let next = refresh(3, [1; 16]);
    assert_eq!(
        outcome(&store, &rotate(2, 1, &next)).await,
        RotatedRefresh::Gone
    );
    assert_eq!(store.find_refresh([3; 16]).await.unwrap(), None);
    assert!(is_live(&store, &person(1, Some(1))).await);
}

async fn a_rotation_leaves_the_next_token(store: Fresh) {
    with_refresh(&store).await;
    let next = refresh(2, [1; 16]);
    let rotate = RotateRefresh {
        session: Some(&[1, 0]),
        tokens_until: at(9_000),
        ..rotate(1, 1, &next)
    };
    assert_eq!(outcome(&store, &rotate).await, RotatedRefresh::Done);
    let used = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!(used.refresh, refresh(1, [1; 16]));
    assert_eq!((used.first_used_at, used.used_times), (Some(at(20)), 1));
    assert!(used.is_live);
    let found = store.find_refresh([2; 16]).await.unwrap().unwrap();
    assert_eq!(found.refresh, next);
    assert_eq!((found.first_used_at, found.used_times), (None, 0));
    assert_eq!(found.grant.session, [1, 0]);
    assert_eq!(found.grant.tokens_until, at(9_000));
}

async fn a_rotation_keeps_what_it_does_not_replace(store: Fresh) {
    with_refresh(&store).await;
    for (number, session) in [(1, Some(&[7_u8][..])), (2, None)] {
        let next = refresh(number + 1, [1; 16]);
        let rotate = RotateRefresh {
            session,
            tokens_until: at(30),
            ..rotate(number, 1, &next)
        };
        assert_eq!(outcome(&store, &rotate).await, RotatedRefresh::Done);
    }
    let found = store.find_refresh([3; 16]).await.unwrap().unwrap();
    assert_eq!(found.grant.session, [7]);
    assert_eq!(found.grant.tokens_until, at(3_600));
}

async fn a_strict_reuse_revokes_the_family(store: Fresh) {
    with_refresh(&store).await;
    let (second, third) = (refresh(2, [1; 16]), refresh(3, [1; 16]));
    outcome(&store, &rotate(1, 1, &second)).await;
    for attempt in [2, 3] {
        let reused = outcome(&store, &rotate(1, attempt, &third)).await;
        assert_eq!(reused, RotatedRefresh::Reused);
    }
    assert!(!is_usable(&store, 2).await);
    assert_eq!(store.find_refresh([3; 16]).await.unwrap(), None);
    assert!(!is_live(&store, &person(1, Some(2))).await);
    let gone = outcome(&store, &rotate(2, 4, &third)).await;
    assert_eq!(gone, RotatedRefresh::Gone);
}

/// The clocks of two nodes differ.
async fn a_strict_reuse_before_its_first_use_is_a_reuse(store: Fresh) {
    with_refresh(&store).await;
    let (second, third) = (refresh(2, [1; 16]), refresh(3, [1; 16]));
    outcome(&store, &rotate(1, 1, &second)).await;
    let earlier = RotateRefresh {
        now: at(19),
        ..rotate(1, 2, &third)
    };
    assert_eq!(outcome(&store, &earlier).await, RotatedRefresh::Reused);
}

async fn a_token_may_be_used_again_within_its_grace(store: Fresh) {
    with_refresh(&store).await;
    for (number, now, expected) in [
        (2, 20, RotatedRefresh::Done),
        (3, 79, RotatedRefresh::Done),
        (4, 80, RotatedRefresh::Reused),
    ] {
        let next = refresh(number, [1; 16]);
        let rotate = RotateRefresh {
            now: at(now),
            ..in_grace(1, u64::from(number), &next)
        };
        assert_eq!(outcome(&store, &rotate).await, expected, "{now}");
        let used = store.find_refresh([1; 16]).await.unwrap().unwrap();
        assert_eq!(used.first_used_at, Some(at(20)));
        assert_eq!(used.used_times, u32::from(number.min(3)) - 1);
        assert_eq!(is_usable(&store, 2).await, number < 4);
        assert_eq!(is_usable(&store, number).await, number < 4);
    }
}

async fn a_token_may_be_used_so_often_only(store: Fresh) {
    with_refresh(&store).await;
    for (number, expected) in [
        (2, RotatedRefresh::Done),
        (3, RotatedRefresh::Done),
        (4, RotatedRefresh::Reused),
    ] {
        let next = refresh(number, [1; 16]);
        let rotate = RotateRefresh {
            uses_max: 2,
            ..in_grace(1, u64::from(number), &next)
        };
        assert_eq!(outcome(&store, &rotate).await, expected, "{number}");
    }
    assert!(!is_usable(&store, 3).await);
}

async fn a_repeated_rotation_is_done(store: Fresh) {
    with_refresh(&store).await;
    let next = refresh(2, [1; 16]);
    for _ in 0..3 {
        let done = outcome(&store, &rotate(1, u64::MAX, &next)).await;
        assert_eq!(done, RotatedRefresh::Done);
    }
    let used = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!(used.used_times, 1);
    assert!(is_usable(&store, 2).await);
    store.revoke_grant([1; 16]).await.unwrap();
    let done = outcome(&store, &rotate(1, u64::MAX, &next)).await;
    assert_eq!(done, RotatedRefresh::Done);
    assert!(!is_usable(&store, 2).await, "nothing is revived");
}

/// Attempt 1 is repeated after attempt 2 has used the token too.
async fn a_repeated_rotation_counts_once_also_after_another(store: Fresh) {
    with_refresh(&store).await;
    let (second, third, fourth) = (
        refresh(2, [1; 16]),
        refresh(3, [1; 16]),
        refresh(4, [1; 16]),
    );
    let use_of = |attempt, next, session| RotateRefresh {
        session,
        uses_max: 3,
        ..in_grace(1, attempt, next)
    };
    let first = use_of(1, &second, Some(&[1][..]));
    let other = use_of(2, &third, Some(&[2][..]));
    for rotation in [&first, &other, &first, &first, &other] {
        assert_eq!(outcome(&store, rotation).await, RotatedRefresh::Done);
    }
    let used = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!(used.used_times, 2, "a repeat is no use");
    assert_eq!(used.grant.session, [2], "a repeat replaces nothing");
    let last = use_of(3, &fourth, None);
    assert_eq!(outcome(&store, &last).await, RotatedRefresh::Done);
    for number in 2..5 {
        assert!(is_usable(&store, number).await, "{number}");
    }
}

async fn many_rotations_within_the_grace_all_live(store: Fresh) {
    with_refresh(&store).await;
    let outcomes = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let next = refresh(100 + u8::try_from(number).unwrap(), [1; 16]);
            let rotation = in_grace(1, number, &next);
            store.rotate_refresh(&rotation).await.unwrap()
        }
    })
    .await;
    assert_eq!(outcomes, [RotatedRefresh::Done; 16]);
    for number in 100..116 {
        assert!(is_usable(&store, number).await, "{number}");
        assert!(is_live(&store, &person(1, Some(number))).await, "{number}");
    }
    let used = store.find_refresh([1; 16]).await.unwrap().unwrap();
    assert_eq!(used.used_times, 16);
    let late = refresh(200, [1; 16]);
    let late = RotateRefresh {
        now: at(500),
        ..in_grace(1, 99, &late)
    };
    assert_eq!(outcome(&store, &late).await, RotatedRefresh::Reused);
    for number in 100..116 {
        assert!(!is_usable(&store, number).await, "{number}");
    }
}

async fn a_revoked_family_gets_no_live_token(store: Fresh) {
    with_refresh(&store).await;
    for round in 0..10_u8 {
        let number = round * 10 + 50;
        give(&store, &grant(number), Some(&code(number, [number; 16]))).await;
        let first = refresh(number, [number; 16]);
        let redeem = RedeemCode {
            refresh: Some(&first),
            ..redeem(number, 1)
        };
        store.redeem_code(&redeem).await.unwrap();
        let outcomes = at_once(4, |task| {
            let store = Arc::clone(&store);
            async move {
                if task == 0 {
                    store.revoke_grant([number; 16]).await.unwrap();
                    return RotatedRefresh::Gone;
                }
                let next = refresh(number + u8::try_from(task).unwrap(), [number; 16]);
                let rotate = RotateRefresh {
                    grant_id: [number; 16],
                    ..in_grace(number, task, &next)
                };
                store.rotate_refresh(&rotate).await.unwrap()
            }
        })
        .await;
        assert!(!outcomes.contains(&RotatedRefresh::Reused), "{outcomes:?}");
        for task in 0..4 {
            assert!(!is_usable(&store, number + task).await, "{outcomes:?}");
        }
        assert!(!is_live(&store, &person(number, None)).await);
    }
}

async fn a_refresh_token_belongs_to_its_grant(store: Fresh) {
    with_refresh(&store).await;
    give(&store, &grant(2), None).await;
    let next = refresh(2, [2; 16]);
    let other = RotateRefresh {
        grant_id: [2; 16],
        ..rotate(1, 1, &next)
    };
    assert_eq!(outcome(&store, &other).await, RotatedRefresh::Gone);
    assert!(is_usable(&store, 1).await);
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
}

async fn a_used_token_is_kept_for_so_long(store: Fresh) {
    with_refresh(&store).await;
    let second = refresh(2, [1; 16]);
    let rotation = RotateRefresh {
        kept_until: at(100),
        tokens_until: at(1_000_000),
        ..rotate(1, 1, &second)
    };
    outcome(&store, &rotation).await;
    store.delete_expired(at(100), 100).await.unwrap();
    assert!(store.find_refresh([1; 16]).await.unwrap().is_some());
    store.delete_expired(at(101), 100).await.unwrap();
    assert_eq!(store.find_refresh([1; 16]).await.unwrap(), None);
    assert!(!is_live(&store, &person(1, Some(1))).await, "it stays dead");

    let endless = RefreshRecord {
        expires_at: Timestamp::MAX,
        ..refresh(3, [1; 16])
    };
    let rotation = RotateRefresh {
        kept_until: at(100_000),
        tokens_until: Timestamp::MAX,
        ..rotate(2, 2, &endless)
    };
    outcome(&store, &rotation).await;
    store.delete_expired(at(100_000), 100).await.unwrap();
    assert!(
        store.find_refresh([2; 16]).await.unwrap().is_some(),
        "also beyond its own expiry"
    );
    store.delete_expired(at(100_001), 100).await.unwrap();
    assert_eq!(store.find_refresh([2; 16]).await.unwrap(), None);
    let later = at(0).plus(LOOK_AGAIN * 5);
    store.delete_expired(later, 100).await.unwrap();
    let found = store.find_refresh([3; 16]).await.unwrap().unwrap();
    assert_eq!((found.refresh, found.is_live), (endless, true));
}
