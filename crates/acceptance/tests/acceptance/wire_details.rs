//! Details of the wire that clients and apps written for Hydra may count on.
//!
//! Spec: RFC 6749 3.1.2, 4.1.2; RFC 6750 3; RFC 7009 2.2; OpenID Connect Core 1.0 15.5.2.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, REDIRECT_URI, STATE, assert_refused, error_of, userinfo};
use tessera_acceptance::browser::{self, Browser, answer, answered, landed, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{self, ann, begin};
use tessera_acceptance::http::Response;
use tessera_acceptance::logout;
use tessera_acceptance::machine::{self, Machine, is_active};
use tessera_acceptance::percent;
use tessera_acceptance::server::Server;

fn start(more: &Value) -> Server {
    Server::start(browser::setup(Engine::Sqlite, more))
}

/// The query of an address, as it stands there.
fn query_of(answer: &Response) -> String {
    let location = answer.header("location").unwrap_or_default();
    location.split_once('?').expect("a query").1.to_owned()
}

fn listed(server: &Server, prefix: &str, more: &str) -> Vec<Value> {
    let path = format!("{prefix}/oauth2/auth/sessions/consent?subject=ann{more}");
    let answer = machine::admin(server, "GET", &path, None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = answer.json().expect("JSON");
    list.as_array().expect("a list").clone()
}

#[test]
fn lists_of_consents_leave_out_what_is_over() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "app", &json!({}));
        let mut browser = Browser::default();
        let brief = json!({"remember": true, "remember_for": 3});
        let code = app.sign_in_with(&server, &mut browser, &app.ask(), &ann(), &brief);
        app.redeem(&server, &code);
        assert_eq!(listed(&server, "/admin", "").len(), 1, "{engine:?}");
        clock::pause(Duration::from_secs(4));
        assert_eq!(listed(&server, "/admin", "").len(), 0, "{engine:?}");
        assert_eq!(
            listed(&server, "", "").len(),
            1,
            "{engine:?}: its tokens go on"
        );
    }
}

#[test]
fn a_consent_names_its_login_session_while_that_exists() {
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "app", &json!({}));
        let (_, pair) = logout::at_home(&server, &app, "ann");
        let sid = pair.id_claims()["sid"].as_str().unwrap().to_owned();
        let of_session = format!("&login_session_id={sid}");
        for filter in ["", &of_session] {
            let found = listed(&server, "/admin", filter);
            let request = &found[0]["consent_request"];
            assert_eq!(request["login_session_id"], sid.as_str(), "{engine:?}");
        }
        let path = format!("/admin/oauth2/auth/sessions/login?sid={sid}");
        assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
        let found = listed(&server, "/admin", "");
        let request = &found[0]["consent_request"];
        assert_eq!(request["login_session_id"], "", "{engine:?}");
        assert_eq!(listed(&server, "/admin", &of_session).len(), 0);
    }
}

#[test]
fn what_is_granted_twice_is_granted_once() {
    let server = start(&json!({}));
    let app = App::register(&server, "app", &json!({}));
    let more = json!({
        "grant_scope": ["openid", "openid", "offline", ""],
        "grant_access_token_audience": ["x", "", "x"],
    });
    let mut browser = Browser::default();
    let code = app.sign_in_with(&server, &mut browser, &app.ask(), &ann(), &more);
    let answer = app.redeem(&server, &code).json().unwrap();
    assert_eq!(answer["scope"], "openid offline");
    let token = answer["access_token"].as_str().unwrap();
    let shown = machine::introspect(&server, token).json().unwrap();
    assert_eq!(shown["aud"], json!(["x"]));
}

