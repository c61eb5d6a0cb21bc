//! One file per endpoint.

pub(crate) mod discovery;
#[cfg(feature = "floor")]
pub(crate) mod floor;
pub(crate) mod health;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod revoke;
pub(crate) mod root;
pub(crate) mod token;
