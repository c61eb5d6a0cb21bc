//! Clients are told of a logout: by the back channel and on the front-channel page.
//!
//! Spec: OpenID Connect Back-Channel Logout 1.0 2.4, 2.6; Front-Channel Logout 1.0 2, 3.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tessera_acceptance::app::App;
use tessera_acceptance::browser::{Landed, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::jwks;
use tessera_acceptance::logout::{BYE, at_home, end_of_session, has_session, start};
use tessera_acceptance::machine::{self, ISSUER};
use tessera_acceptance::page;
use tessera_acceptance::percent;
use tessera_acceptance::server::Server;

/// For a call that should come.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// For calls that should not.
const QUIET: Duration = Duration::from_millis(700);

/// The claims of a logout token that arrived, all rules checked.
fn logout_token(server: &Server, path: &str, client: &str) -> Value {
    let call = clock::poll(CALL_LIMIT, || server.sink.take_call(path)).expect("a call");
    assert_eq!(call.method, "POST");
    let kind = call
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert!(
        kind.unwrap()
            .1
            .starts_with("application/x-www-form-urlencoded")
    );
    let pairs = percent::decode_pairs(&call.body);
    assert_eq!(pairs.len(), 1, "{}", call.body);
    assert_eq!(pairs[0].0, "logout_token");
    let (header, claims) = jwks::verified(&pairs[0].1, &jwks::published(server));
    assert_eq!(header["typ"], "logout+jwt", "{header}");
    assert_eq!(claims["iss"], ISSUER);
    let audience = if claims["aud"].is_array() {
        &claims["aud"][0]
    } else {
        &claims["aud"]
    };
    assert_eq!(audience, client, "{claims}");
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    assert_eq!(claims["events"], event, "exactly this one");
    assert_eq!(claims["nonce"], Value::Null, "{claims}");
    assert!(
        claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()),
        "{claims}"
    );
    let (now, issued, ends) = (
        clock::unix_now(),
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert!((now - 20..=now + 1).contains(&issued), "{claims}");
    assert!((issued + 1..=issued + 120).contains(&ends), "{claims}");
    claims
}

#[test]
fn clients_of_the_session_are_told_by_the_back_channel() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let with_channel = |id: &str, path: &str| {
            let uri = format!("{}{path}", server.sink.url());
            App::register(&server, id, &json!({"backchannel_logout_uri": uri}))
        };
        let first = with_channel("first", "/bc");
        let second = with_channel("second", "/second");
        let (mut browser, pair) = at_home(&server, &first, "ann");
        let login = json!({"subject": "ann"});
        second.sign_in(&server, &mut browser, &second.ask(), &login);
        // Somebody else of the same clients is not concerned.
        let (other, _) = at_home(&server, &first, "bob");
        let challenge =
            landed(&browser.get(&end_of_session(&server, &[("id_token_hint", &pair.id)]))).logout();
        let next = answered(&server, "logout/accept", &challenge, &Value::Null);
        assert_eq!(landed(&browser.get(&next)), Landed::Bye, "{engine:?}");
        let sid = pair.id_claims()["sid"].clone();
        for (path, client) in [("/bc", "first"), ("/second", "second")] {
            let claims = logout_token(&server, path, client);
            assert_eq!(claims["sid"], sid, "{engine:?}");
        }
        landed(&browser.get(&next));
        clock::pause(QUIET);
        for path in ["/bc", "/second"] {
            assert!(
                server.sink.take_call(path).is_none(),
                "{engine:?}: told twice"
            );
        }
        assert!(has_session(&server, &app, &other), "{engine:?}");
        // The operator ends a session.
        let (browser, pair) = at_home(&server, &first, "ann");
        let sid = pair.id_claims()["sid"].as_str().unwrap().to_owned();
        let path = format!("/admin/oauth2/auth/sessions/login?sid={sid}");
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        assert_eq!(logout_token(&server, "/bc", "first")["sid"], sid.as_str());
        assert!(!has_session(&server, &first, &browser), "{engine:?}");
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        clock::pause(QUIET);
        assert!(
            server.sink.take_call("/bc").is_none(),
            "{engine:?}: it was gone"
        );
    }
}

