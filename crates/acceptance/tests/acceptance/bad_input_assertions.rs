//! Bad client assertions.
//!
//! Spec: RFC 7523 3

use serde_json::{Value, json};
use tessera_acceptance::bad_input::{GRANT, Rows, altered, start};
use tessera_acceptance::http::Response;
use tessera_acceptance::jwt::{self, Key};
use tessera_acceptance::machine::{self, form_to};
use tessera_acceptance::recording;
use tessera_acceptance::server::Server;

/// Claims of a good assertion, changed by `change`.
fn claims(_: &Server, change: impl FnOnce(&mut Value)) -> Value {
    let now = tessera_acceptance::clock::unix_now();
    let token_url = format!("{}oauth2/token", machine::ISSUER);
    let jti = uuid::Uuid::new_v4().to_string();
    let mut claims = json!({"iss": "signer", "sub": "signer", "aud": token_url, "exp": now + 60, "iat": now, "jti": jti});
    change(&mut claims);
    claims
}

fn assert_with(server: &Server, assertion: &str, more: &str) -> Response {
    let form = format!(
        "{GRANT}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={assertion}{more}"
    );
    form_to(&server.public(), "/oauth2/token", &form).send()
}

#[test]
fn bad_client_assertions_are_refused_and_good_ones_work_once() {
    let (server, client) = start();
    let keys = recording::keys();
    let public = |name: &str, kid: &str, usage: &str| {
        let mut key = keys[name].clone();
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            key.as_object_mut().unwrap().remove(private);
        }
        key["kid"] = json!(kid);
        key["use"] = json!(usage);
        key
    };
    let metadata = json!({
        "client_id": "signer", "grant_types": ["client_credentials"], "scope": "api",
        "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "RS256",
        "jwks": {"keys": [public("rsa1", "good", "sig"), public("rsa1", "enc", "enc"), public("ec1", "curve", "sig")]},
    });
    let created = machine::create(&server, &metadata);
    assert_eq!(created.status, 201, "{}", created.body);
    let rsa = Key::Jwk(&keys["rsa1"]);
    let sign = |alg: &str, kid: &str, claims: &Value, key: Key<'_>| {
        jwt::sign(alg, json!({"kid": kid}).as_object().unwrap(), claims, key)
    };
    let mut rows = Rows::default();
    let good = |server: &Server| sign("RS256", "good", &claims(server, |_| {}), rsa);
    rows.expect(
        "a good one",
        &assert_with(&server, &good(&server), ""),
        200,
        "",
    );
    let now = tessera_acceptance::clock::unix_now();
    for claim in ["iss", "sub", "aud", "exp", "jti"] {
        let missing = claims(&server, |claims| {
            claims.as_object_mut().unwrap().remove(claim);
        });
        let answer = assert_with(&server, &sign("RS256", "good", &missing, rsa), "");
        rows.expect(&format!("without {claim}"), &answer, 401, "invalid_client");
        for value in [
            json!(""),
            json!(null),
            json!([]),
            json!({}),
            json!("other"),
            json!(true),
            json!([1, null]),
            json!(-1),
        ] {
            if claim == "jti" && value == "other" {
                continue;
            }
            let wrong = claims(&server, |claims| claims[claim] = value.clone());
            let answer = assert_with(&server, &sign("RS256", "good", &wrong, rsa), "");
            rows.expect(&format!("{claim} {value}"), &answer, 401, "invalid_client");
        }
    }
    for (name, claim, value) in [
        ("expired", "exp", json!(now - 60)),
        ("issued later", "iat", json!(now + 3600)),
        ("valid later", "nbf", json!(now + 3600)),
        ("expiry of letters", "exp", json!("soon")),
        (
            "issuer as audience of another",
            "aud",
            json!("https://other.example/oauth2/token"),
        ),
        ("expiry before all", "exp", json!(i64::MIN)),
        ("iat beyond all", "iat", json!(u64::MAX)),
        ("nbf beyond all", "nbf", json!(1e300)),
    ] {
        let wrong = claims(&server, |claims| claims[claim] = value);
        rows.expect(
            name,
            &assert_with(&server, &sign("RS256", "good", &wrong, rsa), ""),
            401,
            "invalid_client",
        );
    }
    for (name, value) in [
        ("exp beyond all", json!(1e300)),
        ("the last exp", json!(i64::MAX)),
        ("exp with a fraction", json!(now as f64 + 60.5)),
    ] {
        let odd = claims(&server, |claims| claims["exp"] = value);
        let answer = assert_with(&server, &sign("RS256", "good", &odd, rsa), "");
        if answer.status >= 500 || answer.status == 0 {
            rows.0
                .push(format!("{name}: {} {}", answer.status, answer.body));
        }
    }
    let plain = || claims(&server, |_| {});
    let secret = public("rsa1", "good", "sig").to_string();
    for (name, assertion) in [
        ("unknown kid", sign("RS256", "nope", &plain(), rsa)),
        (
            "kid of an encryption key",
            sign("RS256", "enc", &plain(), rsa),
        ),
        ("kid of another kind", sign("RS256", "curve", &plain(), rsa)),
        (
            "another algorithm than registered",
            sign("PS256", "good", &plain(), rsa),
        ),
        (
            "another key of the client",
            sign("ES256", "curve", &plain(), Key::Jwk(&keys["ec1"])),
        ),
        ("none", sign("none", "good", &plain(), Key::None)),
        (
            "HS256 with the public key",
            sign("HS256", "good", &plain(), Key::Secret(&secret)),
        ),
        ("no JWT", "abc".to_owned()),
        ("dots", "..".to_owned()),
        ("no JSON", "YQ.YQ.YQ".to_owned()),
        ("payload is a list", sign("RS256", "good", &json!([]), rsa)),
        ("altered", {
            let good = good(&server);
            altered(&good, good.len() - 9)
        }),
    ] {
        rows.expect(
            name,
            &assert_with(&server, &assertion, ""),
            401,
            "invalid_client",
        );
    }
    rows.expect(
        "empty",
        &assert_with(&server, "", ""),
        400,
        "invalid_request",
    );
    let answer = assert_with(&server, &good(&server), "&client_id=my-client");
    rows.expect(
        "of another client than client_id",
        &answer,
        401,
        "invalid_client",
    );
    let twice = good(&server);
    rows.expect("first use", &assert_with(&server, &twice, ""), 200, "");
    rows.expect(
        "second use",
        &assert_with(&server, &twice, ""),
        401,
        "invalid_client",
    );
    let raced = good(&server);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| assert_with(&server, &raced, "")))
            .collect();
        uses.into_iter().map(|used| used.join().unwrap()).collect()
    });
    let wins = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(wins, 1, "one of eight parallel uses wins: {answers:#?}");
    rows.done(&server, &client);
}

