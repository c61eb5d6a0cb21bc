//! The protocol core: what OAuth 2.0 and OpenID Connect say, as pure functions over plain values.
//!
//! Invariant: no async, no I/O, no clock, no ambient randomness, no global, no logging, no HTTP types.
//! Invariant: this crate does not know that storage exists; it asks for writes as data.
//! Invariant: wire text is parsed once, here, into types that cannot hold nonsense.

#![warn(missing_docs)]

pub mod client;
pub mod time;
