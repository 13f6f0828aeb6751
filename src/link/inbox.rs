//! Puts chunks together to values. Pure; allocates what the plan expects, never what a peer claims.

use crate::plan::ValueCodec;
use crate::units::Nanos;
use crate::wire::data::ChunkHead;

/// What a receiver makes of a value that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The plan expects it, of this many bytes.
    Take(u64),
    /// The plan expects it, and packed it has this many bytes at most.
    AtMost(u64),
    /// It belongs to a frame that is over: read and thrown away.
    Discard,
}

/// A chunk that does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// The plan expects another size.
    #[error("{value} comes as {claimed} bytes, the plan expects {expected}")]
    Size {
        /// What.
        value: String,
        /// Bytes claimed.
        claimed: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// No value of the plan's size becomes so many bytes, however it is packed.
    #[error("{value} comes as {claimed} bytes of {codec}, the plan expects {most} at most")]
    TooLong {
        /// What.
        value: String,
        /// How it is packed.
        codec: ValueCodec,
        /// Bytes claimed.
        claimed: u64,
        /// Bytes expected at most.
        most: u64,
    },
    /// A part that does not continue the one before.
    #[error("a part of {value} begins at byte {offset}, expected {expected}")]
    Offset {
        /// What.
        value: String,
        /// Where it begins.
        offset: u64,
        /// Where it should.
        expected: u64,
    },
    /// A part that reaches beyond its value.
    #[error("a part of {value} ends at byte {end}, expected {total} at most")]
    Beyond {
        /// What.
        value: String,
        /// Where it ends.
        end: u64,
        /// How long the value is.
        total: u64,
    },
}

/// A value with all its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Complete {
    /// What it is; `began` is on the sender's clock.
    pub head: ChunkHead,
    /// Its elements.
    pub bytes: Vec<u8>,
    /// When its first part came, on our clock.
    pub first: Nanos,
}

#[derive(Debug)]
struct Partial {
    head: ChunkHead,
    bytes: Vec<u8>,
    discard: bool,
    received: u64,
    first: Nanos,
}

/// One connection's value under way. A sender finishes a value before it begins the next, or drops it for good.
#[derive(Debug, Default)]
pub struct Inbox {
    partial: Option<Partial>,
}

