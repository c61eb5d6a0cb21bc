//! Forged tokens.
//!
//! Spec: RFC 7009 2.2, RFC 7662 2.2

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tessera_acceptance::bad_input::{Rows, altered, start};
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Request;
use tessera_acceptance::jwt::{self, Key};
use tessera_acceptance::machine::{self, Machine, introspect, is_active};
use tessera_acceptance::server::Server;
use tessera_acceptance::{matcher, recording};

#[test]
fn forged_tokens_are_inactive_and_revoke_nothing() {
    let (server, client) = start();
    let jwt_client = Machine::register(
        &server,
        "jwt-client",
        &json!({"access_token_strategy": "jwt"}),
    );
    let foreign = {
        let config = machine::config(&["the-system-secret-of-another-server"]);
        let mut setup = machine::setup(Engine::Sqlite);
        setup.config = Some(config);
        Server::start(setup)
    };
    let mut rows = Rows::default();
    let (opaque, jwt) = (client.token(&server), jwt_client.token(&server));
    let mut bad: Vec<(String, String)> = Vec::new();
    for (kind, token) in [("opaque", &opaque), ("jwt", &jwt)] {
        for at in 0..token.len() {
            bad.push((format!("{kind}, {at} altered"), altered(token, at)));
        }
        // Bits that base64 does not use must be zero, or one token would have several forms.
        let last = token.len() - 1;
        for other in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
            if *other != token.as_bytes()[last] {
                bad.push((
                    format!("{kind}, last {other}"),
                    format!("{}{}", &token[..last], char::from(*other)),
                ));
            }
        }
        for at in (0..token.len()).step_by(7).chain([last]) {
            bad.push((format!("{kind}, cut at {at}"), token[..at].to_owned()));
        }
        for (name, text) in [
            ("twice", format!("{token}{token}")),
            ("padded", format!("{token}=")),
            ("dot", format!("{token}.")),
            ("newline", format!("{token}\n")),
            ("space before", format!(" {token}")),
            ("upper", token.to_uppercase()),
            ("with prefix again", format!("tsa_{token}")),
            ("without prefix", token.replacen("tsa_", "", 1) + "x"),
            (
                "other prefix",
                token.replacen("tsa_", "tsr_", 1).replacen("ey", "ez", 1),
            ),
        ] {
            bad.push((format!("{kind}, {name}"), text));
        }
    }
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "tsa_",
        "tsa_.",
        "tsa_AAAA",
        "null",
        "{}",
        "\u{1f4a9}",
        "ory_at_x.y",
        "tsa_\u{e9}",
        "eyJhbGciOiJub25lIn0..",
        "eyJhbGciOiJub25lIn0.e30.",
        "' OR 1=1 --",
    ] {
        bad.push((format!("garbage {text:?}"), text.to_owned()));
    }
    bad.push((
        "a long one".to_owned(),
        format!("tsa_{}", "A".repeat(100_000)),
    ));
    bad.push(("many dots".to_owned(), ".".repeat(100_000)));
    bad.push((
        "foreign opaque".to_owned(),
        Machine::register(&foreign, "my-client", &json!({})).token(&foreign),
    ));
    let strategy = json!({"access_token_strategy": "jwt"});
    bad.push((
        "foreign jwt".to_owned(),
        Machine::register(&foreign, "jwt-client", &strategy).token(&foreign),
    ));

    let (header, payload) = matcher::decode_jwt(&jwt).unwrap();
    let keys = recording::keys();
    let url = format!("{}/.well-known/jwks.json", server.public());
    let jwks = Request::for_url("GET", &url).unwrap().send().body;
    let public_key = serde_json::from_str::<Value>(&jwks).unwrap()["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .cloned()
        .unwrap();
    let sign = |alg: &str, header: &Value, payload: &Value, key: Key<'_>| {
        jwt::sign(alg, header.as_object().unwrap(), payload, key)
    };
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    bad.push((
        "alg none".to_owned(),
        sign("none", &with("alg", json!("none")), &payload, Key::None),
    ));
    bad.push((
        "alg None".to_owned(),
        sign("none", &with("alg", json!("None")), &payload, Key::None),
    ));
    for secret in [
        public_key.to_string(),
        public_key["n"].as_str().unwrap().to_owned(),
        jwks,
        String::new(),
    ] {
        bad.push((
            "HS256 with the public key".to_owned(),
            sign(
                "HS256",
                &with("alg", json!("HS256")),
                &payload,
                Key::Secret(&secret),
            ),
        ));
    }
    bad.push((
        "wrong key".to_owned(),
        sign("RS256", &header, &payload, Key::Jwk(&keys["rsa1"])),
    ));
    let mut own = keys["rsa1"].clone();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        own.as_object_mut().unwrap().remove(private);
    }
    bad.push((
        "key in the header".to_owned(),
        sign(
            "RS256",
            &with("jwk", own),
            &payload,
            Key::Jwk(&keys["rsa1"]),
        ),
    ));
    let remote = format!("{}/keys", server.sink.url());
    bad.push((
        "key by URL".to_owned(),
        sign(
            "RS256",
            &with("jku", json!(remote)),
            &payload,
            Key::Jwk(&keys["rsa1"]),
        ),
    ));
    // The parts of two good tokens, mixed.
    let other = jwt_client.token(&server);
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        (jwt.split('.').collect(), other.split('.').collect());
    for mixed in [
        [ours[0], theirs[1], theirs[2]],
        [theirs[0], ours[1], theirs[2]],
        [ours[0], ours[1], theirs[2]],
    ] {
        bad.push(("mixed".to_owned(), mixed.join(".")));
    }
    for (name, header) in [
        ("no kid", with("kid", Value::Null)),
        ("kid of numbers", with("kid", json!(7))),
        ("crit", with("crit", json!(["x"]))),
    ] {
        bad.push((
            name.to_owned(),
            format!(
                "{}.{}.{}",
                URL_SAFE_NO_PAD.encode(header.to_string()),
                ours[1],
                ours[2]
            ),
        ));
    }
    for (name, token) in &bad {
        let answer = introspect(&server, token);
        if (answer.status, answer.body.as_str()) != (200, "{\"active\":false}\n") {
            rows.0
                .push(format!("{name}: {} {}", answer.status, answer.body));
        }
    }
    for (name, token) in bad.iter().step_by(5) {
        let answer = client.revoke(&server, token);
        let status = if token.is_empty() { 400 } else { 200 };
        rows.expect(&format!("revocation of {name}"), &answer, status, "");
    }
    assert!(
        server.sink.take_call("/keys").is_none(),
        "a key URL of a token is never fetched"
    );
    for token in [&opaque, &jwt] {
        assert!(is_active(&server, token), "good tokens stay good");
    }
    // Of another client: the answer is the same, and nothing happens.
    assert_eq!(client.revoke(&server, &jwt).status, 200);
    assert!(is_active(&server, &jwt));
    rows.done(&server, &client);
}
