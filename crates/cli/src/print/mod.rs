//! What commands write: tables, JSON, YAML, and single values picked out of them.

pub(crate) mod ascii;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod jsonpath;
pub(crate) mod table;
pub(crate) mod yaml;

use std::io::Write;

/// Writes to stdout. A reader that went away (`| head`) is no error.
pub(crate) fn stdout(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes to stderr.
pub(crate) fn stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
