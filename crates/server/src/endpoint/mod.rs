//! One file per endpoint.

pub mod discovery;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod revoke;
pub mod root;
pub mod token;
