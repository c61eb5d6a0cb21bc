#![no_main]
//! Request objects: any text, and any claims in an object that may be unsigned.

use libfuzzer_sys::fuzz_target;
use tessera_crypto::b64;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::authorize::request_object::RequestObject;
use tessera_protocol::client::{Client, ClientMetadata, ClientRecord};
use tessera_protocol::time::Timestamp;

fn check(compact: &str) {
    let Ok(object) = RequestObject::parse(compact) else { return };
    let client = Client::new(ClientRecord {
        metadata: ClientMetadata { client_id: "app".to_owned(), ..ClientMetadata::default() },
        secret_hashes: Vec::new(),
        registration_token_hash: None,
        token_epoch: 1,
        version: 1,
    });
    let now = Timestamp::from_secs(1_800_000_000);
    let request = RequestParameters::parse(b"client_id=app&scope=openid", b"").unwrap();
    let Ok(said) = object.check(&request, &client, &[], "https://as.example", now) else { return };
    assert!(object.is_unsigned(), "no key is known: {compact}");
    for (name, value) in said {
        assert!(name != "request" && name != "request_uri");
        assert!(name != "client_id" || value == "app");
    }
}

fuzz_target!(|text: &str| {
    check(text);
    check(&format!("{}.{}.", b64::encode(br#"{"alg":"none"}"#), b64::encode(text.as_bytes())));
});