#[test]
fn an_assertion_without_kid_is_tried_with_sixteen_keys_at_most() {
    let (server, client) = start();
    let keys = recording::keys();
    let public = |name: &str| json!({"kty": "RSA", "n": keys[name]["n"], "e": keys[name]["e"]});
    let signed = |claims: &Value| {
        jwt::sign(
            "RS256",
            &serde_json::Map::new(),
            claims,
            Key::Jwk(&keys["rsa2"]),
        )
    };
    let mut rows = Rows::default();
    // The key that signed comes after so many others.
    for (others, status, error) in [(15, 200, ""), (16, 401, "invalid_client")] {
        let mut set = vec![public("rsa1"); others];
        set.push(public("rsa2"));
        let metadata = json!({
            "client_id": format!("signer-{others}"), "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": set},
        });
        let created = machine::create(&server, &metadata);
        assert_eq!(created.status, 201, "{}", created.body);
        let own = claims(&server, |claims| {
            claims["iss"] = metadata["client_id"].clone();
            claims["sub"] = metadata["client_id"].clone();
        });
        let answer = assert_with(&server, &signed(&own), "");
        rows.expect(&format!("after {others}"), &answer, status, error);
        assert_eq!(
            answer.body.contains("More than 16 keys"),
            status == 401,
            "{}",
            answer.body
        );
    }
    rows.done(&server, &client);
}

#[test]
fn a_key_for_encryption_verifies_no_assertion() {
    let (server, client) = start();
    let keys = recording::keys();
    let mut rows = Rows::default();
    for (usage, status, error) in [
        (json!("enc"), 401, "invalid_client"),
        (json!("sig"), 200, ""),
        (Value::Null, 200, ""),
    ] {
        let mut key = json!({"kty": "RSA", "n": keys["rsa1"]["n"], "e": keys["rsa1"]["e"]});
        if usage != Value::Null {
            key["use"] = usage.clone();
        }
        let id = format!("signer-{}", usage.as_str().unwrap_or("any"));
        let metadata = json!({
            "client_id": id, "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]},
        });
        let created = machine::create(&server, &metadata);
        assert_eq!(created.status, 201, "{}", created.body);
        let own = claims(&server, |claims| {
            claims["iss"] = json!(id);
            claims["sub"] = json!(id);
        });
        let none = serde_json::Map::new();
        let assertion = jwt::sign("RS256", &none, &own, Key::Jwk(&keys["rsa1"]));
        let answer = assert_with(&server, &assertion, "");
        rows.expect(&format!("use {usage}"), &answer, status, error);
    }
    rows.done(&server, &client);
}
