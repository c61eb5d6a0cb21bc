//! What is no HTTP, and paths that no client would send.

use tessera_acceptance::bad_input::{FORM, Rows, authority, raw, start};
use tessera_acceptance::http;

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
