//! Key sets in their wire form.
//!
//! Spec: RFC 7517 s5.

use serde::{Deserialize, Serialize};

use super::Jwk;

/// Keys in their wire form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys; an order, where there is one, is newest first.
    pub keys: Vec<Jwk>,
}
