//! `cargo xtask demo`: the whole experiment on this machine, from a bare checkout.

use anyhow::Result;

use crate::{data, libtorch, shell};

/// Fetches what is missing, builds, and becomes `splitscope demo ARGS`. On success this does not
/// return: terminal, signals, stdout and exit code are the program's own.
///
/// # Errors
/// A download or the build failed.
pub(crate) fn run(args: &[String]) -> Result<()> {
    libtorch::provide()?;
    data::provide()?;
    let mut build = libtorch::cargo();
    build.args(["build", "--package", "splitscope", "--bin", "splitscope"]);
    shell::run(build.stdout(std::io::stderr()))?;

    let mut program = libtorch::cargo();
    program
        .args([
            "run",
            "--quiet",
            "--package",
            "splitscope",
            "--bin",
            "splitscope",
            "--",
            "demo",
        ])
        .args(args);
    become_program(program)
}

/// Cargo itself also hands its process over to the program it runs.
#[cfg(unix)]
fn become_program(mut program: std::process::Command) -> Result<()> {
    use anyhow::Context;
    use std::os::unix::process::CommandExt;
    let error = program.exec();
    Err(error).with_context(|| format!("could not start `{}`", shell::command_line(&program)))
}

#[cfg(not(unix))]
fn become_program(mut program: std::process::Command) -> Result<()> {
    shell::run(&mut program)
}
