//! `cargo xtask test`: every check, in the order in which a failure is cheapest to learn.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::libtorch::Libtorch;
use crate::shell::{Stopwatch, run as run_to_end, say};
use crate::{Usage, data, libtorch};

struct Stage {
    name: &'static str,
    command: Command,
}

/// Runs all stages; words after `--` choose which tests run.
///
/// # Errors
/// The first stage that fails, by its name.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let filters = filters(args)?;
    let total = Stopwatch::start();
    say(format_args!("=== libtorch, weights, pictures"));
    let libtorch = libtorch::provide()?;
    data::provide()?;

    let stages = stages(&libtorch, filters, has_nextest());
    let count = stages.len();
    let mut times = Vec::new();
    for (index, Stage { name, mut command }) in stages.into_iter().enumerate() {
        say(format_args!("\n=== {}/{count} {name}", index + 1));
        let stopwatch = Stopwatch::start();
        run_to_end(&mut command).with_context(|| format!("stage `{name}` failed"))?;
        times.push((name, stopwatch.elapsed()));
        say(format_args!(
            "=== {name}: ok, {:.1} s",
            stopwatch.elapsed().as_secs_f64()
        ));
    }
    say(format_args!(
        "\nall {count} stages passed in {:.1} s",
        total.elapsed().as_secs_f64()
    ));
    for (name, time) in times {
        say(format_args!("{:8.1} s  {name}", time.as_secs_f64()));
    }
    Ok(())
}

fn filters(args: &[String]) -> Result<&[String]> {
    match args {
        [] => Ok(args),
        [first, rest @ ..] if first == "--" => Ok(rest),
        [first, ..] => Err(Usage(format!("`test` takes filters after `--`, got `{first}`")).into()),
    }
}

fn has_nextest() -> bool {
    let mut ask = libtorch::cargo();
    ask.args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success())
}

fn stages(libtorch: &Libtorch, filters: &[String], nextest: bool) -> Vec<Stage> {
    let stage = |name, args: &[&str]| {
        let mut command = libtorch::cargo();
        command.args(args);
        Stage { name, command }
    };
    let tests = |name, features: &[&str]| {
        let mut command = libtorch::cargo();
        // A screen without its stored snapshot is a failure, not a new snapshot.
        command.env("INSTA_UPDATE", "no");
        if nextest {
            command.args(["nextest", "run"]).args(features);
            if !filters.is_empty() {
                command.arg("--no-tests=pass").args(filters);
            }
        } else {
            command
                .args(["test", "--all-targets"])
                .args(features)
                .arg("--")
                .args(filters);
        }
        Stage { name, command }
    };

    let with_torch = ["--workspace"];
    let without_torch = ["--package", "splitscope", "--no-default-features"];
    let mut all = vec![
        stage("format", &["fmt", "--all", "--check"]),
        stage(
            "lints",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
        stage(
            "lints without torch",
            &[
                "clippy",
                "--package",
                "splitscope",
                "--no-default-features",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
        tests("tests", &with_torch),
        tests("tests without torch", &without_torch),
        stage("tests in documents", &["test", "--workspace", "--doc"]),
        stage("documents", &["doc", "--workspace", "--no-deps"]),
    ];
    for Stage { name, command } in &mut all {
        match *name {
            // Nothing here may reach for libtorch: there is none.
            "lints without torch" | "tests without torch" => {
                command
                    .env("LIBTORCH", "/nonexistent")
                    .env_remove("LIBTORCH_USE_PYTORCH");
            }
            // Build scripts cannot give documents' programs a search path.
            "tests in documents" => {
                command.env("LD_LIBRARY_PATH", library_path(&libtorch.lib));
            }
            "documents" => {
                command.env("RUSTDOCFLAGS", "-D warnings");
            }
            _ => {}
        }
    }
    all
}

fn library_path(lib: &Path) -> std::ffi::OsString {
    let mut path = lib.as_os_str().to_os_string();
    if let Some(old) = std::env::var_os("LD_LIBRARY_PATH").filter(|old| !old.is_empty()) {
        path.push(":");
        path.push(old);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::command_line;

    fn lines(filters: &[&str], nextest: bool) -> Vec<String> {
        let libtorch = Libtorch {
            lib: "/torch/lib".into(),
        };
        let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
        stages(&libtorch, &filters, nextest)
            .iter()
            .map(|stage| command_line(&stage.command))
            .collect()
    }

    #[test]
    fn filters_reach_both_runners_and_may_match_nothing_in_one_of_them() {
        let with = lines(&["halo"], true);
        assert!(
            with.iter()
                .any(|line| line.ends_with("nextest run --workspace --no-tests=pass halo"))
        );
        let without = lines(&["halo"], false);
        assert!(
            without
                .iter()
                .any(|line| line.ends_with("test --all-targets --workspace -- halo"))
        );
    }

    #[test]
    fn both_feature_sets_are_linted_and_tested() {
        for word in ["clippy", "nextest"] {
            let of_word: Vec<_> = lines(&[], true)
                .into_iter()
                .filter(|line| line.contains(word))
                .collect();
            assert_eq!(of_word.len(), 2);
            assert_eq!(
                of_word
                    .iter()
                    .filter(|line| line.contains("--no-default-features"))
                    .count(),
                1
            );
        }
    }

    #[test]
    fn the_stages_without_torch_have_no_libtorch_to_find() {
        let libtorch = Libtorch {
            lib: "/torch/lib".into(),
        };
        for stage in stages(&libtorch, &[], true) {
            let bare = stage
                .command
                .get_envs()
                .any(|(name, value)| name == "LIBTORCH" && value == Some("/nonexistent".as_ref()));
            assert_eq!(
                bare,
                stage.name.ends_with("without torch"),
                "{}",
                stage.name
            );
        }
    }
}
