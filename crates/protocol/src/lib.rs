//! The protocol core: what OAuth 2.0 and OpenID Connect say, as pure functions over plain values.
//!
//! Invariant: no async, no I/O, no clock, no ambient randomness, no global, no logging, no HTTP types.
//! Invariant: this crate does not know that storage exists; it asks for writes as data.
//! Invariant: wire text is parsed once, here, into types that cannot hold nonsense.

#![warn(missing_docs)]

pub mod audience;
pub mod authorize;
pub mod bearer;
pub mod client;
pub mod client_auth;
mod client_keys;
pub mod discovery;
pub mod error;
pub mod flow;
pub mod form;
pub mod grant;
mod hex;
pub mod introspect;
pub mod origin;
pub mod parameters;
pub mod pkce;
pub mod registration;
pub mod scope;
pub mod session_state;
pub mod subject;
pub mod time;
pub mod token;
pub mod userinfo;
