//! How the connection to one worker stands: a pure state machine. It opens no socket; it orders dials and is told what
//! came of them.

use std::fmt;

use crate::units::Nanos;

const SECOND: i64 = 1_000_000_000;
/// A live worker says something at least twice a second; this much silence is worth a word.
pub const STALE_AFTER_NS: i64 = 2 * SECOND;
/// A worker that says nothing for this long is dialled anew.
pub const GIVE_UP_AFTER_NS: i64 = 8 * SECOND;
/// From dial to hello.
pub const HELLO_WITHIN_NS: i64 = 5 * SECOND;
/// Waits between dials: doubling from the first to the last.
const FIRST_WAIT_NS: i64 = SECOND / 2;
const LAST_WAIT_NS: i64 = 5 * SECOND;

/// Why a worker, or what answers in its place, is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It speaks another version of the protocol.
    Protocol {
        /// Its protocol.
        theirs: u32,
        /// Its program's version.
        version: String,
    },
    /// Something else answers there.
    NotAWorker(String),
    /// It sent what cannot be read.
    Garbage(String),
    /// It said so itself.
    Said(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol { theirs, version } => write!(
                f,
                "it speaks protocol {theirs} (splitscope {version}), this console {} (splitscope {})",
                crate::wire::PROTOCOL,
                crate::wire::VERSION
            ),
            Self::NotAWorker(what) => write!(f, "no splitscope worker answers there: {what}"),
            Self::Garbage(what) => write!(f, "it sent what cannot be read: {what}"),
            Self::Said(why) => f.write_str(why),
        }
    }
}

/// How the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Dialled; no hello yet.
    Connecting {
        /// When it was dialled.
        since: Nanos,
    },
    /// It talks.
    Live {
        /// When it last said something.
        heard: Nanos,
    },
    /// It has been silent for a while.
    Stale {
        /// When it last said something.
        heard: Nanos,
    },
    /// Not there; dialled again later.
    Retry {
        /// When.
        at: Nanos,
        /// What came back.
        reason: String,
    },
    /// Of no use; looked at again later, in case another program is started there.
    Refused {
        /// When.
        at: Nanos,
        /// Why.
        why: Refusal,
    },
}

/// What the transport tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A hello that suits.
    Hello,
    /// Any other message.
    Message,
    /// The connection did not come about, or ended.
    Lost(String),
    /// What answered is of no use.
    Refused(Refusal),
}

/// What the transport shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Hang up whatever there is and connect; signals carry this number.
    Dial(u64),
    /// Hang up.
    HangUp,
}

/// The connection to one worker.
#[derive(Debug, Clone)]
pub struct Connection {
    phase: Phase,
    dial: u64,
    failures: u32,
}

impl Connection {
    /// A connection that shall be dialled for the first time: the caller obeys the order.
    pub const fn new(now: Nanos) -> (Self, Order) {
        let connection = Self {
            phase: Phase::Connecting { since: now },
            dial: 1,
            failures: 0,
        };
        (connection, Order::Dial(1))
    }

