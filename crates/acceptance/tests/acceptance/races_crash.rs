//! A server that is killed among redemptions, refreshes and revocations, and what it knows afterwards.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tessera_acceptance::app::{App, Tokens, assert_refused};
use tessera_acceptance::browser;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::flow;
use tessera_acceptance::http::Response;
use tessera_acceptance::machine::is_active;
use tessera_acceptance::server::Server;

const THREADS: usize = 6;
/// Sign-ins of each thread; many more than it gets to.
const CODES: usize = 40;
const STORM_LIMIT: Duration = Duration::from_secs(60);

/// What the client of one sign-in knows.
#[derive(Debug, Default)]
struct Chain {
    code: String,
    /// Every pair that was acknowledged, oldest first.
    pairs: Vec<Tokens>,
    is_revoked: bool,
    /// What was sent without an answer.
    unanswered: Option<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Redeem,
    Refresh,
    Revoke,
}

/// Goes through one chain. False once the server is gone.
fn use_chain(
    server: &Server,
    app: &App,
    chain: &mut Chain,
    number: usize,
    count: &AtomicUsize,
) -> bool {
    let mut steps = vec![Step::Redeem];
    steps.extend(vec![Step::Refresh; number % 4]);
    if number % 5 == 4 {
        steps.push(Step::Revoke);
    }
    for step in steps {
        let last = chain.pairs.last().map(|pair| pair.refresh.clone());
        let answer: Response = match step {
            Step::Redeem => app.redeem(server, &chain.code),
            Step::Refresh => app.refresh(server, &last.unwrap()),
            Step::Revoke => app.revoke(server, &last.unwrap()),
        };
        if answer.status == 0 {
            chain.unanswered = Some(step);
            return false;
        }
        assert_eq!(answer.status, 200, "{step:?}: {}", answer.body);
        match step {
            Step::Revoke => chain.is_revoked = true,
            _ => chain.pairs.push(Tokens::of(&answer)),
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    true
}

/// Kills the server once `enough` steps are acknowledged; the chains of all threads.
fn storm(server: &mut Server, app: &App, enough: usize) -> Vec<Chain> {
    let codes: Vec<Vec<String>> = (0..THREADS)
        .map(|_| (0..CODES).map(|_| app.code(server)).collect())
        .collect();
    let count = AtomicUsize::new(0);
    let pid = server.pid().to_string();
    let chains = std::thread::scope(|scope| {
        let (server, count) = (&*server, &count);
        let threads: Vec<_> = codes
            .into_iter()
            .map(|codes| {
                scope.spawn(move || {
                    let mut chains: Vec<Chain> = codes
                        .into_iter()
                        .map(|code| Chain {
                            code,
                            ..Chain::default()
                        })
                        .collect();
                    let mut used = chains.iter_mut().enumerate();
                    let is_gone = used.any(|(i, chain)| !use_chain(server, app, chain, i, count));
                    assert!(is_gone, "the storm was over before the crash");
                    chains
                })
            })
            .collect();
        let is_enough = clock::poll(STORM_LIMIT, || {
            (count.load(Ordering::Relaxed) >= enough).then_some(())
        });
        let killed = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(killed.success() && is_enough.is_some(), "too few steps");
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    server.kill();
    server.run();
    chains
}

/// Whether the youngest pair lives; both of it or none.
fn lives(server: &Server, pair: &Tokens, what: &str) -> bool {
    let access = is_active(server, &pair.access);
    assert_eq!(
        access,
        is_active(server, &pair.refresh),
        "half a pair: {what}"
    );
    access
}

/// A chain is as it was acknowledged, or one unanswered step further, and wholly so.
fn check(server: &Server, app: &App, chain: &Chain, number: usize, what: &str) {
    for former in chain.pairs.iter().rev().skip(1) {
        assert!(!lives(server, former, what), "a former pair: {what}");
    }
    let Some(last) = chain.pairs.last() else {
        return check_code(server, app, chain, what);
    };
    let is_alive = lives(server, last, what);
    match chain.unanswered {
        None => assert_eq!(is_alive, !chain.is_revoked, "{what}"),
        Some(step) => assert_ne!(step, Step::Redeem, "{what}"),
    }
    let mut youngest = last.clone();
    if is_alive && number.is_multiple_of(2) {
        youngest = Tokens::of(&app.refresh(server, &last.refresh));
        assert!(lives(server, &youngest, what), "{what}");
        assert!(!lives(server, last, what), "{what}");
    } else if !is_alive {
        assert_refused(&app.refresh(server, &last.refresh), "invalid_grant", what);
    }
    // Whatever happened to the chain since, its code was redeemed, and a second time ends it.
    assert_refused(&app.redeem(server, &chain.code), "invalid_grant", what);
    assert!(!lives(server, &youngest, what), "after a replay: {what}");
}

/// Nothing was acknowledged of this code.
fn check_code(server: &Server, app: &App, chain: &Chain, what: &str) {
    let answer = app.redeem(server, &chain.code);
    if answer.status != 200 {
        assert_eq!(
            chain.unanswered,
            Some(Step::Redeem),
            "{what}: {}",
            answer.body
        );
        return assert_refused(&answer, "invalid_grant", what);
    }
    let pair = Tokens::of(&answer);
    assert!(lives(server, &pair, what), "{what}");
    assert_refused(&app.redeem(server, &chain.code), "invalid_grant", what);
    assert!(!lives(server, &pair, what), "after a replay: {what}");
}

#[test]
fn a_crash_among_redemptions_and_refreshes_leaves_no_half_family() {
    let more = json!({"oauth2": {"grant": {"refresh_token": {"rotation_grace_period": "0s"}}}});
    for engine in Engine::at_hand() {
        let mut server = Server::start(browser::setup(engine, &more));
        let app = App::register(&server, "app", &json!({}));
        for enough in [60, 150] {
            let chains = storm(&mut server, &app, enough);
            let is_cut = chains.iter().any(|chain| chain.unanswered.is_some());
            assert!(is_cut, "{engine:?}: the crash cut nothing off");
            for (i, chain) in chains.iter().enumerate() {
                let what = format!("{engine:?}, {i}, {chain:?}");
                check(&server, &app, chain, i, &what);
            }
        }
    }
}

/// Every pair that was acknowledged moves on after the restart, also where the crash swallowed the answer to a refresh.
/// How many such answers there were.
fn move_on(server: &Server, app: &App, chains: &[Chain]) -> usize {
    let mut swallowed = 0;
    for chain in chains {
        let is_over = chain.is_revoked || chain.unanswered == Some(Step::Revoke);
        let (Some((last, former)), false) = (chain.pairs.split_last(), is_over) else {
            continue;
        };
        let what = format!("{chain:?}");
        for pair in former {
            assert!(!is_active(server, &pair.access), "a former pair: {what}");
        }
        let next = Tokens::of(&app.refresh(server, &last.refresh));
        assert!(lives(server, &next, &what), "{what}");
        assert!(!is_active(server, &last.access), "{what}");
        swallowed += usize::from(chain.unanswered == Some(Step::Refresh));
    }
    swallowed
}

#[test]
fn within_the_grace_a_client_without_an_answer_asks_again_after_the_restart() {
    for engine in Engine::at_hand() {
        let mut server = flow::server(engine);
        let app = App::register(&server, "app", &json!({}));
        let mut swallowed = 0;
        for enough in [60, 110, 160] {
            let chains = storm(&mut server, &app, enough);
            swallowed += move_on(&server, &app, &chains);
        }
        assert!(swallowed > 0, "{engine:?}: the crashes cut no refresh off");
    }
}
