//! Logout requests on their way: short whatever was sent, and refused where the standard says so.
//!
//! Spec: OpenID Connect RP-Initiated Logout 1.0 2, 3; OpenID Connect Core 1.0 2 (`id_token_hint` of a token that has expired).

use std::time::Duration;

use serde_json::{Map, Value, json};
use tessera_acceptance::app::App;
use tessera_acceptance::browser::{self, Browser, Landed, answered, landed, request_of, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::jwt;
use tessera_acceptance::logout::{BYE, at_home, end_of_session, has_session, start};
use tessera_acceptance::matcher::decode_jwt;
use tessera_acceptance::percent;
use tessera_acceptance::server::Server;

/// Challenges and verifiers stay below.
const LIMIT: usize = 500;

/// Asks for a logout by either method, and follows it to its end; `shown` is what the logout app must see as the address.
fn log_out(
    server: &Server,
    browser: &mut Browser,
    parameters: &[(&str, &str)],
    is_post: bool,
) -> Landed {
    let address = end_of_session(server, parameters);
    let (base, query) = address.split_once('?').unwrap();
    let answer = if is_post {
        browser.post(base, query)
    } else {
        browser.get(&address)
    };
    let caching = answer.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
    let challenge = landed(&answer).logout();
    assert!(challenge.len() < LIMIT, "challenge: {}", challenge.len());
    let shown = told(server, "logout", &challenge)["request_url"].clone();
    let expected = match is_post {
        true => "/oauth2/sessions/logout".to_owned(),
        false => address.replace(&server.public(), ""),
    };
    assert_eq!(shown, expected.as_str());
    let next = answered(server, "logout/accept", &challenge, &Value::Null);
    let verifier = next.split_once("logout_verifier=").unwrap().1;
    assert!(verifier.len() < LIMIT, "verifier: {}", verifier.len());
    let answer = browser.get(&next);
    let caching = answer.header("cache-control").unwrap_or_default();
    assert!(caching.contains("no-store"), "{caching}");
    // What was handled says where it began.
    let gone = request_of(server, "logout", &challenge);
    assert_eq!(gone.status, 410, "{}", gone.body);
    assert_eq!(gone.json().unwrap()["redirect_to"], expected.as_str());
    landed(&answer)
}

#[test]
fn challenges_are_short_and_nothing_is_lost() {
    for engine in Engine::at_hand() {
        let long = format!("{BYE}?{}", "a=b&".repeat(500));
        let (server, app) = start(engine, &json!({"post_logout_redirect_uris": [BYE, long]}));
        for (uri, state, is_post) in [
            (BYE, String::new(), false),
            (BYE, "st-1".to_owned(), false),
            (BYE, "st-1".to_owned(), true),
            (&*long, "s t&ü".repeat(700), false),
            (&*long, "s t&ü".repeat(3_000), true),
        ] {
            let (mut browser, pair) = at_home(&server, &app, "ann");
            let mut parameters = vec![
                ("id_token_hint", pair.id.as_str()),
                ("post_logout_redirect_uri", uri),
            ];
            let mut expected = percent::decode_pairs(uri.split_once('?').map_or("", |(_, q)| q));
            if !state.is_empty() {
                parameters.push(("state", &state));
                expected.push(("state".to_owned(), state.clone()));
            }
            let place = log_out(&server, &mut browser, &parameters, is_post);
            assert_eq!(
                place,
                Landed::Client(BYE.to_owned(), expected),
                "{engine:?}"
            );
            assert_eq!(browser.session(), None, "{engine:?}");
        }
        // Nobody but the browser asks.
        let (mut browser, _) = at_home(&server, &app, "6f1a1c1e-1111-4a4a-8b8b-0123456789ab");
        let place = log_out(&server, &mut browser, &[("ui_locales", "de")], false);
        assert_eq!(place, Landed::Bye, "{engine:?}");
    }
}

#[test]
fn a_request_without_an_end_is_refused_and_kept_nowhere() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let (mut browser, pair) = at_home(&server, &app, "ann");
    let state = "s".repeat(33 * 1024);
    let parameters = [("id_token_hint", pair.id.as_str()), ("state", &state)];
    let address = end_of_session(&server, &parameters);
    let (base, query) = address.split_once('?').unwrap();
    let place = landed(&browser.post(base, query));
    assert_eq!(place.error(), "invalid_request", "{place:?}");
    assert!(browser.session().is_some(), "still logged in");
}

#[test]
fn the_logout_app_sees_what_the_request_says_of_the_person() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let (mut browser, pair) = at_home(&server, &app, "ann");
    let shown = |browser: &mut Browser, parameters: &[(&str, &str)], is_post: bool| {
        let address = end_of_session(&server, parameters);
        let (base, query) = address.split_once('?').unwrap();
        let answer = match is_post {
            true => browser.post(base, query),
            false => browser.get(&address),
        };
        told(&server, "logout", &landed(&answer).logout())
    };
    let said = [
        ("logout_hint", "ann@example.com"),
        ("ui_locales", "de-AT en"),
    ];
    let by_client = [&said[..], &[("id_token_hint", pair.id.as_str())]].concat();
    for (parameters, is_post) in [(&said[..], false), (&by_client, false), (&by_client, true)] {
        let asked = shown(&mut browser, parameters, is_post);
        assert_eq!(asked["logout_hint"], "ann@example.com", "{asked}");
        assert_eq!(asked["ui_locales"], "de-AT en", "{asked}");
    }
    let asked = shown(&mut browser, &[], false);
    for name in ["logout_hint", "ui_locales"] {
        assert!(asked.get(name).is_none(), "{asked}");
    }
}

