//! Durations as configuration files write them: `1h5m`, `500ms`, `720h`.
//!
//! Compat: one or more `<digits><unit>` with the units ns, us, ms, s, m, h; no sign, no fraction, no
//! bare number, no days. At most what 63 bits of nanoseconds hold, which is about 292 years.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Reads a duration; `None` when the text is not one.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u64 = 0;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let (unit_nanos, after) = unit(after)?;
        let number: u64 = number.parse().ok()?;
        nanos = nanos.checked_add(number.checked_mul(unit_nanos)?)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    (nanos <= i64::MAX.unsigned_abs()).then(|| Duration::from_nanos(nanos))
}

/// Reads a duration or `-1`, which stands for "never expires" and is `Some(None)`.
pub(super) fn parse_duration_or_never(text: &str) -> Option<Option<Duration>> {
    if text == "-1" {
        Some(None)
    } else {
        parse_duration(text).map(Some)
    }
}

/// Nanoseconds of the unit at the start of `text`, and what follows it.
fn unit(text: &str) -> Option<(u64, &str)> {
    // `ms` before `m` and `s`: the longer name must win.
    const UNITS: [(&str, u64); 6] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS
        .iter()
        .find_map(|(name, nanos)| Some((*nanos, text.strip_prefix(name)?)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(source)?;
    parse_duration(&text).ok_or_else(|| de::Error::custom("is not a duration"))
}

pub(super) fn deserialize_or_never<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<Duration>, D::Error> {
    let value = serde_json::Value::deserialize(source)?;
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    parse_duration_or_never(&text).ok_or_else(|| de::Error::custom("is not a duration or -1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_reference_accepts() {
        let rows = [
            ("0s", 0),
            ("1h", 3_600_000),
            ("1h5m1s", 3_901_000),
            ("500ms", 500),
            ("1m500ms", 60_500),
            ("2000us", 2),
            ("1s1s", 2_000),
        ];
        for (text, millis) in rows {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("7ns"), Some(Duration::from_nanos(7)));
        assert_eq!(parse_duration_or_never("-1"), Some(None));
        assert_eq!(
            parse_duration_or_never("1s"),
            Some(Some(Duration::from_secs(1)))
        );
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "1",
            "h",
            "1d",
            "-1h",
            "1.5h",
            "1 h",
            "1µs",
            "1h ",
            "-1",
            "9999999999h",
            "ms",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
