#![no_main]
//! `Authorization: Basic` headers.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    let _ = tessera_protocol::client_auth::decode_basic(header);
    let _ = tessera_protocol::client_auth::decode_basic(&format!("Basic {header}"));
});
