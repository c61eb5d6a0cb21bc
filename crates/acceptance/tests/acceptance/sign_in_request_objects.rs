//! Request objects, by value and by reference, and what requests may leave behind in the store.
//!
//! Spec: OpenID Connect Core 1.0 6; RFC 9101 4, 10.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tessera_acceptance::app::{App, Ask, REDIRECT_URI, STATE};
use tessera_acceptance::browser::{self, Browser, Landed, answered, assert_harmless, landed, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{ann, at_home, start};
use tessera_acceptance::jwt::{self, Key};
use tessera_acceptance::recording;
use tessera_acceptance::server::Server;
use tessera_acceptance::sink::Sink;

fn unsigned(claims: &Value) -> String {
    jwt::sign("none", &Map::new(), claims, Key::None)
}

fn with_object(app: &App, claims: &Value) -> Ask {
    app.ask().with("request", &unsigned(claims))
}

/// A request by POST, which may be longer than an address.
fn posted(server: &Server, browser: &mut Browser, ask: &Ask) -> Landed {
    let url = format!("{}/oauth2/auth", server.public());
    landed(&browser.post(&url, &ask.query()))
}

#[test]
fn an_object_that_says_two_things_is_refused() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let twice = format!(
        "{}.{}.",
        part(r#"{"alg":"none"}"#),
        part(r#"{"scope":"openid","scope":"openid profile"}"#)
    );
    let objects = [
        twice,
        unsigned(&json!({"response_type": "code id_token"})),
        unsigned(&json!({"client_id": "other"})),
        unsigned(&json!({"request": "x"})),
        unsigned(&json!({"request_uri": "https://app.example/r"})),
    ];
    for object in objects {
        let ask = app.ask().with("request", &object);
        let answer = Browser::default().authorize(&server, &ask.query());
        let place = assert_harmless(&answer, &[], &object);
        assert_eq!(place.error(), "invalid_request_object", "{object}");
    }
    let same = json!({"response_type": "code", "client_id": "app", "state": "inside"});
    let ask = with_object(&app, &same);
    landed(&Browser::default().authorize(&server, &ask.query())).login();
}

#[test]
fn a_login_that_an_object_asks_for_happens_once() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (home, _) = at_home(&server, &app);
        for claims in [
            json!({"prompt": "login"}),
            json!({"prompt": "consent login"}),
            json!({"max_age": 0}),
            json!({"max_age": "0"}),
        ] {
            let mut browser = home.clone();
            let answer = browser.authorize(&server, &with_object(&app, &claims).query());
            let challenge = landed(&answer).login();
            assert_eq!(
                told(&server, "login", &challenge)["skip"],
                false,
                "{claims}"
            );
            landed(&app.go_on(&server, &mut browser, &challenge, &ann(), &json!({}))).code();
        }
    }
}

#[test]
fn another_person_logs_in_whatever_prompt_the_object_has() {
    let sink = Sink::start();
    let uri = format!("{}/object", sink.url());
    let (server, app) = start(Engine::Sqlite, &json!({"request_uris": [uri]}));
    let bob = json!({"subject": "bob", "remember": true});
    for prompt in ["none", "consent", "create"] {
        let object = unsigned(&json!({"prompt": prompt}));
        sink.reply("/object", &json!({"body": object}));
        for ask in [
            app.ask().with("request", &object),
            app.ask().with("request_uri", &uri),
        ] {
            let (mut browser, _) = at_home(&server, &app);
            let first = landed(&browser.authorize(&server, &ask.query()));
            let (Landed::Login(challenge) | Landed::Registration(challenge)) = first else {
                panic!("{prompt}: {first:?}");
            };
            assert_eq!(told(&server, "login", &challenge)["skip"], true, "{prompt}");
            let again = answered(&server, "login/accept", &challenge, &bob);
            let second = landed(&browser.get(&again));
            let (Landed::Login(challenge) | Landed::Registration(challenge)) = second else {
                panic!("{prompt}: {second:?}");
            };
            assert_eq!(
                told(&server, "login", &challenge)["skip"],
                false,
                "{prompt}"
            );
            let next = answered(&server, "login/accept", &challenge, &bob);
            let challenge = landed(&browser.get(&next)).consent();
            assert_eq!(told(&server, "consent", &challenge)["subject"], "bob");
        }
    }
}

#[test]
fn why_a_request_uri_cannot_be_fetched_is_told_to_the_operator_only() {
    let sink = Sink::start();
    sink.reply("/text", &json!({"body": "SSH-2.0-OpenSSH_9.9"}));
    sink.reply("/json", &json!({"json": {"secret": "of the network"}}));
    sink.reply("/long", &json!({"body": "x".repeat(70_000)}));
    sink.reply("/error", &json!({"status": 500}));
    let mut uris = vec!["http://127.0.0.1:1/closed".to_owned()];
    uris.extend(
        ["missing", "text", "json", "long", "error"].map(|path| format!("{}/{path}", sink.url())),
    );
    let mut setup = browser::setup(Engine::Sqlite, &json!({}));
    setup.env.push(("LOG_LEVEL".to_owned(), "info".to_owned()));
    let server = Server::start(setup);
    let app = App::register(&server, "app", &json!({"request_uris": uris}));
    let mut texts = Vec::new();
    for uri in &uris {
        let ask = app.ask().with("request_uri", uri);
        let answer = Browser::default().authorize(&server, &ask.query());
        let place = assert_harmless(&answer, &[], uri);
        assert_eq!(place.error(), "invalid_request_uri", "{uri}: {place:?}");
        texts.push(place.parameter("error_description").to_owned());
    }
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 1, "one sentence for all: {texts:?}");
    let log = server.log();
    for reason in [
        "answered 404",
        "answered 500",
        "65536",
        "127.0.0.1:1/closed",
        "no JSON Web Token",
    ] {
        assert!(log.contains(reason), "{reason} is not in the log: {log}");
    }
}

