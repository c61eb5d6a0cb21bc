//! Round trips to PostgreSQL per request, counted on the wire.

use std::time::Duration;

use serde_json::json;
use tessera_acceptance::bad_input::altered;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::machine::{self, Machine, introspect, is_active};
use tessera_acceptance::proxy::Proxy;
use tessera_acceptance::server::Server;

#[test]
fn round_trips_keep_to_their_budget() {
    const REQUESTS: usize = 20;
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    let mut server = Server::prepare(machine::setup(Engine::Postgres));
    server.migrate();
    let proxy = Proxy::before(&server.dsn());
    server.go_through(&proxy.dsn(&server.dsn()));
    server.run();
    for strategy in ["opaque", "jwt"] {
        let client = Machine::register(
            &server,
            strategy,
            &json!({"access_token_strategy": strategy}),
        );
        let token = client.token(&server);
        // Every connection has its statements prepared after a few requests.
        for _ in 0..5 {
            assert!(is_active(&server, &token));
            assert_eq!(client.revoke(&server, &client.token(&server)).status, 200);
        }
        let spare: Vec<String> = (0..REQUESTS).map(|_| client.token(&server)).collect();

        // The server forgets a client or key set once more when it reads its own change in the log, a second later.
        let settled = clock::poll(Duration::from_secs(10), || {
            proxy.caused();
            assert_eq!(client.ask(&server).status, 200);
            clock::pause(Duration::from_millis(1_200));
            assert_eq!(client.ask(&server).status, 200);
            proxy.caused().is_empty().then_some(())
        });
        assert!(settled.is_some(), "{strategy}: the caches never settle");
        for _ in 0..REQUESTS {
            assert_eq!(client.ask(&server).status, 200);
        }
        assert_eq!(
            proxy.caused(),
            [],
            "{strategy}: issuing reads and writes nothing"
        );
        for _ in 0..REQUESTS {
            assert!(is_active(&server, &token));
        }
        let trips = proxy.caused();
        assert_eq!(
            trips.len(),
            REQUESTS,
            "{strategy}: one round trip an introspection: {trips:#?}"
        );
        let forged = altered(&token, 60);
        for text in [forged.as_str(), "garbage", "tsa_AAAA", "a.b.c", ""] {
            let answer = introspect(&server, text);
            assert_eq!(answer.body, "{\"active\":false}\n");
        }
        assert_eq!(
            proxy.caused(),
            [],
            "{strategy}: a forged token reads nothing"
        );
        assert_eq!(client.revoke(&server, &forged).status, 200);
        assert_eq!(
            proxy.caused(),
            [],
            "{strategy}: revoking a forged token writes nothing"
        );
        for token in &spare {
            assert_eq!(client.revoke(&server, token).status, 200);
        }
        let trips = proxy.caused();
        assert_eq!(
            trips.len(),
            REQUESTS,
            "{strategy}: one round trip a revocation: {trips:#?}"
        );
        assert!(
            trips
                .iter()
                .all(|trip| trip.sql.starts_with("INSERT INTO revoked_tokens")),
            "{trips:#?}"
        );
    }
}
