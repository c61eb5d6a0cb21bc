//! One file per endpoint.

pub(crate) mod authorize;
pub(crate) mod check_session;
pub(crate) mod discovery;
pub(crate) mod fallbacks;
#[cfg(feature = "floor")]
pub(crate) mod floor;
pub(crate) mod health;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod logout;
pub(crate) mod revoke;
pub(crate) mod root;
pub(crate) mod token;
pub(crate) mod userinfo;