#[test]
fn a_configured_or_registered_query_gives_way_to_ours() {
    let urls = browser::config(&json!({}))["urls"].clone();
    let mut more = json!({"urls": urls});
    for (page, parameter) in [
        ("login", "login"),
        ("consent", "consent"),
        ("logout", "logout"),
    ] {
        let url = format!("{}/{page}?a=%7e&{parameter}_challenge=old", browser::UI);
        more["urls"][page] = json!(url);
    }
    let server = start(&more);
    let uri = format!("{REDIRECT_URI}?state=old&a=%7e&code=old&error=old");
    let app = App::register(&server, "app", &json!({"redirect_uris": [uri]}));
    let ask = app.ask().with("redirect_uri", &uri);
    let mut browser = Browser::default();
    let once = |answer: &Response, name: &str| {
        let query = query_of(answer);
        assert_eq!(query.matches(name).count(), 1, "{query}");
        assert!(query.starts_with("a=%7e&"), "{query}");
    };
    let page = browser.authorize(&server, &ask.query());
    once(&page, "login_challenge=");
    let next = answered(&server, "login/accept", &landed(&page).login(), &ann());
    let page = browser.get(&next);
    once(&page, "consent_challenge=");
    let next = app.grant(&server, &landed(&page).consent(), &json!({}));
    let end = browser.get(&next);
    let query = query_of(&end);
    assert!(query.starts_with("a=%7e&error=old&"), "{query}");
    assert_eq!(landed(&end).parameter("state"), STATE);
    assert_ne!(landed(&end).code(), "old");
    let page = browser.get(&logout::end_of_session(&server, &[]));
    once(&page, "logout_challenge=");
    // An error, too.
    let refused = browser.authorize(&server, &ask.with("scope", "unknown").query());
    let place = landed(&refused);
    assert_eq!(
        (place.error(), place.parameter("state")),
        ("invalid_scope", STATE)
    );
}

#[test]
fn several_audiences_are_one_each() {
    let server = start(&json!({}));
    let machine = Machine::register(&server, "m", &json!({"audience": ["my api", "x"]}));
    let ask = "grant_type=client_credentials&audience=my+api&audience=x";
    let answer = machine.post(&server, "/oauth2/token", ask);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json().unwrap()["access_token"].clone();
    let shown = machine::introspect(&server, token.as_str().unwrap());
    assert_eq!(shown.json().unwrap()["aud"], json!(["my api", "x"]));
}

#[test]
fn errors_for_clients_come_in_parts_where_the_operator_wants_that() {
    for legacy in [false, true] {
        let server = start(&json!({"oauth2": {"include_legacy_error_fields": legacy}}));
        let app = App::register(&server, "app", &json!({}));
        let mut browser = Browser::default();
        let unknown = app.ask().with("scope", "unknown").query();
        let refused = landed(&browser.authorize(&server, &unknown));
        assert_eq!(refused.error(), "invalid_scope");
        let challenge = begin(&server, &app, &mut browser);
        let no = json!({"error": "no", "error_description": "why", "error_hint": "how"});
        let next = answered(&server, "login/reject", &challenge, &no);
        let rejected = landed(&browser.get(&next));
        let hints = [&refused, &rejected].map(|place| place.parameter("error_hint").to_owned());
        assert_eq!(hints[0].contains("'unknown'"), legacy, "{refused:?}");
        assert_eq!(
            refused.parameter("error_description").contains("'unknown'"),
            !legacy
        );
        assert_eq!(hints[1], if legacy { "how" } else { "" });
        let description = if legacy { "why" } else { "why how" };
        assert_eq!(rejected.parameter("error_description"), description);
    }
}

