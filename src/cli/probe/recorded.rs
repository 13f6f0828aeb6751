//! A probe as a session: every interval as a sample of the link, so that it can be replayed, compared and drawn.

use std::path::PathBuf;

use anyhow::Result;

use crate::clock;
use crate::link::probe::Sample;
use crate::session::{Entry, FORMAT, Meta, Start, Target, Told, What, Writer};
use crate::units::{BootId, DeviceId, Nanos};
use crate::wire::{Flow, LinkSample, Record};

/// How often what was measured goes to the disk, in intervals.
const FLUSH_EVERY: u64 = 10;

/// Where the session of a probe goes, and what it says of itself.
#[derive(Debug, Clone)]
pub(in crate::cli) struct SessionAs {
    /// The file; there must be none yet.
    pub(in crate::cli) file: PathBuf,
    /// A name for lists of sessions.
    pub(in crate::cli) name: String,
    /// What captions repeat.
    pub(in crate::cli) notes: String,
}

/// A session that grows.
pub(super) struct Recorded {
    writer: Writer,
    began: Nanos,
    interval_ns: i64,
    samples: u64,
}

impl Recorded {
    /// Begins a session of a probe of `server`.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub(super) fn begin(to: &SessionAs, server: &str, interval_ms: u32) -> Result<Self> {
        let began = clock::now();
        let start = Start {
            format: FORMAT,
            version: crate::wire::VERSION.to_owned(),
            at: began,
            unix_ms: clock::unix_ms(),
            console: crate::console::default_name(),
        };
        let mut recorded = Self {
            writer: Writer::create(&to.file, start)?,
            began,
            interval_ns: i64::from(interval_ms) * 1_000_000,
            samples: 0,
        };
        recorded.add(What::Meta(Box::new(Meta {
            name: Some(to.name.clone()),
            notes: Some(to.notes.clone()),
            ..Meta::default()
        })))?;
        recorded.add(What::Target(Target {
            target: 0,
            address: server.to_owned(),
        }))?;
        Ok(recorded)
    }

    /// Takes the next interval's measurement in.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn sample(&mut self, sample: &Sample) -> Result<()> {
        self.samples += 1;
        let at = self.began.shifted(self.interval_ns * self.samples as i64);
        // The whole interval was filled: what came is what the link carries, nothing an outage.
        let flow = |mbps: Option<f64>| {
            mbps.map_or_else(Flow::default, |mbps| Flow {
                bytes: (mbps * self.interval_ns as f64 / 8e3).round() as u64,
                busy_ns: self.interval_ns,
            })
        };
        let record = Record::Link(LinkSample {
            at,
            window_ns: self.interval_ns,
            up: flow(sample.up_mbps),
            down: flow(sample.down_mbps),
            rtt_ns: None,
            connected: true,
            peer: DeviceId::SERVER,
        });
        let told = Told {
            target: 0,
            boot: BootId(0),
            seq: self.samples,
            sent: at,
            record,
        };
        self.add(What::Record(told))?;
        if self.samples.is_multiple_of(FLUSH_EVERY) {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn add(&mut self, what: What) -> Result<()> {
        let at = match &what {
            What::Record(told) => told.sent,
            _ => self.began,
        };
        // The date follows from `at`.
        self.writer.add(&Entry {
            at,
            unix_ms: 0,
            what,
        })?;
        Ok(())
    }

    /// Writes the end.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn finish(self) -> Result<()> {
        self.writer.finish()?;
        Ok(())
    }
}
