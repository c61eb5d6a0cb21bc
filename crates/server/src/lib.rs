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
mod at_rest;
mod authorize;
mod builtin_login;
mod cache;
mod client_auth;
mod clock;
pub mod config;
mod cookies;
mod cors;
mod egress;
mod end_session;
mod endpoint;
mod extract;
mod fair_queue;
mod go_json;
mod hash_pool;
mod hint;
mod hook;
mod id_token;
mod ids;
mod live_token;
mod logout_notices;
mod logout_request;
mod metrics;
mod multipart;
mod no_route;
mod observe;
mod pages;
mod person_tokens;
mod provider_session;
mod public;
mod redeem_code;
mod refresh;
mod reply;
mod request_object;
mod reseal;
pub mod run;
mod signing;
mod state;
mod subject;
pub mod telemetry;
mod termination;
mod timed;
mod tls;
mod tls_files;
mod tls_roots;
mod token;
mod upkeep;
pub mod users;
mod watch;

pub use tls::acceptor as tls_acceptor;
pub use tls_roots::{own_certificates, tls_roots};
