//! Which of a client's keys made a signature.
//!
//! Spec: RFC 7517 4, RFC 7515 4.1.4

use tessera_crypto::jose::{Alg, Jwk, Jws, VerifyingKey};

use crate::error::quoted;

/// How many keys one assertion may be tried with: each costs a verification, before anybody is authenticated.
const KEYS_TRIED_MAX: usize = 16;

/// Verifies with the key that `kid` names, else with each that fits the algorithm.
///
/// # Errors
/// Why it does not verify, in words.
///
/// Security: a key that says it is for encryption never verifies a signature.
pub(crate) fn verify(jws: &Jws<'_>, alg: Alg, keys: &[Jwk]) -> Result<(), String> {
    let kid = jws.header.kid.as_deref();
    let candidates = keys
        .iter()
        .filter(|key| kid.is_none_or(|kid| key.kid == kid))
        .filter(|key| ["", "sig"].contains(&key.use_.as_str()));
    let mut fitting = 0_usize;
    for key in candidates {
        let Ok(key) = VerifyingKey::from_jwk(key, alg) else {
            continue;
        };
        fitting = fitting.saturating_add(1);
        if fitting > KEYS_TRIED_MAX {
            return Err(format!(
                "More than {KEYS_TRIED_MAX} keys of the client fit; name one by 'kid'."
            ));
        }
        if jws.verify(&key) {
            return Ok(());
        }
    }
    let alg = alg.as_str();
    Err(match (fitting, kid) {
        (0, Some(kid)) => format!(
            "The client has no signing key with 'kid' {} that fits algorithm {alg}.",
            quoted(kid)
        ),
        (0, None) => format!("The client has no signing key that fits algorithm {alg}."),
        _ => "The signature does not verify.".to_owned(),
    })
}
