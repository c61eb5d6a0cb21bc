//! What is kept in memory between requests; each cache is bounded and says how stale it may be.

pub(crate) mod clients;
pub(crate) mod in_flight;
pub(crate) mod jwks_fetch;
pub(crate) mod keys;
pub(crate) mod verified_secret;
