//! A TCP connection between workers: options, magic, and messages read with a limit and a deadline.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::SockRef;

use super::congestion::unpace_within_this_machine;
use crate::clock;
use crate::units::Nanos;
use crate::wire::DecodeError;
use crate::wire::data::{HEADER_BYTES, Kind, MAGIC, parse_header};

/// Unsent bytes that the kernel holds at most, so that heartbeats are not queued behind a whole tensor.
const UNSENT_BYTES: u32 = 128 << 10;
/// How long one write may block before the link counts as dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a reader looks up from the socket.
const READ_TICK: Duration = Duration::from_millis(50);

/// A link does not work.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The name does not resolve.
    #[error("cannot find {address}: {source}; expected HOST:PORT")]
    Resolve {
        /// What was asked for.
        address: String,
        /// What came back.
        source: io::Error,
    },
    /// Nobody answers.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// To whom.
        address: String,
        /// What came back.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("{doing} failed: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What came back.
        source: io::Error,
    },
    /// The peer closed.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer says nothing although it should.
    #[error("nothing came for {:.1} s", *.0 as f64 / 1e9)]
    Silent(i64),
    /// The peer is something else.
    #[error(
        "the peer does not speak splitscope's data protocol: it began with {got:?}, expected {expected:?}"
    )]
    Magic {
        /// Its first bytes.
        got: String,
        /// Ours.
        expected: String,
    },
    /// The peer sent nonsense.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The peer refused, in its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(String),
}

/// Connects to `HOST:PORT`.
///
/// # Errors
/// A name that does not resolve, or nobody there.
pub fn connect(address: &str, timeout: Duration) -> Result<TcpStream, LinkError> {
    let resolve = |source| LinkError::Resolve {
        address: address.to_owned(),
        source,
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    for candidate in address.to_socket_addrs().map_err(resolve)? {
        match TcpStream::connect_timeout(&candidate, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(LinkError::Connect {
        address: address.to_owned(),
        source: last,
    })
}

/// Sets the options of a data connection: no delay, little unsent in the kernel, bounded writes, short reads; within
/// this machine, no pacing by the system.
///
/// # Errors
/// The socket is gone.
pub fn tune(stream: &TcpStream) -> Result<(), LinkError> {
    let set = || -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        stream.set_read_timeout(Some(READ_TICK))?;
        #[cfg(target_os = "linux")]
        SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
        unpace_within_this_machine(stream);
        Ok(())
    };
    set().map_err(|source| LinkError::Io {
        doing: "setting socket options",
        source,
    })
}

/// Writes our magic and reads the peer's.
///
/// # Errors
/// A peer that says something else, or nothing within `timeout`.
pub fn exchange_magic(stream: &mut TcpStream, timeout: Duration) -> Result<(), LinkError> {
    exchange(stream, MAGIC, timeout)
}

/// Writes a magic and reads the same one from the peer.
pub(super) fn exchange(
    stream: &mut TcpStream,
    magic: [u8; MAGIC.len()],
    timeout: Duration,
) -> Result<(), LinkError> {
    stream.write_all(&magic).map_err(|source| LinkError::Io {
        doing: "greeting the peer",
        source,
    })?;
    let mut got = [0; MAGIC.len()];
    let mut reader = MessageReader::greeting(stream, timeout);
    reader.fill(&mut got)?;
    if got != magic {
        return Err(LinkError::Magic {
            got: got.escape_ascii().to_string(),
            expected: magic.escape_ascii().to_string(),
        });
    }
    Ok(())
}

/// Reads messages; the socket's short read timeout lets it notice silence.
pub struct MessageReader<R> {
    stream: R,
    silence_ns: i64,
    heard: Nanos,
    /// By when everything so far must have come, however steadily it trickles.
    deadline: Option<Nanos>,
    body: Vec<u8>,
}

impl<R: Read> MessageReader<R> {
    /// A reader that gives up when nothing comes for `silence`.
    pub fn new(stream: R, silence: Duration) -> Self {
        Self {
            stream,
            silence_ns: silence.as_nanos() as i64,
            heard: clock::now(),
            deadline: None,
            body: Vec::new(),
        }
    }

    /// A reader of a greeting: all of it must come within `time`, so that a peer which sends a byte now and then does
    /// not hold its place for ever. [`MessageReader::set_silence`] ends that.
    pub fn greeting(stream: R, time: Duration) -> Self {
        let mut reader = Self::new(stream, time);
        reader.deadline = Some(reader.heard.shifted(time.as_nanos() as i64));
        reader
    }

    /// Sets how long nothing may come; a greeting is over.
    pub const fn set_silence(&mut self, silence: Duration) {
        self.deadline = None;
        self.silence_ns = silence.as_nanos() as i64;
    }

    /// The next message; its body is valid until the next call.
    ///
    /// # Errors
    /// End of stream, silence, a header that cannot be, or a body over `limit` bytes.
    pub fn next(&mut self, limit: u32) -> Result<(Kind, &[u8]), LinkError> {
        let mut header = [0; HEADER_BYTES];
        self.fill(&mut header)?;
        let (kind, len) = parse_header(header, limit)?;
        let mut body = std::mem::take(&mut self.body);
        body.resize(len, 0);
        let filled = self.fill(&mut body);
        self.body = body;
        filled?;
        Ok((kind, &self.body))
    }

    fn fill(&mut self, mut rest: &mut [u8]) -> Result<(), LinkError> {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        while !rest.is_empty() {
            if let Some(deadline) = self.deadline {
                let now = clock::now();
                if now > deadline {
                    return Err(LinkError::Silent(
                        now.since(self.heard).max(self.silence_ns),
                    ));
                }
            }
            match self.stream.read(rest) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(n) => {
                    self.heard = clock::now();
                    rest = &mut rest[n..];
                }
                Err(e) if matches!(e.kind(), WouldBlock | TimedOut) => {
                    let silent = clock::now().since(self.heard);
                    if silent > self.silence_ns {
                        return Err(LinkError::Silent(silent));
                    }
                }
                Err(e) if e.kind() == Interrupted => {}
                Err(source) => {
                    return Err(LinkError::Io {
                        doing: "reading from the peer",
                        source,
                    });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte a read, for ever: somebody who never gets anywhere.
    struct Trickle;

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(1));
            buffer[0] = 0;
            Ok(1)
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_within_this_machine_is_not_paced_by_the_system() {
        use crate::link::congestion::testing::{is_paced, paced};
        if let Some((client, _server)) = paced() {
            tune(&client).unwrap();
            assert!(!is_paced(&client));
        }
    }

    #[test]
    fn a_greeting_that_trickles_ends() {
        // A header that announces 256 KiB and then a byte every millisecond would take minutes.
        let header: &[u8] = &[0, 0, 4, 0, 0];
        let mut reader = MessageReader::greeting(header.chain(Trickle), Duration::from_millis(30));
        let ended = reader.next(u32::MAX);
        assert!(matches!(ended, Err(LinkError::Silent(_))));
    }
}
