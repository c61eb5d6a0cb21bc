//! What userinfo says to access tokens that a refresh narrowed.
//!
//! Spec: RFC 6749 6; RFC 6750 3.1; OpenID Connect Core 1.0 5.3.3

use serde_json::json;
use tessera_acceptance::app::{Tokens, userinfo};
use tessera_acceptance::browser::Browser;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow;

#[test]
fn who_gave_openid_up_learns_nothing_of_the_person() {
    for engine in Engine::at_hand() {
        let (server, app) = flow::start(engine, &json!({}));
        for (granted, kept, status) in [
            ("openid offline a", "a", 403),
            ("openid offline a", "openid", 200),
            // It never had `openid`, so it gave nothing up.
            ("offline a b", "a", 200),
        ] {
            let what = format!("{engine:?}: {granted}, then {kept}");
            let ask = app.ask().with("scope", granted);
            let (mut browser, login) = (Browser::default(), json!({"subject": "ann"}));
            let code = app.sign_in(&server, &mut browser, &ask, &login);
            let whole = Tokens::of(&app.redeem(&server, &code));
            assert_eq!(userinfo(&server, &whole.access).status, 200, "{what}");
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", whole.refresh.as_str()),
                ("scope", kept),
            ];
            let narrowed = Tokens::of(&app.post(&server, "/oauth2/token", &form));
            let answer = userinfo(&server, &narrowed.access);
            assert_eq!(answer.status, status, "{what}: {}", answer.body);
            let challenge = answer.header("WWW-Authenticate").unwrap_or_default();
            let is_told = challenge.contains("error=\"insufficient_scope\"");
            assert_eq!(is_told, status == 403, "{what}: {challenge}");
        }
    }
}