#[test]
fn a_client_that_does_not_listen_keeps_nobody_logged_in() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let closed = "http://127.0.0.1:9/bc";
    let deaf = App::register(&server, "deaf", &json!({"backchannel_logout_uri": closed}));
    let uri = format!("{}/broken", server.sink.url());
    let broken = App::register(&server, "broken", &json!({"backchannel_logout_uri": uri}));
    server.sink.reply("/broken", &json!({"status": 500}));
    let (mut browser, _) = at_home(&server, &deaf, "ann");
    broken.sign_in(
        &server,
        &mut browser,
        &broken.ask(),
        &json!({"subject": "ann"}),
    );
    let challenge = landed(&browser.get(&end_of_session(&server, &[]))).logout();
    let next = answered(&server, "logout/accept", &challenge, &Value::Null);
    let start = std::time::Instant::now();
    assert_eq!(landed(&browser.get(&next)), Landed::Bye);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "the browser waits for nobody"
    );
    assert!(!has_session(&server, &app, &browser));
}

#[test]
fn a_client_that_does_not_answer_holds_up_no_other() {
    let (server, _) = start(Engine::Sqlite, &json!({}));
    // Connections are taken by the kernel, and nobody reads them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/bc", silent.local_addr().unwrap());
    let slow = App::register(&server, "slow", &json!({"backchannel_logout_uri": uri}));
    let uri = format!("{}/bc", server.sink.url());
    let quick = App::register(&server, "quick", &json!({"backchannel_logout_uri": uri}));
    let end = |subject: &str| {
        let path = format!("/admin/oauth2/auth/sessions/login?subject={subject}");
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
    };
    for _ in 0..20 {
        at_home(&server, &slow, "ann");
    }
    at_home(&server, &quick, "bob");
    end("ann");
    clock::pause(QUIET);
    end("bob");
    let call = clock::poll(Duration::from_secs(5), || server.sink.take_call("/bc"));
    assert!(call.is_some(), "it waits for the other");
}

#[test]
fn the_front_channel_page_loads_each_client_of_the_session() {
    for engine in Engine::at_hand() {
        let (server, app) = start(
            engine,
            &json!({
                "frontchannel_logout_uri": "https://app.example/fc?kept=1&iss=old",
                "frontchannel_logout_session_required": true,
            }),
        );
        let second = App::register(
            &server,
            "second",
            &json!({
                "redirect_uris": ["https://app.example/cb"],
                "frontchannel_logout_uri": "https://app.example/second?a='b'&c=d",
            }),
        );
        App::register(
            &server,
            "stranger",
            &json!({"frontchannel_logout_uri": "https://app.example/stranger"}),
        );
        let (mut browser, pair) = at_home(&server, &app, "ann");
        second.sign_in(
            &server,
            &mut browser,
            &second.ask(),
            &json!({"subject": "ann"}),
        );
        let address = end_of_session(
            &server,
            &[
                ("id_token_hint", &pair.id),
                ("post_logout_redirect_uri", BYE),
                ("state", "\"><script>x</script>"),
            ],
        );
        let challenge = landed(&browser.get(&address)).logout();
        let next = answered(&server, "logout/accept", &challenge, &Value::Null);
        let answer = browser.get(&next);
        assert_eq!(answer.status, 200, "{engine:?}: {}", answer.body);
        assert!(
            !answer.body.contains("<script>x"),
            "{engine:?}: {}",
            answer.body
        );
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(!policy.contains("script-src 'unsafe-inline'"), "{policy}");
        let frames = page::parts(&answer.body)["frames"].clone();
        let frames: Vec<&str> = frames
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| frame.as_str().unwrap())
            .collect();
        assert_eq!(frames.len(), 2, "{engine:?}: {frames:?}");
        let sid = pair.id_claims()["sid"].as_str().unwrap().to_owned();
        for base in ["https://app.example/fc", "https://app.example/second"] {
            let frame = frames.iter().find(|frame| frame.starts_with(base)).unwrap();
            let pairs = percent::decode_pairs(frame.split_once('?').unwrap().1);
            for name in ["iss", "sid"] {
                let named = pairs.iter().filter(|(found, _)| found == name);
                assert_eq!(named.count(), 1, "{frame}");
            }
            let pairs: Map<String, Value> = pairs
                .into_iter()
                .map(|(name, value)| (name, json!(value)))
                .collect();
            assert_eq!(
                (&pairs["iss"], &pairs["sid"]),
                (&json!(ISSUER), &json!(sid)),
                "{frame}"
            );
        }
        assert!(
            frames.iter().any(|frame| frame.contains("kept=1")),
            "{frames:?}"
        );
        assert!(answer.body.contains(BYE), "{engine:?}: and then on");
        assert!(!has_session(&server, &app, &browser), "{engine:?}");
        // Once more: nobody is left to be told.
        let place = landed(&browser.get(&next));
        assert!(
            matches!(&place, Landed::Client(to, _) if to == BYE),
            "{engine:?}: {place:?}"
        );
    }
}