#[test]
fn requests_that_name_the_same_uri_share_one_fetch() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let object = unsigned(&json!({"state": "from-the-shared-object"}));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            let object = object.clone();
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 1_024]);
                clock::pause(Duration::from_millis(1_500));
                let length = object.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(format!("{head}{object}").as_bytes());
            });
        }
    });
    let quick = Sink::start();
    let quick_uri = format!("{}/object", quick.url());
    quick.reply(
        "/object",
        &json!({"body": unsigned(&json!({"state": "quick"}))}),
    );
    let slow_uri = format!("http://{address}/object");
    let uris = json!({"request_uris": [slow_uri, quick_uri]});
    let (server, app) = start(Engine::Sqlite, &uris);
    let visit = |uri: &str| {
        let ask = app.ask().with("request_uri", uri);
        landed(&Browser::default().authorize(&server, &ask.query())).login()
    };
    std::thread::scope(|scope| {
        let visits: Vec<_> = (0..6).map(|_| scope.spawn(|| visit(&slow_uri))).collect();
        while calls.load(Ordering::Relaxed) == 0 {
            clock::pause(Duration::from_millis(10));
        }
        visit(&quick_uri);
        assert!(
            visits.iter().all(|visit| !visit.is_finished()),
            "a slow host held up another"
        );
        for visit in visits {
            visit.join().unwrap();
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_long_object_must_be_signed_and_only_what_it_says_is_kept() {
    for engine in Engine::at_hand() {
        let keys = recording::keys();
        let mut key = keys["rsa1"].clone();
        key["kid"] = json!("k");
        let (server, app) = start(engine, &json!({"jwks": {"keys": [key]}}));
        let hint = "h".repeat(20_000);
        let claims = json!({
            "client_id": "app", "iss": "app", "login_hint": hint, "state": "inside-the-object",
        });
        let mut browser = Browser::default();
        let place = posted(&server, &mut browser, &with_object(&app, &claims));
        assert_eq!(place.error(), "invalid_request", "{engine:?}: {place:?}");
        let text = place.parameter("error_description");
        assert!(text.contains("16384"), "{text}");
        let header = json!({"kid": "k"});
        let header = header.as_object().unwrap();
        let object = jwt::sign("RS256", header, &claims, Key::Jwk(&keys["rsa1"]));
        let ask = app.ask().with("request", &object);
        let challenge = posted(&server, &mut browser, &ask).login();
        assert!(challenge.len() < 1_600, "{}", challenge.len());
        let asked = told(&server, "login", &challenge);
        assert_eq!(asked["oidc_context"]["login_hint"], hint.as_str());
        let url = asked["request_url"].as_str().unwrap();
        assert!(url.contains("state=inside-the-object"), "{engine:?}");
        assert!(!url.contains("request="), "the object is not kept");
        let place = landed(&app.go_on(&server, &mut browser, &challenge, &ann(), &json!({})));
        assert_eq!(place.parameter("state"), "inside-the-object");
        assert_eq!(app.redeem(&server, &place.code()).status, 200);
        // A short one is shown as it was sent.
        let ask = with_object(&app, &json!({"state": "inside-the-object"}));
        let challenge = posted(&server, &mut browser, &ask).login();
        let asked = told(&server, "login", &challenge);
        let url = asked["request_url"].as_str().unwrap();
        assert!(url.contains("request=") && url.contains(STATE), "{url}");
    }
}

/// Bytes of the database.
fn stored(server: &Server) -> u64 {
    let files = fs::read_dir(server.dir()).unwrap().map(Result::unwrap);
    files
        .filter(|file| file.file_name().to_string_lossy().contains("db.sqlite"))
        .map(|file| file.metadata().unwrap().len())
        .sum()
}

#[test]
fn strangers_leave_nothing_in_the_store() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let long = "x".repeat(15_000);
    let ask = app.ask().with("own", &long);
    let refused = [
        ask.clone().without("client_id"),
        ask.clone().with("client_id", "nobody"),
        ask.clone().without("redirect_uri"),
        ask.clone().with("redirect_uri", "https://evil.example/cb"),
        ask.clone().with("scope", "openid none-of-yours"),
        ask.clone().with("response_type", "token"),
        ask.clone().with("audience", "https://none-of-yours"),
        ask.clone().with("prompt", "none"),
        ask.clone().with("id_token_hint", "garbage"),
        app.ask().with("own", &"x".repeat(17_000)),
        app.ask().and("own1", &long).and("own2", &long),
        with_object(&app, &json!({"own": "x".repeat(17_000)})),
        with_object(&app, &json!({"own": "x"})).with("own2", &"x".repeat(17_000)),
    ];
    let before = stored(&server);
    for ask in &refused {
        for _ in 0..10 {
            let place = posted(&server, &mut Browser::default(), ask);
            assert!(!place.error().is_empty(), "{place:?}");
            if let Landed::Client(to, _) = &place {
                assert_eq!(to, REDIRECT_URI);
            }
        }
    }
    let grown = stored(&server) - before;
    assert!(
        grown < 64 * 1024,
        "{grown} bytes are left of refused requests"
    );
    let place = posted(&server, &mut Browser::default(), &refused[9]);
    assert!(matches!(place, Landed::ErrorPage(_)), "{place:?}");
    let text = place.parameter("error_description");
    assert!(text.contains("16384"), "the limit is named: {text}");
    // The measure does measure.
    for _ in 0..20 {
        posted(&server, &mut Browser::default(), &ask).login();
    }
    let grown = stored(&server) - before;
    assert!(grown > 250_000, "{grown}");
}
