//! One code, one refresh token, one verifier, and many who use it at the same moment, through two processes on one database.
//!
//! `TESSERA_RACE_ROUNDS` is the number of rounds of each case, in place of the one that `race` has.

use std::time::Duration;

use serde_json::{Value, json};
use tessera_acceptance::app::{self, App, Tokens, assert_refused};
use tessera_acceptance::browser::{self, Browser, Landed, answered, landed};
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Response;
use tessera_acceptance::machine::is_active;
use tessera_acceptance::race::{
    RACERS, at_once, pick, rounds, rounds_wanted, side_by_side, two_processes,
};
use tessera_acceptance::server::Server;

/// Long enough for a race on a busy machine, short enough to wait for its end.
const GRACE: Duration = Duration::from_secs(10);
/// A round that looks at everything that a pair can do costs as much as the race; one in so many does.
const THOROUGH: usize = 8;

fn servers(engine: Engine, grace: &str) -> Vec<Server> {
    let more = json!({"oauth2": {"grant": {"refresh_token": {"rotation_grace_period": grace}}}});
    two_processes(&browser::setup(engine, &more))
}

/// Nothing of a pair works: neither token lives, and in some rounds neither does anything anywhere.
fn assert_dead(servers: &[Server], app: &App, tokens: &Tokens, round: usize, case: &str) {
    let server = pick(servers, round);
    assert!(!is_active(server, &tokens.access), "{case}, {round}");
    assert!(!is_active(server, &tokens.refresh), "{case}, {round}");
    if round.is_multiple_of(THOROUGH) {
        for server in servers {
            app::assert_dead(server, app, tokens, case);
        }
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

#[test]
fn a_contested_code_gives_one_pair_and_ends_dead() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, "0s");
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("one code, many redeemers, on {engine:?}");
        rounds(&case, rounds_wanted(), |round| {
            let code = app.code(pick(&servers, round));
            let answers = at_once(|racer| app.redeem(pick(&servers, racer), &code));
            let tokens = only_winner(&answers, &case);
            assert_dead(&servers, &app, &tokens, round, &case);
        });
    }
}

#[test]
fn a_contested_refresh_token_gives_one_pair_and_a_dead_family_without_grace() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, "0s");
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("one refresh token, many users, on {engine:?}");
        rounds(&case, rounds_wanted(), |round| {
            let mut tokens = app.tokens(pick(&servers, round));
            // A family that has been renewed before is no different.
            if round % 3 == 0 {
                tokens = Tokens::of(&app.refresh(pick(&servers, round + 1), &tokens.refresh));
            }
            let answers = at_once(|racer| app.refresh(pick(&servers, racer), &tokens.refresh));
            let pair = only_winner(&answers, &case);
            assert_dead(&servers, &app, &pair, round, &case);
            assert!(!is_active(pick(&servers, round), &tokens.access), "{case}");
        });
    }
}

/// A refresh token that was contested within its grace, and what it gave.
struct Contested {
    first: Tokens,
    pairs: Vec<Tokens>,
}

fn contest(servers: &[Server], app: &App, round: usize, case: &str) -> Contested {
    let first = app.tokens(pick(servers, round));
    let answers = at_once(|racer| app.refresh(pick(servers, racer), &first.refresh));
    let mut pairs: Vec<_> = answers.iter().map(Tokens::of).collect();
    let mut names: Vec<&str> = pairs.iter().map(|pair| pair.refresh.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RACERS, "{case}: the pairs differ");
    for (i, pair) in pairs.iter().enumerate() {
        // What one process gave, the other knows.
        let server = pick(servers, i + 1);
        assert!(is_active(server, &pair.access), "{case}: access token {i}");
    }
    assert!(!is_active(pick(servers, round), &first.access), "{case}");
    // One of them moves on.
    let mover = round % RACERS;
    let next = Tokens::of(&app.refresh(pick(servers, mover + 1), &pairs[mover].refresh));
    pairs.push(next);
    Contested { first, pairs }
}

#[test]
fn a_contested_refresh_token_gives_pairs_within_its_grace_and_dies_after_it() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, &format!("{}s", GRACE.as_secs()));
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("one refresh token, many users within its grace, on {engine:?}");
        let families = rounds(&case, rounds_wanted(), |round| {
            contest(&servers, &app, round, &case)
        });
        clock::pause(GRACE + Duration::from_secs(1));
        side_by_side(families.len(), |i| {
            end_of_grace(&servers, &app, &families[i], i, &case);
        });
    }
}

/// The first token is used once more, after its grace.
fn end_of_grace(servers: &[Server], app: &App, family: &Contested, round: usize, case: &str) {
    // Until then its youngest members live.
    let Some(last) = family.pairs.last() else {
        panic!("{case}: no pair");
    };
    assert!(is_active(pick(servers, round), &last.access), "{case}");
    let reused = app.refresh(pick(servers, round), &family.first.refresh);
    assert_refused(&reused, "invalid_grant", case);
    for pair in &family.pairs {
        assert!(!is_active(pick(servers, round + 1), &pair.access), "{case}");
    }
    assert_dead(servers, app, last, round, case);
}

/// Every racer follows one of two links that the app got for one challenge. The browser and place of the only winner.
fn only_one_goes_on(
    servers: &[Server],
    browser: &Browser,
    links: &[String; 2],
    is_won: fn(&Landed) -> bool,
    case: &str,
) -> (Browser, Landed) {
    let outcomes = at_once(|racer| {
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

/// Races each leg of one sign-in; the code works.
fn race_a_sign_in(servers: &[Server], app: &App, case: &str) {
    let mut browser = Browser::default();
    let start = browser.authorize(&servers[0], &app.ask().query());
    let challenge = landed(&start).login();
    let login = json!({"subject": "ann", "remember": true, "remember_for": 60});
    let links = [0, 1].map(|_| answered(&servers[0], "login/accept", &challenge, &login));
    let is_consent = |place: &Landed| matches!(place, Landed::Consent(_));
    let case_of_login = format!("{case}: login verifier");
    let (browser, place) = only_one_goes_on(servers, &browser, &links, is_consent, &case_of_login);
    let challenge = place.consent();
    let links = [0, 1].map(|_| app.grant(&servers[0], &challenge, &json!({})));
    let has_code = |place: &Landed| !place.parameter("code").is_empty();
    let case_of_consent = format!("{case}: consent verifier");
    let (_, place) = only_one_goes_on(servers, &browser, &links, has_code, &case_of_consent);
    assert!(is_active(
        &servers[0],
        &Tokens::of(&app.redeem(&servers[1], &place.code())).access
    ));
}

#[test]
fn one_of_many_finishes_each_leg() {
    for engine in Engine::at_hand() {
        let servers = servers(engine, "0s");
        let app = App::register(&servers[0], "app", &json!({}));
        let case = format!("one sign-in, many browsers, on {engine:?}");
        // Each round is two races, and dearer than those of tokens.
        rounds(&case, rounds_wanted().div_ceil(5), |_| {
            race_a_sign_in(&servers, &app, &case);
        });
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
            let places = at_once(|racer| {
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
