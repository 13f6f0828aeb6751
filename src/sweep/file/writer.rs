//! A sweep's file while the sweep goes on.

use std::io::{self, Write};

use super::row::push_row;
use super::{head, push_json};
use crate::sweep::{EndRow, Header, PlanLine, Sweep};

/// Writes a sweep as it grows.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
    plans: Vec<PlanLine>,
    frames: usize,
    visits: usize,
    idle: usize,
    refused: usize,
}

impl<W: Write> Writer<W> {
    /// Writes the beginning.
    ///
    /// # Errors
    /// What the file's system says.
    pub fn begin(mut to: W, header: &Header) -> io::Result<Self> {
        to.write_all(head(header).as_bytes())?;
        to.flush()?;
        Ok(Self {
            to,
            plans: header.plans.clone(),
            frames: 0,
            visits: 0,
            idle: 0,
            refused: 0,
        })
    }

    /// Writes what is new since the last time.
    ///
    /// # Errors
    /// What the file's system says.
    pub fn grow(&mut self, sweep: &Sweep) -> io::Result<()> {
        let mut text = String::new();
        for row in sweep.frames().iter().skip(self.frames) {
            push_row(&mut text, row, &self.plans);
        }
        for visit in sweep.visits().iter().skip(self.visits) {
            push_json(&mut text, "visit", visit);
        }
        for idle in sweep.idle_rows().iter().skip(self.idle) {
            push_json(&mut text, "idle", idle);
        }
        for refused in sweep.refusals().iter().skip(self.refused) {
            push_json(&mut text, "refused", refused);
        }
        self.frames = sweep.frames().len();
        self.visits = sweep.visits().len();
        self.idle = sweep.idle_rows().len();
        self.refused = sweep.refusals().len();
        if text.is_empty() {
            return Ok(());
        }
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }

    /// Writes the end.
    ///
    /// # Errors
    /// What the file's system says.
    pub fn end(mut self, end: &EndRow) -> io::Result<()> {
        let mut text = String::new();
        push_json(&mut text, "end", end);
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}
