//! Tells a probe's control messages from filler in a stream of bytes. Pure, and holds no filler.

use crate::link::LinkError;
use crate::wire::data::{HEADER_BYTES, Kind, parse_header};
use crate::wire::probe::{MAX_FILLER_BYTES, MAX_PROBE_MESSAGE_BYTES, ProbeMessage};

/// What a stream is in the middle of.
#[derive(Debug, Default)]
pub struct Sieve {
    /// A header or a control message that is not whole yet.
    held: Vec<u8>,
    /// Filler bytes still to come.
    filler: usize,
}

impl Sieve {
    /// Takes bytes as they come; gives the control messages that became whole.
    ///
    /// # Errors
    /// Another kind of message, one that is too long, or one that cannot be read.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<Vec<ProbeMessage>, LinkError> {
        let mut messages = Vec::new();
        loop {
            let skipped = self.filler.min(bytes.len());
            self.filler -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return Ok(messages);
            }
            if self.fill(&mut bytes, HEADER_BYTES) {
                continue;
            }
            let mut header = [0; HEADER_BYTES];
            header.copy_from_slice(&self.held[..HEADER_BYTES]);
            let (kind, len) = parse_header(header, MAX_FILLER_BYTES as u32)?;
            match kind {
                Kind::Chunk => {
                    self.filler = len;
                    self.held.clear();
                }
                Kind::Control if len <= MAX_PROBE_MESSAGE_BYTES => {
                    if self.fill(&mut bytes, HEADER_BYTES + len) {
                        continue;
                    }
                    messages.push(ProbeMessage::decode(&self.held[HEADER_BYTES..])?);
                    self.held.clear();
                }
                kind => {
                    return Err(LinkError::Protocol(format!(
                        "a probe's message of kind {kind:?} and {len} bytes"
                    )));
                }
            }
        }
    }

    /// Holds bytes until there are so many; true if there are still too few, and then none are left.
    fn fill(&mut self, bytes: &mut &[u8], wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.held.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.held.extend_from_slice(taken);
        *bytes = rest;
        self.held.len() < wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::data::header;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_come_out_whole_however_the_stream_is_cut(
            fillers in prop::collection::vec(0_usize..300, 1..20),
            cut in 1_usize..64,
        ) {
            let mut stream = Vec::new();
            let mut sent = Vec::new();
            for (i, &len) in (0..).zip(&fillers) {
                stream.extend_from_slice(&header(Kind::Chunk, len));
                stream.resize(stream.len() + len, 0);
                let message = ProbeMessage::Received { interval: i, bytes: u64::MAX };
                stream.extend_from_slice(&message.encode());
                sent.push(message);
            }
            let mut sieve = Sieve::default();
            let mut got = Vec::new();
            for part in stream.chunks(cut) {
                got.extend(sieve.take(part).unwrap());
            }
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn no_bytes_make_it_panic_or_hold_much(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut sieve = Sieve::default();
            for part in bytes.chunks(7) {
                if sieve.take(part).is_err() {
                    break;
                }
            }
            prop_assert!(sieve.held.len() <= HEADER_BYTES + MAX_PROBE_MESSAGE_BYTES);
        }
    }
}
