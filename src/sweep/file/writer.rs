//! A sweep's file while the sweep goes on.

use std::io::{self, Write};

use super::row::push_row;
use super::{head, push_json};
use crate::sweep::{EndRow, Header, News, PlanLine, Seen, Sweep};

/// Writes a sweep as it grows.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
    plans: Vec<PlanLine>,
    seen: Seen,
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
            seen: Seen::default(),
        })
    }

    /// Writes what is new since the last time.
    ///
    /// # Errors
    /// What the file's system says.
    pub fn grow(&mut self, sweep: &Sweep) -> io::Result<()> {
        match sweep.news(&mut self.seen) {
            Some(news) => self.add(&news),
            None => Ok(()),
        }
    }

    /// Writes this.
    ///
    /// # Errors
    /// What the file's system says.
    pub fn add(&mut self, news: &News) -> io::Result<()> {
        let mut text = String::new();
        for row in &news.frames {
            push_row(&mut text, row, &self.plans);
        }
        for visit in &news.visits {
            push_json(&mut text, "visit", visit);
        }
        for idle in &news.idle {
            push_json(&mut text, "idle", idle);
        }
        if let Some(solo) = &news.solo {
            push_json(&mut text, "solo", solo);
        }
        for refused in &news.refused {
            push_json(&mut text, "refused", refused);
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
