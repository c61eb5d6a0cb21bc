//! Thumbprints of keys.
//!
//! Spec: RFC 7638, RFC 8037 s2.

use super::{Jwk, JwkError};
use crate::{b64, mac::sha256};

impl Jwk {
    /// The SHA-256 thumbprint, in base64url. Private and descriptive members do not matter.
    ///
    /// # Errors
    /// The key type is unknown, or a member that the thumbprint covers is missing.
    pub fn thumbprint(&self) -> Result<String, JwkError> {
        // In lexicographic order, as the hash input must be.
        let k = self.private.as_ref().map_or("", |p| p.k.expose());
        let members: &[(&'static str, &str)] = match self.kty.as_str() {
            "EC" => &[
                ("crv", &self.crv),
                ("kty", "EC"),
                ("x", &self.x),
                ("y", &self.y),
            ],
            "OKP" => &[("crv", &self.crv), ("kty", "OKP"), ("x", &self.x)],
            "RSA" => &[("e", &self.e), ("kty", "RSA"), ("n", &self.n)],
            "oct" => &[("k", k), ("kty", "oct")],
            _ => return Err(JwkError::UnknownKeyType),
        };
        let mut json = zeroize::Zeroizing::new(String::from("{"));
        for (name, value) in members {
            if value.is_empty() {
                return Err(JwkError::Missing(name));
            }
            // Neither base64url nor a known curve's name needs escaping.
            if !value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            {
                return Err(JwkError::Malformed(name));
            }
            if json.len() > 1 {
                json.push(',');
            }
            for part in ["\"", name, "\":\"", value, "\""] {
                json.push_str(part);
            }
        }
        json.push('}');
        Ok(b64::encode(&sha256(json.as_bytes())))
    }
}
