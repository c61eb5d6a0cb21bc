//! From sources to [`Settings`].

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Settings;
use super::check::Serving;
use super::dsn::{Dsn, state_directory};
use super::environment;
use super::layers::{Layers, Origin, read_file, underlay};
use super::problem::{ConfigErrors, Problem, schema_problems};
use super::schema;

/// Variable with the admin listener's default host; ranks below file, flag and `SERVE_ADMIN_HOST`.
const ADMIN_DEFAULT_HOST: &str = "TESSERA_ADMIN_DEFAULT_HOST";

/// Where configuration comes from, in rising rank: files, flags, environment, address argument.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `-c`, in order; later files win.
    pub files: Vec<PathBuf>,
    /// `--dev`, if it was given.
    pub dev: Option<bool>,
    /// `--dangerous-force-http`, if it was given.
    pub force_http: Option<bool>,
    /// `--dangerous-allow-insecure-redirect-urls`.
    pub insecure_redirect_urls: Vec<String>,
    /// A database address on the command line; wins over everything.
    pub dsn: Option<String>,
    /// The process environment.
    pub env: Vec<(String, String)>,
    /// Which listeners will be opened.
    pub serving: Serving,
}

/// A configuration that can be served.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub settings: Settings,
    /// Sentences for the log, without secrets.
    pub warnings: Vec<String>,
}

/// Reads, merges and checks all sources.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let mut warnings = Vec::new();
    let (mut layers, mut problems) = merge(sources, &mut warnings);
    let settings = check(&mut layers, sources, &mut problems, &mut warnings);
    match settings {
        Some(settings) if problems.is_empty() => Ok(Loaded { settings, warnings }),
        _ => Err(ConfigErrors { problems }),
    }
}

/// Only the database address, for commands that work on a database and need nothing else: whatever
/// else is wrong with the configuration does not matter to them.
///
/// # Errors
/// A file cannot be read, or the address cannot be used.
pub fn load_dsn(sources: &Sources) -> Result<(Dsn, Vec<String>), ConfigErrors> {
    let mut warnings = Vec::new();
    let (layers, mut problems) = merge(sources, &mut warnings);
    problems.retain(|problem| !problem.key.contains('.') || is_file(&problem.key, sources));
    let text = layers.get("dsn").map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let dsn = address(text.as_deref(), sources, &mut problems, &mut warnings);
    let problems = located(problems, &layers);
    if problems.is_empty() {
        Ok((dsn, warnings))
    } else {
        Err(ConfigErrors { problems })
    }
}

fn is_file(name: &str, sources: &Sources) -> bool {
    sources
        .files
        .iter()
        .any(|file| file.display().to_string() == name)
}

fn merge(sources: &Sources, warnings: &mut Vec<String>) -> (Layers, Vec<Problem>) {
    let mut layers = Layers::default();
    let mut problems = Vec::new();
    for path in &sources.files {
        match read_file(path) {
            Ok(tree) => layers.merge(tree, &Origin::File(path.display().to_string())),
            Err(problem) => problems.push(*problem),
        }
    }
    if layers.get("dev") == Some(&Value::Bool(true)) && sources.dev.is_none() {
        warnings.push(
            "dev: true in the file turns on development mode; other servers of this kind listen \
             only to the flag and the variable"
                .to_owned(),
        );
    }
    let flags = [
        ("dev", "--dev", sources.dev),
        (
            "dangerous-force-http",
            "--dangerous-force-http",
            sources.force_http,
        ),
    ];
    for (key, flag, value) in flags {
        if let Some(value) = value {
            layers.set(key, Value::from(value), &Origin::Flag(flag));
        }
    }
    if !sources.insecure_redirect_urls.is_empty() {
        let urls = Value::from(sources.insecure_redirect_urls.clone());
        let flag = Origin::Flag("--dangerous-allow-insecure-redirect-urls");
        layers.set("dangerous-allow-insecure-redirect-urls", urls, &flag);
    }
    problems.extend(environment::apply(&mut layers, &sources.env, warnings));
    if let Some(dsn) = &sources.dsn {
        layers.set("dsn", Value::from(dsn.clone()), &Origin::Argument);
    }
    (layers, problems)
}

