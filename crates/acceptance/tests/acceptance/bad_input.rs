//! Malformed requests: the right code, never a 5xx, never a closed connection, and the server goes on.
//!
//! Spec: RFC 6749 5.2, RFC 7009 2.2.1, RFC 7662 2.2, RFC 7617, RFC 6902

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{self, Request, Response};
use tessera_acceptance::jwt::{self, Key};
use tessera_acceptance::machine::{self, Machine, form_to, introspect, is_active};
use tessera_acceptance::server::Server;
use tessera_acceptance::{matcher, recording};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "grant_type=client_credentials";
/// Larger than any body that is read.
const TOO_LARGE: usize = 1024 * 1024 + 1;

fn authority(base: &str) -> &str {
    base.strip_prefix("http://").unwrap()
}

/// A request of any bytes, with a length.
fn raw(base: &str, line: &str, headers: &str, body: &[u8]) -> Response {
    let host = authority(base);
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    http::send_bytes(host, &[head.as_bytes(), body].concat())
}

/// The same in chunks, without a length.
fn chunked(base: &str, line: &str, headers: &str, body: &[u8]) -> Response {
    let host = authority(base);
    let mut bytes = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(64 * 1024) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    http::send_bytes(host, &bytes)
}

fn error_of(answer: &Response) -> String {
    answer.json().map_or_else(String::new, |body| {
        body["error"].as_str().unwrap_or_default().to_owned()
    })
}

/// Collects what differs, so that one run shows every row.
#[derive(Default)]
struct Rows(Vec<String>);

impl Rows {
    /// Status and `error`; an empty `error` stands for any.
    fn expect(&mut self, name: &str, answer: &Response, status: u16, error: &str) {
        let found = error_of(answer);
        if answer.status != status || !(error.is_empty() || error == found) {
            let body: String = answer.body.chars().take(200).collect();
            self.0.push(format!(
                "{name}: wanted {status} {error}, got {} {body}",
                answer.status
            ));
        }
    }

    /// Any refusal by 4xx.
    fn refused(&mut self, name: &str, answer: &Response) {
        if !(400..500).contains(&answer.status) {
            self.expect(name, answer, 400, "");
        }
    }

