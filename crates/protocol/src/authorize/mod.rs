//! The authorization endpoint: reading a request, the checks in their order, and how the answer is delivered.
//!
//! Spec: RFC 6749 3.1, 4.1.1, 4.2.1; OpenID Connect Core 1.0 3.1.2, 3.2.2, 3.3.2

pub mod checks;
pub mod deliver;
pub mod destination;
pub mod parameters;
pub mod prompt;
pub mod redirect_uri;
pub mod request;
pub mod request_object;
pub mod response_type;
