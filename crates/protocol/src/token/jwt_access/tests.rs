use serde_json::json;
use tessera_crypto::jose::{Alg, generate};
use tessera_crypto::{Keyring, OsEntropy, Purpose, Secret};

use super::super::access::PersonRef;
use super::*;

const ISSUER: &str = "https://issuer.example";

fn reference_keys() -> SealKeys {
    Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
        .unwrap()
        .seal_keys(Purpose::TokenRef)
}

fn key() -> SigningKey {
    SigningKey::from_jwk(&generate(Alg::EdDSA, "k", &OsEntropy).unwrap()).unwrap()
}

fn token(ext: &str, person: Option<PersonRef>) -> AccessToken {
    AccessToken {
        client_id: "app".to_owned(),
        subject: if person.is_some() { "alice" } else { "app" }.to_owned(),
        scope: "openid a".to_owned(),
        audience: vec!["https://api".to_owned()],
        issued_at: Timestamp::from_secs(1_000),
        expires_at: Timestamp::from_secs(4_600),
        client_epoch: 7,
        server_epoch: 9,
        ext: ext.to_owned(),
        ext_grant: None,
        person,
    }
}

fn signed(token: &AccessToken, options: &ClaimOptions) -> String {
    sign(
        token,
        "j",
        ISSUER,
        options,
        &key(),
        (&reference_keys(), &OsEntropy),
    )
    .unwrap()
}

fn claims(ext: &str, options: &ClaimOptions) -> String {
    let wire = signed(&token(ext, None), options);
    String::from_utf8(Jws::parse(&wire).unwrap().payload).unwrap()
}

#[test]
fn a_machines_claims_are_these_bytes() {
    assert_eq!(
        claims("", &ClaimOptions::default()),
        r#"{"aud":["https://api"],"client_id":"app","exp":4600,"ext":{},"iat":1000,"iss":"https://issuer.example","jti":"j","nbf":1000,"scp":["openid","a"],"sub":"app"}"#
    );
}

#[test]
fn custom_claims_go_where_the_operator_wants_them() {
    let custom = r#"{"foo":1,"other":2,"sub":"evil","zip":3}"#;
    for (mirror, preserve_ext, ext) in [
        (
            true,
            false,
            Some(json!({"foo": 1, "other": 2, "sub": "evil", "zip": 3})),
        ),
        (
            true,
            true,
            Some(json!({"foo": 1, "other": 2, "sub": "evil", "zip": 3})),
        ),
        (false, true, Some(json!({"other": 2, "sub": "evil"}))),
        (false, false, None),
    ] {
        let options = ClaimOptions {
            top_level: ["zip", "foo", "sub", "absent", "ext"]
                .map(str::to_owned)
                .to_vec(),
            mirror,
            preserve_ext,
            ..ClaimOptions::default()
        };
        let text = claims(custom, &options);
        let read: Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(read.get("ext"), ext.as_ref(), "{mirror} {preserve_ext}");
        assert_eq!(
            (&read["foo"], &read["zip"], &read["sub"]),
            (&json!(1), &json!(3), &json!("app"))
        );
        let names: Vec<_> = read.keys().cloned().collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
    }
    let bare = ClaimOptions {
        mirror: false,
        ..ClaimOptions::default()
    };
    assert!(!claims("", &bare).contains("ext"));
}

#[test]
fn reserved_claims_stay_even_when_they_are_allowed() {
    let options = ClaimOptions {
        scope_claim: ScopeClaim::Both,
        top_level: RESERVED
            .iter()
            .chain(&["scope"])
            .map(|n| (*n).to_owned())
            .collect(),
        ..ClaimOptions::default()
    };
    let custom: Map<String, Value> = options
        .top_level
        .iter()
        .map(|name| (name.clone(), json!("evil")))
        .collect();
    let read: Map<String, Value> =
        serde_json::from_str(&claims(&json!(custom).to_string(), &options)).unwrap();
    for name in &options.top_level {
        assert_ne!(read[name], json!("evil"), "{name}");
    }
}

#[test]
fn a_persons_token_reads_back_as_one() {
    let person = PersonRef {
        grant_id: [1; 16],
        refresh_id: Some([2; 16]),
        is_narrowed: false,
    };
    for scope_claim in [ScopeClaim::List, ScopeClaim::Text, ScopeClaim::Both] {
        let options = ClaimOptions {
            scope_claim,
            ..ClaimOptions::default()
        };
        let wire = signed(&token("", Some(person.clone())), &options);
        let jws = Jws::parse(&wire).unwrap();
        assert!(String::from_utf8_lossy(&jws.payload).contains(r#""sub":"alice""#));
        let want = PersonToken {
            grant_id: [1; 16],
            refresh_id: Some([2; 16]),
            narrowed_scope: Some("openid a".to_owned()),
            issued_at: Timestamp::from_secs(1_000),
            expires_at: Timestamp::from_secs(4_600),
            client_epoch: 7,
            server_epoch: 9,
        };
        assert_eq!(
            read(&jws, ISSUER, &reference_keys()),
            Some(ReadToken::Person(want))
        );
    }
}

#[test]
fn a_machines_token_reads_back_whole() {
    let sent = token(r#"{"a":1}"#, None);
    let wire = signed(&sent, &ClaimOptions::default());
    let jws = Jws::parse(&wire).unwrap();
    let Some(ReadToken::Machine { token, .. }) = read(&jws, ISSUER, &reference_keys()) else {
        panic!("no machine's token");
    };
    assert_eq!(token, sent);
    assert_eq!(read(&jws, "https://other", &reference_keys()), None);
}

#[test]
fn a_jwt_without_a_reference_is_no_access_token() {
    let payload =
        json!({"iss": ISSUER, "jti": "j", "client_id": "app", "iat": 1, "exp": 2, "scp": []});
    let wire = sign_compact(&key(), &Map::new(), payload.to_string().as_bytes()).unwrap();
    assert_eq!(
        read(&Jws::parse(&wire).unwrap(), ISSUER, &reference_keys()),
        None
    );
}
