//! `perform client-credentials`, `introspect token`, `revoke token`, `delete access-tokens`.

pub(crate) mod client_credentials;
pub(crate) mod credentials;
pub(crate) mod delete;
pub(crate) mod introspect;
pub(crate) mod revoke;
