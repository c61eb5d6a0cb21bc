//! What a sign-in costs: round trips to PostgreSQL of each step, counted on the wire, and the length of challenges.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{App, Ask, Tokens, userinfo};
use tessera_acceptance::bad_input::altered;
use tessera_acceptance::browser::{self, Browser, Landed, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow;
use tessera_acceptance::http::Response;
use tessera_acceptance::machine::is_active;
use tessera_acceptance::proxy::Proxy;
use tessera_acceptance::server::Server;

/// Each step is repeated so often.
const REQUESTS: usize = 10;

/// A server behind a proxy, and a client that it knows.
struct Measured {
    server: Server,
    proxy: Proxy,
    app: App,
}

impl Measured {
    fn start() -> Self {
        let mut server = Server::prepare(browser::setup(Engine::Postgres, &json!({})));
        server.migrate();
        let proxy = Proxy::before(&server.dsn());
        server.go_through(&proxy.dsn(&server.dsn()));
        server.run();
        let app = App::register(&server, "app", &json!({}));
        // Every connection has its statements prepared after a few sign-ins, and the client's secret is known.
        let login = json!({"subject": "ann", "context": {"warm": true}});
        let more = json!({"session": {"id_token": {"name": "Ann"}}});
        for _ in 0..8 {
            let mut browser = Browser::default();
            let code = app.sign_in_with(&server, &mut browser, &app.ask(), &login, &more);
            assert_eq!(app.redeem(&server, &code).status, 200);
            let tokens = app.tokens(&server);
            assert!(is_active(&server, &tokens.access));
            assert_eq!(userinfo(&server, &tokens.access).status, 200);
            assert_eq!(app.refresh(&server, &tokens.refresh).status, 200);
        }
        let measured = Self { server, proxy, app };
        measured.settle();
        measured
    }

    /// The server forgets a client or key set once more when it reads its own change in the log, a second later.
    fn settle(&self) {
        // Two ways back, and a code that is found and spent.
        const SIGN_IN: usize = 4;
        let is_settled = clock::poll(Duration::from_secs(15), || {
            clock::pause(Duration::from_millis(1_200));
            self.proxy.caused();
            self.app.tokens(&self.server);
            (self.proxy.caused().len() == SIGN_IN).then_some(())
        });
        assert!(is_settled.is_some(), "the caches never settle");
    }

    /// Does `step` with each of `inputs`, and fails unless each costs `budget` round trips.
    fn cost<I, O>(
        &self,
        what: &str,
        budget: usize,
        inputs: Vec<I>,
        mut step: impl FnMut(&Server, I) -> O,
    ) -> Vec<O> {
        let count = inputs.len();
        assert!(count >= REQUESTS, "{what}: measured too seldom");
        self.proxy.caused();
        let outputs = inputs
            .into_iter()
            .map(|input| step(&self.server, input))
            .collect();
        let trips = self.proxy.caused();
        assert_eq!(
            trips.len(),
            count * budget,
            "{what}: {count} times {budget}: {trips:#?}"
        );
        outputs
    }

    fn first_redirects(&self, what: &str, budget: usize, browsers: Vec<Browser>) -> Vec<Visit> {
        let query = self.app.ask().query();
        self.cost(what, budget, browsers, |server, mut browser| {
            let challenge = landed(&browser.authorize(server, &query)).login();
            (browser, challenge)
        })
    }

    fn accepts(
        &self,
        what: &str,
        budget: usize,
        verb: &str,
        visits: Vec<Visit>,
        body: &Value,
    ) -> Vec<Visit> {
        self.cost(what, budget, visits, |server, (browser, challenge)| {
            let next = answered(server, verb, &challenge, body);
            (browser, next)
        })
    }

    fn returns(&self, what: &str, budget: usize, visits: Vec<Visit>) -> Vec<(Browser, Landed)> {
        self.cost(what, budget, visits, |server, (mut browser, next)| {
            let place = landed(&browser.get_at(server, &next));
            (browser, place)
        })
    }
}

/// A browser, and the challenge or address that it has.
type Visit = (Browser, String);

fn consents(visits: Vec<(Browser, Landed)>) -> Vec<Visit> {
    visits
        .into_iter()
        .map(|(browser, place)| (browser, place.consent()))
        .collect()
}

#[test]
fn a_sign_in_keeps_to_its_budget() {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    let measured = Measured::start();
    let login = json!({"subject": "ann", "remember": true, "remember_for": 600});
    let consent = json!({"grant_scope": ["openid", "offline"], "remember": true});

    let fresh = vec![Browser::default(); REQUESTS];
    let visits = measured.first_redirects("first redirect", 0, fresh);
    let visits = measured.accepts("login accept", 0, "login/accept", visits, &login);
    let visits = consents(measured.returns("return with a login", 1, visits));
    let visits = measured.accepts("consent accept", 0, "consent/accept", visits, &consent);
    let ends = measured.returns("return with a consent", 1, visits);

    let codes: Vec<String> = ends.iter().map(|(_, place)| place.code()).collect();
    let app = &measured.app;
    let tokens = measured.cost("redemption", 2, codes, |server, code| {
        Tokens::of(&app.redeem(server, &code))
    });
    let is_good = |answer: Response| assert_eq!(answer.status, 200, "{}", answer.body);
    measured.cost("userinfo", 1, tokens.clone(), |server, pair| {
        is_good(userinfo(server, &pair.access));
    });
    for kind in ["access", "refresh"] {
        let what = format!("introspection of the {kind} token");
        measured.cost(&what, 1, tokens.clone(), |server, pair| {
            let token = if kind == "access" {
                pair.access
            } else {
                pair.refresh
            };
            assert!(is_active(server, &token));
        });
    }
    let tokens = measured.cost("refresh", 2, tokens, |server, pair| {
        Tokens::of(&app.refresh(server, &pair.refresh))
    });
    measured.cost("revocation", 2, tokens, |server, pair| {
        is_good(app.revoke(server, &pair.access));
    });

    // Everybody comes back with a session.
    let browsers = ends.into_iter().map(|(browser, _)| browser).collect();
    let visits = measured.first_redirects("first redirect with a session", 1, browsers);
    let again = json!({"subject": "ann"});
    let visits = measured.accepts("skipped login accept", 0, "login/accept", visits, &again);
    let visits = consents(measured.returns("return with a skipped login", 1, visits));
    let what = "skipped consent accept";
    let visits = measured.accepts(what, 0, "consent/accept", visits, &consent);
    let ends = measured.returns("return with a skipped consent", 1, visits);
    assert!(ends.iter().all(|(_, place)| !place.code().is_empty()));
}

#[test]
fn what_the_app_sends_along_costs_one_round_trip() {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    let measured = Measured::start();
    let login = json!({"subject": "ann", "context": {"tenant": "one"}});
    let consent = json!({
        "grant_scope": ["openid", "offline"],
        "session": {"id_token": {"name": "Ann"}, "access_token": {"tenant": "one"}},
    });
    let fresh = vec![Browser::default(); REQUESTS];
    let visits = measured.first_redirects("first redirect", 0, fresh);
    let visits = measured.accepts(
        "login accept with context",
        1,
        "login/accept",
        visits,
        &login,
    );
    let visits = consents(measured.returns("return with a login", 1, visits));
    let what = "consent accept with a session";
    let visits = measured.accepts(what, 1, "consent/accept", visits, &consent);
    let ends = measured.returns("return with a consent", 1, visits);
    let codes: Vec<String> = ends.iter().map(|(_, place)| place.code()).collect();
    let app = &measured.app;
    let tokens = measured.cost("redemption", 2, codes, |server, code| {
        Tokens::of(&app.redeem(server, &code))
    });
    for pair in &tokens {
        assert_eq!(pair.id_claims()["name"], "Ann");
    }
    measured.cost("refresh", 2, tokens, |server, pair| {
        Tokens::of(&app.refresh(server, &pair.refresh))
    });
}

#[test]
fn refusals_before_a_read_cost_nothing() {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    let measured = Measured::start();
    let (app, server) = (&measured.app, &measured.server);
    let tokens = app.tokens(server);
    let forge = |token: &str| altered(token, token.len() - 8);
    let forged = [
        forge(&tokens.access),
        forge(&tokens.refresh),
        forge(&app.code(server)),
    ];
    let inputs: Vec<String> = forged.iter().cycle().take(REQUESTS).cloned().collect();
    measured.cost("forged tokens", 0, inputs, |server, forged| {
        assert_eq!(app.redeem(server, &forged).status, 400);
        assert_eq!(app.refresh(server, &forged).status, 400);
        assert_eq!(userinfo(server, &forged).status, 401);
        assert!(!is_active(server, &forged));
        let query = format!("{}&login_verifier={forged}", app.ask().query());
        let place = landed(&Browser::default().authorize(server, &query));
        assert_eq!(place.error(), "access_denied");
    });
}

#[test]
fn challenges_of_ordinary_requests_are_short() {
    const LIMIT: usize = 500;
    for engine in Engine::at_hand() {
        let server = flow::server(engine);
        let app = App::register(&server, "00000000-0000-4000-8000-000000000001", &json!({}));
        let check = |ask: &Ask, login: &Value| {
            let mut browser = Browser::default();
            let challenge = landed(&browser.authorize(&server, &ask.query())).login();
            assert!(
                challenge.len() < LIMIT,
                "login challenge: {}",
                challenge.len()
            );
            let next = answered(&server, "login/accept", &challenge, login);
            let challenge = landed(&browser.get(&next)).consent();
            assert!(
                challenge.len() < LIMIT,
                "consent challenge: {}",
                challenge.len()
            );
            let next = app.grant(&server, &challenge, &json!({}));
            let code = landed(&browser.get(&next)).code();
            let tokens = Tokens::of(&app.redeem(&server, &code));
            assert!(
                tokens.access.len() < 256,
                "access token: {}",
                tokens.access.len()
            );
        };
        check(&app.ask(), &json!({"subject": "ann"}));
        let subject = "6f1a1c1e-1111-4a4a-8b8b-0123456789ab";
        check(
            &app.ask(),
            &json!({"subject": subject, "remember": true, "acr": "1", "amr": ["pwd"]}),
        );
    }
}
