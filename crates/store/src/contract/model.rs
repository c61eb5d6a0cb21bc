//! Random sequences of operations, compared answer by answer with the memory store.

use std::fmt::Debug;

use super::samples::{Seeded, at, claim, client, key};
use super::{Fresh, cases};
use crate::memory::MemoryStore;
use crate::{ClientFilter, Page, Store, TokenAnchor};

cases![random_operations_answer_as_the_model_does];

const SEEDS: u64 = 4;
const STEPS: u64 = 250;
const CLIENT_IDS: [&str; 5] = ["a", "A", "a ", "b/ü", "b"];

/// What one run knows beside the stores.
struct Run {
    seeded: Seeded,
    now: i64,
    position: u64,
}

async fn random_operations_answer_as_the_model_does(store: Fresh) {
    let model = MemoryStore::new();
    let position = store.changes_since(0).await.unwrap().position;
    let mut run = Run {
        seeded: Seeded::new(0),
        now: 0,
        position,
    };
    for seed in 0..SEEDS {
        run.seeded = Seeded::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for step in 0..STEPS {
            let choices = run.choose();
            let expected = operate(&model, &choices).await;
            let found = operate(store.as_ref(), &choices).await;
            assert_eq!(found, expected, "seed {seed}, step {step}: {choices:?}");
            run.position = store.changes_since(0).await.unwrap().position;
        }
    }
}

/// Everything random about one step, drawn before it is used twice.
#[derive(Debug)]
struct Choices {
    operation: u64,
    client_id: &'static str,
    small: u64,
    other: u64,
    now: i64,
    position: u64,
}

impl Run {
    fn choose(&mut self) -> Choices {
        let seeded = &mut self.seeded;
        self.now += i64::try_from(seeded.below(400)).unwrap();
        let id = usize::try_from(seeded.below(CLIENT_IDS.len() as u64)).unwrap();
        Choices {
            operation: seeded.below(15),
            client_id: CLIENT_IDS.get(id).unwrap(),
            small: seeded.below(4),
            other: seeded.below(4),
            now: self.now,
            position: self.position.saturating_sub(seeded.below(4)),
        }
    }
}

fn shown<T: Debug>(answer: T) -> String {
    format!("{answer:?}")
}

/// Does one step and shows its answer. Few ids and versions, so that guards are met and missed alike.
async fn operate(store: &dyn Store, choices: &Choices) -> String {
    let Choices {
        client_id,
        small,
        other,
        ..
    } = *choices;
    let now = at(choices.now);
    let byte = u8::try_from(small).unwrap();
    let mut record = client(client_id, small);
    record.token_epoch = other;
    record.metadata.owner = other.to_string();
    match choices.operation {
        0 => shown(store.create_client(&record).await),
        1 => shown(store.replace_client(&record, other).await),
        2 => shown(store.find_client(client_id).await),
        3 => shown(store.delete_client(client_id).await),
        4 => shown(store.renew_token_epoch(client_id, small).await),
        5 => {
            let filter = ClientFilter {
                name: (small == 0).then(|| format!("name of {other}")),
                owner: (small == 1).then(|| other.to_string()),
            };
            let after = (other == 1).then(|| client_id.to_owned());
            let limit = u32::try_from(other + 1).unwrap();
            shown(
                store
                    .list_clients(
                        &filter,
                        &Page {
                            after,
                            offset: small,
                            limit,
                        },
                    )
                    .await,
            )
        }
        6 => shown(store.count_clients().await),
        7 | 8 => {
            let anchor = TokenAnchor::Machine {
                token_id: [byte; 16],
                client_id,
                client_epoch: other,
                server_epoch: small,
            };
            shown(store.check_live(&anchor).await)
        }
        9 => shown(store.revoke_token([byte; 16], at(choices.now + 300)).await),
        10 => shown(
            store
                .insert_first_key(&key(client_id, &small.to_string(), 0))
                .await,
        ),
        11 => {
            let mut resealed = key(client_id, &small.to_string(), 0);
            let expected = resealed.sealed_jwk.clone();
            resealed.sealed_jwk.push(u8::try_from(other).unwrap());
            shown(store.reseal_key(&resealed, &expected).await)
        }
        12 => shown(
            store
                .claim(&claim(byte, other, choices.now + 300), now)
                .await,
        ),
        13 if small == 0 => shown(store.renew_server_epoch(other).await),
        13 => shown((store.server_epoch(other).await, store.keys(client_id).await)),
        _ if small == 0 => shown(store.delete_expired(now, 1_000).await),
        _ => shown(store.changes_since(choices.position).await),
    }
}
