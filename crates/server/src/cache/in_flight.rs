//! Work that many wait for at the same time and that is done once.
//!
//! Freshness: nothing outlives those who wait for it, so whoever comes later gets an answer of their own.
//!
//! Invariant: keys have nothing to do with one another: one that takes long holds up nobody who asks for another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

type Shared<T> = Arc<OnceCell<T>>;

/// What is being done, by key.
#[derive(Debug)]
pub(crate) struct InFlight<T> {
    by_key: Mutex<HashMap<String, Shared<T>>>,
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self {
            by_key: Mutex::default(),
        }
    }
}

impl<T: Clone> InFlight<T> {
    /// The outcome of `work`, or of that which is being done for the same key. When whoever does it goes away, the next
    /// one does.
    pub(crate) async fn share(&self, key: &str, work: impl Future<Output = T>) -> T {
        let shared = Arc::clone(self.lock().entry(key.to_owned()).or_default());
        let waiting = Waiting {
            all: self,
            key,
            shared: Some(shared),
        };
        match &waiting.shared {
            Some(shared) => shared.get_or_init(|| work).await.clone(),
            // Only the end takes it away.
            None => work.await,
        }
    }
}

impl<T> InFlight<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Shared<T>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits. The entry goes with the first who has an answer, or with the last who goes away without.
struct Waiting<'a, T> {
    all: &'a InFlight<T>,
    key: &'a str,
    /// Taken when the wait is over.
    shared: Option<Shared<T>>,
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut by_key = self.all.lock();
        // Under the lock, so that of two who go away at the same moment the later one is the last.
        let Some(own) = self.shared.take() else {
            return;
        };
        let Some(current) = by_key.get(self.key) else {
            return;
        };
        let is_current = Arc::ptr_eq(current, &own);
        drop(own);
        let is_nobodys = Arc::strong_count(current) == 1;
        if is_current && (current.initialized() || is_nobodys) {
            by_key.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn those_who_wait_for_the_same_share_it() {
        let (flight, done) = (InFlight::default(), &AtomicUsize::new(0));
        let work = |key: &'static str, millis: u64| {
            flight.share(key, async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                done.fetch_add(1, Ordering::Relaxed)
            })
        };
        let (a, b, c) = tokio::join!(work("slow", 100), work("slow", 100), work("slow", 100));
        assert_eq!((a, b, c), (0, 0, 0));
        assert_eq!(work("slow", 100).await, 1, "later is done anew");
        assert!(flight.lock().is_empty());
        let quick = tokio::time::timeout(Duration::from_secs(10), async {
            tokio::select! {
                _ = work("slow", 60_000) => unreachable!(),
                quick = work("quick", 10) => quick,
            }
        });
        assert_eq!(quick.await, Ok(2), "one key does not hold up another");
        assert!(flight.lock().is_empty(), "nobody waits any more");
    }

    #[tokio::test]
    async fn the_next_one_goes_on_when_one_goes_away() {
        let flight = InFlight::default();
        let work = |answer: u8| {
            flight.share("key", async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                answer
            })
        };
        let goes_away = tokio::time::timeout(Duration::from_millis(50), work(1));
        let (gone, stays) = tokio::join!(goes_away, work(2));
        assert!(gone.is_err());
        assert_eq!(stays, 2);
        assert!(flight.lock().is_empty());
    }
}
