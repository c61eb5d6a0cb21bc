//! Instants and lifespans as the protocol uses them.
//!
//! Invariant: nothing in this crate reads a clock; an instant is always handed in.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant: microseconds since the Unix epoch, as every store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;

impl Timestamp {
    /// An instant that never comes: what never ends, ends then.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the Unix epoch; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: the form of `exp`, `iat` and `nbf`.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// This instant without its fraction of a second.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self::from_secs(self.as_secs())
    }

    /// The nearest whole second; half a second goes up.
    #[must_use]
    pub const fn nearest_second(self) -> Self {
        Self(self.0.saturating_add(MICROS_PER_SECOND / 2)).whole_seconds()
    }

    /// When something ends that is made now and lives so long. What lives for no time has ended before this second
    /// began, so that no rounding lets it live.
    #[must_use]
    pub fn end_of(self, lifespan: Duration) -> Self {
        match lifespan.is_zero() {
            true => Self(self.whole_seconds().0.saturating_sub(MICROS_PER_SECOND)),
            false => self.plus(lifespan),
        }
    }

    /// The instant `lifespan` later; saturates at the end of time.
    #[must_use]
    pub fn plus(self, lifespan: Duration) -> Self {
        let micros = i64::try_from(lifespan.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// RFC 3339, UTC, `Z`, with as many fractional digits as the value needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => f.write_str("0001-01-01T00:00:00Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_microsecond()))
            .map_err(de::Error::custom)
    }
}

/// How long something lives: a signed duration in nanoseconds, written as Go writes durations.
///
/// Input is what Go's `time.ParseDuration` takes (`1h`, `1h30m`, `300ms`, `-1s`, `1.5h`; units ns, us, µs, ms,
/// s, m, h); output is Go's canonical form (`1h30m0s`, `1.5s`, `300ms`, `0s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifespan(i64);

/// A text is no duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifespanError(String);

impl fmt::Display for LifespanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not a duration such as 30s, 15m or 1h30m",
            self.0
        )
    }
}

impl std::error::Error for LifespanError {}

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl Lifespan {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The duration, or `None` when it is negative or zero: nothing lives for less than no time.
    pub fn positive(self) -> Option<Duration> {
        u64::try_from(self.0)
            .ok()
            .filter(|n| *n > 0)
            .map(Duration::from_nanos)
    }

    /// Whether it is below zero, which some settings read as "never".
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Reads Go's duration syntax.
    pub fn parse(text: &str) -> Result<Self, LifespanError> {
        let fail = || LifespanError(text.chars().take(40).collect());
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or("")),
            Some(b'+') => (false, text.get(1..).unwrap_or("")),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(fail());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (whole, after) = rest.split_at(digits);
            let (fraction, after) = match after.strip_prefix('.') {
                Some(tail) => {
                    let n = tail
                        .find(|c: char| !c.is_ascii_digit())
                        .unwrap_or(tail.len());
                    tail.split_at(n)
                }
                None => ("", after),
            };
            if whole.is_empty() && fraction.is_empty() || whole.len() > 19 {
                return Err(fail());
            }
            let unit_end = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, tail) = after.split_at(unit_end);
            let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(fail());
            };
            let whole: i128 = if whole.is_empty() {
                0
            } else {
                whole.parse().map_err(|_| fail())?
            };
            let mut nanos = whole.checked_mul(*scale).ok_or_else(fail)?;
            let mut digit_scale = *scale;
            for digit in fraction.bytes() {
                digit_scale /= 10;
                let digit = i128::from(digit.saturating_sub(b'0'));
                nanos = nanos
                    .checked_add(digit.saturating_mul(digit_scale))
                    .ok_or_else(fail)?;
            }
            total = total.checked_add(nanos).ok_or_else(fail)?;
            rest = tail;
        }
        let signed = if negative {
            total.checked_neg().ok_or_else(fail)?
        } else {
            total
        };
        i64::try_from(signed).map(Self).map_err(|_| fail())
    }
}

/// Go's canonical form of a duration.
impl fmt::Display for Lifespan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let fractional = |value: u64, unit: u64, name: &str| {
            let whole = value.checked_div(unit).unwrap_or(0);
            let rest = value.checked_rem(unit).unwrap_or(0);
            if rest == 0 {
                return format!("{whole}{name}");
            }
            let width = unit.ilog10() as usize;
            let digits = format!("{rest:0width$}");
            format!("{whole}.{}{name}", digits.trim_end_matches('0'))
        };
        if nanos < 1_000 {
            return write!(f, "{nanos}ns");
        }
        if nanos < 1_000_000 {
            return f.write_str(&fractional(nanos, 1_000, "µs"));
        }
        if nanos < 1_000_000_000 {
            return f.write_str(&fractional(nanos, 1_000_000, "ms"));
        }
        let total_seconds = nanos / 1_000_000_000;
        let hours = total_seconds / 3_600;
        let minutes = (total_seconds / 60) % 60;
        let seconds_nanos = nanos % 60_000_000_000;
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        f.write_str(&fractional(seconds_nanos, 1_000_000_000, "s"))
    }
}

impl Serialize for Lifespan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lifespan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifespans_read_and_print_as_go_does() {
        for (input, output) in [
            ("1h", "1h0m0s"),
            ("31h", "31h0m0s"),
            ("30m", "30m0s"),
            ("1h30m", "1h30m0s"),
            ("1.5s", "1.5s"),
            ("300ms", "300ms"),
            ("-1s", "-1s"),
            ("0", "0s"),
            ("0s", "0s"),
            ("1.5h", "1h30m0s"),
            ("90s", "1m30s"),
            ("1us", "1µs"),
            ("1500ns", "1.5µs"),
            ("3600000ms", "1h0m0s"),
            (".5s", "500ms"),
        ] {
            assert_eq!(
                Lifespan::parse(input).unwrap().to_string(),
                output,
                "{input}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_lifespan() {
        for bad in [
            "",
            "1",
            "h",
            "1d",
            "1h ",
            " 1h",
            "1hh",
            "--1s",
            ".s",
            "99999999999999999999h",
            "1e3s",
        ] {
            assert!(Lifespan::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn timestamps_print_only_the_digits_they_need() {
        assert_eq!(
            Timestamp::from_secs(1_795_540_447).to_string(),
            "2026-11-24T17:14:07Z"
        );
        assert_eq!(
            Timestamp::from_micros(1_795_540_447_500_146).to_string(),
            "2026-11-24T17:14:07.500146Z"
        );
        assert_eq!(Timestamp::from_micros(-1).as_secs(), -1);
    }

    #[test]
    fn what_lives_for_no_time_has_ended() {
        for micros in [1_000_000, 1_400_000, 1_600_000] {
            let now = Timestamp::from_micros(micros);
            let end = now.end_of(Duration::ZERO);
            for rounded in [end, end.whole_seconds(), end.nearest_second()] {
                assert_eq!(rounded, Timestamp::from_secs(0), "{micros}");
            }
            let second = Duration::from_secs(1);
            assert_eq!(now.end_of(second), now.plus(second));
        }
    }

    #[test]
    fn the_nearest_second_is_at_most_half_a_second_away() {
        for (micros, secs) in [
            (1_499_999, 1),
            (1_500_000, 2),
            (1_000_000, 1),
            (-400_000, 0),
        ] {
            let nearest = Timestamp::from_micros(micros).nearest_second();
            assert_eq!(nearest, Timestamp::from_secs(secs), "{micros}");
        }
    }
}
