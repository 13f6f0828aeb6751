//! `cargo xtask test`: every check, in the order in which a failure is cheapest to learn.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

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
    libtorch::provide()?;
    data::provide()?;

    let stages = stages(filters, has_nextest());
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

fn stages(filters: &[String], nextest: bool) -> Vec<Stage> {
    vec![
        stage("format", "fmt --all --check"),
        stage("lints", "clippy --workspace --all-targets -- -D warnings"),
        without_torch(stage(
            "lints without torch",
            "clippy --package splitscope --no-default-features --all-targets -- -D warnings",
        )),
        tests("tests", "--workspace", filters, nextest),
        without_torch(tests(
            "tests without torch",
            "--package splitscope --no-default-features",
            filters,
            nextest,
        )),
        stage("tests in documents", "test --package splitscope --doc"),
        documents(),
    ]
}

fn stage(name: &'static str, arguments: &str) -> Stage {
    let mut command = libtorch::cargo();
    command.args(arguments.split_whitespace());
    Stage { name, command }
}

/// Benches are no tests: neither runner starts them.
fn tests(name: &'static str, packages: &str, filters: &[String], nextest: bool) -> Stage {
    let runner = if nextest {
        "nextest run"
    } else {
        "test --tests"
    };
    let mut stage = stage(name, &format!("{runner} --no-fail-fast {packages}"));
    match (nextest, filters) {
        (_, []) => {}
        (true, filters) => _ = stage.command.arg("--no-tests=pass").args(filters),
        (false, filters) => _ = stage.command.arg("--").args(filters),
    }
    // A screen without its stored snapshot is a failure, not a new snapshot.
    stage.command.env("INSTA_UPDATE", "no");
    stage
}

/// Nothing in such a stage may reach for libtorch: there is none to find.
///
/// Our own crate is compiled without optimisation here: with all its tests that takes longer than running them, and
/// what would run slowly (weights made from seeds, whole models) is tested with libtorch. Dependencies stay as they are.
fn without_torch(mut stage: Stage) -> Stage {
    stage.command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    stage.command.env("CARGO_PROFILE_DEV_DEBUG", "false");
    stage.command.env("LIBTORCH", "/nonexistent");
    stage.command.env_remove("LIBTORCH_USE_PYTORCH");
    stage
}

fn documents() -> Stage {
    let mut stage = stage("documents", "doc --workspace --no-deps");
    stage.command.env("RUSTDOCFLAGS", "-D warnings");
    stage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::command_line;

    fn lines(filters: &[&str], nextest: bool) -> Vec<String> {
        let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
        stages(&filters, nextest)
            .iter()
            .map(|stage| command_line(&stage.command))
            .collect()
    }

    #[test]
    fn filters_reach_both_runners_and_may_match_nothing_in_one_of_them() {
        let with = lines(&["halo"], true);
        assert!(with.iter().any(|line| {
            line.ends_with("nextest run --no-fail-fast --workspace --no-tests=pass halo")
        }));
        let without = lines(&["halo"], false);
        assert!(
            without
                .iter()
                .any(|line| line.ends_with("test --tests --no-fail-fast --workspace -- halo"))
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
        for stage in stages(&[], true) {
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
