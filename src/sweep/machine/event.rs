//! What a sweep is told, and what it orders.

use super::super::Rule;
use crate::wire::Record;

/// Something happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The robot told this.
    Record(&'a Record),
    /// It refused what was ordered last, and why.
    Refused(&'a str),
    /// The connection to the robot is lost.
    Lost,
    /// It is back, and plans can be set.
    Back,
    /// Another console took control.
    ControlLost(&'a str),
    /// Time passed.
    Tick,
    /// The person wants to see no more of the present plan.
    Skip,
    /// The person has seen enough.
    Abort,
    /// There is no more time for it.
    TimeUp,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Set this plan or policy, whatever is in effect.
    Set(Rule),
    /// Let the robot admit nothing for so long, from now on; 0 ends that.
    Idle {
        /// Milliseconds.
        for_ms: u32,
    },
    /// The sweep is over: bring what was before back.
    End(How),
}

/// How a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// As it was to.
    Done,
    /// The person stopped it.
    Aborted,
    /// The time that it was given is over.
    TimeUp,
    /// Another console took control, by this name.
    ControlLost(String),
    /// No plan is left that the robot takes.
    NothingLeft,
    /// There are as many frames as are kept.
    Full,
}

impl How {
    /// For people: `done`, `eve@e took control`.
    pub fn words(&self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::Aborted => "stopped".to_owned(),
            Self::TimeUp => "the time is over".to_owned(),
            Self::ControlLost(holder) => format!("{holder} took control"),
            Self::NothingLeft => "the robot takes none of the plans".to_owned(),
            Self::Full => "there are more frames than a sweep keeps".to_owned(),
        }
    }

    /// One word for files.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Aborted => "aborted",
            Self::TimeUp => "time_up",
            Self::ControlLost(_) => "control_lost",
            Self::NothingLeft => "nothing_left",
            Self::Full => "full",
        }
    }
}

/// Why a sweep stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// The robot has no link to a server that the plan needs.
    Link(String),
    /// The connection to the robot is lost.
    Robot,
}
