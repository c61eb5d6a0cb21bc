#![no_main]
//! ID token hints and access tokens in JWT form, after their signature was found good.

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tessera_crypto::jose::Jws;
use tessera_crypto::{Keyring, Purpose, SealKeys, Secret, b64};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::{id_token_hint, jwt_access};

fn keys() -> &'static SealKeys {
    static KEYS: OnceLock<SealKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let secret = Secret::new("a-secret-of-16-chars".to_owned());
        Keyring::new(&[secret]).unwrap().seal_keys(Purpose::AccessToken)
    })
}

fuzz_target!(|pair: (&str, &str)| {
    let (header, payload) = pair;
    let now = Timestamp::from_secs(1_800_000_000);
    for header in [header, r#"{"alg":"RS256"}"#, r#"{"alg":"none"}"#] {
        let part = |text: &str| b64::encode(text.as_bytes());
        let wire = format!("{}.{}.c2ln", part(header), part(payload));
        let Ok(jws) = Jws::parse(&wire) else { continue };
        if id_token_hint::read_hint(&jws, "https://as.example", now).is_ok() {
            assert_ne!(jws.header.alg, "none");
        }
        assert!(jwt_access::read(&jws, "https://as.example", keys()).is_none(), "no reference was sealed");
    }
});
