//! The built executable, and running it to its end.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clock;

/// No command of the recordings takes longer.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir
        .ancestors()
        .nth(2)
        .expect("the crate lies two levels below the root")
        .to_owned()
}

/// The executable under test: `TESSERA_BIN`, else the debug build of the workspace.
pub fn path() -> PathBuf {
    let path = std::env::var_os("TESSERA_BIN")
        .map_or_else(|| workspace().join("target/debug/tessera"), PathBuf::from);
    assert!(
        path.is_file(),
        "no binary to test at {}: run `cargo build -p tessera-cli` first, or set TESSERA_BIN",
        path.display()
    );
    fs::canonicalize(&path).expect("the binary's path resolves")
}

/// A second name of the binary inside `dir`, as packages install it.
pub fn hydra_in(dir: &Path) -> PathBuf {
    let link = dir.join("hydra");
    std::os::unix::fs::symlink(path(), &link).expect("a symlink can be made");
    link
}

/// What a finished command left.
#[derive(Debug)]
pub struct Output {
    /// `None` when a signal ended it or it had to be killed.
    pub exit_code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `program` in `dir` with nothing in its environment but the usual few and `env`.
pub fn run(
    program: &Path,
    args: &[String],
    env: &[(String, String)],
    stdin: &str,
    dir: &Path,
) -> Output {
    let out_path = dir.join(".stdout");
    let err_path = dir.join(".stderr");
    let mut child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("TZ", "UTC")
        .env("SQA_OPT_OUT", "true")
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&out_path).expect("the output file opens"))
        .stderr(fs::File::create(&err_path).expect("the output file opens"))
        .spawn()
        .expect("the binary starts");
    let mut pipe = child.stdin.take().expect("stdin is piped");
    // A command that does not read its input closes the pipe: no concern of ours.
    let _closed = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    let status = clock::poll(COMMAND_LIMIT, || {
        child.try_wait().expect("the child can be waited on")
    });
    if status.is_none() {
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
    }
    Output {
        exit_code: status.and_then(|status| status.code()),
        stdout: text_of(&out_path),
        stderr: text_of(&err_path),
    }
}

/// The text of a file, whatever its bytes.
pub fn text_of(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
