//! One of two processes on one database is killed among races for codes and refresh tokens, again and again; what the
//! survivor and the restarted one know then.
//!
//! Callers turn to both processes. Those who got no answer ask the survivor again, as a client would.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tessera_acceptance::app::{App, Tokens, assert_refused};
use tessera_acceptance::browser;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Response;
use tessera_acceptance::machine::is_active;
use tessera_acceptance::race::{RACERS, at_once, pick, rounds_wanted, side_by_side, two_processes};
use tessera_acceptance::report;
use tessera_acceptance::server::Server;

/// Rounds between two crashes. The first process dies in one of them, the rest find it gone.
const LIFE: usize = 16;
const STORM_LIMIT: Duration = Duration::from_secs(60);

/// Two processes, of which the first will die.
struct Storm<'a> {
    servers: &'a [Server],
    /// Races that have begun.
    races: AtomicUsize,
}

impl Storm<'_> {
    fn survivor(&self) -> &Server {
        &self.servers[1]
    }

    /// Kills the first process once the `fatal`th race has begun, and a little later each time.
    fn strike(&self, fatal: usize, later: Duration) {
        let start = Instant::now();
        while self.races.load(Ordering::Relaxed) < fatal {
            assert!(start.elapsed() < STORM_LIMIT, "no race to strike");
            clock::pause(Duration::from_micros(100));
        }
        clock::pause(later);
        let pid = self.servers[0].pid().to_string();
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        assert!(killed.unwrap().success(), "it had ended by itself");
    }
}

/// Plays the rounds of one life, kills the first process in one of them, and starts it again.
fn live_and_die<T: Send>(
    servers: &mut [Server],
    life: usize,
    play: impl Fn(&Storm<'_>, usize) -> T + Sync,
) -> Vec<T> {
    let storm = Storm {
        servers,
        races: AtomicUsize::new(0),
    };
    let later = Duration::from_micros(u64::try_from(life * 997 % 6_000).unwrap());
    let played = std::thread::scope(|scope| {
        let killer = scope.spawn(|| storm.strike(1 + life % (LIFE / 2), later));
        let played = side_by_side(LIFE, |round| play(&storm, life * LIFE + round));
        killer.join().unwrap();
        played
    });
    servers[0].kill();
    servers[0].run();
    played
}

/// What the callers of one round got.
struct Answers {
    given: Vec<Response>,
    /// What those got who had no answer, from the survivor.
    again: Vec<Response>,
    /// Requests that the crash cut off; a connection that was refused never reached a process.
    cut: usize,
}

impl Answers {
    fn all(&self) -> impl Iterator<Item = &Response> {
        self.given.iter().chain(&self.again)
    }

    fn won(&self) -> Vec<Tokens> {
        let won = self.all().filter(|answer| answer.status == 200);
        won.map(Tokens::of).collect()
    }
}

/// Everybody asks at once; only the one that is killed may leave a request without an answer.
fn contest(storm: &Storm<'_>, act: impl Fn(&Server) -> Response + Sync, case: &str) -> Answers {
    storm.races.fetch_add(1, Ordering::Relaxed);
    let answers = at_once(|racer| (racer, act(pick(storm.servers, racer))));
    let mut found = Answers {
        given: Vec::new(),
        again: Vec::new(),
        cut: 0,
    };
    for (racer, answer) in answers {
        if answer.status != 0 {
            found.given.push(answer);
            continue;
        }
        let is_survivor = std::ptr::eq(pick(storm.servers, racer), storm.survivor());
        assert!(!is_survivor, "{case}: the survivor: {}", answer.body);
        found.cut += usize::from(!answer.body.contains("refused"));
        found.again.push(act(storm.survivor()));
    }
    found
}

/// Counts of a whole case.
#[derive(Default)]
struct Tally {
    rounds: usize,
    crashes: usize,
    cut: usize,
}

impl Tally {
    fn count<'a>(&mut self, answers: impl Iterator<Item = &'a Answers>) {
        self.crashes += 1;
        for answers in answers {
            self.rounds += 1;
            self.cut += answers.cut;
        }
    }

    fn finish(self, case: &str, start: Instant) {
        let Self {
            rounds,
            crashes,
            cut,
        } = self;
        let seconds = start.elapsed().as_secs_f32();
        report::say(&format!(
            "{rounds} rounds, {crashes} crashes, {cut} requests cut off in {seconds:.1} s: {case}"
        ));
        assert!(cut > 0, "{case}: the crashes cut nothing off");
    }
}

/// Half as many rounds as races without a crash, in whole lives.
fn lives() -> usize {
    rounds_wanted().div_ceil(2 * LIFE)
}

/// A round without grace: one pair at most, whoever was killed, and it ends dead.
struct Strict {
    answers: Answers,
    /// What must not live: the pair that was contested, if it was a refresh token, and the one that was won.
    dead: Vec<Tokens>,
}

