//! Ory's own login and consent app, as published, with a person in Chromium in front of it.
//!
//! The app is the package `hydra-login-consent-logout`; its `serve` script is `node lib/app.js`, which is what is started here. `clients/browser/sign-in.js`
//! drives Chromium and is the application that people sign in to.

use serde_json::json;
use tessera_acceptance::database::Engine;
use tessera_acceptance::programs::{self, Program};
use tessera_acceptance::server::{self, Server, Setup};

/// The app's entry, below the folder with the packages.
const APP: &str = "node_modules/hydra-login-consent-logout/lib/app.js";

#[test]
fn a_person_signs_in_and_out_through_the_login_app_of_ory() {
    for engine in Engine::at_hand() {
        let app = format!("http://127.0.0.1:{}", server::free_port());
        let server = Server::start(setup(engine, &app));
        let mut start = programs::node_with_browser(APP);
        start
            .env("PORT", app.rsplit(':').next().unwrap())
            .env("HYDRA_ADMIN_URL", server.admin());
        let _running = Program::serve(start, &format!("{app}/"));
        let mut sign_in = programs::node_with_browser("sign-in.js");
        sign_in
            .env("PUBLIC_URL", server.public())
            .env("ADMIN_URL", server.admin())
            .env("LOGIN_APP_URL", &app)
            .env("CHROMIUM", programs::chromium());
        programs::run_to_end(sign_in);
    }
}

fn setup(engine: Engine, app: &str) -> Setup {
    let urls = json!({
        "self": {"issuer": "${public}"},
        "login": format!("{app}/login"),
        "consent": format!("{app}/consent"),
        "logout": format!("{app}/logout"),
    });
    let config =
        json!({"urls": urls, "secrets": {"system": ["acceptance-system-secret-0123456789"]}});
    Setup::of_recording(&json!({"args": ["--dev"], "config": config}), engine)
}