#[test]
fn a_challenge_ends_with_its_time_wherever_it_is_kept() {
    for engine in Engine::at_hand() {
        let ttl = json!({"ttl": {"login_consent_request": "2s"}});
        let server = Server::start(browser::setup(engine, &ttl));
        let app = App::register(&server, "app", &json!({"post_logout_redirect_uris": [BYE]}));
        let (mut browser, pair) = at_home(&server, &app, "ann");
        let hint = [("id_token_hint", pair.id.as_str())];
        for parameters in [&[][..], &hint] {
            let address = end_of_session(&server, parameters);
            let challenge = landed(&browser.get(&address)).logout();
            let next = answered(&server, "logout/accept", &challenge, &Value::Null);
            clock::pause(Duration::from_secs(4));
            for verb in ["logout/accept", "logout/reject"] {
                let answer = browser::answer(&server, verb, &challenge, &json!({}));
                assert_eq!(answer.status, 401, "{engine:?}: {}", answer.body);
            }
            let answer = request_of(&server, "logout", &challenge);
            assert_eq!(answer.status, 401, "{engine:?}: {}", answer.body);
            assert!(!answer.body.contains("id_token_hint"), "{engine:?}");
            let place = landed(&browser.get(&next));
            assert_eq!(place.error(), "request_unauthorized", "{engine:?}");
            assert!(has_session(&server, &app, &browser), "{engine:?}");
        }
    }
}

#[test]
fn a_hint_may_have_expired_but_must_be_signed_here() {
    let more = json!({"ttl": {"id_token": "1s"}, "strategies": {"access_token": "jwt"}});
    let server = Server::start(browser::setup(Engine::Sqlite, &more));
    let app = App::register(&server, "app", &json!({"post_logout_redirect_uris": [BYE]}));
    let (mut browser, pair) = at_home(&server, &app, "ann");
    clock::pause(Duration::from_secs(2));
    let (header, claims) = decode_jwt(&pair.id).unwrap();
    assert!(claims["exp"].as_i64().unwrap() < clock::unix_now());
    let mut unsigned = Map::new();
    unsigned.insert("kid".to_owned(), header["kid"].clone());
    let (signed, signature) = pair.id.rsplit_once('.').unwrap();
    for forged in [
        jwt::sign("none", &Map::new(), &claims, jwt::Key::None),
        jwt::sign("none", &unsigned, &claims, jwt::Key::None),
        jwt::sign("HS256", &unsigned, &claims, jwt::Key::Secret("secret")),
        format!("{signed}."),
        format!("{signed}.{signature}.{signature}"),
        signed.to_owned(),
        pair.access.clone(),
    ] {
        let parameters = [
            ("id_token_hint", forged.as_str()),
            ("post_logout_redirect_uri", BYE),
        ];
        let place = landed(&browser.get(&end_of_session(&server, &parameters)));
        assert!(matches!(place, Landed::ErrorPage(_)), "{forged}: {place:?}");
        assert_eq!(place.error(), "invalid_request", "{forged}");
    }
    let parameters = [
        ("id_token_hint", pair.id.as_str()),
        ("post_logout_redirect_uri", BYE),
        ("client_id", "app"),
    ];
    let place = log_out(&server, &mut browser, &parameters, false);
    assert_eq!(place, Landed::Client(BYE.to_owned(), Vec::new()));
    assert!(!has_session(&server, &app, &browser));
}

#[test]
fn an_unknown_address_is_refused_with_a_page_of_the_server() {
    let urls = json!({"urls": {"self": {"issuer": "${public}"}, "login": "http://ui.example/login",
        "consent": "http://ui.example/consent", "logout": "http://ui.example/logout"}});
    let server = Server::start(browser::setup(Engine::Sqlite, &urls));
    let app = App::register(&server, "app", &json!({"post_logout_redirect_uris": [BYE]}));
    let (mut browser, pair) = at_home(&server, &app, "ann");
    let address = end_of_session(
        &server,
        &[
            ("id_token_hint", &pair.id),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ],
    );
    let answer = browser.get(&address);
    let location = answer.header("location").unwrap_or_default().to_owned();
    assert!(
        location.starts_with(&format!("{}/oauth2/fallbacks/error?", server.public())),
        "{} {location}",
        answer.status
    );
    let page = browser.get(&location);
    assert!(
        page.body.contains("post_logout_redirect_uri"),
        "{}",
        page.body
    );
    assert!(
        !page.body.contains("href=\"https://evil.example"),
        "{}",
        page.body
    );
    assert!(has_session(&server, &app, &browser));
}
