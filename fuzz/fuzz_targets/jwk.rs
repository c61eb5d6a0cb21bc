#![no_main]
//! Keys from JSON: whatever passes the check must print and read back.

use libfuzzer_sys::fuzz_target;
use tessera_crypto::jose::Jwk;

fuzz_target!(|json: &[u8]| {
    let Ok(jwk) = serde_json::from_slice::<Jwk>(json) else { return };
    if jwk.check().is_ok() {
        let printed = serde_json::to_vec(&jwk).unwrap();
        let again: Jwk = serde_json::from_slice(&printed).unwrap();
        assert!(again.check().is_ok());
    }
});
