//! The log.

use serde::Deserialize;

/// `log`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
    pub leak_sensitive_values: bool,
    /// What stands in the place of a hidden value; `None`: the built-in sentence.
    pub redaction_text: Option<String>,
}

/// `log.level`, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Panic,
    Fatal,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
    JsonPretty,
}
