#![no_main]
//! Client metadata: what is accepted once is accepted again.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::registration::{Rules, decode, validate};

fuzz_target!(|body: &[u8]| {
    let rules =
        Rules { default_scope: "offline openid".to_owned(), subject_types: vec!["public".to_owned()], jwt_access_tokens: false };
    let Ok(metadata) = decode(body) else { return };
    if let Ok(metadata) = validate(metadata, &rules) {
        let printed = serde_json::to_vec(&metadata).unwrap();
        let again = decode(&printed).unwrap();
        assert!(validate(again, &rules).is_ok());
    }
});
