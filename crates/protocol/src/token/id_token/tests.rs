use serde_json::json;
use tessera_crypto::OsEntropy;
use tessera_crypto::jose::{Jws, VerifyingKey, generate};

use super::*;
use crate::grant::record::GrantContent;

fn grant() -> GrantRecord {
    GrantRecord {
        grant_id: [1; 16],
        client_id: "app".to_owned(),
        subject: "alice".to_owned(),
        sid: Some([0xab; 16]),
        requested_at: Timestamp::from_micros(900_999_999),
        remembered_until: None,
        tokens_until: Timestamp::MAX,
        server_epoch: 5,
        was_asked: true,
        content: GrantContent {
            auth_time: Timestamp::from_secs(901),
            nonce: "n-0S6_WzA2Mj".to_owned(),
            ..GrantContent::default()
        },
        session: Vec::new(),
        context: Vec::new(),
    }
}

fn with(change: impl FnOnce(&mut GrantRecord)) -> GrantRecord {
    let mut grant = grant();
    change(&mut grant);
    grant
}

const PLAIN: IdToken<'static> = IdToken {
    issuer: "https://issuer.example",
    jti: "j",
    now: Timestamp::from_micros(1_000_700_000),
    lifespan: Duration::from_secs(3_600),
    access_token: None,
    code: None,
};

fn session(id_token: &Value) -> SessionClaims {
    serde_json::from_value(json!({ "id_token": id_token })).unwrap()
}

fn claims_of(grant: &GrantRecord, session: &SessionClaims) -> Value {
    Value::Object(claims(&PLAIN, grant, session, Alg::RS256))
}

#[test]
fn openid_core_appendix_a_hashes() {
    let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(
        half_hash(Alg::RS256, access_token),
        "77QmUPtjPfzWtF2AnpK9RQ"
    );
    let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
    assert_eq!(half_hash(Alg::RS256, code), "LDktKdoQak3Pk0cnXxCltA");
}

#[test]
fn the_hash_follows_the_signature() {
    for (alg, length) in [
        (Alg::ES256, 22),
        (Alg::PS256, 22),
        (Alg::RS384, 32),
        (Alg::ES512, 43),
        (Alg::EdDSA, 43),
    ] {
        assert_eq!(half_hash(alg, "token").len(), length, "{alg}");
    }
}

#[test]
fn a_plain_grant_gives_these_claims() {
    assert_eq!(
        claims_of(&grant(), &SessionClaims::default()),
        json!({
            "iss": "https://issuer.example", "sub": "alice", "aud": ["app"], "iat": 1000, "exp": 4600, "rat": 900,
            "auth_time": 901, "jti": "j", "nonce": "n-0S6_WzA2Mj", "sid": "abababab-abab-abab-abab-abababababab"
        })
    );
}

#[test]
fn each_claim_has_its_source() {
    let none = SessionClaims::default();
    for (grant, name, want) in [
        (
            with(|g| g.content.subject_identifier = "pair".to_owned()),
            "sub",
            json!("pair"),
        ),
        (
            with(|g| g.content.acr = "urn:mfa".to_owned()),
            "acr",
            json!("urn:mfa"),
        ),
        (with(|g| g.content.asked_acr = true), "acr", json!("0")),
        (grant(), "acr", Value::Null),
        (
            with(|g| g.content.amr = vec!["pwd".to_owned()]),
            "amr",
            json!(["pwd"]),
        ),
        (grant(), "amr", Value::Null),
        (
            with(|g| g.content.auth_time = Timestamp::default()),
            "auth_time",
            json!(1000),
        ),
        (with(|g| g.content.nonce.clear()), "nonce", Value::Null),
        (with(|g| g.sid = None), "sid", Value::Null),
        (grant(), "azp", Value::Null),
        (grant(), "nbf", Value::Null),
    ] {
        assert_eq!(claims_of(&grant, &none)[name], want, "{name}");
    }
}

#[test]
fn protected_claims_cannot_be_given() {
    let evil: Map<String, Value> = PROTECTED
        .iter()
        .map(|n| ((*n).to_owned(), json!("evil")))
        .collect();
    let bare = with(|g| {
        g.content.nonce.clear();
        g.sid = None;
    });
    for grant in [grant(), bare] {
        let plain = claims_of(&grant, &SessionClaims::default());
        assert_eq!(claims_of(&grant, &session(&json!(evil))), plain);
    }
    assert_eq!(
        claims_of(&grant(), &session(&json!({"email": "a@b"})))["email"],
        "a@b"
    );
}

#[test]
fn the_token_is_signed_and_sorted() {
    let jwk = generate(Alg::ES256, "kid-1", &OsEntropy).unwrap();
    let key = SigningKey::from_jwk(&jwk).unwrap();
    let token = IdToken {
        access_token: Some("at"),
        code: Some("code"),
        ..PLAIN
    };
    let claims =
        session(&json!({"zoneinfo": "x", "address": {"b": 12345678901234567_u64, "a": 2}}));
    let wire = sign(&token, &grant(), &claims, &key).unwrap();
    let jws = Jws::parse(&wire).unwrap();
    assert!(jws.verify(&VerifyingKey::from_jwk(&jwk, Alg::ES256).unwrap()));
    assert_eq!(
        (jws.header.kid.as_deref(), jws.header.typ.as_deref()),
        (Some("kid-1"), Some("JWT"))
    );
    let text = String::from_utf8(jws.payload).unwrap();
    assert!(
        text.starts_with(r#"{"address":{"a":2,"b":12345678901234567},"at_hash":""#)
            && text.ends_with(
                r#","sid":"abababab-abab-abab-abab-abababababab","sub":"alice","zoneinfo":"x"}"#
            ),
        "{text}"
    );
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["at_hash"], half_hash(Alg::ES256, "at"));
    assert_eq!(read["c_hash"], half_hash(Alg::ES256, "code"));
}