#[test]
fn of_a_repeated_admin_parameter_the_first_counts() {
    let server = start(&json!({}));
    let app = App::register(&server, "app", &json!({}));
    let challenge = percent::encode(&begin(&server, &app, &mut Browser::default()));
    for (query, status) in [
        (
            format!("login_challenge={challenge}&login_challenge=x"),
            200,
        ),
        (
            format!("login_challenge=x&login_challenge={challenge}"),
            404,
        ),
        (format!("challenge={challenge}&login_challenge="), 200),
    ] {
        let path = format!("/admin/oauth2/auth/requests/login?{query}");
        let answer = machine::admin(&server, "GET", &path, None);
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
    let path = "/admin/oauth2/tokens?client_id=&client_id=app";
    assert_eq!(machine::admin(&server, "DELETE", path, None).status, 400);
}

#[test]
fn a_logout_of_nobody_is_refused_as_hydra_does() {
    let server = start(&json!({}));
    for (prefix, status, error) in [("/admin", 404, "Not Found"), ("", 204, "")] {
        let path = format!("{prefix}/oauth2/auth/requests/logout/reject?logout_challenge=x");
        let answer = machine::admin(&server, "PUT", &path, None);
        assert_eq!((answer.status, error_of(&answer).as_str()), (status, error));
        if status == 404 {
            let text = "Unable to locate the requested resource";
            assert_eq!(answer.json().unwrap()["error_description"], text);
        }
    }
}

#[test]
fn a_client_that_refuses_a_logout_token_is_not_told_again() {
    let (server, _) = logout::start(Engine::Sqlite, &json!({}));
    let uri = format!("{}/second", server.sink.url());
    let app = App::register(&server, "second", &json!({"backchannel_logout_uri": uri}));
    server.sink.reply("/second", &json!({"status": 400}));
    let (_, pair) = logout::at_home(&server, &app, "ann");
    let sid = pair.id_claims()["sid"].as_str().unwrap().to_owned();
    let path = format!("/admin/oauth2/auth/sessions/login?sid={sid}");
    assert_eq!(machine::admin(&server, "DELETE", &path, None).status, 204);
    let given_up = || {
        let metrics = machine::admin(&server, "GET", "/admin/metrics/prometheus", None);
        let mut lines = metrics.body.lines();
        lines
            .any(|line| {
                line.contains("logout_notices") && line.contains("failed") && line.ends_with(" 1")
            })
            .then_some(())
    };
    clock::poll(Duration::from_secs(10), given_up).expect("it is given up at once");
    assert!(server.sink.take_call("/second").is_some());
    assert!(server.sink.take_call("/second").is_none());
}

#[test]
fn a_token_without_a_life_is_never_live() {
    for strategy in ["opaque", "jwt"] {
        let server = start(&json!({"strategies": {"access_token": strategy}}));
        for lifespan in ["-5m", "0s"] {
            let id = format!("m{lifespan}");
            let more = json!({"client_credentials_grant_access_token_lifespan": lifespan});
            let machine = Machine::register(&server, &id, &more);
            let own = json!({
                "authorization_code_grant_access_token_lifespan": lifespan,
                "refresh_token_grant_access_token_lifespan": lifespan,
            });
            let app = App::register(&server, &format!("app{lifespan}"), &own);
            let pair = app.tokens(&server);
            let answer = app.refresh(&server, &pair.refresh).json().unwrap();
            assert_eq!(answer["expires_in"], 0, "{answer}");
            let refreshed = answer["access_token"].as_str().unwrap().to_owned();
            // Wherever in a second they are made.
            for _ in 0..4 {
                assert!(!is_active(&server, &machine.token(&server)), "{strategy}");
                assert!(
                    !is_active(&server, &app.tokens(&server).access),
                    "{strategy}"
                );
                clock::pause(Duration::from_millis(260));
            }
            assert!(!is_active(&server, &refreshed), "{strategy}");
        }
    }
}

#[test]
fn a_refresh_token_opens_nothing_at_userinfo() {
    let server = start(&json!({}));
    let app = App::register(&server, "app", &json!({}));
    let answer = userinfo(&server, &app.tokens(&server).refresh);
    assert_eq!(answer.status, 401, "{}", answer.body);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\""),
        "{challenge}"
    );
    assert_eq!(answer.body, userinfo(&server, "unknown").body);
}

#[test]
fn a_revocation_that_names_no_token_is_done() {
    let server = start(&json!({}));
    let app = App::register(&server, "app", &json!({}));
    for (form, status) in [
        (&[("token", "")][..], 200),
        (&[("token_type_hint", "access_token")], 200),
        (&[], 400),
    ] {
        let answer = app.post(&server, "/oauth2/revoke", form);
        assert_eq!(answer.status, status, "{form:?}: {}", answer.body);
        assert_eq!(answer.body.is_empty(), status == 200, "{form:?}");
    }
}

#[test]
fn pairwise_subjects_go_with_opaque_access_tokens() {
    let oidc = json!({"subject_identifiers": {
        "supported_types": ["public", "pairwise"],
        "pairwise": {"salt": "a-salt-of-pairwise-subjects"},
    }});
    let jwt = json!({"oidc": oidc, "strategies": {"access_token": "jwt"}});
    let client = |strategy: &str, kind: &str| {
        json!({"client_id": "p", "subject_type": kind, "access_token_strategy": strategy,
            "redirect_uris": [REDIRECT_URI]})
    };
    let server = start(&json!({"oidc": oidc}));
    let refused = |answer: &Response| {
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(error_of(answer), "invalid_client_metadata");
    };
    refused(&machine::create(&server, &client("jwt", "pairwise")));
    let created = machine::create(&server, &client("", "pairwise"));
    assert_eq!(created.status, 201, "{}", created.body);
    let path = "/admin/clients/p";
    let put = client("jwt", "pairwise");
    refused(&machine::admin(&server, "PUT", path, Some(&put)));
    let patch = json!([{"op": "replace", "path": "/access_token_strategy", "value": "jwt"}]);
    refused(&machine::admin(&server, "PATCH", path, Some(&patch)));
    // The client's own choice wins, and the person's `sub` follows it.
    let server = start(&jwt);
    refused(&machine::create(&server, &client("", "pairwise")));
    let more = json!({"subject_type": "pairwise", "access_token_strategy": "opaque"});
    let app = App::register(&server, "app", &more);
    assert_ne!(app.tokens(&server).id_claims()["sub"], "ann");
}

