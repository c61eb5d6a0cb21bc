//! The contract suite, generic over any store.
//!
//! A backend's test calls [`run`] with a function that makes a fresh, migrated, empty store; every case gets its own.
//! `MemoryStore` passes it too, and the model-based case compares the backend with it.

#![expect(
    clippy::unwrap_used,
    reason = "a suite of assertions, compiled for tests only"
)]

mod clients;
mod codes;
mod consents;
mod endings;
mod epochs;
mod flows;
mod grants;
mod keys;
mod lists;
mod logout;
mod model;
mod odd_texts;
mod people;
mod people_model;
mod races;
mod refresh;
mod remembering;
mod replay;
mod samples;
mod sweeping;
mod upkeep;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Store;

/// What a case is handed: a fresh store.
pub type Fresh = Arc<dyn Store>;

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One rule of the contract.
struct Case {
    name: &'static str,
    run: fn(Fresh) -> Running,
}

/// Lists async functions as cases, named as they are.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: stringify!($case),
            run: |store| Box::pin($case(store)),
        }),+];
    };
}
use cases;

/// Runs every case against a store of its own, and panics with the names of those that failed.
pub async fn run<F>(fresh: impl Fn() -> F)
where
    F: Future<Output = Fresh>,
{
    let all = [
        clients::CASES,
        grants::CASES,
        consents::CASES,
        remembering::CASES,
        codes::CASES,
        refresh::CASES,
        races::CASES,
        endings::CASES,
        epochs::CASES,
        lists::CASES,
        flows::CASES,
        logout::CASES,
        sweeping::CASES,
        keys::CASES,
        replay::CASES,
        upkeep::CASES,
        odd_texts::CASES,
        model::CASES,
        people_model::CASES,
    ];
    let mut failed = Vec::new();
    for case in all.into_iter().flatten() {
        let store = fresh().await;
        if tokio::spawn((case.run)(store)).await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(
        failed.is_empty(),
        "the store breaks these rules: {failed:#?}"
    );
}

/// Runs `count` tasks at once and collects what they answer.
async fn at_once<T, F>(count: u64, task: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(tokio::sync::Barrier::new(usize::try_from(count).unwrap()));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (barrier, work) = (Arc::clone(&barrier), task(number));
            tokio::spawn(async move {
                barrier.wait().await;
                work.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}
