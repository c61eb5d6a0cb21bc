//! Replaying command-line cases: the binary under the name `hydra`, step by step.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::binary::{self, Output};
use crate::capture;
use crate::matcher::{self, Mismatch};
use crate::recording::Recording;
use crate::report::{Finding, Report};
use crate::response::{self, Deviation};
use crate::server::Server;
use crate::vars::{Unfilled, Vars};

/// Plays one case against a server that nobody used yet. `skipped` steps are not played.
pub fn replay(recording: &Recording, server: &Server, skipped: &[usize], report: &Report) {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let names = tempfile::tempdir().expect("a folder can be made");
    let program = binary::hydra_in(names.path());
    let mut vars = server.vars();
    let steps = recording.doc["steps"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    report.count(1, steps.len() - skipped.len());
    for (i, step) in steps
        .iter()
        .enumerate()
        .filter(|(i, _)| !skipped.contains(i))
    {
        let found =
            play_step(step, &program, dir.path(), &mut vars).unwrap_or_else(|Unfilled(name)| {
                vec![Deviation::new(
                    "exit_code",
                    None,
                    Some(json!(format!("not run: no value for {name}"))),
                )]
            });
        for Deviation {
            member,
            expected,
            got,
        } in found
        {
            let scenario = recording.name.clone();
            report.add(
                &Finding {
                    scenario,
                    step: i,
                    member,
                    expected,
                    got,
                },
                &vars,
            );
        }
    }
}

fn play_step(
    step: &Value,
    program: &Path,
    dir: &Path,
    vars: &mut Vars,
) -> Result<Vec<Deviation>, Unfilled> {
    for (name, content) in step["files"].as_object().into_iter().flatten() {
        let content = vars.fill(content.as_str().unwrap_or_default())?;
        fs::write(dir.join(name), content).expect("the folder is writable");
    }
    let mut args = Vec::new();
    for arg in step["args"].as_array().into_iter().flatten() {
        args.push(vars.fill(arg.as_str().unwrap_or_default())?);
    }
    let mut env = Vec::new();
    for (name, value) in step["env"].as_object().into_iter().flatten() {
        env.push((name.clone(), vars.fill(value.as_str().unwrap_or_default())?));
    }
    let stdin = vars.fill(step["stdin"].as_str().unwrap_or_default())?;
    let output = binary::run(program, &args, &env, &stdin, dir);
    let mut found = compare(step, &output, vars);
    for (name, spec) in step["capture"].as_object().into_iter().flatten() {
        match captured(spec, &output.stdout) {
            Some(value) => vars.set(name, value),
            None => found.push(Deviation::new(
                format!("capture:{name}"),
                Some(spec.clone()),
                None,
            )),
        }
    }
    Ok(found)
}

fn captured(spec: &Value, stdout: &str) -> Option<String> {
    if spec["from"] == "body" {
        return capture::in_text(spec["regex"].as_str()?, stdout);
    }
    let value: Value = serde_json::from_str(stdout).ok()?;
    capture::plain(value.pointer(spec["pointer"].as_str()?)?)
}

fn compare(step: &Value, output: &Output, vars: &Vars) -> Vec<Deviation> {
    let mut out = Vec::new();
    let exit_code = json!(output.exit_code);
    if step["exit_code"] != exit_code {
        out.push(Deviation::new(
            "exit_code",
            Some(step["exit_code"].clone()),
            Some(exit_code),
        ));
    }
    out.extend(response::named(
        "stdout",
        compare_stream(&step["stdout"], &output.stdout, vars),
    ));
    out.extend(response::named(
        "stderr",
        compare_stream(&step["stderr"], &output.stderr, vars),
    ));
    out
}

fn compare_stream(expected: &Value, text: &str, vars: &Vars) -> Vec<Mismatch> {
    let whole = |expected: Option<&Value>| {
        vec![Mismatch {
            pointer: String::new(),
            expected: expected.cloned(),
            got: Some(json!(text)),
        }]
    };
    let Some((kind, wanted)) = expected
        .as_object()
        .and_then(|members| members.iter().next())
    else {
        return Vec::new();
    };
    match kind.as_str() {
        "any" => Vec::new(),
        "empty" if text.is_empty() => Vec::new(),
        "empty" => whole(None),
        "text" => matcher::compare(wanted, &json!(text), vars),
        "first_line" => matcher::compare(
            wanted,
            &json!(text.lines().next().unwrap_or_default()),
            vars,
        ),
        "json" => match serde_json::from_str(text) {
            Ok(value) => matcher::compare(wanted, &value, vars),
            Err(_) => whole(Some(wanted)),
        },
        _ => panic!("unknown kind of output: {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_both_streams_are_compared() {
        let step =
            json!({"exit_code": 0, "stdout": {"json": {"a": 1}}, "stderr": {"first_line": "x"}});
        let members = |exit_code, stdout: &str, stderr: &str| -> Vec<String> {
            let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
            let output = Output {
                exit_code: Some(exit_code),
                stdout,
                stderr,
            };
            compare(&step, &output, &Vars::default())
                .into_iter()
                .map(|found| found.member)
                .collect()
        };
        assert_eq!(members(0, "{\"a\":1}\n", "x\ny"), [""; 0]);
        assert_eq!(
            members(1, "{\"a\":2}", "y"),
            ["exit_code", "stdout:/a", "stderr"]
        );
        assert_eq!(members(0, "no", "x"), ["stdout"]);
    }

    #[test]
    fn captures_read_stdout() {
        assert_eq!(
            captured(&json!({"from": "body", "regex": "(\\S+)"}), "tok\n").as_deref(),
            Some("tok")
        );
        assert_eq!(
            captured(&json!({"from": "json", "pointer": "/a"}), "{\"a\":\"b\"}").as_deref(),
            Some("b")
        );
    }
}
