//! The commands that only v1.11 has: `clients …` and `token …`.
//!
//! Compat: unprefixed admin paths, no `--format`, JSON indented with TABs, failures worded by `The request failed …`.

pub(crate) mod clients;
pub(crate) mod flags;
pub(crate) mod import;
pub(crate) mod target;
pub(crate) mod token;
pub(crate) mod view;
