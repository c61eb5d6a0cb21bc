//! What a refresh token is good for: rotation, reuse, and what is checked again.
//!
//! Spec: RFC 6749 6, 10.4; RFC 9700 4.14; OpenID Connect Core 1.0 12.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Tokens, assert_dead, assert_refused, error_of};
use tessera_acceptance::browser::{self, Browser};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine::{self, introspect, is_active};
use tessera_acceptance::percent;
use tessera_acceptance::server::Server;

fn config(members: &Value) -> Value {
    json!({"oauth2": {"grant": {"refresh_token": members}}})
}

fn strict(engine: Engine) -> Server {
    let more = config(&json!({"rotation_grace_period": "0s"}));
    Server::start(browser::setup(engine, &more))
}

fn patch(server: &Server, app: &App, member: &str, value: &Value) {
    let body = json!([{"op": "replace", "path": format!("/{member}"), "value": value}]);
    let path = format!("/admin/clients/{}", app.id());
    let answer = machine::admin(server, "PATCH", &path, Some(&body));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_used_refresh_token_ends_the_family() {
    for engine in Engine::at_hand() {
        let server = strict(engine);
        for strategy in ["opaque", "jwt"] {
            let more = json!({"access_token_strategy": strategy});
            let app = App::register(&server, strategy, &more);
            let what = format!("{engine:?} {strategy}");
            let first = app.tokens(&server);
            let second = Tokens::of(&app.refresh(&server, &first.refresh));
            assert!(!is_active(&server, &first.access), "{what}: at once");
            assert!(!is_active(&server, &first.refresh), "{what}: at once");
            let third = Tokens::of(&app.refresh(&server, &second.refresh));
            assert!(is_active(&server, &third.access), "{what}");
            // The oldest of them.
            assert_refused(
                &app.refresh(&server, &first.refresh),
                "invalid_grant",
                &what,
            );
            for pair in [first, second, third] {
                assert_dead(&server, &app, &pair, &what);
            }
        }
    }
}

#[test]
fn another_client_cannot_use_a_refresh_token_nor_harm_it() {
    for engine in Engine::at_hand() {
        let server = strict(engine);
        let app = App::register(&server, "app", &json!({}));
        let other = App::register(&server, "other", &json!({}));
        let public = App::register(
            &server,
            "public",
            &json!({"token_endpoint_auth_method": "none"}),
        );
        let pair = app.tokens(&server);
        for foreign in [&other, &public] {
            let answer = foreign.refresh(&server, &pair.refresh);
            assert_refused(&answer, "invalid_grant", foreign.id());
            assert_eq!(foreign.revoke(&server, &pair.refresh).status, 200);
            assert_eq!(foreign.revoke(&server, &pair.access).status, 200);
            assert!(
                is_active(&server, &pair.access),
                "{engine:?} {}",
                foreign.id()
            );
            assert!(
                is_active(&server, &pair.refresh),
                "{engine:?} {}",
                foreign.id()
            );
        }
        assert_eq!(app.refresh(&server, &pair.refresh).status, 200);
    }
}

#[test]
fn what_the_client_may_do_is_asked_again() {
    for engine in Engine::at_hand() {
        let server = strict(engine);
        let more = json!({"audience": ["https://api.example"], "scope": "openid offline a b"});
        let app = App::register(&server, "app", &more);
        let ask = app
            .ask()
            .with("scope", "openid offline a")
            .with("audience", "https://api.example");
        let sign_in = || {
            let login = json!({"subject": "ann"});
            let code = app.sign_in(&server, &mut Browser::default(), &ask, &login);
            Tokens::of(&app.redeem(&server, &code))
        };
        let pair = sign_in();
        for (member, fewer, error) in [
            ("scope", json!("openid offline b"), "invalid_scope"),
            ("audience", json!([]), "invalid_request"),
            (
                "grant_types",
                json!(["authorization_code"]),
                "unauthorized_client",
            ),
        ] {
            let path = format!("/admin/clients/{}", app.id());
            let before = machine::admin(&server, "GET", &path, None).json().unwrap();
            patch(&server, &app, member, &fewer);
            assert_refused(&app.refresh(&server, &pair.refresh), error, member);
            if member == "grant_types" {
                let code = app.sign_in(
                    &server,
                    &mut Browser::default(),
                    &ask,
                    &json!({"subject": "ann"}),
                );
                assert_eq!(
                    Tokens::of(&app.redeem(&server, &code)).refresh,
                    "",
                    "{engine:?}"
                );
            }
            patch(&server, &app, member, &before[member]);
        }
        let next = Tokens::of(&app.refresh(&server, &pair.refresh));
        assert!(
            is_active(&server, &next.access),
            "{engine:?}: refusals end nothing"
        );
    }
}

#[test]
fn scope_is_narrowed_but_never_widened() {
    for engine in Engine::at_hand() {
        let server = strict(engine);
        let app = App::register(&server, "app", &json!({}));
        let ask = app.ask().with("scope", "openid offline a");
        let code = app.sign_in(
            &server,
            &mut Browser::default(),
            &ask,
            &json!({"subject": "ann"}),
        );
        let mut refresh = Tokens::of(&app.redeem(&server, &code)).refresh;
        let with_scope = |token: &str, scope: &str| {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("scope", scope),
            ];
            app.post(&server, "/oauth2/token", &form)
        };
        for wider in ["openid offline a b", "b", "profile", "a a.b", "*"] {
            assert_refused(&with_scope(&refresh, wider), "invalid_scope", wider);
        }
        for (asked, given) in [
            ("a", "a"),
            ("openid a", "openid a"),
            ("", "openid offline a"),
        ] {
            let answer = with_scope(&refresh, asked);
            let pair = Tokens::of(&answer);
            let sorted = |text: &str| {
                let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                words.sort_unstable();
                words
            };
            let told = introspect(&server, &pair.access).json().unwrap();
            for scope in [&told["scope"], &answer.json().unwrap()["scope"]] {
                assert_eq!(
                    sorted(scope.as_str().unwrap()),
                    sorted(given),
                    "{engine:?} {asked}"
                );
            }
            refresh = pair.refresh;
        }
    }
}

