//! A session in the formats that other programs read: tables as CSV, JSON lines or Parquet, and a timeline for Perfetto.
//!
//! ```text
//! table    which tables there are, and their rows from entries
//! columns  what they have, with units in the names
//! names    of operators and rails
//! csv jsonl parquet    one writer of rows per format
//! trace    the Chrome trace format: robot, link and server lanes
//! ```

mod columns;
mod csv;
mod jsonl;
mod names;
mod parquet;
mod table;
mod thrift;
mod trace;

use std::io::{self, Write};

pub use columns::{Cell, Column, Kind};
pub use table::Table;
pub use trace::chrome_trace;

use super::error::SessionError;
use super::reader::Reader;
use names::Names;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, with a line of names.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// Columns under zstd.
    Parquet,
}

/// An export did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The session cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The result cannot be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

/// What an export did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rows, or events of a trace.
    pub rows: u64,
    /// Stretches of the session that are damaged and not in it.
    pub damaged: u64,
}

/// Where rows go.
trait Rows {
    /// Takes one row; it has a cell for each column.
    ///
    /// # Errors
    /// The system's.
    fn row(&mut self, cells: &[Cell]) -> io::Result<()>;

    /// Ends the file.
    ///
    /// # Errors
    /// The system's.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Writes one table of a session.
///
/// # Errors
/// The session cannot be read, or `out` not be written.
pub fn table<'a>(
    reader: &Reader,
    table: Table,
    format: Format,
    out: impl Write + 'a,
) -> Result<Exported, ExportError> {
    let columns = table.columns();
    let mut rows: Box<dyn Rows + 'a> = match format {
        Format::Csv => Box::new(csv::Csv::new(columns, out)?),
        Format::Jsonl => Box::new(jsonl::Jsonl::new(columns, out)),
        Format::Parquet => Box::new(parquet::Parquet::new(columns, out)?),
    };
    let mut done = Exported::default();
    let mut names = Names::default();
    let began = reader.summary().began;
    for entry in reader.entries_of_kinds(.., |kind| table.reads(kind)) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(SessionError::Damaged { .. }) => {
                done.damaged += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        names.learn(&entry);
        let mut cells = Vec::new();
        table.rows(&entry, began, &names, &mut |row| cells.push(row));
        for row in &cells {
            rows.row(row)?;
        }
        done.rows += cells.len() as u64;
    }
    rows.finish()?;
    Ok(done)
}
