//! Many rounds of the races for tokens: one code or one refresh token, many who use it.
//!
//! `TESSERA_RACE_ROUNDS` is the number of rounds of each case; without it there are [`ROUNDS`].

use std::sync::Arc;
use std::time::Duration;

use tessera_protocol::grant::record::RefreshRecord;

use super::people::{SERVER_EPOCH, code, finish, grant, leg, redeem, refresh, rotate, with_app};
use super::samples::at;
use super::{Fresh, at_once, cases};
use crate::{
    FinishConsent, FinishedConsent, Liveness, RedeemCode, RedeemedCode, RotateRefresh,
    RotatedRefresh, SingleUse, TokenAnchor,
};

cases![
    each_contested_code_has_one_winner,
    each_contested_refresh_token_has_one_winner,
    each_contested_refresh_token_within_its_grace_serves_all,
];

/// Rounds of each case.
const ROUNDS: u64 = 160;
/// Rounds side by side, so that the races of different grants share batches and connections.
const SIDE_BY_SIDE: u64 = 8;
/// Callers at the same moment, in each round.
const RACERS: u64 = 8;
/// Those of them who lose, where one wins.
const LOSERS: u64 = RACERS - 1;
/// The number of a round's code, of its first refresh token, and of its grant; racers count from 0.
const FIRST: u64 = 99;

/// The first rounds of the batches that are wanted.
fn batches() -> impl Iterator<Item = u64> {
    let rounds = std::env::var("TESSERA_RACE_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    assert!(rounds > 0, "TESSERA_RACE_ROUNDS is 0");
    (0..rounds).step_by(usize::try_from(SIDE_BY_SIDE).unwrap())
}

fn id(round: u64, number: u64) -> [u8; 16] {
    (u128::from(round) * 256 + u128::from(number)).to_be_bytes()
}

/// A refresh token of a round.
fn token(round: u64, number: u64) -> RefreshRecord {
    RefreshRecord {
        refresh_id: id(round, number),
        ..refresh(0, id(round, FIRST))
    }
}

/// Runs `act` for every racer of every round of a batch at once; what the racers of each round got.
async fn race<T, F>(start: u64, act: impl Fn(u64, u64) -> F) -> Vec<(u64, Vec<T>)>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let count = SIDE_BY_SIDE * RACERS;
    let all = at_once(count, |n| act(start + n % SIDE_BY_SIDE, n / SIDE_BY_SIDE)).await;
    let mut rounds: Vec<(u64, Vec<T>)> = (0..SIDE_BY_SIDE)
        .map(|round| (start + round, Vec::new()))
        .collect();
    for (answer, round) in all.into_iter().zip((0..rounds.len()).cycle()) {
        rounds.get_mut(round).unwrap().1.push(answer);
    }
    rounds
}

fn count<T>(outcomes: impl Iterator<Item = T>) -> u64 {
    u64::try_from(outcomes.count()).unwrap()
}

/// Leaves a code for every round of a batch.
async fn give_codes(store: &Fresh, start: u64) {
    at_once(SIDE_BY_SIDE, |n| {
        let (store, round) = (Arc::clone(store), start + n);
        async move {
            let mut grant = grant(1);
            grant.grant_id = id(round, FIRST);
            let mut code = code(1, grant.grant_id);
            code.code_id = id(round, FIRST);
            let mut claim = leg(SingleUse::ConsentLeg, 0, 1);
            claim.value_hash = [grant.grant_id; 2].concat().try_into().unwrap();
            let finish = FinishConsent {
                code: Some(&code),
                ..finish(&claim, &grant)
            };
            let outcome = store.finish_consent(&finish, at(0)).await.unwrap();
            assert!(
                matches!(outcome, FinishedConsent::Done { .. }),
                "{outcome:?}"
            );
        }
    })
    .await;
}

async fn redeem_as(store: &Fresh, round: u64, number: u64) -> RedeemedCode {
    let issued = token(round, number);
    let redeem = RedeemCode {
        code_id: id(round, FIRST),
        grant_id: id(round, FIRST),
        refresh: Some(&issued),
        ..redeem(0, number)
    };
    store.redeem_code(&redeem).await.unwrap()
}

