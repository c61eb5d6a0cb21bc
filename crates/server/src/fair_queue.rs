//! A bounded number of places, given to waiting parties in turn, so that none is kept waiting by another's crowd.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Waiting requests of one party; more are refused at once.
const WAITING_MAX: usize = 64;

/// The queue.
#[derive(Debug)]
pub(crate) struct FairQueue {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Who waits, by party, first come first served.
    waiting: HashMap<String, VecDeque<oneshot::Sender<Place>>>,
    /// Parties that wait, the next one first.
    turns: VecDeque<String>,
}

/// The right to work; given on when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<FairQueue>,
}

/// One party waits too often already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl FairQueue {
    /// With this many places.
    pub(crate) fn new(places: usize) -> Arc<Self> {
        let state = State {
            free: places,
            waiting: HashMap::new(),
            turns: VecDeque::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    /// Waits for a place. Dropping the future gives up the wait.
    pub(crate) async fn place(self: &Arc<Self>, party: &str) -> Result<Place, TooMany> {
        let turn = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.free > 0 {
                state.free = state.free.saturating_sub(1);
                return Ok(Place {
                    queue: Arc::clone(self),
                });
            }
            let State { waiting, turns, .. } = &mut *state;
            let own = waiting.entry(party.to_owned()).or_default();
            own.retain(|waiter| !waiter.is_closed());
            if own.len() >= WAITING_MAX {
                return Err(TooMany);
            }
            let (sender, receiver) = oneshot::channel();
            own.push_back(sender);
            if !turns.iter().any(|known| known == party) {
                turns.push_back(party.to_owned());
            }
            receiver
        };
        // A sender is dropped only with the queue.
        turn.await.map_err(|_| TooMany)
    }

    /// Hands a place to whoever's turn it is.
    fn give_on(self: &Arc<Self>) {
        let next = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let next = state.next_waiter();
            if next.is_none() {
                state.free = state.free.saturating_add(1);
            }
            next
        };
        if let Some(waiter) = next {
            // A place that nobody takes any more comes back, is dropped here, and so is given on again.
            let _ = waiter.send(Place {
                queue: Arc::clone(self),
            });
        }
    }
}

impl State {
    fn next_waiter(&mut self) -> Option<oneshot::Sender<Place>> {
        while let Some(party) = self.turns.pop_front() {
            let Some(own) = self.waiting.get_mut(&party) else {
                continue;
            };
            own.retain(|waiter| !waiter.is_closed());
            let waiter = own.pop_front();
            if own.is_empty() {
                self.waiting.remove(&party);
            } else {
                self.turns.push_back(party);
            }
            if waiter.is_some() {
                return waiter;
            }
        }
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        Arc::clone(&self.queue).give_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crowd_does_not_keep_others_waiting() {
        let queue = FairQueue::new(1);
        let first = queue.place("crowd").await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (party, count) in [("crowd", 5), ("single", 1)] {
            for _ in 0..count {
                let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
                tasks.push(tokio::spawn(async move {
                    let _place = queue.place(party).await.unwrap();
                    order.lock().unwrap().push(party);
                }));
                tokio::task::yield_now().await;
            }
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(
            order.iter().position(|party| *party == "single"),
            Some(1),
            "{order:?}"
        );
        assert_eq!(order.len(), 6);
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_gap() {
        let queue = FairQueue::new(1);
        let first = queue.place("a").await.unwrap();
        let given_up = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.place("b").await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        given_up.abort();
        let _ = given_up.await;
        drop(first);
        assert!(queue.place("c").await.is_ok());
    }

    #[tokio::test]
    async fn one_party_may_not_wait_without_bound() {
        let queue = FairQueue::new(1);
        let _first = queue.place("a").await.unwrap();
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.place("a").await.map(|_| ()) })
            })
            .collect();
        while queue
            .state
            .lock()
            .unwrap()
            .waiting
            .get("a")
            .map_or(0, VecDeque::len)
            < WAITING_MAX
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.place("a").await.map(|_| ()), Err(TooMany));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
