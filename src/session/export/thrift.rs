//! The compact protocol of Thrift, as far as Parquet's footers need it
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Bytes of one structure and those inside it.
#[derive(Debug, Default)]
pub(super) struct Compact {
    out: Vec<u8>,
    /// The last field of each structure that is open, the innermost last.
    last: Vec<i16>,
}

/// What a list holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Items {
    Ints,
    Texts,
    Structs,
}

impl Compact {
    /// With the outermost structure open.
    pub(super) fn new() -> Self {
        Self {
            out: Vec::new(),
            last: vec![0],
        }
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    fn zigzag(&mut self, n: i64) {
        self.varint((n << 1 ^ n >> 63) as u64);
    }

    fn field(&mut self, id: i16, kind: u8) {
        let last = self.last.last_mut();
        let delta = last.map_or(0, |last| id - std::mem::replace(last, id));
        if (1..=15).contains(&delta) {
            self.out.push((delta as u8) << 4 | kind);
        } else {
            self.out.push(kind);
            self.zigzag(id.into());
        }
    }

    pub(super) fn i32(&mut self, id: i16, value: i32) {
        self.field(id, I32);
        self.zigzag(value.into());
    }

    pub(super) fn i64(&mut self, id: i16, value: i64) {
        self.field(id, I64);
        self.zigzag(value);
    }

    pub(super) fn text(&mut self, id: i16, text: &str) {
        self.field(id, BINARY);
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A list's head; its items follow, each with one of the next three.
    pub(super) fn list(&mut self, id: i16, items: Items, length: usize) {
        let kind = match items {
            Items::Ints => I32,
            Items::Texts => BINARY,
            Items::Structs => STRUCT,
        };
        self.field(id, LIST);
        if length < 15 {
            self.out.push((length as u8) << 4 | kind);
        } else {
            self.out.push(0xf0 | kind);
            self.varint(length as u64);
        }
    }

    /// An item of a list of numbers.
    pub(super) fn int_item(&mut self, value: i32) {
        self.zigzag(value.into());
    }

    /// An item of a list of texts.
    pub(super) fn text_item(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// An item of a list of structures.
    pub(super) fn struct_item(&mut self, content: impl FnOnce(&mut Self)) {
        self.last.push(0);
        content(self);
        self.out.push(0);
        self.last.pop();
    }

    /// A structure inside this one.
    pub(super) fn structure(&mut self, id: i16, content: impl FnOnce(&mut Self)) {
        self.field(id, STRUCT);
        self.struct_item(content);
    }

    /// Closes the outermost structure.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push(0);
        self.out
    }
}
