//! The shell around the protocol core: configuration, HTTP, caches, background work.
//!
//! Invariant: this crate sees the storage contract only; it names no database driver.
//! Invariant: handlers extract, load facts, let the core decide, apply and reply; rules live in the core.
//! Invariant: every outbound request goes through [`egress`], every background task through [`run`].
//! Invariant: no secret, token, query or body is logged.

mod accept;
mod admin;
mod admin_api;
mod admin_guard;
mod cache;
mod client_auth;
mod clock;
pub mod config;
mod egress;
mod endpoint;
mod extract;
mod fair_queue;
mod hash_pool;
mod metrics;
mod multipart;
mod observe;
mod public;
mod reply;
pub mod run;
mod state;
pub mod telemetry;
mod timed;
mod tls;
mod token;
mod upkeep;
mod watch;

pub use egress::tls_roots;