#[test]
fn no_offline_scope_no_refresh_token() {
    let server = strict(Engine::Sqlite);
    let app = App::register(
        &server,
        "app",
        &json!({"scope": "openid offline offline_access a"}),
    );
    for (scope, is_offline) in [
        ("openid", false),
        ("openid a", false),
        ("a", false),
        ("offline", true),
        ("openid offline_access", true),
    ] {
        let ask = app.ask().with("scope", scope);
        let code = app.sign_in(
            &server,
            &mut Browser::default(),
            &ask,
            &json!({"subject": "ann"}),
        );
        let pair = Tokens::of(&app.redeem(&server, &code));
        assert_eq!(!pair.refresh.is_empty(), is_offline, "{scope}");
        assert_eq!(!pair.id.is_empty(), scope.contains("openid"), "{scope}");
    }
    // Granted is what counts, not asked.
    let more = json!({"grant_scope": ["a"]});
    let login = json!({"subject": "ann"});
    let code = app.sign_in_with(&server, &mut Browser::default(), &app.ask(), &login, &more);
    let pair = Tokens::of(&app.redeem(&server, &code));
    assert_eq!((pair.refresh.as_str(), pair.id.as_str()), ("", ""));
}

#[test]
fn a_refreshed_id_token_is_about_the_same_login() {
    for engine in Engine::at_hand() {
        let server = strict(engine);
        let app = App::register(&server, "app", &json!({}));
        let login = json!({"subject": "ann", "acr": "2", "amr": ["pwd", "otp"], "remember": true});
        let more = json!({"session": {"id_token": {"name": "Ann"}}});
        let code = app.sign_in_with(&server, &mut Browser::default(), &app.ask(), &login, &more);
        let first = Tokens::of(&app.redeem(&server, &code));
        clock::pause(Duration::from_millis(1_100));
        let second = Tokens::of(&app.refresh(&server, &first.refresh));
        let (old, new) = (first.id_claims(), second.id_claims());
        for kept in [
            "iss",
            "sub",
            "aud",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "sid",
            "name",
        ] {
            assert!(!old[kept].is_null(), "{kept}: {old}");
            assert_eq!(old[kept], new[kept], "{engine:?} {kept}");
        }
        for changed in ["jti", "at_hash", "iat", "exp"] {
            assert!(!old[changed].is_null(), "{changed}: {old}");
            assert_ne!(old[changed], new[changed], "{engine:?} {changed}");
        }
        assert!(new["c_hash"].is_null(), "{new}");
    }
}

#[test]
fn the_end_of_a_session_leaves_refresh_tokens_and_the_end_of_a_consent_does_not() {
    let one = |id: &str| format!("subject=ann&client={id}");
    for engine in Engine::at_hand() {
        let server = strict(engine);
        let app = App::register(&server, "app", &json!({}));
        let other = App::register(&server, "other", &json!({}));
        let login = json!({"subject": "ann", "remember": true});
        let tokens = |app: &App| {
            let code = app.sign_in(&server, &mut Browser::default(), &app.ask(), &login);
            Tokens::of(&app.redeem(&server, &code))
        };
        let delete = |what: &str, query: &str| {
            let path = format!("/admin/oauth2/auth/sessions/{what}?{query}");
            assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        };
        let pair = tokens(&app);
        delete("login", "subject=ann");
        let pair = Tokens::of(&app.refresh(&server, &pair.refresh));
        let kept = tokens(&other);
        let unredeemed = app.code(&server);
        delete("consent", &one(app.id()));
        assert_dead(&server, &app, &pair, "the consent is gone");
        assert_refused(
            &app.redeem(&server, &unredeemed),
            "invalid_grant",
            "a code of it",
        );
        assert!(
            is_active(&server, &kept.access),
            "{engine:?}: another client's"
        );

        let pair = tokens(&app);
        let told = introspect(&server, &pair.access).json().unwrap();
        assert_eq!(told["sub"], "ann");
        delete("consent", "subject=ann&all=true");
        assert_dead(&server, &app, &pair, "all consents are gone");
        assert_dead(&server, &other, &kept, "all consents are gone");

        let pair = tokens(&app);
        let path = format!(
            "/admin/oauth2/tokens?client_id={}",
            percent::encode(app.id())
        );
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        assert!(!is_active(&server, &pair.access), "{engine:?}");
        let answer = machine::admin(
            &server,
            "DELETE",
            &format!("/admin/clients/{}", app.id()),
            None,
        );
        assert_eq!(answer.status, 204);
        assert!(!is_active(&server, &pair.refresh), "{engine:?}");
        App::register(&server, app.id(), &json!({}));
        let answer = app.refresh(&server, &pair.refresh);
        assert_refused(&answer, "invalid_grant", "a client of the same name");
        assert_eq!(error_of(&answer), "invalid_grant");
    }
}
