//! The recordings as test data.
//!
//! Their format is described in `recordings/README.md`. `TESSERA_ONLY=substring` narrows every run to names that contain it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One scenario or command-line case.
#[derive(Clone, Debug)]
pub struct Recording {
    /// `generation/area/name`; the area of command-line cases is `cli`.
    pub name: String,
    pub doc: Value,
}

/// The folder with the recordings: `TESSERA_RECORDINGS`, else the one of this crate.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("TESSERA_RECORDINGS") {
        return PathBuf::from(folder);
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

/// The private keys that sign assertions in scenarios, by name.
pub fn keys() -> Value {
    read(&folder().join("keys.json"))
}

/// Whether a run is narrowed, so that unused rows of the table of differences say nothing.
pub fn is_narrowed() -> bool {
    only().is_some()
}

fn only() -> Option<String> {
    std::env::var("TESSERA_ONLY")
        .ok()
        .filter(|text| !text.is_empty())
}

/// Every HTTP scenario, sorted by name.
pub fn http() -> Vec<Recording> {
    let root = folder().join("http");
    let mut out = Vec::new();
    for generation in names_in(&root) {
        for area in names_in(&root.join(&generation)) {
            for file in names_in(&root.join(&generation).join(&area)) {
                let path = root.join(&generation).join(&area).join(&file);
                out.push(recording(&format!("{generation}/{area}"), &path));
            }
        }
    }
    narrow(out)
}

/// Every command-line case, sorted by name.
pub fn cli() -> Vec<Recording> {
    let root = folder().join("cli");
    let mut out = Vec::new();
    for generation in names_in(&root) {
        for file in names_in(&root.join(&generation)) {
            let path = root.join(&generation).join(&file);
            out.push(recording(&format!("{generation}/cli"), &path));
        }
    }
    narrow(out)
}

fn narrow(recordings: Vec<Recording>) -> Vec<Recording> {
    let only = only().unwrap_or_default();
    recordings
        .into_iter()
        .filter(|recording| recording.name.contains(&only))
        .collect()
}

fn recording(prefix: &str, path: &Path) -> Recording {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Recording {
        name: format!("{prefix}/{stem}"),
        doc: read(path),
    }
}

fn read(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
