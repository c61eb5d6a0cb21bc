//! The one place of the command line that reads the clock.

use jiff::Timestamp;

/// Now, read once per command.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the program: read here, passed down as a value"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// `2026-07-24 18:05:05 +0000 UTC`: how Go prints a time that was rounded to seconds.
///
/// Compat: Hydra prints the local zone; we print UTC, whatever `TZ` says.
pub(crate) fn go_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_go_prints_it() {
        let at = Timestamp::from_second(1_795_542_060).unwrap();
        assert_eq!(go_text(at), "2026-11-24 17:41:00 +0000 UTC");
        assert_eq!(
            go_text(Timestamp::UNIX_EPOCH),
            "1970-01-01 00:00:00 +0000 UTC"
        );
    }
}
