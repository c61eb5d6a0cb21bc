//! When a login is skipped, and when it must not be.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.1, 3.1.2.3.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tessera_acceptance::app::{App, Tokens};
use tessera_acceptance::browser::{self, Browser, answered, landed, told};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow::{at_home, first_stop, second_stop, start};
use tessera_acceptance::jwt::{self, Key};
use tessera_acceptance::percent;
use tessera_acceptance::recording;
use tessera_acceptance::server::Server;

#[test]
fn prompt_max_age_and_hint_decide_about_the_login() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (home, pair) = at_home(&server, &app);
        let nobody = Browser::default();
        let other = {
            let login = json!({"subject": "bob"});
            let code = app.sign_in(&server, &mut Browser::default(), &app.ask(), &login);
            Tokens::of(&app.redeem(&server, &code)).id
        };
        let mine = pair.id.as_str();
        // The login is two seconds old from here on.
        clock::pause(Duration::from_millis(2_100));
        type Row<'a> = (&'a [(&'a str, &'a str)], bool, &'a str);
        let rows: &[Row<'_>] = &[
            (&[], false, "login skip=false"),
            (&[], true, "login skip=true"),
            (&[("id_token_hint", mine)], true, "login skip=true"),
            (&[("id_token_hint", &other)], true, "login_required"),
            (&[("id_token_hint", &other)], false, "login skip=false"),
            (&[("max_age", "1")], true, "login skip=false"),
            (
                &[("max_age", "1"), ("id_token_hint", &other)],
                true,
                "login skip=false",
            ),
            (&[("max_age", "3600")], true, "login skip=true"),
            (&[("max_age", "0")], true, "login skip=false"),
            (&[("prompt", "login")], true, "login skip=false"),
            (&[("prompt", "login")], false, "login skip=false"),
            (&[("prompt", "select_account")], true, "login skip=false"),
            (&[("prompt", "login consent")], true, "login skip=false"),
            (&[("prompt", "consent")], true, "login skip=true"),
            (&[("prompt", "consent")], false, "login skip=false"),
            (
                &[("prompt", "registration")],
                false,
                "registration skip=false",
            ),
            (
                &[("prompt", "registration")],
                true,
                "registration skip=true",
            ),
            (&[("prompt", "none")], false, "login_required"),
            (&[("prompt", "none")], true, "login skip=true"),
            (
                &[("prompt", "none"), ("id_token_hint", mine)],
                true,
                "login skip=true",
            ),
            (
                &[("prompt", "none"), ("id_token_hint", &other)],
                true,
                "login_required",
            ),
            (
                &[("prompt", "none"), ("max_age", "1")],
                true,
                "login_required",
            ),
            (
                &[("prompt", "none"), ("max_age", "3600")],
                true,
                "login skip=true",
            ),
            (&[("prompt", "none login")], true, "login_required"),
            (&[("prompt", "none select_account")], true, "login_required"),
            (&[("id_token_hint", "garbage")], true, "invalid_request"),
            (&[("id_token_hint", "garbage")], false, "invalid_request"),
            (&[("id_token_hint", &pair.access)], true, "invalid_request"),
            (
                &[
                    ("display", "x"),
                    ("ui_locales", "x y"),
                    ("acr_values", "1"),
                    ("login_hint", "x"),
                    ("claims_locales", "x"),
                    ("own", "x"),
                ],
                true,
                "login skip=true",
            ),
        ];
        for (parameters, is_home, expected) in rows {
            let ask = parameters
                .iter()
                .fold(app.ask(), |ask, (name, value)| ask.with(name, value));
            let browser = if *is_home { &home } else { &nobody };
            let what = format!("{engine:?} {parameters:?} at home: {is_home}");
            assert_eq!(first_stop(&server, browser, &ask), *expected, "{what}");
        }
        // Hydra says these later; sooner is as good.
        for (prompt, error) in [
            ("foo", "invalid_request"),
            ("none consent", "invalid_request"),
            ("NONE", "invalid_request"),
        ] {
            let ask = app.ask().with("prompt", prompt);
            assert_eq!(
                second_stop(&server, &home, &ask),
                error,
                "{engine:?} {prompt}"
            );
        }
        for max_age in ["x", "1e3", "99999999999999999999", ""] {
            let stop = first_stop(&server, &home, &app.ask().with("max_age", max_age));
            let is_fine =
                stop == "invalid_request" || (max_age.is_empty() && stop == "login skip=true");
            assert!(is_fine, "{engine:?} max_age={max_age}: {stop}");
        }
        for max_age in ["-1", "9223372036854775807"] {
            let stop = first_stop(&server, &home, &app.ask().with("max_age", max_age));
            assert!(
                ["login skip=true", "invalid_request"].contains(&stop.as_str()),
                "{engine:?} max_age={max_age}: {stop}"
            );
        }
    }
}

