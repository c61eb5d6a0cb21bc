//! Secrets of the server, and the type that keeps them out of logs.

use serde::Deserialize;
use tessera_crypto::Secret;

/// A [`Secret`] that a configuration can hold: it can be read and compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
pub struct SecretString(Secret<String>);

impl SecretString {
    /// For those who keep it.
    #[must_use]
    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl PartialEq for SecretString {
    fn eq(&self, other: &Self) -> bool {
        self.0.matches(other.expose().as_bytes())
    }
}

impl Eq for SecretString {}

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
