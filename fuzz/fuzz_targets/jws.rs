#![no_main]
//! Compact JWS and client assertions.

use libfuzzer_sys::fuzz_target;
use tessera_crypto::jose::Jws;
use tessera_protocol::client_auth::Assertion;

fuzz_target!(|compact: &str| {
    let _ = Jws::parse(compact);
    let _ = Assertion::parse(compact);
});