    /// How it stands.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether commands can be sent.
    pub const fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Live { .. } | Phase::Stale { .. })
    }

    /// The present dial.
    pub const fn dial(&self) -> u64 {
        self.dial
    }

    /// Whether signals of a dial are of this connection and not of one given up.
    pub const fn is_current(&self, dial: u64) -> bool {
        self.dial == dial
    }

    /// Takes a signal of the current dial in.
    pub fn signal(&mut self, signal: Signal, now: Nanos) {
        match signal {
            Signal::Hello => {
                self.failures = 0;
                self.phase = Phase::Live { heard: now };
            }
            Signal::Message => {
                if self.is_up() {
                    self.phase = Phase::Live { heard: now };
                }
            }
            Signal::Lost(reason) => self.lose(reason, now),
            Signal::Refused(why) => {
                self.phase = Phase::Refused {
                    at: now.shifted(LAST_WAIT_NS),
                    why,
                };
            }
        }
    }

    /// Leaves a worker alone for a while, for a reason of this console's own: the caller obeys the order. What the
    /// connection that is given up still brings is not heard any more.
    pub fn leave(&mut self, for_ns: i64, reason: &str, now: Nanos) -> Order {
        self.dial += 1;
        self.failures = 0;
        self.phase = Phase::Retry {
            at: now.shifted(for_ns),
            reason: reason.to_owned(),
        };
        Order::HangUp
    }

    /// Lets time pass: what is due, if something is.
    pub fn tick(&mut self, now: Nanos) -> Option<Order> {
        if self.deadline().is_none_or(|at| now < at) {
            return None;
        }
        match self.phase {
            Phase::Connecting { .. } => {
                let waited = HELLO_WITHIN_NS / SECOND;
                self.lose(format!("no answer within {waited} s"), now);
                Some(Order::HangUp)
            }
            Phase::Live { heard } => {
                self.phase = Phase::Stale { heard };
                self.tick(now)
            }
            Phase::Stale { .. } => {
                self.lose(format!("silent for {} s", GIVE_UP_AFTER_NS / SECOND), now);
                Some(Order::HangUp)
            }
            Phase::Retry { .. } | Phase::Refused { .. } => {
                self.dial += 1;
                self.phase = Phase::Connecting { since: now };
                Some(Order::Dial(self.dial))
            }
        }
    }

    /// When [`Connection::tick`] has something to do.
    pub const fn deadline(&self) -> Option<Nanos> {
        Some(match self.phase {
            Phase::Connecting { since } => since.shifted(HELLO_WITHIN_NS),
            Phase::Live { heard } => heard.shifted(STALE_AFTER_NS),
            Phase::Stale { heard } => heard.shifted(GIVE_UP_AFTER_NS),
            Phase::Retry { at, .. } | Phase::Refused { at, .. } => at,
        })
    }

    fn lose(&mut self, reason: String, now: Nanos) {
        let wait = LAST_WAIT_NS.min(FIRST_WAIT_NS << self.failures.min(8));
        self.failures += 1;
        self.phase = Phase::Retry {
            at: now.shifted(wait),
            reason,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: i64) -> Nanos {
        Nanos(ms * 1_000_000)
    }

    fn name(connection: &Connection) -> &'static str {
        match connection.phase() {
            Phase::Connecting { .. } => "connecting",
            Phase::Live { .. } => "live",
            Phase::Stale { .. } => "stale",
            Phase::Retry { .. } => "retry",
            Phase::Refused { .. } => "refused",
        }
    }

    enum Do {
        Tell(Signal),
        Wait,
    }
    use Do::{Tell, Wait};

    /// One row: at what time, what happens, what is ordered, what state that is.
    fn play(rows: &[(i64, Do, Option<Order>, &str)]) {
        let (mut connection, first) = Connection::new(ms(0));
        assert_eq!(first, Order::Dial(1));
        for (row, (at, what, order, state)) in rows.iter().enumerate() {
            let got = match what {
                Tell(signal) => {
                    connection.signal(signal.clone(), ms(*at));
                    None
                }
                Wait => connection.tick(ms(*at)),
            };
            assert_eq!((got, name(&connection)), (*order, *state), "row {row}");
        }
    }

    #[test]
    fn a_worker_that_is_left_alone_is_dialled_again_when_the_time_is_over() {
        let (mut connection, _) = Connection::new(ms(0));
        connection.signal(Signal::Hello, ms(10));
        let old = connection.dial();
        assert_eq!(connection.leave(15 * SECOND, "why", ms(100)), Order::HangUp);
        assert!(!connection.is_current(old), "its last words are not heard");
        assert_eq!(connection.tick(ms(15_099)), None);
        let dial = connection.dial() + 1;
        assert_eq!(connection.tick(ms(15_100)), Some(Order::Dial(dial)));
    }

    #[test]
    fn a_worker_that_talks_is_live_and_goes_stale_after_two_seconds_of_silence() {
        play(&[
            (10, Tell(Signal::Hello), None, "live"),
            (1_900, Wait, None, "live"),
            (1_950, Tell(Signal::Message), None, "live"),
            (3_949, Wait, None, "live"),
            (3_950, Wait, None, "stale"),
            (4_000, Tell(Signal::Message), None, "live"),
        ]);
    }

    #[test]
    fn a_worker_silent_for_eight_seconds_is_dialled_anew() {
        play(&[
            (0, Tell(Signal::Hello), None, "live"),
            (2_000, Wait, None, "stale"),
            (8_000, Wait, Some(Order::HangUp), "retry"),
            (8_499, Wait, None, "retry"),
            (8_500, Wait, Some(Order::Dial(2)), "connecting"),
            (8_600, Tell(Signal::Hello), None, "live"),
        ]);
    }

    #[test]
    fn a_sleep_of_the_laptop_is_one_step_to_the_retry() {
        play(&[
            (0, Tell(Signal::Hello), None, "live"),
            (60_000, Wait, Some(Order::HangUp), "retry"),
        ]);
    }

    #[test]
    fn waits_double_from_half_a_second_to_five_and_start_anew_after_a_hello() {
        let lost = || Tell(Signal::Lost("connection refused".into()));
        play(&[
            (0, lost(), None, "retry"),
            (500, Wait, Some(Order::Dial(2)), "connecting"),
            (500, lost(), None, "retry"),
            (1_499, Wait, None, "retry"),
            (1_500, Wait, Some(Order::Dial(3)), "connecting"),
            (1_500, lost(), None, "retry"),
            (3_500, Wait, Some(Order::Dial(4)), "connecting"),
            (3_500, lost(), None, "retry"),
            (7_500, Wait, Some(Order::Dial(5)), "connecting"),
            (7_500, lost(), None, "retry"),
            (12_499, Wait, None, "retry"),
            (12_500, Wait, Some(Order::Dial(6)), "connecting"),
            (12_500, lost(), None, "retry"),
            (17_500, Wait, Some(Order::Dial(7)), "connecting"),
            (17_600, Tell(Signal::Hello), None, "live"),
            (18_000, lost(), None, "retry"),
            (18_500, Wait, Some(Order::Dial(8)), "connecting"),
        ]);
    }

    #[test]
    fn what_never_says_hello_is_given_up_and_tried_again() {
        play(&[
            (4_999, Wait, None, "connecting"),
            (5_000, Wait, Some(Order::HangUp), "retry"),
            (5_500, Wait, Some(Order::Dial(2)), "connecting"),
        ]);
    }

    #[test]
    fn a_refusal_is_kept_for_five_seconds_and_then_looked_at_again() {
        let refusals = [
            Refusal::Protocol {
                theirs: 2,
                version: "9".into(),
            },
            Refusal::NotAWorker("HTTP 404".into()),
            Refusal::Garbage("not zstd".into()),
            Refusal::Said("full".into()),
        ];
        for why in refusals {
            play(&[
                (5, Tell(Signal::Refused(why)), None, "refused"),
                (5_004, Wait, None, "refused"),
                (5_005, Wait, Some(Order::Dial(2)), "connecting"),
            ]);
        }
    }

    #[test]
    fn a_message_after_the_end_revives_nothing() {
        play(&[
            (0, Tell(Signal::Lost("gone".into())), None, "retry"),
            (1, Tell(Signal::Message), None, "retry"),
        ]);
    }
}
