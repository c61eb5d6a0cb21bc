#![no_main]
//! Opaque tokens: nothing that was not sealed opens.

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tessera_crypto::{Keyring, Purpose, SealKeys, Secret};
use tessera_protocol::token::opaque;

fn keys() -> &'static SealKeys {
    static KEYS: OnceLock<SealKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let secret = Secret::new("a-secret-of-16-chars".to_owned());
        Keyring::new(&[secret]).unwrap().seal_keys(Purpose::AccessToken)
    })
}

fuzz_target!(|wire: &str| {
    assert!(opaque::open(wire, "tsa_", keys()).is_none());
    assert!(opaque::open(&format!("tsa_{wire}"), "tsa_", keys()).is_none());
});
