//! What an authorization code is good for, and how often.
//!
//! Spec: RFC 6749 4.1.3, 10.5; RFC 9700 2.1.1.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tessera_acceptance::app::{
    App, REDIRECT_URI, Tokens, VERIFIER, assert_dead, assert_refused, userinfo,
};
use tessera_acceptance::bad_input::altered;
use tessera_acceptance::browser::{self, Browser};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{public_app, server};
use tessera_acceptance::machine::is_active;
use tessera_acceptance::server::Server;

#[test]
fn a_replayed_code_ends_all_that_came_of_it() {
    for engine in Engine::at_hand() {
        let server = server(engine);
        let confidential = App::register(&server, "app", &json!({}));
        let jwt = App::register(&server, "jwt", &json!({"access_token_strategy": "jwt"}));
        for app in [confidential, jwt, public_app(&server)] {
            let what = format!("{engine:?} {}", app.id());
            let code = app.code(&server);
            let first = Tokens::of(&app.redeem(&server, &code));
            let second = Tokens::of(&app.refresh(&server, &first.refresh));
            let third = Tokens::of(&app.refresh(&server, &second.refresh));
            assert!(is_active(&server, &third.access), "{what}");
            assert_refused(&app.redeem(&server, &code), "invalid_grant", &what);
            for pair in [first, second, third] {
                assert_dead(&server, &app, &pair, &what);
            }
            assert_refused(&app.redeem(&server, &code), "invalid_grant", &what);
        }
    }
}

#[test]
fn a_code_is_for_its_client() {
    for engine in Engine::at_hand() {
        let server = server(engine);
        let app = App::register(&server, "app", &json!({}));
        let others = [
            App::register(&server, "other", &json!({})),
            public_app(&server),
        ];
        let code = app.code(&server);
        for other in &others {
            let answer = other.redeem(&server, &code);
            assert_refused(&answer, "invalid_grant", other.id());
        }
        let pair = Tokens::of(&app.redeem(&server, &code));
        assert!(is_active(&server, &pair.access), "{engine:?}");
    }
}

#[test]
fn a_code_is_for_its_redirect_uri() {
    let server = server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    let form = |code: &str, more: &[(&str, &str)]| {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
        form.push(("code_verifier", VERIFIER));
        form.extend_from_slice(more);
        app.post(&server, "/oauth2/token", &form)
    };
    let code = app.code(&server);
    assert_refused(&form(&code, &[]), "invalid_grant", "no redirect URI");
    for uri in [
        "",
        "https://app.example/CB",
        "https://APP.example/cb",
        "https://app.example/cb/",
        "https://app.example/cb?",
        "https://app.example/cb?a=b",
        "https://app.example/cb#",
        "https://app.example:443/cb",
        "https://app.example/%63b",
        "https://app.example/./cb",
        "http://app.example/cb",
        "https://app.example/cb ",
        "https://other.example/cb",
    ] {
        let code = app.code(&server);
        let answer = form(&code, &[("redirect_uri", uri)]);
        assert_refused(&answer, "invalid_grant", uri);
    }
    let twice = [
        ("redirect_uri", REDIRECT_URI),
        ("redirect_uri", REDIRECT_URI),
    ];
    let answer = form(&app.code(&server), &twice);
    assert_refused(&answer, "invalid_request", "given twice");
    let code = app.code(&server);
    let answer = form(&code, &[("redirect_uri", REDIRECT_URI), ("code", &code)]);
    assert_refused(&answer, "invalid_request", "the code twice");
}

#[test]
fn an_altered_code_is_no_code() {
    for engine in Engine::at_hand() {
        let server = server(engine);
        let app = App::register(&server, "app", &json!({}));
        let (code, other) = (app.code(&server), app.code(&server));
        let mut forged: Vec<String> = (0..code.len()).map(|at| altered(&code, at)).collect();
        forged.extend(
            (5..code.len() - 1)
                .step_by(3)
                .map(|at| format!("{}{}", &code[..at], &other[at..])),
        );
        forged.extend((0..code.len()).step_by(5).map(|at| code[..at].to_owned()));
        let body = code.split_once('_').map_or(code.as_str(), |(_, body)| body);
        forged.extend(
            [
                format!("{code}A"),
                format!("{code}="),
                format!("{code}."),
                format!(".{code}"),
                body.to_owned(),
            ]
            .into_iter()
            .chain(
                ["tsa_", "tsr_", "tsd_", "ory_ac_", "TSC_"].map(|prefix| format!("{prefix}{body}")),
            ),
        );
        for forged in forged
            .iter()
            .filter(|forged| **forged != code && **forged != other)
        {
            let answer = app.redeem(&server, forged);
            assert_eq!(answer.status, 400, "{forged}: {}", answer.body);
            assert!(!answer.body.contains("access_token"), "{forged}");
        }
        for code in [code, other] {
            assert_eq!(
                app.redeem(&server, &code).status,
                200,
                "{engine:?}: forgeries burn nothing"
            );
        }
    }
}

