//! Comma-separated values (RFC 4180): a line of names, then a line per row; what was not measured is empty.

use std::io::{self, BufWriter, Write};

use super::Rows;
use super::columns::{Cell, Column};

pub(super) struct Csv<W: Write> {
    out: BufWriter<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(columns: &[Column], out: W) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        let names: Vec<_> = columns.iter().map(|c| c.name).collect();
        writeln!(out, "{}", names.join(","))?;
        Ok(Self { out })
    }
}

impl<W: Write> Rows for Csv<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        for (i, cell) in cells.iter().enumerate() {
            if i > 0 {
                self.out.write_all(b",")?;
            }
            match cell {
                Cell::None => {}
                Cell::Int(n) => write!(self.out, "{n}")?,
                Cell::Float(x) => write!(self.out, "{x}")?,
                Cell::Flag(yes) => write!(self.out, "{yes}")?,
                Cell::Text(text) if text.contains(['"', ',', '\n', '\r']) => {
                    write!(self.out, "\"{}\"", text.replace('"', "\"\""))?;
                }
                Cell::Text(text) => self.out.write_all(text.as_bytes())?,
            }
        }
        self.out.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}
