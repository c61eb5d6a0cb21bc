use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::{b64, entropy::OsEntropy};

const RFC_7515_PAYLOAD: &[u8] =
    b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

/// RFC 7515 A.2.
const RFC_RSA: &str = r#"{"kty":"RSA",
"n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
"e":"AQAB",
"d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
"p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
"q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
"dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
"dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
"qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}"#;
const RFC_RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// RFC 7515 A.3.
const RFC_P256: &str = r#"{"kty":"EC","crv":"P-256",
"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const RFC_P256_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 7515 A.4.
const RFC_P521: &str = r#"{"kty":"EC","crv":"P-521",
"x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
"y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
"d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}"#;
const RFC_P521_TOKEN: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

/// RFC 8037 A.1 and A.4.
const RFC_ED: &str = r#"{"kty":"OKP","crv":"Ed25519",
"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RFC_ED_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn jwk(json: &str) -> Jwk {
    serde_json::from_str(json).unwrap()
}

/// The key with one member replaced.
fn with(json: &str, member: &str, value: &str) -> Jwk {
    let mut members: Value = serde_json::from_str(json).unwrap();
    members[member] = json!(value);
    serde_json::from_value(members).unwrap()
}

fn without(json: &str, member: &str) -> Jwk {
    with(json, member, "")
}

fn verifies(key: &Jwk, alg: Alg, token: &str) -> bool {
    let jws = Jws::parse(token).unwrap();
    jws.verify(&VerifyingKey::from_jwk(key, alg).unwrap())
}

#[test]
fn rfc_tokens_verify_and_rfc_keys_sign() {
    for (key, alg, token, payload) in [
        (RFC_RSA, Alg::RS256, RFC_RSA_TOKEN, RFC_7515_PAYLOAD),
        (RFC_P256, Alg::ES256, RFC_P256_TOKEN, RFC_7515_PAYLOAD),
        (RFC_P521, Alg::ES512, RFC_P521_TOKEN, b"Payload"),
        (
            RFC_ED,
            Alg::EdDSA,
            RFC_ED_TOKEN,
            b"Example of Ed25519 signing",
        ),
    ] {
        let key = jwk(key);
        assert_eq!(key.check(), Ok(()), "{alg}");
        assert_eq!(key.public().check(), Ok(()), "{alg}");
        assert!(verifies(&key.public(), alg, token), "{alg}");
        assert_eq!(Jws::parse(token).unwrap().payload, payload);
        let signing = SigningKey::from_jwk(&key).unwrap();
        assert_eq!(signing.alg(), alg);
        let ours = sign_compact(&signing, &Map::new(), payload).unwrap();
        assert!(verifies(&key, alg, &ours), "{alg}");
        if matches!(alg, Alg::RS256 | Alg::EdDSA) {
            assert_eq!(ours, token, "these two are deterministic");
        }
    }
}

#[test]
fn every_bit_of_a_token_matters() {
    for (key, alg, token) in [
        (RFC_P256, Alg::ES256, RFC_P256_TOKEN),
        (RFC_ED, Alg::EdDSA, RFC_ED_TOKEN),
        (RFC_RSA, Alg::RS256, RFC_RSA_TOKEN),
    ] {
        let key = VerifyingKey::from_jwk(&jwk(key), alg).unwrap();
        let jws = Jws::parse(token).unwrap();
        let input = jws.signing_input.as_bytes();
        assert!(key.verify(alg, input, &jws.signature));
        for bit in 0..jws.signature.len() * 8 {
            let mut bad = jws.signature.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(alg, input, &bad), "{alg} bit {bit}");
        }
        for bit in 0..input.len() * 8 {
            let mut bad = input.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(alg, &bad, &jws.signature), "{alg} bit {bit}");
        }
        assert!(!key.verify(alg, input, b""));
        assert!(!key.verify(alg, input, &[0; 64]));
    }
}

