//! Why a pickle was not read.

use std::io;

use thiserror::Error;

/// Why a pickle was not read; `at` counts bytes from the start of that pickle's stream.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The pickle stops in the middle.
    #[error(
        "the pickle ends at byte {at} where {wanted} more bytes were expected; the file is cut short: fetch or save it again"
    )]
    Ended {
        /// Where.
        at: u64,
        /// How many bytes are missing at least.
        wanted: u64,
    },
    /// The operating system refused.
    #[error("could not read the pickle at byte {at}: {cause}")]
    Io {
        /// Where.
        at: u64,
        /// What the system said.
        cause: io::Error,
    },
    /// The pickle names a class or function that weights do not need.
    #[error(
        "refused to build {global} at byte {at}: expected only tensors of a state dict; \
         save the weights alone with torch.save(model.state_dict(), path)"
    )]
    Refused {
        /// Its full name.
        global: String,
        /// Where.
        at: u64,
    },
    /// An opcode that `torch.save` does not write.
    #[error(
        "unknown pickle opcode {opcode:#04x} at byte {at}: expected those of torch.save, protocol 2 to 5; save the weights again with its defaults"
    )]
    Opcode {
        /// The opcode.
        opcode: u8,
        /// Where.
        at: u64,
    },
    /// The pickle claims or needs more than any state dict does.
    #[error(
        "the pickle asks for {claimed} {what} at byte {at}, at most {limit} are accepted; the file is damaged or made to harm: do not use it"
    )]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many it asks for.
        claimed: u64,
        /// How many are accepted.
        limit: u64,
        /// Where.
        at: u64,
    },
    /// The opcodes do not fit together.
    #[error(
        "the pickle {what} at byte {at}, which torch.save does not write; the file is damaged: fetch or save it again"
    )]
    Malformed {
        /// What it does.
        what: String,
        /// Where.
        at: u64,
    },
}
