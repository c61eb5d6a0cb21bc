//! Bad bodies and queries at the admin port.
//!
//! Spec: RFC 6902

use serde_json::{Value, json};
use tessera_acceptance::bad_input::{Rows, TOO_LARGE, altered, chunked, raw, start};
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine::{self, Machine};
use tessera_acceptance::server::Server;

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
    assert!(link.contains("page_token=") && !token.is_empty(), "{link}");
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
        let altered = altered(&token, at);
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