/// Leaves a refresh token for every round of a batch.
async fn give_tokens(store: &Fresh, start: u64) {
    give_codes(store, start).await;
    at_once(SIDE_BY_SIDE, |n| {
        let store = Arc::clone(store);
        async move {
            let outcome = redeem_as(&store, start + n, FIRST).await;
            assert_eq!(outcome, RedeemedCode::Done);
        }
    })
    .await;
}

/// Every racer of every round of a batch uses the round's refresh token.
async fn race_refreshes(
    store: &Fresh,
    start: u64,
    grace: Duration,
) -> Vec<(u64, Vec<RotatedRefresh>)> {
    race(start, |round, number| {
        let store = Arc::clone(store);
        async move {
            let next = token(round, number);
            let rotate = RotateRefresh {
                refresh_id: id(round, FIRST),
                grant_id: id(round, FIRST),
                grace,
                ..rotate(0, number, &next)
            };
            store.rotate_refresh(&rotate).await.unwrap()
        }
    })
    .await
}

/// Whether an access token of a round lives that was issued beside this refresh token, or beside none.
async fn is_live(store: &Fresh, round: u64, beside: Option<u64>) -> bool {
    let anchor = TokenAnchor::Person {
        grant_id: id(round, FIRST),
        refresh_id: beside.map(|number| id(round, number)),
        client_epoch: 7,
        server_epoch: SERVER_EPOCH,
    };
    store.check_live(&anchor).await.unwrap() != Liveness::Revoked
}

/// How many refresh tokens of a round's racers were stored; neither they nor the grant may live.
async fn stored_and_dead(store: &Fresh, round: u64) -> usize {
    assert!(!is_live(store, round, None).await, "{round}");
    let mut stored = 0;
    for number in 0..RACERS {
        assert!(
            !is_live(store, round, Some(number)).await,
            "{round} {number}"
        );
        if let Some(found) = store.find_refresh(id(round, number)).await.unwrap() {
            assert!(!found.is_live, "{round} {number}");
            stored += 1;
        }
    }
    stored
}

async fn each_contested_code_has_one_winner(store: Fresh) {
    with_app(&store).await;
    for start in batches() {
        give_codes(&store, start).await;
        let rounds = race(start, |round, number| {
            let store = Arc::clone(&store);
            async move { redeem_as(&store, round, number).await }
        });
        for (round, outcomes) in rounds.await {
            let done = outcomes.iter().filter(|o| **o == RedeemedCode::Done);
            assert_eq!(done.count(), 1, "{round}: {outcomes:?}");
            let late = outcomes.iter().filter(|o| **o == RedeemedCode::AlreadyUsed);
            assert_eq!(count(late), LOSERS, "{round}: {outcomes:?}");
            assert_eq!(stored_and_dead(&store, round).await, 1, "{round}");
        }
    }
}

async fn each_contested_refresh_token_has_one_winner(store: Fresh) {
    with_app(&store).await;
    for start in batches() {
        give_tokens(&store, start).await;
        for (round, outcomes) in race_refreshes(&store, start, Duration::ZERO).await {
            let done = outcomes.iter().filter(|o| **o == RotatedRefresh::Done);
            assert_eq!(done.count(), 1, "{round}: {outcomes:?}");
            let reused = outcomes.iter().filter(|o| **o == RotatedRefresh::Reused);
            assert_eq!(count(reused), LOSERS, "{round}: {outcomes:?}");
            assert_eq!(stored_and_dead(&store, round).await, 1, "{round}");
        }
    }
}

async fn each_contested_refresh_token_within_its_grace_serves_all(store: Fresh) {
    with_app(&store).await;
    for start in batches() {
        give_tokens(&store, start).await;
        for (round, outcomes) in race_refreshes(&store, start, Duration::from_secs(60)).await {
            let done = outcomes.iter().filter(|o| **o == RotatedRefresh::Done);
            assert_eq!(count(done), RACERS, "{round}: {outcomes:?}");
            assert_eq!(count(outcomes.iter()), RACERS, "{round}: {outcomes:?}");
            for number in 0..RACERS {
                let beside = Some(number);
                assert!(is_live(&store, round, beside).await, "{round} {number}");
            }
            assert!(!is_live(&store, round, Some(FIRST)).await, "{round}");
            let used = store.find_refresh(id(round, FIRST)).await.unwrap().unwrap();
            assert_eq!(u64::from(used.used_times), RACERS, "{round}");
        }
    }
}
