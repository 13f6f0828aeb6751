//! `splitscope completions` and `splitscope man`: made from the same definitions as the help.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Completions of commands and flags for a shell.
#[derive(Debug, Clone, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The manual page, or all of them.
#[derive(Debug, Clone, Args)]
pub(super) struct ManArgs {
    /// Write a page for every command into this folder, instead of the program's own to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
}

/// Prints a shell's completions.
pub(super) fn completions(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "splitscope", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The program's own manual page.
pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(page)
}

/// Prints or writes manual pages.
pub(super) fn man(args: &ManArgs) -> Result<ExitCode> {
    match &args.dir {
        None => {
            io::stdout().write_all(&page()?)?;
        }
        Some(dir) => {
            clap_mangen::generate_to(Cli::command(), dir)
                .with_context(|| format!("cannot write manual pages into {}", dir.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
