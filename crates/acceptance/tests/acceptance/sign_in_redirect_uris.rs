//! No answer goes to an address that was not registered.
//!
//! Spec: RFC 6749 3.1.2.4, 10.15; RFC 8252 7.3; RFC 9700 4.1, 4.11.

use serde_json::json;
use tessera_acceptance::app::{App, Ask, REDIRECT_URI};
use tessera_acceptance::browser::{Browser, Landed, assert_harmless, landed};
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::start;
use tessera_acceptance::machine;

#[test]
fn only_a_registered_redirect_uri_gets_an_answer() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let long = format!("{REDIRECT_URI}{}", "a".repeat(5_000));
        let uris = [
            "",
            "https://evil.example/cb",
            "https://app.example",
            "https://app.example/",
            "https://app.example/cb/",
            "https://app.example/cb/..",
            "https://app.example/cb/../evil",
            "https://app.example/CB",
            "https://APP.EXAMPLE/cb",
            "HTTPS://app.example/cb",
            "http://app.example/cb",
            "https://app.example:443/cb",
            "https://app.example:8443/cb",
            "https://app.example./cb",
            "https://app.example/cb?",
            "https://app.example/cb?x=y",
            "https://app.example/cb?error=x",
            "https://app.example/cb#",
            "https://app.example/cb#x",
            "https://app.example/cb;x",
            "https://app.example/cb%2f",
            "https://app.example/%63b",
            "https://app.example/cb%00",
            "https://app.example/cb\0",
            "https://app.example/cb\r\nX-Evil: 1",
            "https://app.example/cb%0d%0aX-Evil:%201",
            "https://app.example/cb ",
            " https://app.example/cb",
            "\thttps://app.example/cb",
            "https://app.example/cb,https://evil.example",
            "https://app.example/cb https://evil.example",
            "https://app.example@evil.example/cb",
            "https://user@app.example/cb",
            "https://app.example:x@evil.example/cb",
            "https://app.example.evil.example/cb",
            "https://evil.example/https://app.example/cb",
            "https://evil.example?https://app.example/cb",
            "https://evil.example#https://app.example/cb",
            "https://evil.example\\@app.example/cb",
            "https:\\\\app.example\\cb",
            "https:/app.example/cb",
            "https:app.example/cb",
            "//app.example/cb",
            "//evil.example",
            "///evil.example",
            "/cb",
            "cb",
            "?x",
            "javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "file:///etc/passwd",
            "vbscript:x",
            "https://app.exämple/cb",
            "https://аpp.example/cb",
            "https://app.example/cb\u{202e}",
            "https://[::1]/cb",
            "http://127.0.0.1/cb",
            "http://localhost/cb",
            "null",
            &long,
        ];
        for uri in uris {
            for mode in ["query", "fragment", "form_post"] {
                let ask = app
                    .ask()
                    .with("redirect_uri", uri)
                    .with("response_mode", mode);
                let what = format!("{engine:?} {mode} {uri:?}");
                let answer = Browser::default().authorize(&server, &ask.query());
                let place = assert_harmless(&answer, &[], &what);
                assert!(matches!(place, Landed::ErrorPage(_)), "{what}: {place:?}");
                assert!(
                    ["invalid_request", "invalid_client"].contains(&place.error()),
                    "{what}: {place:?}"
                );
            }
        }
        let twice = app.ask().and("redirect_uri", "https://evil.example");
        assert_harmless(
            &Browser::default().authorize(&server, &twice.query()),
            &[],
            "twice",
        );
        let first = Ask(Vec::new())
            .with("redirect_uri", "https://evil.example")
            .query();
        let query = format!("{first}&{}", app.ask().query());
        assert_harmless(
            &Browser::default().authorize(&server, &query),
            &[],
            "evil first",
        );
        // Two ports of entry at once.
        let target = format!("{}/oauth2/auth?{first}", server.public());
        let answer = Browser::default().post(&target, &app.ask().query());
        assert_harmless(&answer, &[], "query and body");
    }
}

