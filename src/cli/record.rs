//! What `attach` and `demo` record, where, and what is known of the session beforehand.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::usage;
use crate::clock;
use crate::session::{Meta, Remembered, Settings, folder};
use crate::units::Bytes;

/// The recording.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recording")]
pub struct RecordArgs {
    /// Record nothing
    #[arg(long, conflicts_with = "record")]
    no_record: bool,

    /// Where to record: a folder, or a new file that ends in .mcap [default: sessions/ in the user's data folder]
    #[arg(long, value_name = "DIR|FILE")]
    record: Option<PathBuf>,

    /// The most that a recording may take, in bytes, or with k, M or G behind the number
    #[arg(long, value_name = "BYTES", default_value = "4G", value_parser = bytes)]
    record_limit: Bytes,

    /// What is known of the session beforehand.
    #[command(flatten)]
    meta: MetaArgs,
}

/// What a person says of a session. An empty text takes it back.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "What the session is (kept in the file; edit later with `splitscope sessions edit`)"
)]
pub(super) struct MetaArgs {
    /// A name for the list of sessions
    #[arg(long, value_name = "TEXT")]
    session_name: Option<String>,

    /// Where it is; remembered for the next session
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,

    /// Which robot; remembered
    #[arg(long, value_name = "TEXT")]
    robot_name: Option<String>,

    /// Who is there; remembered
    #[arg(long, value_name = "TEXT")]
    operator: Option<String>,

    /// Whatever shall be known in a year
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,

    /// The access point's address; remembered. Robots tell it themselves where their system does
    #[arg(long, value_name = "BSSID")]
    wifi_bssid: Option<String>,

    /// Its channel; remembered
    #[arg(long, value_name = "TEXT")]
    wifi_channel: Option<String>,

    /// Which battery, how full
    #[arg(long, value_name = "TEXT")]
    battery: Option<String>,

    /// The weather
    #[arg(long, value_name = "TEXT")]
    weather: Option<String>,
}

impl MetaArgs {
    /// As the session has it.
    pub(super) fn meta(&self) -> Meta {
        Meta {
            name: self.session_name.clone(),
            place: self.place.clone(),
            robot: self.robot_name.clone(),
            operator: self.operator.clone(),
            notes: self.notes.clone(),
            wifi_bssid: self.wifi_bssid.clone(),
            wifi_channel: self.wifi_channel.clone(),
            battery: self.battery.clone(),
            weather: self.weather.clone(),
            ..Meta::default()
        }
    }
}

impl RecordArgs {
    /// The recording asked for, if any, with what earlier sessions said of place, robot and operator.
    ///
    /// # Errors
    /// The file exists already.
    pub fn settings(&self) -> Result<Option<Settings>> {
        if self.no_record {
            return Ok(None);
        }
        let file = folder::file_for(self.record.as_deref(), clock::unix_ms());
        if file.exists() {
            return Err(usage(format!(
                "{} exists already; a recording wants a new file, or a folder",
                file.display()
            )));
        }
        let named = self.record.as_ref().is_some_and(|r| *r == file);
        Ok(Some(Settings {
            file,
            named,
            limit: self.record_limit,
            meta: remember(&self.meta.meta()),
        }))
    }

    /// Whether nobody has said anything of a session yet, here or before: then the console asks, once.
    pub fn is_unknown(&self) -> bool {
        let file = Remembered::default_file();
        self.meta.meta() == Meta::default() && file.is_some_and(|f| Remembered::read(&f).is_new())
    }
}

/// What was said now, over what was said before; and it is remembered if that changes anything. A folder that cannot be
/// written holds no session up: then it has to be typed again.
fn remember(said: &Meta) -> Meta {
    let file = Remembered::default_file();
    let known = file.as_deref().map(Remembered::read).unwrap_or_default();
    let now = known.with(said);
    if let Some(file) = file.filter(|_| now != known)
        && let Err(error) = now.write(&file)
    {
        tracing::warn!(
            "cannot remember place and robot in {}: {error}",
            file.display()
        );
    }
    known.meta().with(said)
}

/// A number of bytes: `4000000000`, `4G`, `500M`, `64k` (decimal, like everything else here).
pub(super) fn bytes(text: &str) -> Result<Bytes, String> {
    let text = text.trim();
    let (number, factor) = match text.char_indices().last() {
        Some((end, 'k' | 'K')) => (&text[..end], 1_000),
        Some((end, 'M')) => (&text[..end], 1_000_000),
        Some((end, 'G')) => (&text[..end], 1_000_000_000),
        _ => (text, 1),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    match bytes {
        Some(bytes) if bytes >= 100_000 => Ok(Bytes(bytes)),
        _ => Err("expected a number of bytes from 100k on, like 500M or 4G".to_owned()),
    }
}