impl Inbox {
    /// Takes a chunk; gives the value when it is whole. `expect` is asked once per value, at its first chunk.
    ///
    /// # Errors
    /// What `expect` says, or a chunk that does not follow the one before.
    pub fn take<E: From<InboxError>>(
        &mut self,
        head: ChunkHead,
        payload: &[u8],
        now: Nanos,
        expect: impl FnOnce(&ChunkHead) -> Result<Expect, E>,
    ) -> Result<Option<Complete>, E> {
        if head.offset == 0 {
            let expected = expect(&head)?;
            let bytes = match expected {
                Expect::Take(expected) if expected != head.total => {
                    return Err(InboxError::Size {
                        value: head.value.to_string(),
                        claimed: head.total,
                        expected,
                    }
                    .into());
                }
                Expect::AtMost(most) if head.total > most => {
                    return Err(InboxError::TooLong {
                        value: head.value.to_string(),
                        codec: head.codec,
                        claimed: head.total,
                        most,
                    }
                    .into());
                }
                // Pages that nothing is written to cost nothing.
                Expect::Take(bytes) | Expect::AtMost(bytes) => Vec::with_capacity(bytes as usize),
                Expect::Discard => Vec::new(),
            };
            self.partial = Some(Partial {
                head,
                bytes,
                discard: expected == Expect::Discard,
                received: 0,
                first: now,
            });
        }
        let wrong = |expected| InboxError::Offset {
            value: head.value.to_string(),
            offset: head.offset,
            expected,
        };
        let partial = self.partial.as_mut().ok_or_else(|| wrong(0))?;
        let follows = partial.head.key == head.key
            && partial.head.value == head.value
            && partial.head.codec == head.codec
            && partial.head.total == head.total;
        if !follows || partial.received != head.offset {
            return Err(wrong(if follows { partial.received } else { 0 }).into());
        }
        partial.received += payload.len() as u64;
        if partial.received > head.total {
            return Err(InboxError::Beyond {
                value: head.value.to_string(),
                end: partial.received,
                total: head.total,
            }
            .into());
        }
        if !partial.discard {
            partial.bytes.extend_from_slice(payload);
        }
        if partial.received < head.total {
            return Ok(None);
        }
        Ok(self
            .partial
            .take()
            .filter(|p| !p.discard)
            .map(|p| Complete {
                head: p.head,
                bytes: p.bytes,
                first: p.first,
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Region, Span};
    use crate::plan::{Term, Value};
    use crate::units::{Epoch, FrameId, FrameKey, NodeId};

    fn head(total: u64, offset: u64) -> ChunkHead {
        let one = Span::new(0, 1);
        ChunkHead {
            key: FrameKey {
                frame: FrameId(1),
                attempt: 0,
                epoch: Epoch(1),
            },
            value: Value {
                node: NodeId(3),
                region: Region {
                    batch: one,
                    channel: one,
                    row: one,
                },
                term: Term::Whole,
            },
            codec: ValueCodec::None,
            total,
            offset,
            began: Nanos(0),
        }
    }

    fn take(
        inbox: &mut Inbox,
        head: ChunkHead,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Option<Complete>, InboxError> {
        inbox.take(head, payload, Nanos(5), |_| Ok(expect))
    }

    #[test]
    fn parts_make_the_value() {
        let mut inbox = Inbox::default();
        let expect = Expect::Take(5);
        assert_eq!(take(&mut inbox, head(5, 0), &[1, 2, 3], expect), Ok(None));
        let whole = take(&mut inbox, head(5, 3), &[4, 5], expect).unwrap();
        assert_eq!(whole.unwrap().bytes, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_claimed_size_is_not_allocated() {
        let mut inbox = Inbox::default();
        let error = take(&mut inbox, head(u64::MAX, 0), &[1], Expect::Take(5)).unwrap_err();
        assert!(error.to_string().contains("expects 5"), "{error}");
    }

    #[test]
    fn a_packed_value_may_be_shorter_but_not_longer_than_packing_makes_it() {
        let expect = Expect::AtMost(5);
        let short = take(&mut Inbox::default(), head(2, 0), &[1, 2], expect).unwrap();
        assert_eq!(short.unwrap().bytes, [1, 2]);
        let error = take(&mut Inbox::default(), head(6, 0), &[1], expect).unwrap_err();
        assert!(error.to_string().contains("5 at most"), "{error}");
        // The codec is said with every part; it must not change on the way.
        let mut inbox = Inbox::default();
        take(&mut inbox, head(4, 0), &[1, 2], expect).unwrap();
        let other = ChunkHead {
            codec: ValueCodec::F16,
            ..head(4, 2)
        };
        assert!(take(&mut inbox, other, &[3, 4], expect).is_err());
    }

    #[test]
    fn a_missing_part_is_noticed() {
        let mut inbox = Inbox::default();
        let expect = Expect::Take(9);
        take(&mut inbox, head(9, 0), &[1, 2, 3], expect).unwrap();
        assert!(take(&mut inbox, head(9, 6), &[7, 8, 9], expect).is_err());
        assert!(take(&mut Inbox::default(), head(9, 3), &[1], expect).is_err());
    }

    #[test]
    fn what_is_late_is_read_and_thrown_away() {
        let mut inbox = Inbox::default();
        let huge = u64::MAX / 2;
        assert_eq!(
            take(&mut inbox, head(huge, 0), &[1], Expect::Discard),
            Ok(None)
        );
        assert_eq!(
            take(&mut inbox, head(huge, 1), &[1], Expect::Discard),
            Ok(None)
        );
        // An abandoned value gives way to the next.
        let next = take(&mut inbox, head(1, 0), &[9], Expect::Take(1)).unwrap();
        assert_eq!(next.unwrap().bytes, [9]);
    }
}
