//! `doctor`: what is wrong with a configuration, its database and its addresses, and the way out.
//!
//! Invariant: it looks and changes nothing; a database that is not there yet is not made.
//! Security: no secret is shown, nor a database address.

mod clock;
mod cookies;
mod cors;
mod database;
mod discovery;
mod finding;
mod issuer;
mod proxy;
mod redirects;
mod secrets;
mod site;

use std::process::ExitCode;

use serde_json::{Value, json};
use tessera_server::config::{self, ConfigErrors, Loaded};

use crate::{
    failure::{Failure, Outcome},
    print,
    print::format::{Format, Output},
    serve,
};
use finding::{Finding, Level};

/// Arguments; those of the configuration are `serve`'s.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    flags: serve::Flags,
    /// Also ask the running server at this address, as clients see it.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Accept any TLS certificate at the public URL. Only for tests with self-signed certificates.
    #[arg(long)]
    skip_tls_verify: bool,
    /// Print the rules of what is wrong only.
    #[arg(long, short = 'q')]
    quiet: bool,
    /// Output format: table, json, json-pretty, yaml, jsonpath=PATH or jsonpointer=POINTER.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
}

/// Looks at everything and prints what was found.
pub(crate) fn run(arguments: &Doctor) -> ExitCode {
    match examine(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn examine(arguments: &Doctor) -> Outcome {
    let output = Output {
        quiet: arguments.quiet,
        format: Format::parse(&arguments.format)?,
    };
    let sources = arguments.flags.sources(config::Serving::Both);
    let findings = match config::load(&sources) {
        Ok(loaded) => findings(arguments, &loaded)?,
        Err(errors) => refused(&errors),
    };
    print_all(&output, &findings)?;
    if findings.iter().any(|one| one.level == Level::Problem) {
        Err(Failure::Reported)
    } else {
        Ok(())
    }
}

/// One file per concern; the order is that of the report.
fn findings(arguments: &Doctor, loaded: &Loaded) -> Result<Vec<Finding>, Failure> {
    let settings = &loaded.settings;
    let mut found = vec![Finding::ok(
        "configuration",
        "values fit their keys and one another",
        "yes",
    )];
    found.extend(loaded.warnings.iter().map(|warning| {
        Finding::warning(
            "configuration",
            "the server says at start",
            warning.as_str(),
            "change the key that is named, or leave it if it is meant",
        )
    }));
    let (database, contents) = database::check(settings)?;
    let running = match &arguments.public_url {
        Some(url) => Some(discovery::ask(url, arguments.skip_tls_verify)?),
        None => None,
    };
    found.extend(issuer::check(settings));
    found.extend(proxy::check(settings));
    found.extend(cookies::check(settings));
    found.extend(cors::check(settings, contents.as_ref()));
    found.extend(secrets::check(settings, contents.as_ref()));
    found.extend(database);
    if let Some(contents) = &contents {
        found.extend(redirects::check(&contents.clients));
    }
    if let Some(running) = &running {
        found.extend(discovery::check(settings, running));
        found.extend(clock::check(running));
    }
    Ok(found)
}

/// A configuration that the server refuses; without one there is nothing else to look at.
fn refused(errors: &ConfigErrors) -> Vec<Finding> {
    let finding = |problem: &config::Problem| {
        let value = problem.value.as_deref().unwrap_or(if problem.is_absence {
            "not set"
        } else {
            "a value that is not shown"
        });
        let origin = problem.origin.as_ref();
        let seen = origin.map_or_else(|| value.to_owned(), |origin| format!("{value} ({origin})"));
        let way_out = problem.advice.as_deref().unwrap_or("change or remove it");
        Finding::problem(
            "configuration",
            &format!("{} {}", problem.key, problem.rule),
            seen,
            way_out,
        )
    };
    errors.problems.iter().map(finding).collect()
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn print_all(output: &Output, findings: &[Finding]) -> Outcome {
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
    if output.format == Format::Table && !output.quiet {
        for finding in findings {
            print::stdout(&finding.line());
        }
        print::stdout(&format!(
            "\n{}, {}\n",
            counted(problems, "problem"),
            counted(warnings, "warning")
        ));
        return Ok(());
    }
    let wrong = findings.iter().filter(|one| one.level != Level::Ok);
    let rows = wrong.map(|one| vec![one.rule.clone()]).collect();
    let value = json!({
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<Value>>(),
        "problems": problems,
        "warnings": warnings,
    });
    output.table(&["RULE"], rows, Vec::new(), &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings out of variables, with what is needed besides.
    pub(super) fn settings(variables: &[(&str, &str)]) -> config::Settings {
        let given = |name: &str| variables.iter().any(|(key, _)| *key == name);
        let mut env: Vec<(String, String)> = [
            ("URLS_SELF_ISSUER", "https://auth.example.com/"),
            ("SECRETS_SYSTEM", "pXk2vQ9dLw7RzT4mNc6HfJ8sBg3YaE5u"),
            ("DSN", "memory"),
        ]
        .iter()
        .filter(|(name, _)| !given(name))
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        let dev = given("DEV").then_some(true);
        env.retain(|(name, _)| name != "DEV");
        let sources = config::Sources {
            env,
            dev,
            ..config::Sources::default()
        };
        config::load(&sources).unwrap().settings
    }

    /// The findings of a level, as their rules.
    pub(super) fn rules(findings: &[Finding], level: Level) -> Vec<&str> {
        let of_level = findings.iter().filter(|one| one.level == level);
        of_level.map(|one| one.rule.as_str()).collect()
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(counted(1, "warning"), "1 warning");
        assert_eq!(counted(0, "problem"), "0 problems");
    }

    #[test]
    fn what_the_server_refuses_is_told_with_its_way_out() {
        let errors = config::load(&config::Sources::default()).unwrap_err();
        let findings = refused(&errors);
        assert!(findings.iter().all(|one| one.level == Level::Problem));
        let lines: String = findings.iter().map(Finding::line).collect();
        for part in [
            "urls.self.issuer is missing",
            "secrets.system is missing",
            "--dev",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
}
