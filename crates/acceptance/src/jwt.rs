//! Signing the JWTs that scenarios send, independent of the product's own JOSE code.
//!
//! Spec: RFC 7515, RFC 7518 s3, RFC 8037 s3.1.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// What signs: a private JWK, a shared secret, or nothing (`alg: none`).
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    Jwk(&'a Value),
    Secret(&'a str),
    None,
}

/// A compact JWS. `header` members of value null are left out; `alg` and `typ: JWT` are added where absent.
pub fn sign(alg: &str, header: &Map<String, Value>, claims: &Value, key: Key<'_>) -> String {
    let mut full = Map::new();
    full.insert("alg".to_owned(), json!(alg));
    full.insert("typ".to_owned(), json!("JWT"));
    for (name, value) in header {
        full.insert(name.clone(), value.clone());
    }
    full.retain(|_, value| !value.is_null());
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(Value::Object(full).to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = signature_of(alg, input.as_bytes(), key);
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signature_of(alg: &str, input: &[u8], key: Key<'_>) -> Vec<u8> {
    match (alg, key) {
        ("none", _) => Vec::new(),
        ("HS256", Key::Secret(secret)) => mac(hmac::HMAC_SHA256, secret, input),
        ("HS384", Key::Secret(secret)) => mac(hmac::HMAC_SHA384, secret, input),
        ("HS512", Key::Secret(secret)) => mac(hmac::HMAC_SHA512, secret, input),
        ("RS256", Key::Jwk(jwk)) => rsa(&signature::RSA_PKCS1_SHA256, jwk, input),
        ("RS384", Key::Jwk(jwk)) => rsa(&signature::RSA_PKCS1_SHA384, jwk, input),
        ("RS512", Key::Jwk(jwk)) => rsa(&signature::RSA_PKCS1_SHA512, jwk, input),
        ("PS256", Key::Jwk(jwk)) => rsa(&signature::RSA_PSS_SHA256, jwk, input),
        ("PS384", Key::Jwk(jwk)) => rsa(&signature::RSA_PSS_SHA384, jwk, input),
        ("PS512", Key::Jwk(jwk)) => rsa(&signature::RSA_PSS_SHA512, jwk, input),
        ("ES256", Key::Jwk(jwk)) => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, jwk, input),
        ("ES384", Key::Jwk(jwk)) => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, jwk, input),
        ("ES512", Key::Jwk(jwk)) => ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, jwk, input),
        ("EdDSA", Key::Jwk(jwk)) => {
            let pair =
                Ed25519KeyPair::from_seed_unchecked(&bytes(jwk, "d")).expect("an Ed25519 key");
            pair.sign(input).as_ref().to_vec()
        }
        _ => panic!("cannot sign {alg} with {key:?}"),
    }
}

fn mac(algorithm: hmac::Algorithm, secret: &str, input: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), input)
        .as_ref()
        .to_vec()
}

fn rsa(encoding: &'static dyn RsaEncoding, jwk: &Value, input: &[u8]) -> Vec<u8> {
    let components = KeyPairComponents {
        public_key: PublicKeyComponents {
            n: bytes(jwk, "n"),
            e: bytes(jwk, "e"),
        },
        d: bytes(jwk, "d"),
        p: bytes(jwk, "p"),
        q: bytes(jwk, "q"),
        dP: bytes(jwk, "dp"),
        dQ: bytes(jwk, "dq"),
        qInv: bytes(jwk, "qi"),
    };
    let pair = RsaKeyPair::from_components(&components).expect("an RSA key");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), input, &mut signature)
        .expect("RSA signs");
    signature
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, jwk: &Value, input: &[u8]) -> Vec<u8> {
    let point = [vec![4], bytes(jwk, "x"), bytes(jwk, "y")].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &bytes(jwk, "d"), &point)
        .expect("an EC key");
    pair.sign(&SystemRandom::new(), input)
        .expect("ECDSA signs")
        .as_ref()
        .to_vec()
}

fn bytes(jwk: &Value, member: &str) -> Vec<u8> {
    let text = jwk[member]
        .as_str()
        .unwrap_or_else(|| panic!("the key has no {member}"));
    URL_SAFE_NO_PAD
        .decode(text)
        .expect("key members are base64url")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording;
    use aws_lc_rs::signature::{RsaPublicKeyComponents, UnparsedPublicKey};

    fn parts(token: &str) -> (&[u8], Vec<u8>) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        (input.as_bytes(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    #[test]
    fn signatures_verify_with_the_public_half() {
        let keys = recording::keys();
        let rsa1 = &keys["rsa1"];
        let public = RsaPublicKeyComponents {
            n: bytes(rsa1, "n"),
            e: bytes(rsa1, "e"),
        };
        let token = sign("RS256", &Map::new(), &json!({"a": 1}), Key::Jwk(rsa1));
        let (input, signature) = parts(&token);
        public
            .verify(&signature::RSA_PKCS1_2048_8192_SHA256, input, &signature)
            .unwrap();
        let token = sign("PS384", &Map::new(), &json!({}), Key::Jwk(rsa1));
        let (input, signature) = parts(&token);
        public
            .verify(&signature::RSA_PSS_2048_8192_SHA384, input, &signature)
            .unwrap();
        for (name, alg, verifier) in [
            ("ec1", "ES256", &signature::ECDSA_P256_SHA256_FIXED),
            ("ec384", "ES384", &signature::ECDSA_P384_SHA384_FIXED),
        ] {
            let point = [vec![4], bytes(&keys[name], "x"), bytes(&keys[name], "y")].concat();
            let token = sign(alg, &Map::new(), &json!({}), Key::Jwk(&keys[name]));
            let (input, signature) = parts(&token);
            UnparsedPublicKey::new(verifier, point)
                .verify(input, &signature)
                .unwrap();
        }
    }

    #[test]
    fn eddsa_gives_the_signature_of_rfc_8037() {
        let jwk = json!({"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"});
        let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD.encode(signature_of("EdDSA", input, Key::Jwk(&jwk)));
        assert!(
            signature
                .starts_with("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5")
        );
    }

    #[test]
    fn header_members_can_be_replaced_and_left_out() {
        let header = json!({"typ": null, "kid": "k", "alg": "RS256"});
        let token = sign("none", header.as_object().unwrap(), &json!({}), Key::None);
        let (header, _) = crate::matcher::decode_jwt(&token).unwrap();
        assert_eq!(header, json!({"alg": "RS256", "kid": "k"}));
        assert!(token.ends_with('.'));
    }
}