/// Adds all problems; the settings are as good as the valid part of the sources allows.
fn check(
    layers: &mut Layers,
    sources: &Sources,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Option<Settings> {
    problems.extend(schema_problems(layers));
    warn_about_keys(layers, warnings);
    // What breaks the schema is taken out, so that the rest can be checked as well.
    let refused: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
    let given = layers.tree().clone();
    prune(layers);
    let found = match settings(layers, sources) {
        Ok(mut settings) => {
            let mut found = Vec::new();
            let text = settings.dsn_text.clone();
            let text = text.as_ref().map(|text| text.expose());
            settings.dsn = address(text, sources, &mut found, warnings);
            settings.normalize(warnings);
            settings.warn(warnings);
            found.extend(settings.check(sources.serving));
            // A value that was refused above is not missing, nor may one in an unreadable file be.
            let is_refused = |key: &str| {
                refused
                    .iter()
                    .any(|path| is_line(path, key) || is_file(path, sources))
            };
            found.retain(|problem| !(problem.is_absence && is_refused(&problem.key)));
            problems.extend(located(found, layers));
            Some(settings)
        }
        Err(error) => {
            if problems.is_empty() {
                problems.push(Problem::new("(root)", format!("cannot be used: {error}")));
            }
            None
        }
    };
    layers.restore(given);
    found
}

/// Takes out what the schema refuses, and an object that lacks a member it must have.
fn prune(layers: &mut Layers) {
    // Each round shortens a path by one name at least; no key is deeper than this.
    const ROUNDS_MAX: usize = 8;
    for _ in 0..ROUNDS_MAX {
        let found = schema_problems(layers);
        if found.is_empty() {
            return;
        }
        for Problem { key, .. } in found {
            if layers.get(&key).is_some() {
                layers.remove(&key);
            } else if let Some((parent, _)) = key.rsplit_once('.') {
                layers.remove(parent);
            }
        }
    }
}

/// Whether one of two paths lies within the other.
fn is_line(a: &str, b: &str) -> bool {
    schema::is_within(a, b) || schema::is_within(b, a)
}

fn located(problems: Vec<Problem>, layers: &Layers) -> Vec<Problem> {
    problems
        .into_iter()
        .map(|problem| problem.located(layers))
        .collect()
}

fn settings(layers: &Layers, sources: &Sources) -> Result<Settings, serde_json::Error> {
    let mut tree = layers.tree().clone();
    adopt_access_log(&mut tree);
    let mut defaults = schema::defaults();
    let admin_host = sources
        .env
        .iter()
        .find(|(name, _)| name == ADMIN_DEFAULT_HOST);
    if let Some((_, host)) = admin_host
        && let Some(Value::Object(serve)) = defaults.get_mut("serve")
        && let Some(Value::Object(admin)) = serve.get_mut("admin")
    {
        admin.insert("host".to_owned(), Value::from(host.clone()));
    }
    underlay(&mut tree, &defaults);
    serde_json::from_value(Value::Object(tree))
}

/// Version 1 called `request_log` `access_log`.
fn adopt_access_log(tree: &mut Map<String, Value>) {
    let Some(Value::Object(serve)) = tree.get_mut("serve") else {
        return;
    };
    for listener in ["public", "admin"] {
        let Some(Value::Object(listener)) = serve.get_mut(listener) else {
            continue;
        };
        if let Some(old) = listener.remove("access_log") {
            listener.entry("request_log").or_insert(old);
        }
    }
}

fn address(
    text: Option<&str>,
    sources: &Sources,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Dsn {
    let Some(text) = text else {
        return Dsn::default_file(&state_directory(&sources.env));
    };
    match Dsn::parse(text) {
        Ok((dsn, found)) => {
            warnings.extend(found);
            dsn
        }
        Err(error) => {
            problems.push(Problem::new("dsn", error.to_string()));
            // Something that no rule objects to; the configuration is refused anyway.
            Dsn::default_file(&state_directory(&sources.env))
        }
    }
}

fn warn_about_keys(layers: &Layers, warnings: &mut Vec<String>) {
    for path in layers.leaves() {
        let Some(key) = schema::key(&path) else {
            continue;
        };
        if key.is_deprecated {
            let instead = key.instead.as_ref().map(|now| format!("; use `{now}`"));
            warnings.push(format!(
                "{path} is deprecated{}",
                instead.unwrap_or_default()
            ));
        }
    }
    if layers.get("tracing.provider").is_some() {
        warnings.push("tracing.provider is accepted, but traces are not exported".to_owned());
    }
    if layers.get("profiling").is_some() {
        warnings.push("profiling is accepted and has no effect".to_owned());
    }
}

/// What [`check_file`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    pub file: String,
    /// Keys that the file sets.
    pub keys: usize,
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
    /// What the file leaves to other sources, without which the server does not start.
    pub notes: Vec<String>,
}

impl FileReport {
    /// Whether the file can be used.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        let keys = count(self.keys, "key");
        if self.is_fine() {
            writeln!(f, "{}: {keys}, no problems", self.file)?;
        } else {
            writeln!(
                f,
                "{}: {keys}, {}",
                self.file,
                count(self.problems.len(), "problem")
            )?;
        }
        for problem in &self.problems {
            writeln!(f, "\n{problem}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// Checks one file by itself, without flags and environment.
///
/// What is only missing is a note: secrets and the issuer often come from the environment.
#[must_use]
pub fn check_file(path: &Path) -> FileReport {
    let sources = Sources {
        files: vec![path.to_owned()],
        ..Sources::default()
    };
    let mut warnings = Vec::new();
    let (mut layers, mut problems) = merge(&sources, &mut warnings);
    let keys = layers.leaves().len();
    let is_readable = problems.is_empty();
    check(&mut layers, &sources, &mut problems, &mut warnings);
    let (absent, mut problems): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.is_absence);
    for problem in &mut problems {
        // The report is about this file.
        problem.origin = None;
    }
    let missing = |problem: &Problem| {
        let variable = schema::key(&problem.key)
            .map(schema::Key::env_name)
            .unwrap_or_default();
        format!(
            "{} is not set here; `serve` needs it, e.g. as {variable}",
            problem.key
        )
    };
    let notes = if is_readable {
        absent.iter().map(missing).collect()
    } else {
        Vec::new()
    };
    FileReport {
        file: path.display().to_string(),
        keys,
        problems,
        warnings,
        notes,
    }
}
