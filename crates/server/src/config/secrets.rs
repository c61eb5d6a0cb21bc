//! Secrets of the server, and the type that keeps them out of logs.

use std::fmt;

use serde::Deserialize;

/// A text that no log, error or `Debug` output shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretString(String);

impl SecretString {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretString(..)")
    }
}

/// `secrets`: lists whose first entry is used for new data, the others open older data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Secrets {
    /// Empty only in development mode, where the server makes one and keeps it.
    #[serde(default)]
    pub system: Vec<SecretString>,
    /// Empty: derived from `system`.
    #[serde(default)]
    pub cookie: Vec<SecretString>,
    /// Empty: derived from `system`.
    #[serde(default)]
    pub pagination: Vec<SecretString>,
}
