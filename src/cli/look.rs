//! The flags of everything that has a screen: how it looks, which keys it has.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use clap::Args;

use super::usage;
use crate::console::Settings;
use crate::console::settings::{Auto, Chosen, Given, Origin};
use crate::console::view::Palette;

/// How the screen looks.
#[derive(Debug, Clone, Default, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "the help shows these comments as they are"
)]
pub struct LookArgs {
    /// dark, daylight, colour-blind or mono [env: SPLITSCOPE_THEME]
    #[arg(long, value_name = "THEME", help_heading = "Screen")]
    pub theme: Option<Palette>,

    /// Nothing outside ASCII on the screen: auto, yes or no [env: SPLITSCOPE_ASCII]
    #[arg(long, value_name = "WHEN", help_heading = "Screen", num_args = 0..=1, default_missing_value = "yes")]
    pub ascii: Option<Auto>,

    /// Leave the mouse to the terminal [env: SPLITSCOPE_MOUSE=false]
    #[arg(long, help_heading = "Screen")]
    pub no_mouse: bool,

    /// Fewer pictures, for a slow line: auto, yes or no [env: SPLITSCOPE_SSH]
    #[arg(long, value_name = "WHEN", help_heading = "Screen")]
    pub ssh: Option<Auto>,

    /// Do not ask what the session is when nobody has said it yet [env: SPLITSCOPE_PROMPT=false]
    #[arg(long, help_heading = "Screen")]
    pub no_prompt: bool,

    /// Settings and keys [default: splitscope/config.toml in your configuration folder, if it is there]
    #[arg(
        long,
        value_name = "FILE",
        env = "SPLITSCOPE_CONFIG",
        hide_env_values = true,
        help_heading = "Screen"
    )]
    pub config: Option<PathBuf>,
}

impl LookArgs {
    /// The settings that these flags, the environment and the configuration file come to.
    ///
    /// # Errors
    /// Usage: an environment variable or a file with something that is no setting.
    pub fn settings(&self) -> Result<Settings> {
        let chosen = Chosen {
            theme: given(self.theme, "--theme", "SPLITSCOPE_THEME")?,
            ascii: given(self.ascii, "--ascii", "SPLITSCOPE_ASCII")?,
            mouse: given(
                self.no_mouse.then_some(false),
                "--no-mouse",
                "SPLITSCOPE_MOUSE",
            )?,
            ssh: given(self.ssh, "--ssh", "SPLITSCOPE_SSH")?,
            prompt: given(
                self.no_prompt.then_some(false),
                "--no-prompt",
                "SPLITSCOPE_PROMPT",
            )?,
        };
        let path = self.config.clone().or_else(|| {
            let dirs = directories::BaseDirs::new()?;
            let path = dirs.config_dir().join("splitscope").join("config.toml");
            path.is_file().then_some(path)
        });
        Settings::load(chosen, path.as_deref()).map_err(usage)
    }
}

fn given<T>(flag: Option<T>, name: &'static str, variable: &'static str) -> Result<Given<T>>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    if let Some(value) = flag {
        return Ok(Some((value, Origin::Flag(name))));
    }
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => {
            let value = text
                .parse()
                .map_err(|error| usage(format!("{variable} in the environment: {error}")))?;
            Ok(Some((value, Origin::Environment(variable))))
        }
        _ => Ok(None),
    }
}
