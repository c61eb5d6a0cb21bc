//! Malformed forms are refused, at every endpoint that takes one.
//!
//! Spec: RFC 6749 5.2, RFC 7009 2.2.1, RFC 7662 2.2

use tessera_acceptance::bad_input::{FORM, GRANT, Rows, TOO_LARGE, chunked, raw, start};

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