fn contest_strictly(storm: &Storm<'_>, app: &App, round: usize, case: &str) -> Strict {
    let survivor = storm.survivor();
    let mut dead = Vec::new();
    let answers = if round.is_multiple_of(2) {
        let code = app.code(survivor);
        contest(storm, |server| app.redeem(server, &code), case)
    } else {
        let first = app.tokens(survivor);
        let answers = contest(storm, |server| app.refresh(server, &first.refresh), case);
        dead.push(first);
        answers
    };
    let won = answers.won();
    assert!(won.len() <= 1, "{case}: used twice: {won:?}");
    for lost in answers.all().filter(|answer| answer.status != 200) {
        assert_refused(lost, "invalid_grant", case);
    }
    // Without a winner somebody won who never heard of it.
    assert!(won.len() == 1 || !answers.again.is_empty(), "{case}");
    dead.extend(won);
    for pair in &dead {
        assert!(!is_active(survivor, &pair.access), "{case}: {round}");
        assert!(!is_active(survivor, &pair.refresh), "{case}: {round}");
    }
    Strict { answers, dead }
}

/// A round within the grace: everybody gets a pair.
struct Graceful {
    answers: Answers,
    first: Tokens,
    pairs: Vec<Tokens>,
}

/// Nothing where the crash swallowed the answer to the code, which is good for one pair only: of the two redemptions the one
/// that reaches the database last, whichever that is, counts as a replay and ends the family.
fn contest_in_grace(storm: &Storm<'_>, app: &App, round: usize, case: &str) -> Option<Graceful> {
    let survivor = storm.survivor();
    let code = app.code(survivor);
    let mut redeemed = app.redeem(pick(storm.servers, round), &code);
    if redeemed.status == 0 {
        let was_cut = !redeemed.body.contains("refused");
        redeemed = app.redeem(survivor, &code);
        if was_cut {
            if redeemed.status != 200 {
                assert_refused(&redeemed, "invalid_grant", case);
            }
            return None;
        }
    }
    let first = Tokens::of(&redeemed);
    let answers = contest(storm, |server| app.refresh(server, &first.refresh), case);
    let pairs: Vec<_> = answers.all().map(Tokens::of).collect();
    let mut names: Vec<&str> = pairs.iter().map(|pair| pair.refresh.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RACERS, "{case}: the pairs differ");
    for pair in &pairs {
        assert!(is_active(survivor, &pair.access), "{case}: {round}");
    }
    assert!(!is_active(survivor, &first.access), "{case}: {round}");
    Some(Graceful {
        answers,
        first,
        pairs,
    })
}

/// After the restart every pair still is good, moves on at either process, and ends at both with its family.
fn assert_kept(servers: &[Server], app: &App, family: &Graceful, i: usize, case: &str) {
    for (racer, pair) in family.pairs.iter().enumerate() {
        let server = pick(servers, i + racer);
        assert!(is_active(server, &pair.access), "{case}: {i}, {racer}");
    }
    let server = pick(servers, i);
    assert!(!is_active(server, &family.first.access), "{case}: {i}");
    let mut all = family.pairs.clone();
    for racer in [i % RACERS, (i + 1) % RACERS] {
        let server = pick(servers, racer);
        let next = Tokens::of(&app.refresh(server, &family.pairs[racer].refresh));
        assert!(is_active(pick(servers, racer + 1), &next.access), "{case}");
        all.push(next);
    }
    let last = &all[all.len() - 1];
    assert_eq!(app.revoke(pick(servers, i), &last.refresh).status, 200);
    for (n, pair) in all.iter().enumerate() {
        let server = pick(servers, i + n + 1);
        assert!(!is_active(server, &pair.access), "{case}: {i}, revoked");
    }
}

#[test]
fn a_crash_of_one_process_gives_no_second_pair_without_grace() {
    let more = json!({"oauth2": {"grant": {"refresh_token": {"rotation_grace_period": "0s"}}}});
    for engine in Engine::at_hand() {
        let mut servers = two_processes(&browser::setup(engine, &more));
        let app = App::register(&servers[1], "app", &json!({}));
        let case = format!("codes and refresh tokens in a crash, on {engine:?}");
        let (mut tally, start) = (Tally::default(), Instant::now());
        for life in 0..lives() {
            let played = live_and_die(&mut servers, life, |storm, round| {
                contest_strictly(storm, &app, round, &case)
            });
            tally.count(played.iter().map(|round| &round.answers));
            for pair in played.iter().flat_map(|round| &round.dead) {
                assert!(!is_active(&servers[0], &pair.access), "{case}: restarted");
            }
        }
        tally.finish(&case, start);
    }
}

#[test]
fn a_crash_of_one_process_costs_nobody_a_pair_within_the_grace() {
    for engine in Engine::at_hand() {
        // The grace is the default one, a minute.
        let mut servers = two_processes(&browser::setup(engine, &json!({})));
        let app = App::register(&servers[1], "app", &json!({}));
        let case = format!("refresh tokens within their grace in a crash, on {engine:?}");
        let (mut tally, start) = (Tally::default(), Instant::now());
        for life in 0..lives() {
            let played = live_and_die(&mut servers, life, |storm, round| {
                contest_in_grace(storm, &app, round, &case)
            });
            let families: Vec<Graceful> = played.into_iter().flatten().collect();
            tally.count(families.iter().map(|family| &family.answers));
            side_by_side(families.len(), |i| {
                assert_kept(&servers, &app, &families[i], i, &case);
            });
        }
        tally.finish(&case, start);
    }
}
