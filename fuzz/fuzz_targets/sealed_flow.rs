#![no_main]
//! Challenges, verifiers and sealed ids: nothing that was not sealed opens, and a sealed record of any bytes is read or refused.

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tessera_crypto::{Keyring, OsEntropy, Purpose, SealKeys, Secret, b64};
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::flow::{self, Flow, Leg, Step, logout};
use tessera_protocol::time::Timestamp;
use tessera_protocol::token::{sealed_id, sid};

const LEGS: [(Leg, &[u8]); 4] = [
    (Leg::LoginChallenge, b"login_challenge"),
    (Leg::LoginVerifier, b"login_verifier"),
    (Leg::ConsentChallenge, b"consent_challenge"),
    (Leg::ConsentVerifier, b"consent_verifier"),
];
const LOGOUT_LEGS: [(logout::LogoutLeg, &[u8]); 2] = [
    (logout::LogoutLeg::Challenge, b"logout_challenge"),
    (logout::LogoutLeg::Verifier, b"logout_verifier"),
];

fn keys() -> &'static SealKeys {
    static KEYS: OnceLock<SealKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let secret = Secret::new("a-secret-of-16-chars".to_owned());
        Keyring::new(&[secret]).unwrap().seal_keys(Purpose::Challenge)
    })
}

fn sealed(label: &[u8], record: &[u8]) -> String {
    let mut out = Vec::new();
    keys().seal(&OsEntropy, label, record, &mut out);
    b64::encode(&out)
}

/// The record of a new flow, which more fields can follow.
fn begun() -> &'static [u8] {
    static RECORD: OnceLock<Vec<u8>> = OnceLock::new();
    RECORD.get_or_init(|| {
        let query = b"client_id=app&scope=openid&state=0123456789abcdef&own=x";
        let flow = Flow {
            flow_id: [1; 16],
            requested_at: Timestamp::from_secs(1_800_000_000),
            parameters: RequestParameters::parse(query, b"").unwrap(),
            request_pending: None,
            login_csrf: [2; 16],
            sid: [3; 16],
            known_login: None,
            step: Step::LoginAsked,
        };
        let wire = flow::seal(&flow, Leg::LoginChallenge, keys(), &OsEntropy);
        keys().open(b"login_challenge", &b64::decode(wire).unwrap()).unwrap()
    })
}

fuzz_target!(|bytes: &[u8]| {
    let longer = [begun(), bytes].concat();
    let wire = String::from_utf8_lossy(bytes);
    let _ = sid::read(&wire);
    assert!(sealed_id::open(&wire, "tsc_", keys()).is_none());
    for (leg, label) in LEGS {
        assert!(flow::open(&wire, leg, keys()).is_none());
        // What can be read can be sealed again and reads the same.
        for record in [bytes, &longer] {
            let Some(read) = flow::open(&sealed(label, record), leg, keys()) else { continue };
            let again = flow::seal(&read, leg, keys(), &OsEntropy);
            assert_eq!(flow::open(&again, leg, keys()).as_ref(), Some(&read));
        }
    }
    for (leg, label) in LOGOUT_LEGS {
        assert!(logout::open(&wire, leg, keys()).is_none());
        let _ = logout::open(&sealed(label, bytes), leg, keys());
    }
});
