//! The bytes of a pickle, read with their position and never past what the file holds.

use std::io::{self, BufRead};

use super::PickleError;

pub(super) type Result<T> = std::result::Result<T, PickleError>;

/// One text or byte string: names are short, and the longest real ones are a checkpoint's arguments.
const MAX_STRING: u64 = 1 << 20;
/// A module or class name.
const MAX_NAME: u64 = 256;

/// A stream of pickles of known length.
pub(in super::super) struct Input<'a> {
    source: &'a mut dyn BufRead,
    length: u64,
    at: u64,
}

impl<'a> Input<'a> {
    /// Reads from `source`, which has `length` more bytes.
    pub(in super::super) fn new(source: &'a mut dyn BufRead, length: u64) -> Self {
        Self {
            source,
            length,
            at: 0,
        }
    }

    /// How many bytes have been read.
    pub(in super::super) fn position(&self) -> u64 {
        self.at
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A string with its length before it, in the width that the opcode says.
    pub(super) fn counted(&mut self, opcode: u8) -> Result<Vec<u8>> {
        let length = match opcode {
            0x8c | b'U' | b'C' => self.byte()?.into(),
            b'X' | b'T' | b'B' => u32::from_le_bytes(self.array()?).into(),
            _ => u64::from_le_bytes(self.array()?),
        };
        if length > MAX_STRING {
            return Err(self.limit("bytes of text", length, MAX_STRING));
        }
        self.room(length)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A name up to the end of its line.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut name = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&name).into_owned()),
                byte => name.push(byte),
            }
            if name.len() as u64 > MAX_NAME {
                return Err(self.limit("bytes of a name", MAX_NAME + 1, MAX_NAME));
            }
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.room(bytes.len() as u64)?;
        self.source
            .read_exact(bytes)
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::UnexpectedEof => PickleError::Ended {
                    at: self.at,
                    wanted: bytes.len() as u64,
                },
                _ => PickleError::Io { at: self.at, cause },
            })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn room(&self, wanted: u64) -> Result<()> {
        if wanted > self.length - self.at {
            return Err(PickleError::Ended {
                at: self.at,
                wanted,
            });
        }
        Ok(())
    }

    pub(super) fn limit(&self, what: &'static str, claimed: u64, limit: u64) -> PickleError {
        PickleError::Limit {
            what,
            claimed,
            limit,
            at: self.at,
        }
    }

    pub(super) fn malformed(&self, what: impl Into<String>) -> PickleError {
        PickleError::Malformed {
            what: what.into(),
            at: self.at,
        }
    }

    pub(super) fn unknown(&self, opcode: u8) -> PickleError {
        PickleError::Opcode {
            opcode,
            at: self.at - 1,
        }
    }

    pub(super) fn refused(&self, module: &str, name: &str) -> PickleError {
        PickleError::Refused {
            global: format!("{module}.{name}").escape_debug().to_string(),
            at: self.at,
        }
    }
}