    /// The end: the server still serves, and every row was as wanted.
    fn done(self, server: &Server, client: &Machine) {
        assert!(
            is_active(server, &client.token(server)),
            "the server still serves"
        );
        assert!(!server.log().contains("panicked"), "{}", server.log());
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

fn start() -> (Server, Machine) {
    let server = Server::start(machine::setup(Engine::Sqlite));
    let client = Machine::register(&server, "my-client", &json!({}));
    (server, client)
}

#[test]
fn malformed_forms_are_refused() {
    let (server, client) = start();
    let mut rows = Rows::default();
    let basic = format!("Authorization: {}\r\n", client.basic());
    let token = client.token(&server);
    let endpoints = [
        (server.public(), "/oauth2/token", GRANT.to_owned()),
        (server.public(), "/oauth2/revoke", "token=x".to_owned()),
        (server.public(), "/oauth2/introspect", "token=x".to_owned()),
        (
            server.admin(),
            "/admin/oauth2/introspect",
            "token=x".to_owned(),
        ),
        (
            server.admin(),
            "/oauth2/introspect",
            format!("token={token}"),
        ),
    ];
    for (base, path, good) in &endpoints {
        let line = format!("POST {path}");
        let typed = |kind: &str| format!("{basic}Content-Type: {kind}\r\n");
        let send = |kind: &str, body: &[u8]| raw(base, &line, &typed(kind), body);
        for (name, body) in [
            ("a broken escape", &b"&x=%zz"[..]),
            ("half an escape", b"&x=%4"),
            ("a broken escape in a name", b"&%g0=1"),
            ("a raw semicolon", b";x=1"),
            ("an escaped NUL", b"&x=%00"),
            ("a raw NUL", b"&x=\0"),
            ("bytes that are not UTF-8", b"&x=\xff\xfe"),
            ("escaped bytes that are not UTF-8", b"&x=%ff"),
            ("an overlong encoding", b"&x=%c0%af"),
            ("a surrogate", b"&x=%ed%a0%80"),
        ] {
            let answer = send(FORM, &[good.as_bytes(), body].concat());
            rows.expect(&format!("{path}: {name}"), &answer, 400, "invalid_request");
        }
        let first = good.split('=').next().unwrap();
        for name in [first, "client_id", "client_secret", "scope"] {
            let twice = format!("{good}&{name}=a&{name}=b");
            let answer = send(FORM, twice.as_bytes());
            if (name, path.ends_with("token")) != ("scope", false) || path.contains("introspect") {
                rows.expect(
                    &format!("{path}: {name} twice"),
                    &answer,
                    400,
                    "invalid_request",
                );
            }
        }
        for kind in [
            "application/json",
            "text/plain",
            "",
            "multipart/form-data",
            "a/b/c; =",
            "x\u{e9}",
        ] {
            let answer = send(kind, good.as_bytes());
            rows.expect(
                &format!("{path}: type '{kind}'"),
                &answer,
                400,
                "invalid_request",
            );
        }
        let json_body = send(
            "application/json",
            b"{\"grant_type\":\"client_credentials\"}",
        );
        rows.expect(&format!("{path}: JSON"), &json_body, 400, "invalid_request");
        rows.expect(
            &format!("{path}: no body"),
            &send(FORM, b""),
            400,
            "invalid_request",
        );
        let large = [good.as_bytes(), b"&x=", &vec![b'a'; TOO_LARGE]].concat();
        let answer = send(FORM, &large);
        rows.expect(&format!("{path}: large"), &answer, 400, "invalid_request");
        let answer = chunked(base, &line, &typed(FORM), &large);
        rows.expect(
            &format!("{path}: large in chunks"),
            &answer,
            400,
            "invalid_request",
        );
        let answer = send(
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data",
        );
        rows.expect(
            &format!("{path}: cut multipart"),
            &answer,
            400,
            "invalid_request",
        );
        for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let answer = raw(base, &format!("{method} {path}?{good}"), &basic, b"");
            rows.expect(&format!("{method} {path}"), &answer, 405, "");
        }
        // Many parameters are only many.
        let many = format!("{good}{}", "&x=".repeat(100_000));
        let answer = send(FORM, many.as_bytes());
        rows.expect(&format!("{path}: many parameters"), &answer, 200, "");
    }
    rows.done(&server, &client);
}

#[test]
fn odd_requests_on_the_wire_are_refused() {
    let (server, client) = start();
    let mut rows = Rows::default();
    for base in [server.public(), server.admin()] {
        let host = authority(&base);
        let huge = format!("X-Huge: {}\r\n", "a".repeat(200_000));
        let answer = raw(&base, "POST /oauth2/introspect", &huge, b"");
        rows.expect(&format!("{base}: huge header"), &answer, 431, "");
        let many = "X-Many: a\r\n".repeat(5_000);
        rows.refused(
            &format!("{base}: many headers"),
            &raw(&base, "GET /health/alive", &many, b""),
        );
        let long = format!("GET /{}", "a".repeat(100_000));
        rows.refused(&format!("{base}: long path"), &raw(&base, &long, "", b""));
        for (name, bytes) in [
            ("no HTTP", "hello\r\n\r\n".to_owned()),
            (
                "two lengths",
                format!(
                    "POST /oauth2/introspect HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
                ),
            ),
            (
                "length of letters",
                format!(
                    "POST /oauth2/introspect HTTP/1.1\r\nHost: {host}\r\nContent-Length: ab\r\n\r\nab"
                ),
            ),
            (
                "bad header name",
                format!("GET / HTTP/1.1\r\nHost: {host}\r\nbad name: x\r\n\r\n"),
            ),
            (
                "NUL in a header",
                format!("GET / HTTP/1.1\r\nHost: {host}\r\nx: a\0b\r\n\r\n"),
            ),
            (
                "bad version",
                format!("GET / HTTP/7.3\r\nHost: {host}\r\n\r\n"),
            ),
            (
                "bad chunk size",
                format!(
                    "POST /oauth2/introspect HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"
                ),
            ),
        ] {
            rows.refused(
                &format!("{base}: {name}"),
                &http::send_bytes(host, bytes.as_bytes()),
            );
        }
    }
    let admin = server.admin();
    for path in [
        "/admin/clients/%00",
        "/admin/clients/%ff",
        "/admin/clients/%zz",
        "/admin/clients/%",
        "/admin/clients/..%2f..%2fetc",
        "/admin/clients/a%2Fb",
        "/admin/clients/%2e%2e",
        "/admin//clients/x",
        "/clients/%00",
        "/clients/%ff%fe",
        "/admin/clients/%F0%9F%92%A9",
        "/admin/clients/a%20b%00",
        "/admin/clients/../../health/nothing",
        "/admin/./clients/none",
        "/admin/clients/x%0d%0aSet-Cookie:%20a=b",
    ] {
        for (method, body) in [("GET", ""), ("DELETE", ""), ("PUT", "{}"), ("PATCH", "[]")] {
            let answer = raw(
                &admin,
                &format!("{method} {path}"),
                "Content-Type: application/json\r\n",
                body.as_bytes(),
            );
            let moved = (300..400).contains(&answer.status);
            if !moved {
                rows.refused(&format!("{method} {path}"), &answer);
            }
            if answer.header("set-cookie").is_some() {
                rows.0.push(format!("{method} {path}: sets a cookie"));
            }
        }
    }
    rows.done(&server, &client);
}

#[test]
fn bad_credentials_are_refused() {
    let (server, client) = start();
    let mut rows = Rows::default();
    let encoded = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    let public = server.public();
    for (name, header, status, error) in [
        (
            "unknown client",
            encoded(b"nobody:some-secret"),
            401,
            "invalid_client",
        ),
        (
            "wrong secret",
            encoded(b"my-client:wrong"),
            401,
            "invalid_client",
        ),
        (
            "empty secret",
            encoded(b"my-client:"),
            401,
            "invalid_client",
        ),
        ("empty id", encoded(b":secret"), 401, "invalid_client"),
        ("empty pair", encoded(b":"), 401, "invalid_client"),
        (
            "NUL in the id",
            encoded(b"my%00client:x"),
            400,
            "invalid_request",
        ),
        (
            "raw NUL in the id",
            encoded(b"my\0client:x"),
            400,
            "invalid_request",
        ),
        ("broken escape", encoded(b"my%zz:x"), 400, "invalid_request"),
        ("not UTF-8", encoded(b"\xff\xfe:x"), 400, "invalid_request"),
        (
            "escaped not UTF-8",
            encoded(b"%ff:x"),
            400,
            "invalid_request",
        ),
        (
            "long id",
            encoded(&[&vec![b'a'; 20_000], &b":x"[..]].concat()),
            401,
            "invalid_client",
        ),
        (
            "long secret",
            encoded(&[&b"my-client:"[..], &vec![b'a'; 20_000]].concat()),
            401,
            "invalid_client",
        ),
        ("no colon", encoded(b"my-client"), 400, "invalid_request"),
        (
            "not base64",
            "Basic !!!!".to_owned(),
            400,
            "invalid_request",
        ),
        ("nothing", "Basic ".to_owned(), 400, "invalid_request"),
        (
            "no scheme",
            STANDARD.encode("my-client:x"),
            400,
            "invalid_request",
        ),
        (
            "another scheme",
            "Bearer abc".to_owned(),
            400,
            "invalid_request",
        ),
        (
            "another scheme, not ASCII",
            "Bäsic abc".to_owned(),
            400,
            "invalid_request",
        ),
    ] {
        for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
            let form = if path.ends_with("/token") {
                GRANT
            } else {
                "token=x"
            };
            let answer = form_to(&public, path, form)
                .header("Authorization", &header)
                .send();
            rows.expect(&format!("{path}: {name}"), &answer, status, error);
            let challenge = answer.header("www-authenticate").is_some();
            if status == 401 && !challenge {
                rows.0.push(format!("{path}: {name}: no WWW-Authenticate"));
            }
            if answer.header("cache-control") != Some("no-store") {
                rows.0.push(format!("{path}: {name}: may be cached"));
            }
        }
    }
    // An unknown client and a wrong secret look the same, byte by byte.
    let body_of = |pair: &str| {
        let form = form_to(&public, "/oauth2/token", GRANT);
        form.header("Authorization", &encoded(pair.as_bytes()))
            .send()
            .body
    };
    assert_eq!(body_of("nobody:wrong"), body_of("my-client:wrong"));
    for (grant, status, error) in [
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=", 400, "invalid_request"),
        ("x=y", 400, "invalid_request"),
        ("grant_type=authorization_code", 400, "unauthorized_client"),
        (
            "grant_type=client_credentials%20x",
            400,
            "unsupported_grant_type",
        ),
        (
            "grant_type=client_credentials&scope=nope",
            400,
            "invalid_scope",
        ),
        (
            "grant_type=client_credentials&audience=https://nope",
            400,
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&scope=%22%5C",
            400,
            "invalid_scope",
        ),
    ] {
        rows.expect(
            grant,
            &client.post(&server, "/oauth2/token", grant),
            status,
            error,
        );
    }
    rows.done(&server, &client);
}

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
            let other = if token.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            bad.push((
                format!("{kind}, {at} altered"),
                format!("{}{other}{}", &token[..at], &token[at + 1..]),
            ));
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
            let (kept, last) = good.split_at(good.len() - 9);
            let other = if last.starts_with('A') { 'B' } else { 'A' };
            format!("{kept}{other}{}", &last[1..])
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
fn bad_admin_bodies_are_refused() {
    let (server, client) = start();
    let mut rows = Rows::default();
    let admin = server.admin();
    let json_type = "Content-Type: application/json\r\n";
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_metadata = format!("{{\"metadata\":{deep}}}");
    let deep_objects = format!(
        "{{\"metadata\":{}1{}}}",
        "{\"a\":".repeat(10_000),
        "}".repeat(10_000)
    );
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no JSON", b"hello".to_vec()),
        ("cut JSON", b"{\"client_id\":".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a text", b"\"a\"".to_vec()),
        ("a number", b"1".to_vec()),
        ("id is a number", b"{\"client_id\":1}".to_vec()),
        ("grant_types is a text", b"{\"grant_types\":\"x\"}".to_vec()),
        ("not UTF-8", b"{\"client_name\":\"\xff\"}".to_vec()),
        (
            "a lone surrogate",
            b"{\"client_name\":\"\\ud800\"}".to_vec(),
        ),
        ("deep lists", deep.clone().into_bytes()),
        ("deep metadata", deep_metadata.into_bytes()),
        ("deep objects", deep_objects.into_bytes()),
        ("two values", b"{} {}".to_vec()),
        (
            "a huge number",
            format!("{{\"client_secret_expires_at\":1{}}}", "0".repeat(400)).into_bytes(),
        ),
        (
            "a bad lifespan",
            b"{\"client_credentials_grant_access_token_lifespan\":\"1 fortnight\"}".to_vec(),
        ),
        ("NUL in the id", b"{\"client_id\":\"a\\u0000b\"}".to_vec()),
        (
            "NUL in the name",
            b"{\"client_name\":\"a\\u0000b\"}".to_vec(),
        ),
        (
            "NUL in metadata",
            b"{\"metadata\":{\"a\":\"\\u0000\"}}".to_vec(),
        ),
        ("short secret", b"{\"client_secret\":\"abc\"}".to_vec()),
        ("bad redirect", b"{\"redirect_uris\":[\"::::\"]}".to_vec()),
        (
            "bad jwks",
            b"{\"jwks\":{\"keys\":[{\"kty\":\"RSA\"}]}}".to_vec(),
        ),
    ];
    Machine::register(&server, "put", &json!({}));
    for engine in Engine::at_hand() {
        let on_engine;
        let base = if engine == Engine::Sqlite {
            admin.clone()
        } else {
            on_engine = Server::start(machine::setup(engine));
            let base = on_engine.admin();
            for (name, body) in &bodies {
                let answer = raw(&base, "POST /admin/clients", json_type, body);
                // What is no error to the parser may be stored; but never a 5xx.
                if answer.status == 0 || answer.status >= 500 {
                    rows.0.push(format!(
                        "{engine:?} {name}: {} {}",
                        answer.status, answer.body
                    ));
                }
            }
            continue;
        };
        for path in [
            "POST /admin/clients",
            "POST /clients",
            "PUT /admin/clients/put",
            "PUT /clients/put",
        ] {
            for (name, body) in &bodies {
                let answer = raw(&base, path, json_type, body);
                let lenient = [
                    "a huge number",
                    "two values",
                    "a lone surrogate",
                    "not UTF-8",
                    "NUL in the id",
                ]
                .contains(name);
                if lenient && answer.status < 500 && answer.status != 0 {
                    continue;
                }
                rows.refused(&format!("{path}: {name}"), &answer);
            }
            let large = format!("{{\"client_name\":\"{}\"}}", "a".repeat(TOO_LARGE));
            rows.expect(
                &format!("{path}: large"),
                &raw(&base, path, json_type, large.as_bytes()),
                413,
                "",
            );
            rows.expect(
                &format!("{path}: large in chunks"),
                &chunked(&base, path, json_type, large.as_bytes()),
                413,
                "",
            );
        }
    }
    assert_eq!(
        machine::create(&server, &json!({"client_id": "patched", "scope": "a"})).status,
        201
    );
    let patches = [
        ("no list", "{}".to_owned()),
        ("unknown op", r#"[{"op":"fly","path":"/scope"}]"#.to_owned()),
        ("no path", r#"[{"op":"replace","value":1}]"#.to_owned()),
        ("no op", r#"[{"path":"/scope","value":"a"}]"#.to_owned()),
        (
            "no value",
            r#"[{"op":"replace","path":"/scope"}]"#.to_owned(),
        ),
        (
            "bad pointer",
            r#"[{"op":"replace","path":"scope","value":"a"}]"#.to_owned(),
        ),
        (
            "bad escape",
            r#"[{"op":"add","path":"/metadata/~9","value":"a"}]"#.to_owned(),
        ),
        (
            "no such member",
            r#"[{"op":"remove","path":"/nothing/here"}]"#.to_owned(),
        ),
        (
            "wrong type",
            r#"[{"op":"replace","path":"/grant_types","value":"a"}]"#.to_owned(),
        ),
        (
            "the whole",
            r#"[{"op":"replace","path":"","value":1}]"#.to_owned(),
        ),
        (
            "another id",
            r#"[{"op":"replace","path":"/client_id","value":"other"}]"#.to_owned(),
        ),
        (
            "id",
            r#"[{"op":"replace","path":"/id","value":"other"}]"#.to_owned(),
        ),
        (
            "a far index",
            r#"[{"op":"add","path":"/grant_types/99999999999999999999","value":"a"}]"#.to_owned(),
        ),
        (
            "deep",
            format!(r#"[{{"op":"add","path":"/metadata","value":{deep}}}]"#),
        ),
        (
            "deep path",
            format!(
                r#"[{{"op":"add","path":"/metadata{}","value":1}}]"#,
                "/a".repeat(10_000)
            ),
        ),
        ("cut", r#"[{"op":"#.to_owned()),
        ("nothing", String::new()),
    ];
    for path in ["PATCH /admin/clients/patched", "PATCH /clients/patched"] {
        for (name, patch) in &patches {
            rows.refused(
                &format!("{path}: {name}"),
                &raw(&admin, path, json_type, patch.as_bytes()),
            );
        }
        rows.expect(
            &format!("{path}/none"),
            &raw(&admin, &path.replace("patched", "none"), json_type, b"[]"),
            404,
            "",
        );
    }
    for (query, status) in [
        ("page_token=x", 400),
        ("page_token=%00", 400),
        ("page_token=%ff", 400),
        ("page_size=x", 400),
        ("page_size=99999999999999999999", 400),
        ("page_size=-1", 200),
        ("page_size=0", 200),
        ("page_token=", 200),
        ("client_name=%00", 400),
        ("owner=%zz", 400),
        ("a=1;b=2", 400),
    ] {
        rows.expect(
            &format!("list {query}"),
            &raw(&admin, &format!("GET /admin/clients?{query}"), "", b""),
            status,
            "",
        );
    }
    let listed = raw(&admin, "GET /admin/clients?page_size=1", "", b"");
    let link = listed.header("link").unwrap_or_default().to_owned();
    let token = link
        .split("page_token=")
        .last()
        .unwrap()
        .split(['&', '>'])
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        raw(
            &admin,
            &format!("GET /admin/clients?page_token={token}"),
            "",
            b""
        )
        .status,
        200,
        "{link}"
    );
    for at in (0..token.len()).step_by(3) {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        let answer = raw(
            &admin,
            &format!("GET /admin/clients?page_token={altered}"),
            "",
            b"",
        );
        rows.expect(&format!("page token altered at {at}"), &answer, 400, "");
    }
    for query in [
        "limit=x",
        "offset=x",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=9223372036854775807",
        "limit=%00",
    ] {
        let answer = raw(&admin, &format!("GET /clients?{query}"), "", b"");
        if answer.status == 0 || answer.status >= 500 {
            rows.0.push(format!(
                "v1 list {query}: {} {}",
                answer.status, answer.body
            ));
        }
    }
    for (line, body) in [
        (
            "PUT /admin/clients/patched/lifespans",
            "{\"client_credentials_grant_access_token_lifespan\":7}",
        ),
        ("PUT /admin/clients/patched/lifespans", "["),
        ("DELETE /admin/oauth2/tokens", ""),
        ("DELETE /admin/oauth2/tokens?client_id=%zz", ""),
        ("POST /oauth2/flush", "["),
        ("POST /oauth2/flush", "{\"notAfter\":1}"),
        ("POST /admin/clients/none/secrets/rotate", ""),
    ] {
        rows.refused(
            &format!("{line} {body}"),
            &raw(&admin, line, json_type, body.as_bytes()),
        );
    }
    let answer = raw(&admin, "DELETE /admin/oauth2/tokens?client_id=%00", "", b"");
    rows.refused("tokens of a client with NUL", &answer);
    rows.done(&server, &client);
}

#[test]
fn a_patch_cannot_make_a_client_grow_without_bound() {
    let (server, client) = start();
    let mut rows = Rows::default();
    let mut operations =
        vec![json!({"op": "add", "path": "/metadata", "value": {"a": "x".repeat(1000)}})];
    for i in 0..18 {
        operations
            .push(json!({"op": "copy", "from": "/metadata", "path": format!("/metadata/{i}")}));
    }
    let body = Value::Array(operations).to_string();
    let answer = raw(
        &server.admin(),
        "PATCH /clients/my-client",
        "Content-Type: application/json\r\n",
        body.as_bytes(),
    );
    rows.refused("copies that double", &answer);
    rows.done(&server, &client);
}

/// Middle of the times that a request takes.
fn median(mut request: impl FnMut(usize) -> Response) -> std::time::Duration {
    let mut times: Vec<_> = (0..9)
        .map(|i| {
            let started = std::time::Instant::now();
            let answer = request(i);
            assert_eq!(answer.status, 401, "{}", answer.body);
            started.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[test]
fn an_unknown_client_costs_what_a_wrong_secret_costs() {
    let recording = json!({"args": ["--dangerous-force-http"], "config": {
        "urls": {"self": {"issuer": machine::ISSUER}},
        "secrets": {"system": [machine::SYSTEM_SECRET]},
        // Slow enough to stand out from everything else.
        "oauth2": {"hashers": {"pbkdf2": {"iterations": 60_000}}},
    }});
    let server = Server::start(tessera_acceptance::server::Setup::of_recording(
        &recording,
        Engine::Sqlite,
    ));
    let client = Machine::register(&server, "my-client", &json!({}));
    let wrong = |id: &str, i: usize| {
        Machine {
            id: id.to_owned(),
            secret: format!("wrong {i}"),
        }
        .ask(&server)
    };
    // Machines are noisy: the claim is wrong only if it is wrong every time.
    let ratios: Vec<f64> = (0..5)
        .map(|_| {
            let known = median(|i| wrong("my-client", i));
            let unknown = median(|i| wrong("nobody", i));
            unknown.as_secs_f64() / known.as_secs_f64()
        })
        .take_while(|ratio| !(0.5..2.0).contains(ratio))
        .collect();
    assert!(ratios.len() < 5, "unknown to wrong: {ratios:?}");
    assert_eq!(client.ask(&server).status, 200);
}
