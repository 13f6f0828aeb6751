//! Saying things, and running other programs.

use std::ffi::OsStr;
use std::fmt::Arguments;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// One line for the person at the terminal, on stderr.
pub(crate) fn say(line: Arguments<'_>) {
    // A closed stderr is no reason to stop the work.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The repository root, as `cargo run` states it: with a target folder shared by several checkouts
/// the path known at build time may be another checkout's.
pub(crate) fn root() -> PathBuf {
    let built_in = || env!("CARGO_MANIFEST_DIR").into();
    let xtask = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(built_in));
    xtask.parent().map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Cargo, in the repository root, with the environment that the user's own shell would give it.
///
/// What `cargo run` added for xtask itself is taken out: build scripts that watch those variables
/// would otherwise run again each time xtask and plain cargo take turns.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in std::env::vars_os() {
        if is_of_this_package(&name) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn is_of_this_package(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    })
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or ends with anything but success; the sentence names the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command
        .status()
        .with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs a program to its end and gives its stdout; its stderr is part of the error.
///
/// # Errors
/// As [`run`].
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = command_line(command);
    let output = command
        .output()
        .with_context(|| format!("could not start `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{line}` ended with {}: {}",
            output.status,
            last_lines(&said, 3)
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` answered no text"))
}

/// The command as one line, shortened where an argument is a whole script.
pub(crate) fn command_line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    if let Some(name) = Path::new(&line).file_name() {
        line = name.to_string_lossy().into_owned();
    }
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        line.push_str(if arg.contains('\n') { "<script>" } else { &arg });
    }
    line
}

/// The end of what a program said, in one line.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

/// Wall-clock time since its start.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask reports how long real work took"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A size for people: `14.2 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A path with the home folder as `~`.
pub(crate) fn short(path: &Path) -> String {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|home| home.is_absolute());
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_path_buf)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_does_not_flood_the_command_line() {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", "import sys\nprint(1)", "a.whl"]);
        assert_eq!(command_line(&command), "python3 -c <script> a.whl");
    }

    #[test]
    fn the_end_of_an_answer_is_one_line() {
        assert_eq!(last_lines("one\n\ntwo\n three \n", 2), "two | three");
        assert_eq!(last_lines("", 2), "");
    }

    #[test]
    fn variables_of_xtask_do_not_reach_cargo() {
        assert!(is_of_this_package(OsStr::new("CARGO_PKG_VERSION")));
        assert!(is_of_this_package(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_of_this_package(OsStr::new("CARGO_TARGET_DIR")));
    }
}
