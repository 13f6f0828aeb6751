//! `splitscope config`: the settings in effect and where each comes from.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::look::LookArgs;
use crate::console::settings::Terminal;

/// The console's settings in effect, and where each comes from.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    look: LookArgs,

    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

/// Prints them as a configuration file that says the same.
pub(super) fn run(args: &ConfigArgs) -> Result<ExitCode> {
    let settings = args.look.settings()?;
    let terminal = Terminal::from_environment();
    let mut out = std::io::stdout().lock();
    if !args.json {
        out.write_all(settings.explain(&terminal).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    for row in settings.rows(&terminal) {
        let line = json!({
            "table": row.table.map(|scope| format!("keys.{}", scope.name())),
            "setting": row.name,
            "value": row.value,
            "here": row.here,
            "origin": row.origin.to_string(),
        });
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}
