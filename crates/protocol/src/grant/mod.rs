//! The token endpoint's grants: reading the request, and one file per grant that decides it.
//!
//! Order, which is wire behaviour because it decides which error a client sees: the form is read, the grant type
//! is known, the client is authenticated, the grant's own `decide` runs, the token is made.

pub mod authorization_code;
pub mod client_credentials;
pub mod person;
pub(crate) mod phases;
pub mod record;
pub mod refresh_token;
pub mod rejection;
pub mod request;
