//! Access tokens: what they carry, and the two forms they take.

pub mod access;
pub mod jwt_access;
pub mod opaque;
mod record;
