//! Clients that come as JSON from files or stdin.

use std::io::Read;

use serde_json::{Map, Value};

use crate::failure::Failure;

/// The name of stdin on the command line.
pub(crate) const STDIN: &str = "-";

/// One client from a file, or stdin for `-`.
pub(crate) fn client(path: &str) -> Result<Map<String, Value>, Failure> {
    let text = if path == STDIN {
        stdin().map_err(|error| Failure::Error(format!("unable to read stdin: {error}")))?
    } else {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::Error(format!("unable to open file {path:?}: {error}")))?
    };
    serde_json::from_str(&text)
        .map_err(|error| Failure::Error(format!("unable to decode JSON: {error}")))
}

/// A list of clients from a file, or stdin for `-`. An empty stdin is an empty list.
pub(crate) fn clients(path: &str) -> Result<Vec<Value>, Failure> {
    let text = if path == STDIN {
        stdin().map_err(|error| Failure::Notice(format!("Could not read STDIN: {error}")))?
    } else {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::Notice(format!("Could not open file {path}: {error}")))?
    };
    if path == STDIN && text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let clients: Vec<Map<String, Value>> = serde_json::from_str(&text).map_err(|error| {
        Failure::Notice(format!(
            "Could not decode JSON: {} must hold a list of clients: {error}",
            name(path)
        ))
    })?;
    Ok(clients.into_iter().map(Value::from).collect())
}

/// What messages call a source.
pub(crate) fn name(path: &str) -> &str {
    if path == STDIN { "STDIN" } else { path }
}

fn stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
