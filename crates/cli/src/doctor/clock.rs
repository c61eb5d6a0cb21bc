//! Whether this machine and the server agree about the time.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

use super::{discovery::Running, finding::Finding};

const AREA: &str = "clock";
/// More is a problem: clients that check `iat` and `nbf` with little leeway refuse tokens.
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(5);

/// Compares the `Date` of the answer with this machine's clock.
pub(super) fn check(running: &Running) -> Option<Finding> {
    let rule = "this machine and the public URL differ by 5 seconds at most";
    let date = running.date.as_deref()?;
    let Ok(at) = rfc2822::DateTimeParser::new().parse_timestamp(date) else {
        return Some(Finding::warning(
            AREA,
            rule,
            format!("{date:?} is no date"),
            "look at what answers under the public URL",
        ));
    };
    let skew = skew(at, running.asked, running.answered);
    let seen = format!("{} seconds", skew.as_secs());
    Some(if skew.abs() > SKEW_MAX {
        let way_out = "let a time service (NTP) set both clocks: tokens would be refused as too new or too old";
        Finding::problem(AREA, rule, seen, way_out)
    } else {
        Finding::ok(AREA, rule, seen)
    })
}

/// How far the server is ahead, at least. A `Date` has whole seconds and was made at some time between the two looks.
fn skew(server: Timestamp, asked: Timestamp, answered: Timestamp) -> SignedDuration {
    let ahead = server.duration_since(answered);
    let behind = server.duration_since(asked) + SignedDuration::from_secs(1);
    if ahead > SignedDuration::ZERO {
        ahead
    } else if behind < SignedDuration::ZERO {
        behind
    } else {
        SignedDuration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{discovery::tests::running, finding::Level},
        *,
    };

    #[test]
    fn five_seconds_are_fine_and_six_are_not() {
        // The question and the answer are at 16:40:59.
        for (date, level) in [
            ("Tue, 24 Nov 2026 16:40:59 GMT", Level::Ok),
            ("Tue, 24 Nov 2026 16:41:04 GMT", Level::Ok),
            ("Tue, 24 Nov 2026 16:41:05 GMT", Level::Problem),
            ("Tue, 24 Nov 2026 16:40:53 GMT", Level::Ok),
            ("Tue, 24 Nov 2026 16:40:52 GMT", Level::Problem),
            ("yesterday", Level::Warning),
        ] {
            let found = check(&running("https://auth.example.com/", Some(date))).unwrap();
            assert_eq!(found.level, level, "{date}: {found:?}");
        }
        assert_eq!(check(&running("https://auth.example.com/", None)), None);
    }
}
