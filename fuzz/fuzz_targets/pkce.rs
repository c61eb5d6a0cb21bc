#![no_main]
//! PKCE: only the verifier of a challenge passes.

use libfuzzer_sys::fuzz_target;
use tessera_crypto::{b64, sha256};
use tessera_protocol::pkce::verify;

fuzz_target!(|pair: (&str, &str, bool)| {
    let (challenge, verifier, is_enforced) = pair;
    let own = b64::encode(&sha256(verifier.as_bytes()));
    if verify(challenge, verifier, is_enforced).is_ok() {
        assert!(challenge == own || challenge.is_empty() && verifier.is_empty() && !is_enforced);
    }
    if verify(&own, verifier, is_enforced).is_ok() {
        assert!((43..=128).contains(&verifier.len()), "{verifier}");
        assert!(verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)));
    }
});
