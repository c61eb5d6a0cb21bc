//! A refusal that has to be followed by a write.

use super::record::{CodeId, GrantId};
use crate::error::OAuthError;

/// What a grant answers when it issues nothing.
///
/// Security: the consequence is durable although the answer is an error: it is written before the answer goes out, and
/// nothing rolls it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The answer.
    pub error: OAuthError,
    /// What is written.
    pub consequence: Consequence,
}

/// What a refusal writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing.
    None,
    /// Every token of this grant is revoked: a code or refresh token came twice.
    RevokeGrant(GrantId),
    /// This code is spent: a verifier was guessed.
    BurnCode(CodeId),
}

impl From<OAuthError> for Rejection {
    fn from(error: OAuthError) -> Self {
        Self {
            error,
            consequence: Consequence::None,
        }
    }
}
