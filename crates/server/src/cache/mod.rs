//! What is kept in memory between requests; each cache is bounded and says how stale it may be.

pub mod clients;
pub mod jwks_fetch;
pub mod keys;
pub mod verified_secret;
