//! Replaying HTTP scenarios.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::binary;
use crate::capture;
use crate::clock;
use crate::database::Engine;
use crate::http::{Request, Response};
use crate::jar::Jar;
use crate::make;
use crate::matcher;
use crate::percent;
use crate::recording::Recording;
use crate::report::{self, Finding, Report};
use crate::response::{self, Deviation};
use crate::server::{Server, Setup};
use crate::sink;
use crate::vars::{Unfilled, Vars};

/// Servers at a time.
const THREADS: usize = 4;
/// How long a call to the listener may take, or has to stay away.
const CALL_LIMIT: Duration = Duration::from_secs(5);
const NO_CALL_WAIT: Duration = Duration::from_millis(500);
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

struct Player<'a> {
    server: &'a Server,
    recording: &'a Recording,
    report: &'a Report,
    vars: Vars,
    jars: BTreeMap<String, Jar>,
    step: usize,
    /// Deviations that no row allows.
    found: RefCell<Vec<String>>,
    took: Duration,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server, recording: &'a Recording, report: &'a Report) -> Self {
        server.sink.reset(&recording.doc["sink"]);
        let mut vars = server.vars();
        for (name, value) in recording.doc["vars"].as_object().into_iter().flatten() {
            vars.set(name, capture::plain(value).unwrap_or_default());
        }
        let mut jars: BTreeMap<String, Jar> = BTreeMap::new();
        for (jar, cookies) in recording.doc["jars"].as_object().into_iter().flatten() {
            for (name, value) in cookies.as_object().into_iter().flatten() {
                let jar = jars.entry(jar.clone()).or_default();
                jar.set(name, value.as_str().unwrap_or_default());
            }
        }
        Self {
            server,
            recording,
            report,
            vars,
            jars,
            step: 0,
            found: RefCell::default(),
            took: Duration::ZERO,
        }
    }

    fn play(&mut self) {
        let steps = self.recording.doc["steps"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for (i, step) in steps.iter().enumerate() {
            self.step = i;
            if let Err(Unfilled(name)) = self.play_step(step) {
                let left = steps.len() - i;
                let text = json!(format!("no value for ${{{name}}}: {left} steps not played"));
                self.add(Deviation::new("request", None, Some(text)));
                return;
            }
        }
    }

    /// Takes a deviation, unless a row allows it.
    fn add(&self, deviation: Deviation) {
        let Deviation {
            member,
            expected,
            got,
        } = deviation;
        let scenario = self.recording.name.clone();
        let finding = Finding {
            scenario,
            step: self.step,
            member,
            expected,
            got,
        };
        if !self.report.allows(&finding, &self.vars) {
            self.found.borrow_mut().push(finding.to_string());
        }
    }

    fn play_step(&mut self, step: &Value) -> Result<(), Unfilled> {
        for (name, spec) in step["make"].as_object().into_iter().flatten() {
            let value = make::value(spec, &self.vars)?;
            self.vars.set(name, value);
        }
        if let Some(seconds) = step["sleep"].as_f64() {
            clock::pause(Duration::from_secs_f64(seconds));
        }
        if let Some(reply) = step.get("sink_reply") {
            let reply = self.vars.fill_value(reply)?;
            self.server
                .sink
                .reply(reply["path"].as_str().unwrap_or_default(), &reply);
        }
        if let Some(expected) = step.get("sink_expect") {
            self.expect_call(expected);
        }
        if step.get("request").is_some() {
            self.exchange(step)?;
        }
        Ok(())
    }

    fn exchange(&mut self, step: &Value) -> Result<(), Unfilled> {
        let request = self.request(&step["request"])?;
        let sent_at = Instant::now();
        let answer = request.send();
        self.took += sent_at.elapsed();
        if let Some(jar) = step["request"]["jar"].as_str() {
            let jar = self.jars.entry(jar.to_owned()).or_default();
            for cookie in answer.header_values("set-cookie") {
                jar.store(cookie);
            }
        }
        for deviation in response::compare(&step["response"], &answer, &self.vars) {
            self.add(deviation);
        }
        self.capture(&step["capture"], &answer);
        Ok(())
    }

    fn capture(&mut self, specs: &Value, answer: &Response) {
        for (name, spec) in specs.as_object().into_iter().flatten() {
            match capture::value(spec, answer, &self.vars) {
                Some(value) => self.vars.set(name, value),
                None => {
                    self.add(Deviation::new(
                        format!("capture:{name}"),
                        Some(spec.clone()),
                        None,
                    ));
                }
            }
        }
    }

    fn request(&self, spec: &Value) -> Result<Request, Unfilled> {
        let method = spec["method"].as_str().unwrap_or("GET");
        let mut request = Request::for_url(method, &self.url(spec)?)
            .unwrap_or_else(|error| panic!("step {}: {error}", self.step));
        for (name, value) in spec["headers"].as_object().into_iter().flatten() {
            request = request.header(name, &self.vars.fill(value.as_str().unwrap_or_default())?);
        }
        let auth = self.vars.fill_value(&spec["auth"])?;
        if let Some([id, secret]) = auth["basic"].as_array().map(Vec::as_slice) {
            let part = |value: &Value| percent::encode(value.as_str().unwrap_or_default());
            let pair = STANDARD.encode(format!("{}:{}", part(id), part(secret)));
            request = request.header("Authorization", &format!("Basic {pair}"));
        }
        if let Some(token) = auth["bearer"].as_str() {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        let jar = spec["jar"].as_str().and_then(|jar| self.jars.get(jar));
        if let Some(cookies) = jar.and_then(Jar::header) {
            request = request.header("Cookie", &cookies);
        }
        self.with_body(request, spec)
    }

    fn with_body(&self, request: Request, spec: &Value) -> Result<Request, Unfilled> {
        if let Some(form) = spec.get("form") {
            let text = percent::encode_pairs(&self.pairs(form)?);
            return Ok(request.body("application/x-www-form-urlencoded", &text));
        }
        if let Some(value) = spec.get("json") {
            return Ok(request.body(
                "application/json",
                &self.vars.fill_value(value)?.to_string(),
            ));
        }
        let mut request = request;
        if let Some(text) = spec["body"].as_str() {
            request.body = Some(self.vars.fill(text)?);
        }
        Ok(request)
    }

    fn url(&self, spec: &Value) -> Result<String, Unfilled> {
        let mut url = match spec["url"].as_str() {
            Some(url) => self.onto_public(self.vars.fill(url)?),
            None => {
                let base = if spec["listener"] == "admin" {
                    self.server.admin()
                } else {
                    self.server.public()
                };
                format!(
                    "{base}{}",
                    self.vars.fill(spec["path"].as_str().unwrap_or_default())?
                )
            }
        };
        if let Some(query) = spec.get("query") {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&percent::encode_pairs(&self.pairs(query)?));
        }
        Ok(url)
    }

    /// A URL below the configured outside address (`self`) goes to the public port.
    fn onto_public(&self, url: String) -> String {
        let outside = self
            .vars
            .value("self")
            .and_then(|outside| url.strip_prefix(outside));
        outside
            .map(|rest| format!("{}{rest}", self.server.public()))
            .unwrap_or(url)
    }

    fn pairs(&self, list: &Value) -> Result<Vec<(String, String)>, Unfilled> {
        let text = |value: &Value| self.vars.fill(value.as_str().unwrap_or_default());
        list.as_array()
            .into_iter()
            .flatten()
            .map(|pair| Ok((text(&pair[0])?, text(&pair[1])?)))
            .collect()
    }

    fn expect_call(&self, expected: &Value) {
        let path = expected["path"].as_str().unwrap_or_default();
        if expected["none"] == json!(true) {
            clock::pause(NO_CALL_WAIT);
            if let Some(call) = self.server.sink.take_call(path) {
                self.add(Deviation::new("call", None, Some(json!(call.body))));
            }
            return;
        }
        let Some(call) = clock::poll(CALL_LIMIT, || self.server.sink.take_call(path)) else {
            self.add(Deviation::new("call", Some(expected.clone()), None));
            return;
        };
        let mut wanted = expected.clone();
        if let Some(members) = wanted.as_object_mut() {
            members.remove("path");
        }
        let got = sink::described(&call, expected);
        for deviation in response::named("call", matcher::compare(&wanted, &got, &self.vars)) {
            self.add(deviation);
        }
    }
}
