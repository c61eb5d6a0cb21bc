//! From sources to [`Settings`].

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Settings;
use super::builtin_login;
use super::check::{Serving, advise_beyond_dev};
use super::dsn::{Dsn, state_directory};
use super::environment;
use super::layers::{Layers, Origin, read_file, underlay};
use super::problem::{ConfigErrors, Problem, schema_problems, unknown_key};
use super::schema;
use super::spelling;

/// Variable with the admin listener's default host; ranks below file, flag and `SERVE_ADMIN_HOST`.
const ADMIN_DEFAULT_HOST: &str = "TESSERA_ADMIN_DEFAULT_HOST";

/// Compat: the environment beats flags, as in Hydra.
const DEV_IS_OVERRIDDEN: &str = "The flag `--dev` is given, but the environment variable DEV overrides it: unset DEV, or set it to `true`.";

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
    let (_, dsn, warnings) = dsn_of(sources)?;
    Ok((dsn, warnings))
}

/// Where the people of the built-in login page are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersFile {
    /// The file; `None` when none is configured and the database has no folder that it could lie in.
    pub path: Option<PathBuf>,
    /// It lies in the state directory, which may not exist yet.
    pub is_in_state_directory: bool,
}

/// Only the users file, found as the server finds it; whatever else is wrong with the configuration does not matter.
///
/// # Errors
/// A configuration file cannot be read, or the database address cannot be used.
pub fn load_users_file(sources: &Sources) -> Result<UsersFile, ConfigErrors> {
    let (layers, dsn, _) = dsn_of(sources)?;
    let named = layers
        .get("builtin_login.users_file")
        .and_then(Value::as_str);
    let is_default = matches!(
        dsn,
        Dsn::SqliteFile {
            is_default: true,
            ..
        }
    );
    Ok(UsersFile {
        path: builtin_login::place(named.map(Path::new), &dsn),
        is_in_state_directory: named.is_none() && is_default,
    })
}

fn dsn_of(sources: &Sources) -> Result<(Layers, Dsn, Vec<String>), ConfigErrors> {
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
        Ok((layers, dsn, warnings))
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

pub(super) fn merge(sources: &Sources, warnings: &mut Vec<String>) -> (Layers, Vec<Problem>) {
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
    if sources.dev == Some(true) && layers.get("dev") != Some(&Value::Bool(true)) {
        warnings.push(DEV_IS_OVERRIDDEN.to_owned());
    }
    if let Some(dsn) = &sources.dsn {
        layers.set("dsn", Value::from(dsn.clone()), &Origin::Argument);
    }
    (layers, problems)
}

/// Adds all problems; the settings are as good as the valid part of the sources allows.
pub(super) fn check(
    layers: &mut Layers,
    sources: &Sources,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Option<Settings> {
    problems.extend(schema_problems(layers));
    let strangers = strangers(layers);
    problems.extend(misspelt_guards(&strangers, layers));
    warn_about_strangers(&strangers, warnings);
    warn_about_keys(layers, warnings);
    // What breaks the schema is taken out, so that the rest can be checked as well.
    let refused: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
    let given = layers.tree().clone();
    for stranger in &strangers {
        layers.remove(stranger);
    }
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
            if sources.dev == Some(true) && !settings.dev {
                advise_beyond_dev(&mut found, DEV_IS_OVERRIDDEN);
            }
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
        // Security: an empty host means all interfaces; an empty variable is one that is not set.
        .find(|(name, host)| name == ADMIN_DEFAULT_HOST && !host.is_empty());
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

/// What stands in objects that Hydra leaves open and is no key, each once.
fn strangers(layers: &Layers) -> Vec<String> {
    let mut strangers: Vec<String> = Vec::new();
    for path in layers.leaves() {
        let stranger = schema::unknown_in_open(&path).map(str::to_owned);
        strangers.extend(stranger.filter(|stranger| !strangers.contains(stranger)));
    }
    strangers
}

/// Security: Hydra lets unknown keys of `serve.admin` pass, but what is nearly the key that guards the admin API must not
/// leave it open.
fn misspelt_guards(strangers: &[String], layers: &Layers) -> Vec<Problem> {
    let guards = strangers
        .iter()
        .filter(|stranger| is_nearly_guard(stranger));
    let guards = guards.filter_map(|stranger| stranger.rsplit_once('.'));
    guards
        .map(|(parent, name)| unknown_key(parent, name).located(layers))
        .collect()
}

fn is_nearly_guard(unknown: &str) -> bool {
    const GUARD: &str = "serve.admin.auth";
    spelling::nearest_key(unknown).is_some_and(|near| schema::is_within(&near, GUARD))
}

fn warn_about_strangers(strangers: &[String], warnings: &mut Vec<String>) {
    for path in strangers.iter().filter(|path| !is_nearly_guard(path)) {
        let meant = spelling::nearest_key(path)
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        warnings.push(format!(
            "{path} is not a key of the configuration and has no effect{meant}"
        ));
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
