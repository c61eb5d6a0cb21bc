//! Client libraries that others wrote, unmodified, against the built binary: the machine-to-machine part.
//!
//! The programs are in `clients/`, one per library; they get the server's URLs in `PUBLIC_URL` and `ADMIN_URL`, assert, and end with code 0. Packages come
//! from the registries as the lock files pin them, once per change of a lock file, into `target/clients`.
//!
//! Invariant: a missing Node.js, Python or Go fails a test; it never skips it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::json;
use tessera_acceptance::binary;
use tessera_acceptance::clock;
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::Request;
use tessera_acceptance::server::{Server, Setup};

/// Time to fetch packages, and to compile those of Go, over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
/// Time for an empty database to be set up.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// No program takes more than a few seconds.
const PROGRAM_LIMIT: Duration = Duration::from_secs(120);

#[test]
fn ory_sdk_for_node_works() {
    node("ory.js");
}

#[test]
fn ory_sdk_of_generation_one_for_node_works() {
    node("ory-v1.js");
}

#[test]
fn openid_client_for_node_works() {
    node("openid-client.js");
}

#[test]
fn openid_client_5_for_node_works() {
    node("openid-client-v5.js");
}

#[test]
fn ory_sdk_for_python_works() {
    python("ory.py");
}

#[test]
fn authlib_for_python_works() {
    python("authlib_session.py");
}

#[test]
fn ory_sdk_for_go_works() {
    go("ory");
}

#[test]
fn oauth2_module_for_go_works() {
    go("clientcredentials");
}

fn node(script: &str) {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        // The packages have to lie beside the scripts: modules are looked up from the file that imports them.
        install("node", "package-lock.json", |dir| {
            vec![command("npm", dir, ["ci", "--no-audit", "--no-fund"])]
        })
    });
    run_against_server(command("node", dir, [script]));
}

fn python(script: &str) {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        install("python", "requirements.txt", |dir| {
            let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "-r"];
            let mut packages = command("venv/bin/python", dir, pip);
            packages.arg("requirements.txt");
            vec![
                command("python3", dir, ["-m", "venv", "--clear", "venv"]),
                packages,
            ]
        })
    });
    run_against_server(command("venv/bin/python", dir, ["-B", script]));
}

fn go(package: &str) {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        install("go", "go.sum", |dir| {
            vec![command("go", dir, ["build", "-mod=readonly", "./..."])]
        })
    });
    let program = dir.join(package).join("program");
    let mut build = command("go", dir, ["build", "-mod=readonly", "-o"]);
    build.arg(&program).arg(format!("./{package}"));
    run(build, INSTALL_LIMIT);
    run_against_server(command(program, dir, [""; 0]));
}

/// A command in `dir`; a program with a slash in its name is looked up there.
fn command<const N: usize>(program: impl AsRef<OsStr>, dir: &Path, args: [&str; N]) -> Command {
    let program = Path::new(program.as_ref());
    let is_path = program.components().count() > 1;
    let mut command = if is_path {
        Command::new(dir.join(program))
    } else {
        Command::new(program)
    };
    command.current_dir(dir).args(args);
    command
}

/// Copies `clients/LANGUAGE` into the build folder and runs the commands unless they succeeded with the same lock file before.
fn install(language: &str, lock_file: &str, commands: fn(&Path) -> Vec<Command>) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(language);
    let dir = binary::workspace().join("target/clients").join(language);
    fs::create_dir_all(&dir).expect("the build folder is writable");
    // Another run of the tests may be at it.
    let guard = fs::File::create(dir.join("guard")).expect("the folder is writable");
    guard.lock().expect("a file can be locked");
    copy(&sources, &dir);
    let locked = fs::read_to_string(dir.join(lock_file)).expect("the lock file is committed");
    let mark = dir.join("installed");
    if binary::text_of(&mark) != locked {
        for command in commands(&dir) {
            run(command, INSTALL_LIMIT);
        }
        fs::write(mark, locked).expect("the folder is writable");
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the sources are there") {
        let entry = entry.expect("the sources can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("the build folder is writable");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the build folder is writable");
        }
    }
}

fn run_against_server(mut command: Command) {
    let server = json!({
        "args": ["--dev"],
        "config": {
            "urls": {"self": {"issuer": "${public}"}},
            "secrets": {"system": ["acceptance-system-secret-0123456789"]},
        },
    });
    let server = Server::start(Setup::of_recording(&server, Engine::Sqlite));
    // The programs ask once whether it is ready.
    let urls = [server.public(), server.admin()].map(|base| format!("{base}/health/ready"));
    let is_ready = |url: &String| Request::for_url("GET", url).unwrap().send().status == 200;
    let ready = clock::poll(READY_LIMIT, || urls.iter().all(is_ready).then_some(()));
    assert!(ready.is_some(), "the server does not get ready");
    command
        .env("PUBLIC_URL", server.public())
        .env("ADMIN_URL", server.admin())
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    run(command, PROGRAM_LIMIT);
}

/// Runs it to its end; panics with all that it printed unless that is code 0.
fn run(mut command: Command, limit: Duration) {
    let output = tempfile::NamedTempFile::new().expect("a file can be made");
    // Both streams append, so neither overwrites the other.
    let append = || {
        let path = output.path();
        fs::OpenOptions::new()
            .append(true)
            .open(path)
            .expect("the file opens")
    };
    command
        .stdin(Stdio::null())
        .stdout(append())
        .stderr(append());
    let spawned = command.spawn();
    assert!(
        spawned.is_ok(),
        "{} cannot be started ({spawned:?}): these tests need Node.js with npm, Python 3 with venv, and Go",
        command.get_program().display()
    );
    let mut child = spawned.unwrap();
    let status = clock::poll(limit, || {
        child.try_wait().expect("the child can be waited on")
    });
    if status.is_none() {
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
    }
    let ended = status.map_or_else(
        || format!("was not done after {limit:?}"),
        |status| format!("ended with {status}"),
    );
    assert!(
        status.is_some_and(|status| status.success()),
        "{command:?} {ended}\n{}",
        binary::text_of(output.path())
    );
}