#[test]
fn a_patch_that_removes_the_secret_ends_rotated_ones() {
    for patch in [
        json!([{"op": "remove", "path": "/client_secret"}]),
        json!([{"op": "replace", "path": "/client_secret", "value": ""}]),
    ] {
        let server = start(&json!({}));
        let old = Machine::register(&server, "m", &json!({}));
        let path = "/admin/clients/m";
        let rotated = machine::admin(&server, "POST", &format!("{path}/secrets/rotate"), None);
        let secret = rotated.json().unwrap()["client_secret"].clone();
        let new = Machine {
            id: old.id.clone(),
            secret: secret.as_str().unwrap().to_owned(),
        };
        let rename = json!([{"op": "replace", "path": "/client_name", "value": "x"}]);
        assert_eq!(
            machine::admin(&server, "PATCH", path, Some(&rename)).status,
            200
        );
        assert_eq!(old.ask(&server).status, 200, "another patch ends nothing");
        assert_eq!(
            machine::admin(&server, "PATCH", path, Some(&patch)).status,
            200
        );
        assert_eq!(old.ask(&server).status, 401, "{patch}");
        assert_eq!(new.ask(&server).status, 200, "{patch}");
    }
}

#[test]
fn a_short_nonce_is_refused_at_the_token_endpoint() {
    let server = start(&json!({}));
    let app = App::register(&server, "app", &json!({}));
    let mut browser = Browser::default();
    let ask = app.ask().with("nonce", "1234567");
    let code = app.sign_in(&server, &mut browser, &ask, &ann());
    for attempt in ["first", "second"] {
        let answer = app.redeem(&server, &code);
        assert_refused(&answer, "insufficient_entropy", attempt);
    }
}

#[test]
fn what_is_malformed_in_an_address_is_said_in_json() {
    let server = start(&json!({}));
    for (method, path) in [
        ("GET", "/clients/%ff"),
        ("PUT", "/clients/%ff"),
        ("PATCH", "/clients/%ff"),
        ("DELETE", "/clients/%ff"),
        ("PUT", "/clients/%ff/lifespans"),
        ("POST", "/clients/%ff/secrets/rotate"),
        ("DELETE", "/clients/%ff/secrets/rotate"),
    ] {
        for prefix in ["/admin", ""] {
            let answer = machine::admin(&server, method, &format!("{prefix}{path}"), None);
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(error_of(&answer), "Unable to locate the resource");
        }
    }
    for path in [
        "/clients?owner=%zz",
        "/clients?a=1;b",
        "/oauth2/auth/sessions/consent?subject=%zz",
        "/oauth2/auth/requests/login?login_challenge=%zz",
    ] {
        let answer = machine::admin(&server, "GET", &format!("/admin{path}"), None);
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        let text = answer.json().unwrap()["error_description"].to_string();
        assert!(text.to_lowercase().contains("the query"), "{path}: {text}");
        assert!(!text.contains("body"), "{path}: {text}");
    }
}

#[test]
fn no_text_of_an_error_holds_the_hint_of_a_request() {
    let server = start(&json!({"ttl": {"login_consent_request": "3s"}}));
    let app = App::register(&server, "app", &json!({}));
    let (mut browser, pair) = logout::at_home(&server, &app, "ann");
    let hint = ("id_token_hint", pair.id.as_str());
    let challenge = landed(&browser.get(&logout::end_of_session(&server, &[hint]))).logout();
    let ask = app.ask().with(hint.0, hint.1).query();
    let login = landed(&browser.authorize(&server, &ask)).login();
    assert_eq!(told(&server, "login", &login)["skip"], true);
    clock::pause(Duration::from_millis(4_100));
    for (leg, challenge) in [("logout", &challenge), ("login", &login)] {
        let shown = browser::request_of(&server, leg, challenge);
        let accepted = answer(&server, &format!("{leg}/accept"), challenge, &ann());
        for answer in [shown, accepted] {
            assert_eq!(answer.status, 401, "{leg}: {}", answer.body);
            assert_eq!(error_of(&answer), "request_unauthorized");
            assert!(
                !answer.body.contains("id_token_hint"),
                "{leg}: {}",
                answer.body
            );
            assert!(!answer.body.contains("http"), "{leg}: {}", answer.body);
        }
    }
}
