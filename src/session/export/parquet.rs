//! Parquet (<https://parquet.apache.org/docs/file-format/>), the small part that flat tables need: optional columns of four
//! types, plain values, one page per column and row group, zstd. Written by hand because the crate would add 50 others
//! to every build; the tests read it back with a foreign reader.

use std::io::{self, Write};

use super::Rows;
use super::columns::{Cell, Column, Kind};
use super::thrift::{Compact, Items};

const MAGIC: &[u8] = b"PAR1";
/// Rows that are collected before they are written.
const GROUP_ROWS: usize = 65_536;
/// The format's numbers for what is used of it.
const ZSTD: i32 = 6;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const OPTIONAL: i32 = 1;
const UTF8: i32 = 0;

pub(super) struct Parquet<W: Write> {
    columns: &'static [Column],
    out: W,
    offset: u64,
    rows: usize,
    values: Vec<Values>,
    groups: Vec<Group>,
}

/// One column of the row group under way.
#[derive(Debug, Clone, Default)]
struct Values {
    /// For each row whether there is a value.
    there: Vec<bool>,
    plain: Vec<u8>,
    /// Flags are stored eight to a byte.
    flags: Vec<bool>,
}

/// A row group that is written.
#[derive(Debug)]
struct Group {
    rows: usize,
    chunks: Vec<Chunk>,
}

/// Where a column of a row group lies.
#[derive(Debug)]
struct Chunk {
    offset: u64,
    packed: usize,
    plain: usize,
}

/// The format's number for a type.
const fn physical(kind: Kind) -> i32 {
    match kind {
        Kind::Flag => 0,
        Kind::Int => 2,
        Kind::Float => 5,
        Kind::Text => 6,
    }
}

/// Eight to a byte, the first in the lowest bit.
fn packed_bits(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| {
        let ones = bits.iter().enumerate().filter(|&(_, &bit)| bit);
        ones.fold(0, |byte, (i, _)| byte | 1 << i)
    };
    bits.chunks(8).map(byte).collect()
}

impl Values {
    fn push(&mut self, cell: &Cell) {
        self.there.push(*cell != Cell::None);
        match cell {
            Cell::None => {}
            Cell::Int(n) => self.plain.extend_from_slice(&n.to_le_bytes()),
            Cell::Float(x) => self.plain.extend_from_slice(&x.to_le_bytes()),
            Cell::Flag(yes) => self.flags.push(*yes),
            Cell::Text(text) => {
                let length = (text.len() as u32).to_le_bytes();
                self.plain.extend_from_slice(&length);
                self.plain.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// A page's content: which rows have a value (a run of bits, with its length before it), then the values.
    fn page(&self) -> Vec<u8> {
        let bits = packed_bits(&self.there);
        let mut run = Vec::new();
        let mut groups = (bits.len() as u64) << 1 | 1;
        while groups >= 0x80 {
            run.push(groups as u8 | 0x80);
            groups >>= 7;
        }
        run.push(groups as u8);
        run.extend_from_slice(&bits);
        let mut page = (run.len() as u32).to_le_bytes().to_vec();
        page.extend_from_slice(&run);
        page.extend_from_slice(&self.plain);
        page.extend_from_slice(&packed_bits(&self.flags));
        page
    }
}

impl<W: Write> Parquet<W> {
    pub(super) fn new(columns: &'static [Column], mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Self {
            columns,
            out,
            offset: MAGIC.len() as u64,
            rows: 0,
            values: vec![Values::default(); columns.len()],
            groups: Vec::new(),
        })
    }

    fn write_group(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut chunks = Vec::new();
        for values in &mut self.values {
            let page = values.page();
            let packed = zstd::bulk::compress(&page, 1)?;
            let mut head = Compact::new();
            head.i32(1, 0);
            head.i32(2, page.len() as i32);
            head.i32(3, packed.len() as i32);
            head.structure(5, |data| {
                data.i32(1, self.rows as i32);
                data.i32(2, PLAIN);
                data.i32(3, RLE);
                data.i32(4, RLE);
            });
            let head = head.finish();
            self.out.write_all(&head)?;
            self.out.write_all(&packed)?;
            chunks.push(Chunk {
                offset: self.offset,
                packed: head.len() + packed.len(),
                plain: head.len() + page.len(),
            });
            self.offset += (head.len() + packed.len()) as u64;
            *values = Values::default();
        }
        self.groups.push(Group {
            rows: std::mem::take(&mut self.rows),
            chunks,
        });
        Ok(())
    }

    fn footer(&self) -> Vec<u8> {
        let rows: usize = self.groups.iter().map(|g| g.rows).sum();
        let mut footer = Compact::new();
        footer.i32(1, 1);
        footer.list(2, Items::Structs, self.columns.len() + 1);
        footer.struct_item(|root| {
            root.text(4, "schema");
            root.i32(5, self.columns.len() as i32);
        });
        for column in self.columns {
            footer.struct_item(|element| {
                element.i32(1, physical(column.kind));
                element.i32(3, OPTIONAL);
                element.text(4, column.name);
                if column.kind == Kind::Text {
                    element.i32(6, UTF8);
                }
            });
        }
        footer.i64(3, rows as i64);
        footer.list(4, Items::Structs, self.groups.len());
        for group in &self.groups {
            footer.struct_item(|out| self.group(group, out));
        }
        footer.text(6, concat!("splitscope ", env!("CARGO_PKG_VERSION")));
        footer.finish()
    }

    fn group(&self, group: &Group, out: &mut Compact) {
        out.list(1, Items::Structs, group.chunks.len());
        for (column, chunk) in self.columns.iter().zip(&group.chunks) {
            out.struct_item(|out| {
                out.i64(2, chunk.offset as i64);
                out.structure(3, |meta| {
                    meta.i32(1, physical(column.kind));
                    meta.list(2, Items::Ints, 2);
                    meta.int_item(PLAIN);
                    meta.int_item(RLE);
                    meta.list(3, Items::Texts, 1);
                    meta.text_item(column.name);
                    meta.i32(4, ZSTD);
                    meta.i64(5, group.rows as i64);
                    meta.i64(6, chunk.plain as i64);
                    meta.i64(7, chunk.packed as i64);
                    meta.i64(9, chunk.offset as i64);
                });
            });
        }
        let bytes: usize = group.chunks.iter().map(|c| c.plain).sum();
        out.i64(2, bytes as i64);
        out.i64(3, group.rows as i64);
    }
}

impl<W: Write> Rows for Parquet<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        for (values, cell) in self.values.iter_mut().zip(cells) {
            values.push(cell);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group()?;
        let footer = self.footer();
        self.out.write_all(&footer)?;
        self.out.write_all(&(footer.len() as u32).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()
    }
}
