#![no_main]
//! Multipart bodies: what is made of one is a form.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::form::Reader;

#[path = "../../crates/server/src/multipart.rs"]
#[allow(dead_code)]
mod multipart;

fuzz_target!(|body: &[u8]| {
    for content_type in ["multipart/form-data; boundary=b", "multipart/form-data; boundary=\"-\""] {
        let Some(form) = multipart::to_urlencoded(content_type, body) else { continue };
        // A value may be no text; the encoding itself is sound.
        assert!(form.is_ascii());
        for parameter in Reader::new(form.as_bytes()) {
            let _ = parameter;
        }
    }
    let _ = multipart::to_urlencoded(&String::from_utf8_lossy(body), body);
});
