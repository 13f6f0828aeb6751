//! `cargo xtask`: what a fresh checkout needs around plain cargo. It fetches libtorch, the real
//! weights and the pictures, and runs the demo, the checks and the benches with them.
//!
//! Everything it says goes to stderr: the program's own output has stdout to itself.

mod bench;
mod cache;
mod data;
mod demo;
mod libtorch;
mod pip;
mod shell;
mod stubs;
mod test;

use std::process::ExitCode;

use shell::say;

const HELP: &str = "\
cargo xtask COMMAND [ARGS]

  demo [ARGS]          build and run `splitscope demo ARGS` (fetches what is missing first)
  test [-- FILTERS]    every check: format, lints, tests with and without torch, documents
  bench [NAME] [ARGS]  run one bench, or all of benches/
  libtorch             make libtorch available to plain `cargo build`, `run` and `nextest run`
  data                 fetch the weights and the pictures into the cache

environment
  SPLITSCOPE_CACHE      use DIR/splitscope for downloads instead of the user's cache folder
  LIBTORCH              use this libtorch; none is fetched
  LIBTORCH_USE_PYTORCH  use the libtorch inside python3's own PyTorch; none is fetched";

/// What was asked cannot be done as asked: exit code 2, with the help.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() => {
            say(format_args!("{error}\n\n{HELP}"));
            ExitCode::from(2)
        }
        Err(error) => {
            say(format_args!("\nxtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> anyhow::Result<()> {
    let (command, rest) = match args {
        [] => ("help", args),
        [command, rest @ ..] => (command.as_str(), rest),
    };
    match command {
        "help" | "--help" | "-h" => {
            say(format_args!("{HELP}"));
            Ok(())
        }
        "libtorch" => no_more(command, rest).and_then(|()| libtorch::provide()),
        "data" => no_more(command, rest).and_then(|()| data::provide()),
        "test" => test::run(rest),
        "demo" => demo::run(rest),
        "bench" => bench::run(rest),
        other => Err(Usage(format!("there is no command `{other}`")).into()),
    }
}

fn no_more(command: &str, rest: &[String]) -> anyhow::Result<()> {
    match rest {
        [] => Ok(()),
        [first, ..] => Err(Usage(format!("`{command}` takes no argument, got `{first}`")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_of(args: &[&str]) -> bool {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        dispatch(&args).is_err_and(|error| error.is::<Usage>())
    }

    #[test]
    fn wrong_usage_is_told_from_failure() {
        assert!(usage_of(&["dmeo"]));
        assert!(usage_of(&["libtorch", "--force"]));
        assert!(usage_of(&["data", "x"]));
        assert!(usage_of(&["test", "stray"]));
        assert!(usage_of(&["bench", "no_such_bench"]));
        assert!(!usage_of(&["--help"]));
        assert!(!usage_of(&[]));
    }
}
