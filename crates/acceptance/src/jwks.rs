//! Verifying what a server signed with the keys that it publishes, independent of the product's own JOSE code.
//!
//! Spec: RFC 7515 5.2, RFC 7517.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::http::Request;
use crate::matcher;
use crate::server::Server;

/// The published keys.
pub fn published(server: &Server) -> Value {
    let url = format!("{}/.well-known/jwks.json", server.public());
    let answer = Request::for_url("GET", &url).expect("an http URL").send();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().expect("JSON")
}

/// Header and claims of an RS256 JWT, once its signature fits the published key that its header names. Panics otherwise.
pub fn verified(token: &str, jwks: &Value) -> (Value, Value) {
    let (header, claims) = matcher::decode_jwt(token).expect("a JWT");
    assert_eq!(header["alg"], "RS256", "{header}");
    let keys = jwks["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == header["kid"]);
    let key = key.unwrap_or_else(|| panic!("no published key for {header}"));
    let member = |name: &str| {
        let text = key[name].as_str().expect("a member of an RSA key");
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    };
    let public = RsaPublicKeyComponents {
        n: member("n"),
        e: member("e"),
    };
    let (input, mac) = token.rsplit_once('.').expect("three parts");
    let mac = URL_SAFE_NO_PAD.decode(mac).expect("base64url");
    public
        .verify(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            input.as_bytes(),
            &mac,
        )
        .expect("the signature fits");
    (header, claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{self, Key};
    use crate::recording;
    use serde_json::json;

    #[test]
    fn a_fitting_signature_is_taken_and_another_refused() {
        let keys = recording::keys();
        let mut key = keys["rsa1"].clone();
        key["kid"] = json!("k");
        let header = json!({"kid": "k"});
        let sign = |claims: &Value| {
            jwt::sign(
                "RS256",
                header.as_object().unwrap(),
                claims,
                Key::Jwk(&keys["rsa1"]),
            )
        };
        let jwks = json!({"keys": [key]});
        let token = sign(&json!({"a": 1}));
        assert_eq!(verified(&token, &jwks).1, json!({"a": 1}));
        let other = sign(&json!({"a": 2}));
        let mixed = format!(
            "{}.{}",
            other.rsplit_once('.').unwrap().0,
            token.rsplit_once('.').unwrap().1
        );
        assert!(std::panic::catch_unwind(|| verified(&mixed, &jwks)).is_err());
    }
}
