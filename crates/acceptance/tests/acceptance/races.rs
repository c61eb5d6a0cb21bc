//! One code, one refresh token, one verifier, and many who use it at the same moment: through one process, and through two on one database.
//!
//! `TESSERA_RACE_ROUNDS` is the number of rounds of each case; without it there are [`ROUNDS`], and a slow machine ends a case after [`CASE_LIMIT`].

use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera_acceptance::app::{self, App, Tokens, assert_refused};
use tessera_acceptance::browser::{self, Browser, Landed, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Response;
use tessera_acceptance::machine::is_active;
use tessera_acceptance::report;
use tessera_acceptance::server::Server;

/// Rounds of each case.
const ROUNDS: usize = 250;
/// No case takes much longer, unless the rounds were chosen.
const CASE_LIMIT: Duration = Duration::from_secs(10);
/// Callers at the same moment.
const RACERS: usize = 6;
/// Long enough for a race, short enough to wait for its end.
const GRACE: Duration = Duration::from_secs(4);

/// One process on SQLite, or two on one PostgreSQL.
fn servers(engine: Engine, grace: &str) -> Vec<Server> {
    let more = json!({"oauth2": {"grant": {"refresh_token": {"rotation_grace_period": grace}}}});
    let mut first = Server::prepare(browser::setup(engine, &more));
    first.migrate();
    let mut servers = Vec::new();
    if engine == Engine::Postgres {
        let mut second = Server::prepare_on(browser::setup(engine, &more), &first.dsn());
        second.run();
        servers.push(second);
    }
    first.run();
    // The one that owns the database goes last, and is dropped last.
    servers.push(first);
    servers
}

/// Plays rounds, as many as are wanted.
fn rounds(case: &str, mut play: impl FnMut(usize)) {
    let chosen = std::env::var("TESSERA_RACE_ROUNDS").ok();
    let wanted = chosen.as_ref().map_or(ROUNDS, |text| {
        text.parse().expect("TESSERA_RACE_ROUNDS is a number")
    });
    let start = Instant::now();
    let mut played = 0;
    while played < wanted && (chosen.is_some() || start.elapsed() < CASE_LIMIT) {
        play(played);
        played += 1;
    }
    report::say(&format!("{played} rounds: {case}"));
}

/// What callers got that all began at the same moment.
fn race<T: Send>(act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(RACERS);
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (start, act) = (&start, &act);
                scope.spawn(move || {
                    start.wait();
                    act(racer)
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    })
}

fn pick(servers: &[Server], racer: usize) -> &Server {
    &servers[racer % servers.len()]
}

/// Nothing of a pair works anywhere.
fn assert_dead(servers: &[Server], app: &App, tokens: &Tokens, case: &str) {
    for server in servers {
        app::assert_dead(server, app, tokens, case);
    }
}

/// The only success among answers of the token endpoint; the others were refused as the standard says.
fn only_winner(answers: &[Response], case: &str) -> Tokens {
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "{case}: {answers:#?}");
    for answer in lost {
        assert_refused(answer, "invalid_grant", case);
    }
    Tokens::of(won[0])
}

/// Every racer follows one of two links that the app got for one challenge. The browser and place of the only winner.
fn only_one_goes_on(
    servers: &[Server],
    browser: &Browser,
    links: &[String; 2],
    is_won: fn(&Landed) -> bool,
    case: &str,
) -> (Browser, Landed) {
    let outcomes = race(|racer| {
        let mut own = browser.clone();
        let answer = own.get_at(pick(servers, racer), &links[racer / 2 % 2]);
        (own, landed(&answer))
    });
    let (mut won, lost): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(_, place)| is_won(place));
    assert_eq!(won.len(), 1, "{case}: won by {won:#?}, lost by {lost:#?}");
    for (own, place) in &lost {
        assert_eq!(place.error(), "access_denied", "{case}: {place:?}");
        assert_eq!(
            own.session(),
            browser.session(),
            "{case}: a loser's session"
        );
    }
    won.remove(0)
}

/// Races each leg of one sign-in, then its code.
fn race_a_sign_in(servers: &[Server], app: &App, case: &str) {
    let mut browser = Browser::default();
    let start = browser.authorize(&servers[0], &app.ask().query());
    let challenge = landed(&start).login();
    let login = json!({"subject": "ann", "remember": true, "remember_for": 60});
    let links = [0, 1].map(|_| answered(&servers[0], "login/accept", &challenge, &login));
    let is_consent = |place: &Landed| matches!(place, Landed::Consent(_));
    let (browser, place) = only_one_goes_on(
        servers,
        &browser,
        &links,
        is_consent,
        &format!("{case}: login verifier"),
    );
    let challenge = place.consent();
    let links = [0, 1].map(|_| app.grant(&servers[0], &challenge, &json!({})));
    let has_code = |place: &Landed| !place.parameter("code").is_empty();
    let case_of_consent = format!("{case}: consent verifier");
    let (_, place) = only_one_goes_on(servers, &browser, &links, has_code, &case_of_consent);
    let code = place.code();
    let answers = race(|racer| app.redeem(pick(servers, racer), &code));
    let case = format!("{case}: code");
    let tokens = only_winner(&answers, &case);
    assert_dead(servers, app, &tokens, &case);
}

