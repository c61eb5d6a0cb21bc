//! Counts attempts to log in, and makes many of them slow.
//!
//! Invariant: the table is bounded; what is pushed out of it first are the names with the fewest failures.
//! Security: after five failures each further one doubles the wait, up to a quarter of an hour, which leaves about a
//! hundred guesses a day, counted by each process. Names are kept as keyed digests, and those that do not exist count
//! like those that do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tessera_crypto::{OsEntropy, ProcessMac};
use tessera_protocol::time::Timestamp;

/// Failures without a wait.
const FREE: u32 = 5;
/// The first wait.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest one.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// A name that nobody tries for so long is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Most names kept.
const NAMES_MAX: usize = 10_000;

/// The table.
pub(super) struct Attempts {
    by_name: Mutex<HashMap<[u8; 32], Failed>>,
    digest: ProcessMac,
}

#[derive(Clone, Copy)]
struct Failed {
    times: u32,
    last: Timestamp,
    next: Timestamp,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_name: Mutex::default(),
            digest: ProcessMac::new(&OsEntropy),
        }
    }
}

impl Attempts {
    /// Counts an attempt as failed until it succeeds.
    ///
    /// # Errors
    /// How long to wait before the next one.
    pub(super) fn begin(&self, username: &str, now: Timestamp) -> Result<(), Duration> {
        self.begin_within(username, now, NAMES_MAX)
    }

    fn begin_within(
        &self,
        username: &str,
        now: Timestamp,
        names_max: usize,
    ) -> Result<(), Duration> {
        let key = self.key(username);
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by_name
            .get(&key)
            .filter(|failed| !failed.is_over(now))
            .copied();
        let times = known.map_or(0, |failed| failed.times);
        // Without a wait `next` is only when an attempt began, and one that began a moment before may come here after it.
        if let Some(failed) =
            known.filter(|failed| !wait(failed.times).is_zero() && now < failed.next)
        {
            let micros = failed.next.as_micros().saturating_sub(now.as_micros());
            return Err(Duration::from_micros(
                u64::try_from(micros).unwrap_or_default(),
            ));
        }
        if known.is_none() && by_name.len() >= names_max {
            make_room(&mut by_name, now);
        }
        let times = times.saturating_add(1);
        let failed = Failed {
            times,
            last: now,
            next: now.plus(wait(times)),
        };
        by_name.insert(key, failed);
        Ok(())
    }

    /// Forgets the failures of a name that has logged in.
    pub(super) fn succeed(&self, username: &str) {
        let key = self.key(username);
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.remove(&key);
    }

    /// Takes back an attempt that was not looked at.
    pub(super) fn give_back(&self, username: &str, now: Timestamp) {
        let key = self.key(username);
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = by_name.get_mut(&key) {
            failed.times = failed.times.saturating_sub(1);
            failed.next = now;
        }
    }

    /// The digest that stands for a name, in this process.
    pub(super) fn key(&self, username: &str) -> [u8; 32] {
        self.digest.mac(&[username.as_bytes()])
    }
}

impl Failed {
    fn is_over(&self, now: Timestamp) -> bool {
        self.last.plus(KEPT_FOR) < now
    }
}

/// How long the next attempt waits after so many failures.
fn wait(times: u32) -> Duration {
    match times.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => {
            let factor = 1u32.checked_shl(more).unwrap_or(u32::MAX);
            WAIT_MIN.saturating_mul(factor).min(WAIT_MAX)
        }
    }
}

fn make_room(by_name: &mut HashMap<[u8; 32], Failed>, now: Timestamp) {
    let full = by_name.len();
    by_name.retain(|_, failed| !failed.is_over(now));
    if by_name.len() < full {
        return;
    }
    let least = by_name
        .iter()
        .min_by_key(|(_, failed)| (failed.times, failed.last))
        .map(|(key, _)| *key);
    if let Some(key) = least {
        by_name.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs)
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        for (times, secs) in [
            (0, 0),
            (4, 0),
            (5, 1),
            (6, 2),
            (10, 32),
            (14, 512),
            (15, 900),
            (40, 900),
            (u32::MAX, 900),
        ] {
            assert_eq!(wait(times).as_secs(), secs, "{times}");
        }
    }

    #[test]
    fn failures_slow_a_name_down_and_success_frees_it() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(attempts.begin("alice", at(0)), Ok(()));
        }
        assert_eq!(attempts.begin("alice", at(0)), Err(Duration::from_secs(1)));
        assert_eq!(attempts.begin("bob", at(0)), Ok(()), "another name");
        assert_eq!(attempts.begin("alice", at(1)), Ok(()));
        assert_eq!(attempts.begin("alice", at(2)), Err(Duration::from_secs(1)));
        attempts.succeed("alice");
        assert_eq!(attempts.begin("alice", at(2)), Ok(()));
        for _ in 0..4 {
            assert_eq!(attempts.begin("alice", at(2)), Ok(()), "counted anew");
        }
        assert!(attempts.begin("alice", at(2)).is_err());
        assert_eq!(attempts.begin("alice", at(3 * 86_400)), Ok(()));
        assert_eq!(attempts.begin("alice", at(3 * 86_400)), Ok(()), "forgotten");
    }

    #[test]
    fn attempts_that_pass_each_other_are_no_guesses() {
        let attempts = Attempts::default();
        for secs in [3, 2, 1, 0] {
            assert_eq!(attempts.begin("alice", at(secs)), Ok(()));
        }
    }

    #[test]
    fn an_attempt_that_was_not_looked_at_does_not_count() {
        let attempts = Attempts::default();
        for _ in 0..20 {
            assert_eq!(attempts.begin("alice", at(0)), Ok(()));
            attempts.give_back("alice", at(0));
        }
        assert_eq!(attempts.begin("alice", at(0)), Ok(()));
    }

    #[test]
    fn made_up_names_do_not_push_out_a_tried_one() {
        let attempts = Attempts::default();
        for _ in 0..6 {
            let _ = attempts.begin_within("alice", at(0), 10);
        }
        for n in 0..50 {
            let _ = attempts.begin_within(&format!("made up {n}"), at(0), 10);
        }
        assert!(attempts.begin_within("alice", at(0), 10).is_err());
        assert_eq!(attempts.by_name.lock().unwrap().len(), 10);
    }
}
