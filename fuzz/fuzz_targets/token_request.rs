#![no_main]
//! Token and introspection requests.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::grant::request::TokenRequest;
use tessera_protocol::introspect::TokenQuery;

fuzz_target!(|body: &[u8]| {
    let _ = TokenRequest::parse(body, None);
    let _ = TokenQuery::parse(body, None);
});
