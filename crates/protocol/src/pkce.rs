//! Proof key for code exchange, at the redemption of a code.
//!
//! Spec: RFC 7636 4.1, 4.5, 4.6; RFC 9700 2.1.1
//!
//! Security: whether a proof is due is read from the code, so neither leaving the verifier out nor a change of the
//! configuration gets around it; and a verifier without a challenge is refused (the downgrade of RFC 9700 4.8).

use tessera_crypto::{b64, constant_time_eq, sha256};

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};

/// Fewest characters of a verifier.
const VERIFIER_MIN: usize = 43;
/// Most characters of a verifier.
const VERIFIER_MAX: usize = 128;

/// Of whom a challenge is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Enforcement {
    /// `oauth2.pkce.enforced`.
    pub for_everyone: bool,
    /// `oauth2.pkce.enforced_for_public_clients`.
    pub for_public_clients: bool,
}

impl Enforcement {
    /// Whether this client has to send a challenge.
    pub const fn binds(self, client: &Client) -> bool {
        self.for_everyone || self.for_public_clients && client.is_public()
    }
}

/// Why a redemption does not prove possession. A verifier that came and is wrong, in whatever way, spends the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PkceError {
    /// The code has no challenge although one is demanded of the client.
    ChallengeMissing,
    /// A verifier came for a code without a challenge.
    ChallengeAbsent,
    /// The verifier is missing or shorter than 43 characters.
    TooShort,
    /// The verifier is longer than 128 characters.
    TooLong,
    /// The verifier holds another character than the RFC allows.
    BadCharacter,
    /// The verifier is another one.
    Wrong,
}

impl PkceError {
    /// The error on the wire.
    pub fn into_error(self) -> OAuthError {
        let (code, hint) = match self {
            Self::ChallengeMissing => (
                ErrorCode::InvalidRequest,
                "The authorization request had no 'code_challenge', which this server asks this client for.",
            ),
            Self::ChallengeAbsent => (
                ErrorCode::InvalidGrant,
                "Parameter 'code_verifier' is given, but the authorization request had no 'code_challenge'.",
            ),
            Self::TooShort => (
                ErrorCode::InvalidGrant,
                "Parameter 'code_verifier' is missing or shorter than 43 characters; where one came, the code is spent.",
            ),
            Self::TooLong => (
                ErrorCode::InvalidGrant,
                "Parameter 'code_verifier' is longer than 128 characters; the code is spent.",
            ),
            Self::BadCharacter => (
                ErrorCode::InvalidGrant,
                "Parameter 'code_verifier' holds other characters than letters, digits, '-', '.', '_' and '~'; the code is \
                 spent.",
            ),
            Self::Wrong => (
                ErrorCode::InvalidGrant,
                "Parameter 'code_verifier' does not belong to the 'code_challenge'; the code is spent.",
            ),
        };
        OAuthError::new(code, hint)
    }
}

/// Compares a verifier with the challenge of the code; either is empty when there is none. `is_enforced` says whether
/// a challenge is demanded of the client now.
pub fn verify(challenge: &str, verifier: &str, is_enforced: bool) -> Result<(), PkceError> {
    if challenge.is_empty() {
        return match (verifier.is_empty(), is_enforced) {
            (false, _) => Err(PkceError::ChallengeAbsent),
            (true, true) => Err(PkceError::ChallengeMissing),
            (true, false) => Ok(()),
        };
    }
    if verifier.len() < VERIFIER_MIN {
        return Err(PkceError::TooShort);
    }
    if verifier.len() > VERIFIER_MAX {
        return Err(PkceError::TooLong);
    }
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if !verifier.bytes().all(is_unreserved) {
        return Err(PkceError::BadCharacter);
    }
    let expected = b64::encode(&sha256(verifier.as_bytes()));
    if constant_time_eq(expected.as_bytes(), challenge.as_bytes()) {
        Ok(())
    } else {
        Err(PkceError::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn rfc_7636_appendix_b() {
        assert_eq!(verify(CHALLENGE, VERIFIER, true), Ok(()));
    }

    #[test]
    fn each_rule_has_its_error() {
        let long = "a".repeat(129);
        let other = "a".repeat(128);
        let odd = format!("{VERIFIER}!");
        let padded = format!("{CHALLENGE}=");
        for (challenge, verifier, is_enforced, want) in [
            ("", "", false, Ok(())),
            ("", "", true, Err(PkceError::ChallengeMissing)),
            ("", VERIFIER, false, Err(PkceError::ChallengeAbsent)),
            ("", "x", true, Err(PkceError::ChallengeAbsent)),
            (CHALLENGE, "", false, Err(PkceError::TooShort)),
            (CHALLENGE, &VERIFIER[1..], false, Err(PkceError::TooShort)),
            (CHALLENGE, &long, false, Err(PkceError::TooLong)),
            (CHALLENGE, &odd, false, Err(PkceError::BadCharacter)),
            (
                CHALLENGE,
                "üüüüüüüüüüüüüüüüüüüüüüüü",
                false,
                Err(PkceError::BadCharacter),
            ),
            (CHALLENGE, &other, false, Err(PkceError::Wrong)),
            (CHALLENGE, CHALLENGE, false, Err(PkceError::Wrong)),
            (&padded, VERIFIER, false, Err(PkceError::Wrong)),
            (VERIFIER, VERIFIER, false, Err(PkceError::Wrong)),
            ("short", VERIFIER, false, Err(PkceError::Wrong)),
        ] {
            assert_eq!(
                verify(challenge, verifier, is_enforced),
                want,
                "{challenge} {verifier}"
            );
        }
    }

    #[test]
    fn only_a_missing_challenge_is_the_requests_fault() {
        assert_eq!(
            PkceError::ChallengeMissing.into_error().code,
            ErrorCode::InvalidRequest
        );
        assert_eq!(PkceError::Wrong.into_error().code, ErrorCode::InvalidGrant);
    }
}