#[test]
fn a_token_cannot_choose_another_algorithm() {
    let rsa = jwk(RFC_RSA);
    for other in Alg::ALL.into_iter().filter(|alg| *alg != Alg::RS256) {
        let jws = Jws::parse(RFC_RSA_TOKEN).unwrap();
        let wrong = VerifyingKey::from_jwk(&rsa, other).is_ok_and(|key| jws.verify(&key));
        assert!(!wrong, "{other}");
    }
    let key = VerifyingKey::from_jwk(&rsa, Alg::RS256).unwrap();
    for alg in ["none", "HS256", "PS256", "rs256"] {
        let mut jws = Jws::parse(RFC_RSA_TOKEN).unwrap();
        jws.header.alg = alg.to_owned();
        assert!(!jws.verify(&key), "{alg}");
    }
}

#[test]
fn members_are_written_in_the_contract_order_and_empty_ones_omitted() {
    let order = [
        "use", "kty", "kid", "crv", "alg", "k", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi",
    ];
    let mut members = Map::new();
    for name in order.iter().rev() {
        members.insert((*name).to_owned(), json!("AQAB"));
    }
    members.insert("x5t#S256".to_owned(), json!("b"));
    members.insert("x5c".to_owned(), json!(["MII="]));
    members.insert("key_ops".to_owned(), json!(["sign"]));
    members.insert("x5t".to_owned(), json!("a"));
    let key: Jwk = serde_json::from_value(Value::Object(members)).unwrap();
    let written = serde_json::to_string(&key).unwrap();
    let expected: String = order.iter().map(|n| format!("\"{n}\":\"AQAB\",")).collect();
    let tail = r#""x5c":["MII="],"x5t":"a","x5t#S256":"b"}"#;
    assert_eq!(written, format!("{{{expected}{tail}"));
    assert_eq!(
        serde_json::to_string(&jwk(RFC_ED).public()).unwrap(),
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
    );
    assert_eq!(serde_json::to_string(&jwk("{\"kid\":null}")).unwrap(), "{}");
}

#[test]
fn private_parts_do_not_show() {
    for json in [RFC_RSA, RFC_P256, RFC_ED] {
        let key = jwk(json);
        assert!(key.is_private() && !key.public().is_private());
        let signing = SigningKey::from_jwk(&key).unwrap();
        let shown = format!(
            "{key:?} {signing:?} {}",
            serde_json::to_string(&key.public()).unwrap()
        );
        let members: Value = serde_json::from_str(json).unwrap();
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            if let Some(secret) = members[name].as_str() {
                assert!(!shown.contains(secret), "{name}");
            }
        }
    }
}

