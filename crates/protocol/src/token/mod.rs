//! Tokens: what they carry, and the forms they take.

pub mod access;
pub mod id_token;
pub mod id_token_hint;
pub mod jwt_access;
pub mod logout_token;
pub mod opaque;
pub(crate) mod record;
pub mod sealed_id;
pub mod sid;