#[test]
fn one_of_many_finishes_each_leg_and_a_contested_code_ends_dead() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, "0s");
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("a sign-in on {engine:?}");
        rounds(&case, |_| race_a_sign_in(&servers, &app, &case));
    }
}

#[test]
fn a_contested_refresh_token_gives_one_pair_and_a_dead_family_without_grace() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, "0s");
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("a refresh token on {engine:?}");
        rounds(&case, |round| {
            let mut tokens = app.tokens(&servers[0]);
            // A family that has been renewed before is no different.
            if round % 3 == 0 {
                tokens = Tokens::of(&app.refresh(pick(&servers, round), &tokens.refresh));
            }
            let answers = race(|racer| app.refresh(pick(&servers, racer), &tokens.refresh));
            let pair = only_winner(&answers, &case);
            assert_dead(&servers, &app, &pair, &case);
            assert_dead(&servers, &app, &tokens, &case);
        });
    }
}

/// A refresh token that was contested within its grace, and what it gave.
struct Contested {
    first: Tokens,
    pairs: Vec<Tokens>,
}

fn contest(servers: &[Server], app: &App, case: &str) -> Contested {
    let first = app.tokens(&servers[0]);
    let answers = race(|racer| app.refresh(pick(servers, racer), &first.refresh));
    let mut pairs: Vec<_> = answers.iter().map(Tokens::of).collect();
    let mut names: Vec<&str> = pairs.iter().map(|pair| pair.refresh.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RACERS, "{case}: the pairs differ");
    for (i, pair) in pairs.iter().enumerate() {
        let server = pick(servers, i + 1);
        assert!(is_active(server, &pair.access), "{case}: access token {i}");
        assert!(
            is_active(server, &pair.refresh),
            "{case}: refresh token {i}"
        );
    }
    for server in servers {
        assert!(!is_active(server, &first.access), "{case}: the former one");
    }
    // One of them moves on.
    let next = Tokens::of(&app.refresh(pick(servers, 1), &pairs[0].refresh));
    pairs.push(next);
    Contested { first, pairs }
}

#[test]
fn a_contested_refresh_token_gives_pairs_within_its_grace_and_dies_after_it() {
    const BATCH: usize = 25;
    for engine in Engine::at_hand() {
        let servers = servers(engine, &format!("{}s", GRACE.as_secs()));
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("a refresh token with grace on {engine:?}");
        let mut families = Vec::new();
        rounds(&case, |round| {
            families.push(contest(&servers, &app, &case));
            if round % BATCH == BATCH - 1 {
                end_of_grace(&servers, &app, &mut families, &case);
            }
        });
        end_of_grace(&servers, &app, &mut families, &case);
    }
}

/// The first tokens are used once more, after their grace.
fn end_of_grace(servers: &[Server], app: &App, families: &mut Vec<Contested>, case: &str) {
    clock::pause(GRACE + Duration::from_secs(1));
    for (i, family) in families.drain(..).enumerate() {
        // Until then its youngest members live.
        let Some(last) = family.pairs.last() else {
            panic!("{case}: no pair");
        };
        assert!(is_active(pick(servers, i), &last.access), "{case}");
        let reused = app.refresh(pick(servers, i), &family.first.refresh);
        assert_refused(&reused, "invalid_grant", case);
        for pair in &family.pairs {
            let other = pick(servers, i + 1);
            assert!(!is_active(other, &pair.access), "{case}");
            assert!(!is_active(other, &pair.refresh), "{case}");
        }
        assert_dead(servers, app, last, case);
    }
}

#[test]
fn one_logout_verifier_tells_the_clients_once() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, "0s");
        let sink = &servers[0].sink;
        sink.reset(&json!({"/bc": {"status": 200}}));
        let more = json!({"backchannel_logout_uri": format!("{}/bc", sink.url())});
        let app = App::register(&servers[0], "app", &more);
        let login = json!({"subject": "ann", "remember": true});
        for _ in 0..10 {
            let mut browser = Browser::default();
            app.sign_in(&servers[0], &mut browser, &app.ask(), &login);
            let start = browser.get(&format!("{}/oauth2/sessions/logout", servers[0].public()));
            let challenge = landed(&start).logout();
            let links =
                [0, 1].map(|_| answered(&servers[0], "logout/accept", &challenge, &Value::Null));
            let places = race(|racer| {
                let mut own = browser.clone();
                landed(&own.get_at(pick(&servers, racer), &links[racer / 2 % 2]))
            });
            assert!(
                places.iter().all(|place| *place == Landed::Bye),
                "{engine:?}: {places:?}"
            );
            let called = clock::poll(Duration::from_secs(10), || sink.take_call("/bc"));
            assert!(called.is_some(), "{engine:?}: the client is told");
            clock::pause(Duration::from_millis(300));
            assert!(sink.take_call("/bc").is_none(), "{engine:?}: told twice");
        }
    }
}
