//! Programs of others, unmodified, and small ones of ours that call libraries of others: installing, starting and ending them.
//!
//! They are in `clients/`, a folder per kind of package. Packages come from the registries as the lock files pin them, once per change of a lock file, into
//! `target/clients`.
//!
//! Invariant: a missing Node.js, Python, Go, Java or Chromium fails a test; it never skips it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::binary::{self, Output};
use crate::clock;
use crate::http::Request;

/// Time to fetch packages, and to compile those of Go, over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
/// Time for a program that serves to answer; a Java application takes seconds.
const START_LIMIT: Duration = Duration::from_secs(90);
/// No program takes more than a few seconds.
const PROGRAM_LIMIT: Duration = Duration::from_secs(120);

/// A script of `clients/node`.
pub fn node(script: &str) -> Command {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    // The packages have to lie beside the scripts: modules are looked up from the file that imports them.
    command("node", DIR.get_or_init(|| install_npm("node")), [script])
}

/// A script of `clients/browser`, or a program among the packages of that folder.
pub fn node_with_browser(script: &str) -> Command {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    command("node", DIR.get_or_init(|| install_npm("browser")), [script])
}

/// A script of `clients/python`.
pub fn python(script: &str) -> Command {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        install("python", &["requirements.txt"], |dir| {
            let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "-r"];
            let mut packages = command("venv/bin/python", dir, pip);
            packages.arg("requirements.txt");
            vec![
                command("python3", dir, ["-m", "venv", "--clear", "venv"]),
                packages,
            ]
        })
    });
    command("venv/bin/python", dir, ["-B", script])
}

/// A command of `clients/go`.
pub fn go(package: &str) -> Command {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        install("go", &["go.sum"], |dir| {
            vec![command("go", dir, ["build", "-mod=readonly", "./..."])]
        })
    });
    let program = dir.join(package).join("program");
    let mut build = command("go", dir, ["build", "-mod=readonly", "-o"]);
    build.arg(&program).arg(format!("./{package}"));
    run(build, INSTALL_LIMIT);
    command(program, dir, [""; 0])
}

/// The application of `clients/java`; the parent in its `pom.xml` pins every version.
pub fn java() -> Command {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        install("java", &["pom.xml", "src/main/java/app/App.java"], |dir| {
            let goals = ["--batch-mode", "--quiet", "-DskipTests", "clean", "package"];
            vec![command("mvn", dir, goals)]
        })
    });
    // Compiled once and lightly: it runs for seconds.
    command(
        "java",
        dir,
        ["-XX:TieredStopAtLevel=1", "-jar", "target/app.jar"],
    )
}

/// Chromium's path.
pub fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join("chromium"))
        .find(|path| path.is_file());
    found.expect("chromium is in PATH: scripts/install-test-needs.sh installs it")
}

fn install_npm(folder: &str) -> PathBuf {
    install(folder, &["package-lock.json"], |dir| {
        vec![command("npm", dir, ["ci", "--no-audit", "--no-fund"])]
    })
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
    command
        .current_dir(dir)
        .args(args)
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    command
}

/// Copies `clients/FOLDER` into the build folder and runs the commands unless they succeeded with the same pinning files before.
fn install(folder: &str, pinned: &[&str], commands: fn(&Path) -> Vec<Command>) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(folder);
    let dir = binary::workspace().join("target/clients").join(folder);
    fs::create_dir_all(&dir).expect("the build folder is writable");
    // Another run of the tests may be at it.
    let guard = fs::File::create(dir.join("guard")).expect("the folder is writable");
    guard.lock().expect("a file can be locked");
    copy(&sources, &dir);
    let read = |name: &&str| fs::read_to_string(dir.join(name)).expect("the file is committed");
    let pinned: String = pinned.iter().map(read).collect();
    let mark = dir.join("installed");
    if binary::text_of(&mark) != pinned {
        for command in commands(&dir) {
            run(command, INSTALL_LIMIT);
        }
        fs::write(mark, pinned).expect("the folder is writable");
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the sources are there") {
        let entry = entry.expect("the sources can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            // What was renamed or deleted must not be compiled along.
            if target.is_dir() {
                fs::remove_dir_all(&target).expect("the build folder is writable");
            }
            fs::create_dir_all(&target).expect("the build folder is writable");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the build folder is writable");
        }
    }
}

/// Runs a program to its end; panics with all that it printed unless that is code 0 within two minutes.
pub fn run_to_end(command: Command) {
    run(command, PROGRAM_LIMIT);
}

fn run(command: Command, limit: Duration) {
    Program::start(command).succeed(limit);
}

/// A started program; dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    command: Command,
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let file = || NamedTempFile::new().expect("a file can be made");
        let (stdout, stderr) = (file(), file());
        let open = |file: &NamedTempFile| file.reopen().expect("the file opens");
        command
            .stdin(Stdio::null())
            .stdout(open(&stdout))
            .stderr(open(&stderr));
        let child = command.spawn();
        assert!(
            child.is_ok(),
            "{} cannot be started ({child:?}): run scripts/install-test-needs.sh",
            command.get_program().display()
        );
        Self {
            command,
            child: child.unwrap(),
            stdout,
            stderr,
        }
    }

    /// Starts one that serves, and waits until `url` answers.
    pub fn serve(command: Command, url: &str) -> Self {
        let mut program = Self::start(command);
        let request = Request::for_url("GET", url).unwrap();
        let up = clock::poll(START_LIMIT, || {
            let ended = program
                .child
                .try_wait()
                .expect("the child can be waited on");
            assert!(ended.is_none(), "it ended by itself: {ended:?}");
            (request.send().status != 0).then_some(())
        });
        assert!(up.is_some(), "{url} does not answer after {START_LIMIT:?}");
        program
    }

    /// What it printed so far.
    pub fn printed(&self) -> String {
        let text = |file: &NamedTempFile| binary::text_of(file.path());
        format!("{}{}", text(&self.stdout), text(&self.stderr))
    }

    /// Waits for its end.
    pub fn finished(mut self) -> Output {
        Output {
            exit_code: self.wait(PROGRAM_LIMIT).and_then(|status| status.code()),
            stdout: binary::text_of(self.stdout.path()),
            stderr: binary::text_of(self.stderr.path()),
        }
    }

    fn succeed(mut self, limit: Duration) {
        let status = self.wait(limit);
        let ended = status.map_or_else(
            || format!("was not done after {limit:?}"),
            |status| format!("ended with {status}"),
        );
        let succeeded = status.is_some_and(|status| status.success());
        assert!(succeeded, "{:?} {ended}", self.command);
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        clock::poll(limit, || {
            self.child.try_wait().expect("the child can be waited on")
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already ended, where all went well.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {:?} printed ---\n{}", self.command, self.printed());
        }
    }
}
