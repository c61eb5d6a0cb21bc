//! Playing the steps of one HTTP scenario.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::capture;
use crate::clock;
use crate::http::{Request, Response};
use crate::jar::Jar;
use crate::make;
use crate::matcher;
use crate::percent;
use crate::recording::Recording;
use crate::report::{Finding, Report};
use crate::response::{self, Deviation};
use crate::server::Server;
use crate::sink;
use crate::vars::{Unfilled, Vars};

/// How long a call to the listener may take, or has to stay away.
const CALL_LIMIT: Duration = Duration::from_secs(5);
const NO_CALL_WAIT: Duration = Duration::from_millis(500);

/// One scenario on its way.
pub(crate) struct Player<'a> {
    server: &'a Server,
    recording: &'a Recording,
    report: &'a Report,
    vars: Vars,
    jars: BTreeMap<String, Jar>,
    step: usize,
    /// Deviations that no row allows.
    pub(crate) found: RefCell<Vec<String>>,
    /// What its requests took, without the pauses.
    pub(crate) took: Duration,
}

impl<'a> Player<'a> {
    pub(crate) fn new(server: &'a Server, recording: &'a Recording, report: &'a Report) -> Self {
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

    pub(crate) fn play(&mut self) {
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
