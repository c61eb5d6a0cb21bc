//! Rules of liveness and revocation of a machine's tokens.

use std::sync::Arc;

use super::samples::{anchor, at, client, machine};
use super::{Fresh, at_once, cases};
use crate::{Liveness, ReplaceClient, TokenAnchor};

cases![
    a_token_lives_until_it_is_revoked,
    a_token_of_an_unknown_client_is_revoked,
    a_token_before_any_server_epoch_is_revoked,
    epochs_are_compared_whole,
    a_new_client_epoch_ends_its_tokens_alone,
    a_deleted_and_remade_client_revives_nothing,
    an_edit_does_not_revive_tokens,
    a_new_server_epoch_ends_every_token,
    a_repeated_revocation_changes_nothing,
    a_revocation_holds_from_its_answer_on,
];

async fn is_live(store: &Fresh, anchor: &TokenAnchor<'_>) -> bool {
    store.check_live(anchor).await.unwrap() == Liveness::Live(None)
}

async fn a_token_lives_until_it_is_revoked(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    assert!(is_live(&store, &anchor("a", 1, 5)).await);
    store.revoke_token([1; 16], at(60)).await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
    assert!(
        is_live(&store, &anchor("a", 2, 5)).await,
        "other tokens live on"
    );
}

async fn a_token_of_an_unknown_client_is_revoked(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
}

async fn a_token_before_any_server_epoch_is_revoked(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 0)).await);
}

async fn epochs_are_compared_whole(store: Fresh) {
    for (client_id, epoch) in [("max", u64::MAX), ("zero", 0), ("high", 1 << 63)] {
        let mut record = client(client_id, 1);
        record.token_epoch = epoch;
        store.create_client(&record).await.unwrap();
        store.renew_server_epoch(epoch).await.unwrap();
        let good = machine(client_id, epoch, epoch);
        assert!(is_live(&store, &good).await, "{epoch}");
        let other = machine(client_id, epoch ^ (1 << 63), epoch);
        assert!(!is_live(&store, &other).await, "{epoch}");
        let other = machine(client_id, epoch, epoch ^ 1);
        assert!(!is_live(&store, &other).await, "{epoch}");
    }
}

async fn a_new_client_epoch_ends_its_tokens_alone(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    store.create_client(&client("b", 1)).await.unwrap();
    store.renew_token_epoch("a", 8).await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
    assert!(is_live(&store, &anchor("b", 1, 5)).await);
    let newer = machine("a", 8, 5);
    assert!(is_live(&store, &newer).await);
    assert_eq!(
        store.find_client("a").await.unwrap().unwrap().token_epoch,
        8
    );
}

async fn a_deleted_and_remade_client_revives_nothing(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    store.delete_client("a").await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
    let mut remade = client("a", 2);
    remade.token_epoch = 8;
    store.create_client(&remade).await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
}

async fn an_edit_does_not_revive_tokens(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    store.renew_token_epoch("a", 8).await.unwrap();
    // The edit was read before the epoch was renewed.
    let outcome = store.replace_client(&client("a", 2), 1).await.unwrap();
    assert_eq!(outcome, ReplaceClient::Done);
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
}

async fn a_new_server_epoch_ends_every_token(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    store.renew_server_epoch(6).await.unwrap();
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
    assert!(is_live(&store, &anchor("a", 1, 6)).await);
}

async fn a_repeated_revocation_changes_nothing(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    store.revoke_token([1; 16], at(60)).await.unwrap();
    store.revoke_token([1; 16], at(0)).await.unwrap();
    store.delete_expired(at(30), 10).await.unwrap();
    assert!(
        !is_live(&store, &anchor("a", 1, 5)).await,
        "the first expiry stands"
    );
}

/// Readers race a revocation: none may see the token live after the revocation was answered.
async fn a_revocation_holds_from_its_answer_on(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    store.create_client(&client("a", 1)).await.unwrap();
    let is_answered = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let violations = at_once(8, |number| {
        let (store, is_answered) = (Arc::clone(&store), Arc::clone(&is_answered));
        async move {
            if number == 0 {
                store.revoke_token([1; 16], at(60)).await.unwrap();
                is_answered.store(true, std::sync::atomic::Ordering::SeqCst);
                return 0;
            }
            let mut violations = 0;
            for _ in 0..50 {
                let was_answered = is_answered.load(std::sync::atomic::Ordering::SeqCst);
                let live = is_live(&store, &anchor("a", 1, 5)).await;
                violations += u32::from(was_answered && live);
                tokio::task::yield_now().await;
            }
            violations
        }
    })
    .await;
    assert_eq!(violations.iter().sum::<u32>(), 0);
    assert!(!is_live(&store, &anchor("a", 1, 5)).await);
}
