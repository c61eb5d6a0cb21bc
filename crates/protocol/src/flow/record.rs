//! The sealed form of a flow: a binary record in base64url.
//!
//! Invariant: an ordinary request makes fewer than 500 characters at every step, the last of which may have a few more:
//! the names of rows that keep what the apps sent.

mod read;
mod tags;
mod write;

use tessera_crypto::{Entropy, SealKeys, b64};

use super::Flow;

/// Longest wire form looked at.
const LENGTH_MAX: usize = 64 * 1024;

/// What a sealed flow is for; the seal is bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// To the login app.
    LoginChallenge,
    /// Back from it.
    LoginVerifier,
    /// To the consent app.
    ConsentChallenge,
    /// Back from it.
    ConsentVerifier,
}

impl Leg {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::LoginChallenge => b"login_challenge",
            Self::LoginVerifier => b"login_verifier",
            Self::ConsentChallenge => b"consent_challenge",
            Self::ConsentVerifier => b"consent_verifier",
        }
    }
}

/// Seals a flow for a leg.
pub fn seal(flow: &Flow, leg: Leg, keys: &SealKeys, entropy: &dyn Entropy) -> String {
    let record = write::write(flow);
    let mut sealed = Vec::with_capacity(record.len().saturating_add(64));
    keys.seal(entropy, leg.label(), &record, &mut sealed);
    let mut wire = String::with_capacity(sealed.len().saturating_mul(4) / 3 + 4);
    b64::encode_into(&sealed, &mut wire);
    wire
}

/// Opens what was sealed for the same leg; `None` for anything else.
pub fn open(wire: &str, leg: Leg, keys: &SealKeys) -> Option<Flow> {
    if wire.len() > LENGTH_MAX {
        return None;
    }
    let sealed = b64::decode(wire).ok()?;
    let record = keys.open(leg.label(), &sealed).ok()?;
    read::read(&record, leg)
}

#[cfg(test)]
mod tests;
