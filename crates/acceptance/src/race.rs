//! Many callers at the same moment, round after round, against two processes on one database.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::report;
use crate::server::{Server, Setup};

/// Rounds of each case, unless `TESSERA_RACE_ROUNDS` says how many.
const ROUNDS: usize = 500;
/// Rounds side by side: they keep both processes busy while one waits for its database.
const LANES: usize = 4;
/// Callers at the same moment, in each round.
pub const RACERS: usize = 6;

/// Rounds of each case, of which there is one at least.
pub fn rounds_wanted() -> usize {
    let rounds = std::env::var("TESSERA_RACE_ROUNDS").map_or(ROUNDS, |text| {
        text.parse().expect("TESSERA_RACE_ROUNDS is a number")
    });
    assert!(rounds > 0, "TESSERA_RACE_ROUNDS is 0");
    rounds
}

/// Two servers on one new database, both ready. The one that owns the database comes last, and is dropped last.
pub fn two_processes(setup: &Setup) -> Vec<Server> {
    let mut owner = Server::prepare(setup.clone());
    owner.migrate();
    let mut other = Server::prepare_on(setup.clone(), &owner.dsn());
    owner.run();
    other.run();
    vec![other, owner]
}

/// The server that a racer turns to.
pub fn pick(servers: &[Server], racer: usize) -> &Server {
    &servers[racer % servers.len()]
}

/// Plays that many rounds, several side by side, and says how long it took; what each gave, in no order.
pub fn rounds<T: Send>(case: &str, count: usize, play: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Instant::now();
    let played = side_by_side(count, play);
    let seconds = start.elapsed().as_secs_f32();
    report::say(&format!("{count} rounds in {seconds:.1} s: {case}"));
    played
}

/// The same without a word.
pub fn side_by_side<T: Send>(count: usize, play: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let lane = || {
        let mut played = Vec::new();
        loop {
            let round = next.fetch_add(1, Ordering::Relaxed);
            if round >= count {
                return played;
            }
            played.push(play(round));
        }
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .flat_map(|lane| lane.join().expect("every round is won"))
            .collect()
    })
}

/// What callers got that all began at the same moment.
pub fn at_once<T: Send>(act: impl Fn(usize) -> T + Sync) -> Vec<T> {
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
            .map(|racer| racer.join().expect("no racer panics"))
            .collect()
    })
}
