//! `version`, `completion` and `man`: what the binary says about itself.

use std::process::ExitCode;

use crate::{
    args, cobra,
    failure::{Failure, Outcome},
    print,
};

/// The release, as `version` and `/version` say it.
pub(crate) const RELEASE: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Prints version, commit and build time. The build sets the last two.
pub(crate) fn print() -> ExitCode {
    let version = RELEASE;
    let commit = option_env!("TESSERA_GIT_HASH").unwrap_or("undefined");
    let built = option_env!("TESSERA_BUILD_TIME").unwrap_or("undefined");
    print::stdout(&format!(
        "Version:    {version}\nGit Hash:   {commit}\nBuild Time: {built}\n"
    ));
    ExitCode::SUCCESS
}

/// Prints a completion script for the name that the program was started by.
pub(crate) fn completion(shell: clap_complete::Shell) -> ExitCode {
    let name = args::program_name();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), name, &mut script);
    print::stdout(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

/// Writes a man page per command to a directory, which is made if need be.
pub(crate) fn man(arguments: &[String]) -> Outcome {
    let directory = cobra::exactly_one(arguments)?;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(args::command(), directory))
        .map_err(|error| {
            Failure::Error(format!(
                "could not write man pages to {directory:?}: {error}"
            ))
        })
}