#[test]
fn a_loopback_redirect_uri_varies_in_its_port_only() {
    let (server, _) = start(Engine::Sqlite, &json!({}));
    let uris = json!({"redirect_uris": ["http://127.0.0.1/cb?a=b", "http://[::1]:9/cb", "http://localhost:4000/cb"]});
    let app = App::register(&server, "native", &uris);
    for uri in [
        "http://127.0.0.1/cb?a=b",
        "http://127.0.0.1:50000/cb?a=b",
        "http://[::1]:50000/cb",
        "http://localhost:4000/cb",
    ] {
        let ask = app.ask().with("redirect_uri", uri);
        landed(&Browser::default().authorize(&server, &ask.query())).login();
    }
    for uri in [
        "http://127.0.0.1:50000/cb",
        "http://127.0.0.1:50000/cb?a=b&c=d",
        "http://127.0.0.1:50000/CB?a=b",
        "http://127.0.0.1:50000/other?a=b",
        "https://127.0.0.1:50000/cb?a=b",
        "http://127.0.0.2:50000/cb?a=b",
        "http://127.0.0.1:50000@evil.example/cb?a=b",
        "http://user@127.0.0.1:50000/cb?a=b",
        "http://127.0.0.1:99999/cb?a=b",
        "http://127.0.0.1:x/cb?a=b",
        "http://127.0.0.1.evil.example/cb?a=b",
        "http://127.1/cb?a=b",
        "http://2130706433/cb?a=b",
        "http://0x7f000001/cb?a=b",
        "http://localhost:50000/cb",
        "http://localhost:4000/cb#x",
        "http://[::1]:50000/cb?a=b",
        "http://[0:0:0:0:0:0:0:1]:50000/cb",
        "http://[::ffff:127.0.0.1]/cb?a=b",
    ] {
        let ask = app.ask().with("redirect_uri", uri);
        let answer = Browser::default().authorize(&server, &ask.query());
        let place = assert_harmless(&answer, &[], uri);
        assert!(matches!(place, Landed::ErrorPage(_)), "{uri}: {place:?}");
    }
}

#[test]
fn uris_that_a_browser_runs_itself_are_not_registered() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let path = format!("/admin/clients/{}", app.id());
    let metadata = |member: &str, uris: &[&str]| {
        let mut metadata = app
            .machine
            .metadata(&json!({"redirect_uris": [REDIRECT_URI]}));
        metadata[member] = json!(uris);
        metadata
    };
    for uri in [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
    ] {
        for (member, error) in [
            ("redirect_uris", "invalid_redirect_uri"),
            ("post_logout_redirect_uris", "invalid_client_metadata"),
        ] {
            let asked = metadata(member, &[uri, REDIRECT_URI]);
            let mut fresh = asked.clone();
            fresh["client_id"] = json!("fresh");
            for (method, path, body) in [
                ("POST", "/admin/clients", &fresh),
                ("POST", "/clients", &fresh),
                ("PUT", &path, &asked),
            ] {
                let answer = machine::admin(&server, method, path, Some(body));
                assert_eq!(answer.status, 400, "{method} {path} {uri}: {}", answer.body);
                let told = answer.json().unwrap();
                assert_eq!(told["error"], error, "{method} {path} {uri}: {told}");
                let text = told["error_description"].as_str().unwrap();
                assert!(text.contains("browsers run"), "{text}");
            }
        }
    }
    let kept = metadata("redirect_uris", &["com.example.app:/cb", REDIRECT_URI]);
    let answer = machine::admin(&server, "PUT", &path, Some(&kept));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_form_is_never_posted_to_a_scheme_of_an_app() {
    let (server, _) = start(Engine::Sqlite, &json!({}));
    let uri = "com.example.app:/cb";
    let app = App::register(&server, "native", &json!({"redirect_uris": [uri]}));
    let ask = app.ask().with("redirect_uri", uri);
    for more in ["", "none-of-yours"] {
        let posted = ask
            .clone()
            .with("response_mode", "form_post")
            .with("scope", &format!("openid {more}"));
        let answer = Browser::default().authorize(&server, &posted.query());
        let place = assert_harmless(&answer, &[], "form_post");
        assert!(matches!(place, Landed::ErrorPage(_)), "{place:?}");
        assert_eq!(place.error(), "invalid_request");
        let text = place.parameter("error_description");
        assert!(text.contains("form_post"), "{text}");
    }
    for mode in ["query", "fragment"] {
        let asked = ask.clone().with("response_mode", mode);
        landed(&Browser::default().authorize(&server, &asked.query())).login();
    }
}
