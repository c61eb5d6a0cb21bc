//! The time in which a used refresh token still is good.
//!
//! Spec: RFC 9700 4.14.2.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Tokens, assert_dead, assert_refused};
use tessera_acceptance::browser::{self};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow;
use tessera_acceptance::machine::is_active;
use tessera_acceptance::server::Server;

fn config(members: &Value) -> Value {
    json!({"oauth2": {"grant": {"refresh_token": members}}})
}

#[test]
fn reuse_is_noticed_after_the_token_would_have_expired() {
    for engine in Engine::at_hand() {
        let mut more = config(&json!({"rotation_grace_period": "0s"}));
        more["ttl"] = json!({"refresh_token": "6s"});
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        let first = app.tokens(&server);
        let unused = app.tokens(&server);
        clock::pause(Duration::from_secs(3));
        let second = Tokens::of(&app.refresh(&server, &first.refresh));
        clock::pause(Duration::from_secs(4));
        let answer = app.refresh(&server, &unused.refresh);
        assert_refused(&answer, "invalid_grant", "expired");
        assert!(
            is_active(&server, &unused.access),
            "an expired token ends nothing"
        );
        assert_refused(
            &app.refresh(&server, &first.refresh),
            "invalid_grant",
            "used",
        );
        assert_dead(&server, &app, &second, "used and expired");
    }
}

#[test]
fn within_its_grace_a_token_gives_more_pairs_and_only_its_own_access_token_ends() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "app", &json!({}));
        let first = app.tokens(&server);
        let pairs = [0, 1, 2].map(|_| Tokens::of(&app.refresh(&server, &first.refresh)));
        assert!(!is_active(&server, &first.access), "{engine:?}");
        for pair in &pairs {
            assert!(is_active(&server, &pair.access), "{engine:?}");
        }
        let next = Tokens::of(&app.refresh(&server, &pairs[0].refresh));
        assert!(!is_active(&server, &pairs[0].access), "{engine:?}: its own");
        for pair in [&pairs[1], &pairs[2], &next] {
            assert!(is_active(&server, &pair.access), "{engine:?}: the others");
        }
        assert_eq!(app.revoke(&server, &next.access).status, 200);
        for pair in pairs.iter().chain([&first, &next]) {
            assert_dead(&server, &app, pair, "revocation ends the chain");
        }
    }
}

#[test]
fn the_grace_has_an_end_and_a_count() {
    for engine in Engine::at_hand() {
        let more = config(&json!({"rotation_grace_period": "3s"}));
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        let first = app.tokens(&server);
        let mut pairs = vec![Tokens::of(&app.refresh(&server, &first.refresh))];
        clock::pause(Duration::from_secs(2));
        pairs.push(Tokens::of(&app.refresh(&server, &first.refresh)));
        clock::pause(Duration::from_secs(2));
        // A second use did not begin another grace.
        assert_refused(
            &app.refresh(&server, &first.refresh),
            "invalid_grant",
            "late",
        );
        for pair in &pairs {
            assert_dead(&server, &app, pair, "after the grace");
        }

        let more =
            config(&json!({"rotation_grace_period": "60s", "rotation_grace_reuse_count": 3}));
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        let first = app.tokens(&server);
        let pairs = [0, 1, 2].map(|_| Tokens::of(&app.refresh(&server, &first.refresh)));
        assert_refused(
            &app.refresh(&server, &first.refresh),
            "invalid_grant",
            "the fourth",
        );
        for pair in &pairs {
            assert_dead(&server, &app, pair, "after the last of the count");
        }

        let mut more = config(&json!({"rotation_grace_period": "60s"}));
        more["ttl"] = json!({"refresh_token": "2s"});
        let server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        let first = app.tokens(&server);
        assert_eq!(app.refresh(&server, &first.refresh).status, 200);
        clock::pause(Duration::from_secs(3));
        assert_refused(
            &app.refresh(&server, &first.refresh),
            "invalid_grant",
            "expired in its grace",
        );
    }
}