#[test]
fn unsound_keys_are_refused() {
    let other_d = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";
    let too_long = "A".repeat(3000);
    for (key, expected) in [
        (jwk("{}"), JwkError::UnknownKeyType),
        (with(RFC_P256, "kty", "ec"), JwkError::UnknownKeyType),
        (with(RFC_P256, "crv", "P-384"), JwkError::Malformed("x")),
        (with(RFC_P256, "crv", "secp256k1"), JwkError::UnknownCurve),
        (with(RFC_ED, "crv", "X25519"), JwkError::UnknownCurve),
        (without(RFC_P256, "x"), JwkError::Missing("x")),
        (without(RFC_P256, "y"), JwkError::Missing("y")),
        (
            with(RFC_P256, "x", "83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            JwkError::Malformed("x"),
        ),
        (
            with(RFC_P256, "x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEQ"),
            JwkError::Inconsistent,
        ),
        (with(RFC_P256, "x", "*"), JwkError::Malformed("x")),
        (with(RFC_P256, "d", other_d), JwkError::Inconsistent),
        (with(RFC_P256, "d", "AQAB"), JwkError::Malformed("d")),
        (with(RFC_ED, "x", "AQAB"), JwkError::Malformed("x")),
        (with(RFC_ED, "d", other_d), JwkError::Inconsistent),
        (without(RFC_RSA, "n"), JwkError::Missing("n")),
        (without(RFC_RSA, "e"), JwkError::Missing("e")),
        (with(RFC_RSA, "e", "AQAA"), JwkError::Malformed("e")),
        (with(RFC_RSA, "e", "AQ"), JwkError::Malformed("e")),
        (with(RFC_RSA, "e", "AQAAAAE"), JwkError::Malformed("e")),
        (with(RFC_RSA, "n", "AQAB"), JwkError::Malformed("n")),
        (with(RFC_RSA, "n", &too_long), JwkError::Malformed("n")),
        (without(RFC_RSA, "p"), JwkError::Missing("p")),
        (with(RFC_RSA, "d", other_d), JwkError::Inconsistent),
        (with(RFC_RSA, "kid", &too_long), JwkError::Malformed("kid")),
        (jwk(r#"{"kty":"oct"}"#), JwkError::Missing("k")),
        (jwk(r#"{"kty":"oct","k":"%"}"#), JwkError::Malformed("k")),
    ] {
        assert_eq!(key.check(), Err(expected), "{key:?}");
    }
    let oct = jwk(r#"{"kty":"oct","k":"AQAB"}"#);
    assert_eq!(oct.check(), Ok(()));
    assert!(oct.is_private());
    assert_eq!(oct.public().check(), Err(JwkError::Missing("k")));
}

#[test]
fn rsa_keys_without_the_redundant_numbers_sign() {
    let mut members: Value = serde_json::from_str(RFC_RSA).unwrap();
    for name in ["dp", "dq", "qi"] {
        members[name] = Value::Null;
    }
    let bare: Jwk = serde_json::from_value(members).unwrap();
    assert_eq!(bare.check(), Ok(()));
    let signing = SigningKey::from_jwk(&bare).unwrap();
    let ours = sign_compact(&signing, &Map::new(), RFC_7515_PAYLOAD).unwrap();
    assert_eq!(ours, RFC_RSA_TOKEN);
    assert_eq!(without(RFC_RSA, "qi").check(), Err(JwkError::Missing("qi")));
}

#[test]
fn padded_members_of_imported_keys_are_accepted() {
    let padded = with(
        RFC_P256,
        "x",
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=",
    );
    assert_eq!(padded.check(), Ok(()));
    assert_eq!(padded.x, jwk(RFC_P256).x);
}

#[test]
fn small_rsa_keys_may_be_kept_but_not_used() {
    let n = b64::encode(&[0xc1; 128]);
    let small = with(RFC_RSA, "n", &n);
    assert_eq!(small.check(), Ok(()));
    assert_eq!(SigningKey::from_jwk(&small).unwrap_err(), JwkError::TooWeak);
    assert_eq!(
        VerifyingKey::from_jwk(&small, Alg::RS256).unwrap_err(),
        JwkError::TooWeak
    );
    // 2047 bits.
    let n = b64::encode(&[&[0x7f][..], &[0xff; 255]].concat());
    let nearly = with(RFC_RSA, "n", &n);
    assert_eq!(
        VerifyingKey::from_jwk(&nearly, Alg::PS256).unwrap_err(),
        JwkError::TooWeak
    );
}

#[test]
fn a_key_is_used_for_its_own_algorithm_only() {
    let ps = with(RFC_RSA, "alg", "PS384");
    assert_eq!(SigningKey::from_jwk(&ps).unwrap().alg(), Alg::PS384);
    assert!(VerifyingKey::from_jwk(&ps, Alg::PS384).is_ok());
    let refused = |key: &Jwk, alg| VerifyingKey::from_jwk(key, alg).unwrap_err();
    assert_eq!(refused(&ps, Alg::PS256), JwkError::WrongAlgorithm);
    assert_eq!(
        refused(&jwk(RFC_P256), Alg::ES512),
        JwkError::WrongAlgorithm
    );
    assert_eq!(
        refused(&jwk(RFC_P256), Alg::RS256),
        JwkError::WrongAlgorithm
    );
    for alg in ["ES512", "HS256", "none", "RSA-OAEP"] {
        let error = SigningKey::from_jwk(&with(RFC_P256, "alg", alg)).unwrap_err();
        assert_eq!(error, JwkError::WrongAlgorithm, "{alg}");
    }
    let public = jwk(RFC_P256).public();
    assert_eq!(
        SigningKey::from_jwk(&public).unwrap_err(),
        JwkError::NotPrivate
    );
}

#[test]
fn generated_keys_are_sound_and_verified_by_another_implementation() {
    let claims = json!({"iss": "joe", "n": 1});
    let payload = claims.to_string();
    for alg in Alg::ALL {
        let key = generate(alg, "a kid", &OsEntropy).unwrap();
        assert_eq!(key.check(), Ok(()), "{alg}");
        assert_eq!((key.use_.as_str(), key.alg.as_str()), ("sig", alg.as_str()));
        assert!(key.is_private());
        let copy = jwk(&serde_json::to_string(&key).unwrap());
        let signing = SigningKey::from_jwk(&copy).unwrap();
        assert_eq!((signing.alg(), signing.kid()), (alg, "a kid"));
        let token = sign_compact(&signing, &Map::new(), payload.as_bytes()).unwrap();
        assert!(verifies(&key.public(), alg, &token), "{alg}");
        let stranger = generate(alg, "a kid", &OsEntropy).unwrap();
        assert!(!verifies(&stranger, alg, &token), "{alg}");
        if alg == Alg::ES512 {
            continue; // jsonwebtoken does not have it; RFC 7515 A.4 covers it.
        }
        let public = serde_json::to_value(key.public()).unwrap();
        let public: jsonwebtoken::jwk::Jwk = serde_json::from_value(public).unwrap();
        let decoding = jsonwebtoken::DecodingKey::from_jwk(&public).unwrap();
        let mut rules = jsonwebtoken::Validation::new(alg.as_str().parse().unwrap());
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let seen = jsonwebtoken::decode::<Value>(&token, &decoding, &rules).unwrap();
        assert_eq!(seen.claims, claims);
        assert_eq!(seen.header.kid.as_deref(), Some("a kid"));
    }
}

#[test]
fn tokens_of_another_implementation_verify() {
    use aws_lc_rs::{encoding::AsDer as _, signature as sig};
    use jsonwebtoken::{Algorithm, EncodingKey, Header};

    let rsa = sig::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    // The RSAPrivateKey starts after 26 bytes of PKCS #8.
    let encoding = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
    let public = sig::KeyPair::public_key(&rsa);
    let key = jwk(&format!(
        r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#,
        b64::encode(public.modulus().big_endian_without_leading_zero()),
        b64::encode(public.exponent().big_endian_without_leading_zero()),
    ));
    for (theirs, ours) in [
        (Algorithm::RS256, Alg::RS256),
        (Algorithm::RS384, Alg::RS384),
        (Algorithm::RS512, Alg::RS512),
        (Algorithm::PS256, Alg::PS256),
        (Algorithm::PS384, Alg::PS384),
        (Algorithm::PS512, Alg::PS512),
    ] {
        let token = jsonwebtoken::encode(&Header::new(theirs), &json!({}), &encoding).unwrap();
        assert!(verifies(&key, ours, &token), "{ours}");
    }
}

#[test]
fn the_header_names_the_key_first_and_cannot_override_it() {
    let mut key = jwk(RFC_ED);
    key.kid = String::from("k\"1");
    let key = SigningKey::from_jwk(&key).unwrap();
    let Value::Object(header) = json!({"typ": "at+jwt", "alg": "none", "kid": "x", "ref": "y"})
    else {
        unreachable!()
    };
    let token = sign_compact(&key, &header, b"{}").unwrap();
    let json = b64::decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(
        String::from_utf8(json).unwrap(),
        r#"{"alg":"EdDSA","kid":"k\"1","typ":"at+jwt","ref":"y"}"#
    );
    let jws = Jws::parse(&token).unwrap();
    assert_eq!(jws.header.alg, "EdDSA");
    assert_eq!(jws.header.kid.as_deref(), Some("k\"1"));
    assert_eq!(jws.header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(jws.header.other.get("ref"), Some(&json!("y")));
    assert_eq!(jws.header.other.len(), 1);
}

#[test]
fn malformed_tokens_are_refused() {
    let head = |json: &str| format!("{}.e30.AA", b64::encode(json.as_bytes()));
    for (text, expected) in [
        (String::new(), JwsError::Parts),
        (String::from("a"), JwsError::Parts),
        (String::from("a.b"), JwsError::Parts),
        (String::from("e30.e30.AA.AA"), JwsError::Parts),
        (String::from("e30.e30.AA.AA.AA"), JwsError::Parts),
        ("a".repeat(JWS_CHARS_MAX + 1), JwsError::TooLong),
        (format!("{RFC_ED_TOKEN}="), JwsError::Base64),
        (RFC_ED_TOKEN.replace("0KAg", "0KAh"), JwsError::Base64),
        (format!("{RFC_ED_TOKEN}\n"), JwsError::Base64),
        (format!(" {RFC_ED_TOKEN}"), JwsError::Base64),
        (head("[]"), JwsError::Header),
        (head("{}"), JwsError::Header),
        (head(r#"{"alg":1}"#), JwsError::Header),
        (head(r#"{"alg":null}"#), JwsError::Header),
        (head(r#"{"alg":"RS256","kid":1}"#), JwsError::Header),
        (head(r#"{"alg":"RS256","typ":[]}"#), JwsError::Header),
        (head(r#"{"alg":"RS256","alg":"none"}"#), JwsError::Header),
        (head(r#"{"alg":"RS256","x":1,"x":1}"#), JwsError::Header),
        (head(r#"{"alg":"RS256"} x"#), JwsError::Header),
        (
            head(&format!(r#"{{"alg":"a","x":{}}}"#, "[".repeat(20_000))),
            JwsError::Header,
        ),
        (
            head(r#"{"alg":"RS256","crit":["exp"]}"#),
            JwsError::Critical,
        ),
        (head(r#"{"alg":"RS256","crit":null}"#), JwsError::Critical),
    ] {
        assert_eq!(Jws::parse(&text).unwrap_err(), expected, "{text:.80}");
    }
    let unsecured = format!("{}.e30.", b64::encode(br#"{"alg":"none"}"#));
    assert_eq!(Jws::parse(&unsecured).unwrap().header.alg, "none");
}

#[test]
fn key_sets_round_trip() {
    let text = r#"{"keys":[{"kty":"oct","kid":"1","k":"AQAB"}]}"#;
    let set: JwkSet = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&set).unwrap(), text);
    assert!(serde_json::from_str::<JwkSet>("{}").is_err());
}

fn member_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[A-Za-z0-9_=-]{0,90}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 32..=32).prop_map(|b| Value::from(b64::encode(&b))),
        proptest::collection::vec(any::<u8>(), 256..=256)
            .prop_map(|b| Value::from(b64::encode(&b))),
        Just(Value::from("AQAB")),
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn no_text_panics_as_a_token(text in "\\PC{0,300}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,60}", 0..5)) {
        let _ = Jws::parse(&text);
        let _ = Jws::parse(&parts.join("."));
    }

    #[test]
    fn no_header_panics(header in proptest::collection::vec(any::<u8>(), 0..100), json in "\\{(\"(alg|kid|typ|crit|x)\":(\"[a-z]*\"|1|\\[\\]|null|\\{\\}),?){0,4}\\}") {
        for bytes in [header.as_slice(), json.as_bytes()] {
            let _ = Jws::parse(&format!("{}.e30.AA", b64::encode(bytes)));
        }
    }

    #[test]
    fn no_json_panics_as_a_key(
        kty in prop_oneof![Just("RSA"), Just("EC"), Just("OKP"), Just("oct"), Just("x")],
        crv in prop_oneof![Just("P-256"), Just("P-384"), Just("P-521"), Just("Ed25519"), Just("")],
        members in proptest::collection::hash_map(
            proptest::sample::select(vec!["use", "kid", "alg", "k", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "x5c", "x5t#S256"]),
            member_value(), 0..14),
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let _ = serde_json::from_slice::<Jwk>(&bytes);
        let mut object = json!({"kty": kty, "crv": crv});
        for (name, value) in members {
            object[name] = value;
        }
        if let Ok(key) = serde_json::from_value::<Jwk>(object) {
            let _ = key.check();
            let _ = SigningKey::from_jwk(&key);
            for alg in Alg::ALL {
                let _ = VerifyingKey::from_jwk(&key, alg).map(|key| key.verify(alg, b"a.b", &[0; 64]));
            }
            let text = serde_json::to_string(&key).unwrap();
            let again = serde_json::to_string(&jwk(&text)).unwrap();
            prop_assert_eq!(text, again);
        }
    }
}