#[test]
fn a_forged_hint_is_no_hint() {
    let (server, app) = start(Engine::Sqlite, &json!({}));
    let (home, pair) = at_home(&server, &app);
    let keys = recording::keys();
    let (header, mut claims) = tessera_acceptance::matcher::decode_jwt(&pair.id).unwrap();
    let kid: Map<String, Value> = [("kid".to_owned(), header["kid"].clone())]
        .into_iter()
        .collect();
    let unsigned = jwt::sign("none", &Map::new(), &claims, Key::None);
    let foreign = jwt::sign("RS256", &kid, &claims, Key::Jwk(&keys["rsa1"]));
    let without_kid = jwt::sign("RS256", &Map::new(), &claims, Key::Jwk(&keys["rsa1"]));
    let by_secret = jwt::sign("HS256", &kid, &claims, Key::Secret(&app.machine.secret));
    claims["sub"] = json!("bob");
    let parts: Vec<&str> = pair.id.split('.').collect();
    let swapped = jwt::sign("RS256", &kid, &claims, Key::Jwk(&keys["rsa1"]));
    let body: Vec<&str> = swapped.split('.').collect();
    let altered = format!("{}.{}.{}", parts[0], body[1], parts[2]);
    for (what, hint) in [
        ("unsigned", unsigned),
        ("foreign key", foreign),
        ("no kid", without_kid),
        ("the client's secret", by_secret),
        ("altered", altered),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("long", "a.b.c".repeat(1_000)),
    ] {
        let ask = app.ask().with("id_token_hint", &hint);
        assert_eq!(
            first_stop(&server, &home, &ask),
            "invalid_request",
            "{what}"
        );
        let url = format!(
            "{}/oauth2/sessions/logout?id_token_hint={}",
            server.public(),
            percent::encode(&hint)
        );
        let place = landed(&home.clone().get(&url));
        assert_eq!(
            place.error(),
            "invalid_request",
            "{what} at logout: {place:?}"
        );
    }
}

#[test]
fn a_login_that_ignores_the_prompt_is_refused() {
    for engine in Engine::at_hand() {
        let (server, app) = start(engine, &json!({}));
        let (home, pair) = at_home(&server, &app);
        // The app logs in someone else than the hint names.
        let mut browser = Browser::default();
        let ask = app.ask().with("id_token_hint", &pair.id);
        let challenge = landed(&browser.authorize(&server, &ask.query())).login();
        let login = json!({"subject": "bob", "remember": true});
        let place = landed(&browser.get(&answered(&server, "login/accept", &challenge, &login)));
        assert_eq!(place.error(), "login_required", "{engine:?}: {place:?}");
        assert_eq!(
            browser.session(),
            None,
            "{engine:?}: no session of the wrong one"
        );
        // Someone else than the session: the login starts over.
        let mut browser = home.clone();
        let challenge = landed(&browser.authorize(&server, &app.ask().query())).login();
        let next = answered(&server, "login/accept", &challenge, &login);
        assert!(next.contains("prompt=login"), "{engine:?}: {next}");
        let challenge = landed(&browser.get(&next)).login();
        assert_eq!(
            told(&server, "login", &challenge)["skip"],
            false,
            "{engine:?}"
        );
    }
}

/// Signs a person in at home, where everything is remembered; the browser and the ID token.
fn settled(server: &Server, app: &App, login: &Value) -> (Browser, String) {
    let mut browser = Browser::default();
    let remember = json!({"remember": true});
    let code = app.sign_in_with(server, &mut browser, &app.ask(), login, &remember);
    let pair = Tokens::of(&app.redeem(server, &code));
    (browser, pair.id)
}

#[test]
fn a_hint_of_a_pairwise_or_forced_subject_fits_one_person() {
    for engine in Engine::at_hand() {
        let server = Server::start(browser::setup(
            engine,
            &json!({"oidc": {"subject_identifiers": {
                "supported_types": ["public", "pairwise"], "pairwise": {"salt": "a-salt-of-some-length"},
            }}}),
        ));
        let app = App::register(&server, "app", &json!({"subject_type": "pairwise"}));
        let other = App::register(&server, "other", &json!({}));
        let person = |subject: &str, forced: &str| json!({"subject": subject, "remember": true, "force_subject_identifier": forced});
        let (ann, of_ann) = settled(&server, &app, &person("ann", ""));
        let (_, of_bob) = settled(&server, &app, &person("bob", ""));
        let (eve, of_eve) = settled(&server, &app, &person("eve", "forced-eve"));
        let (_, of_kim) = settled(&server, &app, &person("kim", "forced-kim"));
        // Another person is called what the real subject of the first one is.
        let (max, of_max) = settled(&server, &app, &person("max", "ann"));
        // The same person in another session, and at another client.
        let (eve_again, _) = settled(&server, &app, &person("eve", "forced-eve"));
        let (_, of_ann_elsewhere) = settled(&server, &other, &person("ann", ""));
        let (skip, required) = ("login skip=true", "login_required");
        for (what, browser, hint, want) in [
            ("pairwise", &ann, &of_ann, skip),
            ("another pairwise", &ann, &of_bob, required),
            ("forced", &eve, &of_eve, skip),
            ("forced, of another session", &eve_again, &of_eve, skip),
            ("another forced", &eve, &of_kim, required),
            ("forced for pairwise", &ann, &of_eve, required),
            ("forced to look like another", &ann, &of_max, required),
            ("forced to look like another, at home", &max, &of_max, skip),
            ("real", &ann, &of_ann_elsewhere, required),
        ] {
            for prompt in ["", "none", "consent"] {
                let ask = app.ask().with("id_token_hint", hint).with("prompt", prompt);
                let found = first_stop(&server, browser, &ask);
                assert_eq!(found, want, "{engine:?} {what}, prompt {prompt}");
            }
        }
        // After a login, the hint is compared with whom the app let in.
        for (hint, login, is_same) in [
            (&of_eve, person("eve", "forced-eve"), true),
            (&of_eve, person("eve", ""), false),
            (&of_eve, person("kim", "forced-kim"), false),
            (&of_ann, person("ann", ""), true),
            (&of_ann, person("bob", ""), false),
            (&of_max, person("ann", ""), false),
            (&of_max, person("max", "ann"), true),
        ] {
            let ask = app.ask().with("id_token_hint", hint);
            let mut browser = Browser::default();
            let challenge = landed(&browser.authorize(&server, &ask.query())).login();
            let next = answered(&server, "login/accept", &challenge, &login);
            let place = landed(&browser.get(&next));
            let want = if is_same { "" } else { required };
            assert_eq!(place.error(), want, "{engine:?} {login}");
        }
    }
}
