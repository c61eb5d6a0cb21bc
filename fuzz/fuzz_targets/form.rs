#![no_main]
//! Forms.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::form::Reader;

fuzz_target!(|body: &[u8]| {
    for parameter in Reader::new(body) {
        let _ = parameter;
    }
});
