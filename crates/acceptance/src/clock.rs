//! The wall clock and pauses of the tests.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "a test compares answers with the real time"
)]
pub fn unix_now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    i64::try_from(elapsed.as_secs()).expect("seconds fit 63 bits")
}

/// Blocks this thread.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are threads, not async tasks"
)]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Calls `probe` every 20 ms until it gives a value or `limit` has passed.
pub fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if start.elapsed() > limit {
            return None;
        }
        pause(Duration::from_millis(20));
    }
}