#[test]
fn an_expired_code_is_refused() {
    for engine in Engine::at_hand() {
        let more = json!({"ttl": {"auth_code": "1s"}});
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        assert_eq!(app.redeem(&server, &app.code(&server)).status, 200);
        let code = app.code(&server);
        clock::pause(Duration::from_millis(1_500));
        assert_refused(&app.redeem(&server, &code), "invalid_grant", "expired");
    }
}

#[test]
fn a_hook_that_refuses_or_fails_leaves_code_and_refresh_token_usable() {
    for engine in Engine::at_hand() {
        let more = json!({"oauth2": {
            "token_hook": "${sink}/hook",
            "grant": {"refresh_token": {"rotation_grace_period": "0s"}},
        }});
        let server = Server::start(browser::setup(engine, &more));
        server.sink.reset(&json!({"/hook": {"status": 204}}));
        let app = App::register(&server, "app", &json!({}));
        let code = app.code(&server);
        let bad = [
            json!({"status": 403}),
            json!({"status": 500}),
            json!({"status": 200, "body": "garbage"}),
        ];
        for reply in &bad {
            server.sink.reply("/hook", reply);
            let answer = app.redeem(&server, &code);
            assert!(answer.status >= 400, "{reply}: {}", answer.body);
            let call = server.sink.take_call("/hook").unwrap();
            for secret in [VERIFIER, &app.machine.secret] {
                assert!(!call.body.contains(secret), "{}", call.body);
            }
        }
        server.sink.reply("/hook", &json!({"status": 204}));
        let pair = Tokens::of(&app.redeem(&server, &code));
        for reply in &bad {
            server.sink.reply("/hook", reply);
            let answer = app.refresh(&server, &pair.refresh);
            assert!(answer.status >= 400, "{reply}: {}", answer.body);
            assert!(is_active(&server, &pair.access), "{engine:?} {reply}");
        }
        server.sink.reply("/hook", &json!({"status": 204}));
        let next = Tokens::of(&app.refresh(&server, &pair.refresh));
        assert!(is_active(&server, &next.access), "{engine:?}");
    }
}

#[test]
fn each_kind_of_token_is_only_that_kind() {
    let server = server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    let (code, spare) = (app.code(&server), app.code(&server));
    let pair = Tokens::of(&app.redeem(&server, &code));
    let with_prefix = |prefix: &str, token: &str| {
        format!(
            "{prefix}_{}",
            token.split_once('_').map_or(token, |(_, body)| body)
        )
    };
    assert!(!is_active(&server, &spare), "a code is not introspected");
    for token in [
        spare.clone(),
        with_prefix("tsa", &spare),
        with_prefix("tsa", &pair.refresh),
        pair.refresh.clone(),
        pair.id.clone(),
    ] {
        assert_eq!(userinfo(&server, &token).status, 401, "{token}");
    }
    for token in [
        pair.access.clone(),
        pair.refresh.clone(),
        pair.id.clone(),
        with_prefix("tsc", &pair.access),
        with_prefix("tsc", &pair.refresh),
    ] {
        assert_refused(&app.redeem(&server, &token), "invalid_grant", &token);
    }
    for token in [
        pair.access.clone(),
        spare.clone(),
        pair.id.clone(),
        with_prefix("tsr", &pair.access),
        with_prefix("tsr", &spare),
    ] {
        assert_refused(&app.refresh(&server, &token), "invalid_grant", &token);
        assert!(
            token == pair.access || !is_active(&server, &token),
            "{token}"
        );
    }
    assert_eq!(app.redeem(&server, &spare).status, 200);
}

#[test]
fn the_database_holds_no_secret_of_a_sign_in() {
    let mut server = server(Engine::Sqlite);
    let app = App::register(&server, "app", &json!({}));
    let mut browser = Browser::default();
    let login =
        json!({"subject": "ann", "remember": true, "context": {"word": "context-of-the-login"}});
    let session = json!({"session": {"id_token": {"word": "claim-of-the-session"}}});
    let code = app.sign_in_with(&server, &mut browser, &app.ask(), &login, &session);
    let pair = Tokens::of(&app.redeem(&server, &code));
    let next = Tokens::of(&app.refresh(&server, &pair.refresh));
    let unused = app.code(&server);
    assert_eq!(server.stop(), Some(0));
    let mut bytes = Vec::new();
    for entry in fs::read_dir(server.dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("db.sqlite") {
            bytes.extend(fs::read(path).unwrap());
        }
    }
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds(app.id()), "the database was read");
    let cookie = browser.session().unwrap().to_owned();
    for secret in [
        code.as_str(),
        &unused,
        &pair.access,
        &pair.refresh,
        &next.access,
        &next.refresh,
        &pair.id,
        VERIFIER,
        &app.machine.secret,
        &cookie,
        "context-of-the-login",
        "claim-of-the-session",
    ] {
        assert!(!holds(secret), "the database holds {secret}");
        let body = match secret.strip_prefix("ory_") {
            Some(kind_and_body) => kind_and_body.split_once('_').unwrap().1,
            None => secret,
        };
        assert!(!holds(body), "the database holds {body}");
    }
}
