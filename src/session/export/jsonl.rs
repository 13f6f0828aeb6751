//! One JSON object per row, one row per line.

use std::io::{self, BufWriter, Write};

use serde::ser::{SerializeMap, Serializer};

use super::Rows;
use super::columns::{Cell, Column};

pub(super) struct Jsonl<W: Write> {
    columns: &'static [Column],
    out: BufWriter<W>,
}

impl<W: Write> Jsonl<W> {
    pub(super) fn new(columns: &'static [Column], out: W) -> Self {
        Self {
            columns,
            out: BufWriter::new(out),
        }
    }
}

impl<W: Write> Rows for Jsonl<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let mut json = serde_json::Serializer::new(&mut self.out);
        let mut object = json.serialize_map(Some(cells.len()))?;
        for (column, cell) in self.columns.iter().zip(cells) {
            match cell {
                Cell::None => object.serialize_entry(column.name, &())?,
                Cell::Int(n) => object.serialize_entry(column.name, n)?,
                Cell::Float(x) => object.serialize_entry(column.name, x)?,
                Cell::Flag(yes) => object.serialize_entry(column.name, yes)?,
                Cell::Text(text) => object.serialize_entry(column.name, text)?,
            }
        }
        object.end()?;
        self.out.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}
