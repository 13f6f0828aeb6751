//! The program: parse, set up, dispatch.

use std::process::ExitCode;

fn main() -> ExitCode {
    splitscope::cli::main()
}
