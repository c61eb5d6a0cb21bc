//! The one place of the bench that reads clocks and waits.

use std::time::{Duration, Instant};

/// Now, for durations.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Microseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the bench")]
pub(crate) fn unix_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "no worker thread waits here")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
