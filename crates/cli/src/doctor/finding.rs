//! One thing that was looked at.

use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    /// Works, and is probably not meant.
    Warning,
    /// Does not work, or is not safe.
    Problem,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// A rule, what was seen, and what to do if that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The concern.
    pub(super) area: &'static str,
    /// What should be.
    pub(super) rule: String,
    /// What is; never a secret.
    pub(super) seen: String,
    /// Empty when all is well.
    pub(super) way_out: String,
}

impl Finding {
    /// As it should be.
    pub(super) fn ok(area: &'static str, rule: &str, seen: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            area,
            rule: rule.to_owned(),
            seen: seen.into(),
            way_out: String::new(),
        }
    }

    /// Works, and is probably not meant.
    pub(super) fn warning(
        area: &'static str,
        rule: &str,
        seen: impl Into<String>,
        way_out: &str,
    ) -> Self {
        Self {
            level: Level::Warning,
            way_out: way_out.to_owned(),
            ..Self::ok(area, rule, seen)
        }
    }

    /// Does not work, or is not safe.
    pub(super) fn problem(
        area: &'static str,
        rule: &str,
        seen: impl Into<String>,
        way_out: &str,
    ) -> Self {
        Self {
            level: Level::Problem,
            ..Self::warning(area, rule, seen, way_out)
        }
    }

    /// The finding on one line.
    pub(super) fn line(&self) -> String {
        let way_out = match self.way_out.as_str() {
            "" => String::new(),
            way_out => format!(" -> {way_out}"),
        };
        let text = format!(
            "{:<8} {}: {}: {}{way_out}",
            self.level.word(),
            self.area,
            self.rule,
            self.seen
        );
        // What others wrote, such as an error text of a database, may have lines of its own.
        format!("{}\n", text.replace(char::is_control, " "))
    }

    /// The finding as JSON.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "level": self.level.word(),
            "area": self.area,
            "rule": self.rule,
            "seen": self.seen,
            "way_out": self.way_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding::problem("database", "it answers", "no:\nrefused", "start it");
        assert_eq!(
            finding.line(),
            "problem  database: it answers: no: refused -> start it\n"
        );
        let fine = Finding::ok("clock", "it is right", "0 s");
        assert_eq!(fine.line(), "ok       clock: it is right: 0 s\n");
    }
}
