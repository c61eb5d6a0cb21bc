//! The one place that reads the clock.

use tessera_protocol::time::Timestamp;

/// The current time; read once at the start of a request and passed down.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
