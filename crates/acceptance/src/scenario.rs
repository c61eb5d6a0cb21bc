//! Replaying HTTP scenarios.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::binary;
use crate::database::Engine;
use crate::player::Player;
use crate::recording::Recording;
use crate::report::{self, Report};
use crate::server::{Server, Setup};

/// Servers at a time.
const THREADS: usize = 4;
/// A scenario in which something lives for a second says nothing when its requests took this long together...
const TOO_SLOW: Duration = Duration::from_millis(400);
/// ...and is played again, on a server of its own, this often at most.
const TIMES_AGAIN: usize = 4;

/// Plays all of them, those with equal `server` against one process.
pub fn replay(recordings: Vec<Recording>, engine: Engine, report: &Report) {
    // Once, instead of once a group.
    binary::path();
    let groups = Mutex::new(groups_of(recordings));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let next = groups.lock().expect("no holder panicked").pop();
                    let Some(group) = next else { return };
                    replay_group(&group, engine, report);
                }
            });
        }
    });
}

fn groups_of(recordings: Vec<Recording>) -> Vec<Vec<Recording>> {
    let mut shared: BTreeMap<String, Vec<Recording>> = BTreeMap::new();
    for recording in recordings {
        let server = &recording.doc["server"];
        let own = if server["fresh"] == json!(true) {
            recording.name.as_str()
        } else {
            ""
        };
        let key = format!("{own} {} {server}", recording.doc["generation"]);
        shared.entry(key).or_default().push(recording);
    }
    let mut groups: Vec<_> = shared.into_values().collect();
    // The longest are taken first, from the end.
    groups.sort_by_key(|group| group.iter().map(steps_of).sum::<usize>());
    groups
}

fn steps_of(recording: &Recording) -> usize {
    recording.doc["steps"].as_array().map_or(0, Vec::len)
}

fn replay_group(group: &[Recording], engine: Engine, report: &Report) {
    let Some(first) = group.first() else { return };
    let names = || {
        group
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let start = || {
        let setup = Setup::of_recording(&first.doc["server"], engine);
        catch_unwind(|| Server::start(setup)).map_err(|cause| text_of(&*cause))
    };
    let server = match start() {
        Ok(server) => server,
        Err(cause) => return report.add_trouble(format!("no server for {}: {cause}", names())),
    };
    let mut is_blamed = false;
    for recording in group {
        report.count(1, steps_of(recording));
        let (played, own) = play_until_it_says_something(&server, recording, report, &start);
        if !played.troubles.is_empty() {
            match &own {
                Some(own) => say_log(own, &recording.name),
                None => is_blamed = true,
            }
        }
        for trouble in played.troubles {
            report.add_trouble(trouble);
        }
    }
    if is_blamed {
        say_log(&server, &names());
    }
}

/// What came of a scenario, and the server of the last attempt where that was not `server`.
fn play_until_it_says_something(
    server: &Server,
    recording: &Recording,
    report: &Report,
    start: &impl Fn() -> Result<Server, String>,
) -> (Played, Option<Server>) {
    let mut own = None;
    let mut played = play(server, recording, report);
    for _ in 0..TIMES_AGAIN {
        if !played.says_nothing(recording) {
            break;
        }
        report::say(&format!(
            "{}: too slow, again; dropped:\n{}",
            recording.name,
            played.troubles.join("\n")
        ));
        match start() {
            Ok(server) => played = play(own.insert(server), recording, report),
            Err(cause) => {
                played.troubles.push(format!(
                    "{}: no server to play it again: {cause}",
                    recording.name
                ));
                break;
            }
        }
    }
    (played, own)
}

fn say_log(server: &Server, names: &str) {
    let log = server.log();
    if !log.is_empty() {
        let text = format!(
            "--- what the server of {names} printed ---
{}",
            tail(&log)
        );
        report::say(&text);
    }
}

/// What came of a scenario.
struct Played {
    troubles: Vec<String>,
    /// What its requests took, without the pauses.
    took: Duration,
}

impl Played {
    /// Whether it failed and may have failed for want of speed alone.
    fn says_nothing(&self, recording: &Recording) -> bool {
        let steps = recording.doc["steps"].as_array();
        let has_pause = steps.is_some_and(|all| all.iter().any(|step| !step["sleep"].is_null()));
        has_pause && self.took >= TOO_SLOW && !self.troubles.is_empty()
    }
}

fn play(server: &Server, recording: &Recording, report: &Report) -> Played {
    let mut player = Player::new(server, recording, report);
    let played = catch_unwind(AssertUnwindSafe(|| player.play()));
    let mut troubles = player.found.into_inner();
    if let Err(cause) = played {
        troubles.push(format!("{}: {}", recording.name, text_of(&*cause)));
    }
    Played {
        troubles,
        took: player.took,
    }
}

fn tail(log: &str) -> &str {
    let start = log.len().saturating_sub(3000);
    (start..log.len())
        .find_map(|at| log.get(at..))
        .unwrap_or_default()
}

fn text_of(cause: &dyn std::any::Any) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| Some((*cause.downcast_ref::<&str>()?).to_owned()))
        .unwrap_or_default()
}
