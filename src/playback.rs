//! Time control: what a person does to the time that the screen shows, as one enum and one reducer.
//!
//! ```text
//! playback   where we are, how fast, and what a command makes of it
//! landmarks  what there is to jump to: frames, events, markers, switches, fallbacks; and gaps
//! film       the state at any moment, from checkpoints and the entries after them
//! ```
//!
//! No clock, no file, no screen: time comes as a command too ([`Command::Pass`]).

mod film;
mod landmarks;

use crate::units::{FrameId, Nanos};

pub use film::{Film, Scene};
pub use landmarks::{Band, Landmarks, Place};

/// Which time the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Now: what workers tell this moment.
    Live,
    /// An earlier moment of what is still going on.
    Rewound,
    /// A moment of a recording.
    Replay,
}

impl Standing {
    /// The word on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Rewound => "REWOUND",
            Self::Replay => "REPLAY",
        }
    }
}

/// Speeds, in seconds of the recording a second.
pub const SPEEDS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const USUAL: usize = 3;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To earlier times.
    Back,
    /// To later ones.
    Forth,
}

/// What a step passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A frame.
    Frame,
    /// An event, a switch, a marker.
    Event,
    /// A second.
    Second,
}

/// Where to jump to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// The beginning.
    Start,
    /// The end of a recording.
    End,
    /// So many nanoseconds after the beginning.
    Time(i64),
    /// The moment at which a frame was told.
    Frame(FrameId),
    /// The next or last marker.
    Marker(Way),
    /// The next or last switch of plan.
    Switch(Way),
    /// The next or last time that the robot had to go on alone.
    Fallback(Way),
}

/// Everything that can be done to the time shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Goes on at the present speed.
    Play,
    /// Stands still.
    Pause,
    /// The other of the two.
    Toggle,
    /// The next speed up or down.
    Speed(Way),
    /// The speed nearest to this.
    SpeedOf {
        /// In tenths: 10 is as fast as it was.
        tenths: u16,
    },
    /// A step; it pauses.
    Step(Unit, Way),
    /// A jump; it goes on as it was.
    Jump(Jump),
    /// The first time, the selection begins here; the second time, it ends here and is played again and again; the third
    /// time, it is gone.
    Select,
    /// Goes live; in a recording, to its end.
    Follow,
    /// So many nanoseconds have passed for the person.
    Pass(i64),
    /// What can be shown reaches from here to there (live, it grows; the memory of the oldest goes).
    Span(Nanos, Nanos),
}

/// A stretch that is played again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// It has a beginning.
    Open(Nanos),
    /// It has both ends.
    Loop(Nanos, Nanos),
}

/// Which moment is shown, and how it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Playback {
    standing: Standing,
    from: Nanos,
    to: Nanos,
    at: Nanos,
    playing: bool,
    speed: usize,
    selection: Option<Selection>,
    /// What came to less than a nanosecond at slow speeds.
    rest_ns: f64,
}

/// A command did not do what it says, and why.
pub type Notice = &'static str;

impl Playback {
    /// The time of what is going on.
    pub const fn live() -> Self {
        Self::new(Standing::Live, Nanos(0), Nanos(0), true)
    }

    /// A recording, standing at its beginning.
    pub const fn replay(from: Nanos, to: Nanos) -> Self {
        Self::new(Standing::Replay, from, to, false)
    }

    const fn new(standing: Standing, from: Nanos, to: Nanos, playing: bool) -> Self {
        Self {
            standing,
            from,
            to,
            at: from,
            playing,
            speed: USUAL,
            selection: None,
            rest_ns: 0.0,
        }
    }

    /// Which time this is.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// The moment shown, on the clock of the entries.
    pub const fn at(&self) -> Nanos {
        self.at
    }

    /// What can be shown.
    pub const fn span(&self) -> (Nanos, Nanos) {
        (self.from, self.to)
    }

    /// Whether time goes on.
    pub const fn is_playing(&self) -> bool {
        self.playing
    }

    /// Seconds shown a second.
    pub const fn speed(&self) -> f64 {
        SPEEDS[self.speed]
    }

    /// The stretch that is selected.
    pub const fn selection(&self) -> Option<Selection> {
        self.selection
    }

    /// Does what a command says, as far as it goes.
    ///
    /// # Errors
    /// A sentence for the person where there is nothing to do it with; nothing changes then.
    pub fn update(&mut self, command: Command, landmarks: &Landmarks) -> Result<(), Notice> {
        match command {
            Command::Span(from, to) => self.span_is(from, to),
            Command::Pass(ns) => self.pass(ns),
            Command::Follow => match self.standing {
                Standing::Live => {}
                Standing::Rewound => self.go_live(),
                Standing::Replay => self.stand_at(self.to),
            },
            Command::Play => {
                if self.standing == Standing::Replay && self.at >= self.to {
                    self.at = self.from;
                }
                self.playing = true;
            }
            Command::Pause => {
                self.rewind();
                self.playing = false;
            }
            Command::Toggle if self.playing => return self.update(Command::Pause, landmarks),
            Command::Toggle => return self.update(Command::Play, landmarks),
            Command::Speed(way) => self.change_speed(way)?,
            Command::SpeedOf { tenths } => {
                let wanted = f64::from(tenths.max(1)) / 10.0;
                let miss = |s: &f64| (s.ln() - wanted.ln()).abs();
                let nearest = SPEEDS.iter().enumerate();
                let nearest = nearest.min_by(|a, b| miss(a.1).total_cmp(&miss(b.1)));
                self.speed = nearest.map_or(USUAL, |(place, _)| place);
            }
            Command::Step(unit, way) => {
                let at = match unit {
                    Unit::Second => Some(self.at.shifted(signed(way, 1_000_000_000))),
                    Unit::Frame => landmarks.frame(self.at, way),
                    Unit::Event => landmarks.event(self.at, way),
                };
                let at = at.ok_or(match unit {
                    Unit::Frame => "no further frame that way",
                    Unit::Event | Unit::Second => "no further event that way",
                })?;
                self.go(at)?;
                self.playing = false;
            }
            Command::Jump(jump) => {
                let at = self.place(jump, landmarks)?;
                self.go(at)?;
            }
            Command::Select => self.select()?,
        }
        Ok(())
    }

    fn span_is(&mut self, from: Nanos, to: Nanos) {
        self.from = from;
        self.to = Nanos(to.0.max(from.0));
        match self.standing {
            Standing::Live => self.at = self.to,
            // What is forgotten cannot be shown.
            Standing::Rewound | Standing::Replay => {
                self.at = Nanos(self.at.0.clamp(self.from.0, self.to.0));
            }
        }
    }

    fn pass(&mut self, ns: i64) {
        if self.standing == Standing::Live || !self.playing {
            return;
        }
        let exact = ns.max(0) as f64 * self.speed() + self.rest_ns;
        let whole = exact.floor();
        self.rest_ns = exact - whole;
        self.at = self.at.shifted(whole as i64);
        if let Some(Selection::Loop(from, to)) = self.selection
            && self.at > to
        {
            let length = to.since(from).max(1);
            self.at = from.shifted(self.at.since(from) % length);
        }
        if self.at >= self.to {
            match self.standing {
                // Whoever has caught up watches live again.
                Standing::Rewound => self.go_live(),
                Standing::Live | Standing::Replay => self.stand_at(self.to),
            }
        }
    }

    fn go_live(&mut self) {
        *self = Self {
            from: self.from,
            to: self.to,
            at: self.to,
            ..Self::live()
        };
    }

    fn stand_at(&mut self, at: Nanos) {
        self.at = at;
        self.playing = false;
    }

    /// Leaves the present for the same moment in memory.
    fn rewind(&mut self) {
        if self.standing == Standing::Live {
            self.standing = Standing::Rewound;
            self.at = self.to;
            self.playing = true;
        }
    }

    fn go(&mut self, at: Nanos) -> Result<(), Notice> {
        if at > self.to && self.standing == Standing::Live {
            return Err("this is now: there is nothing later");
        }
        self.rewind();
        self.at = Nanos(at.0.clamp(self.from.0, self.to.0));
        self.rest_ns = 0.0;
        Ok(())
    }

    fn change_speed(&mut self, way: Way) -> Result<(), Notice> {
        if self.standing == Standing::Live {
            return Err("live has no speed: step back first");
        }
        let speed = match way {
            Way::Back => self.speed.checked_sub(1),
            Way::Forth => Some(self.speed + 1).filter(|&s| s < SPEEDS.len()),
        };
        self.speed = speed.ok_or("that is as far as the speed goes")?;
        Ok(())
    }

    fn place(&self, jump: Jump, landmarks: &Landmarks) -> Result<Nanos, Notice> {
        match jump {
            Jump::Start => Ok(self.from),
            Jump::End => Ok(self.to),
            Jump::Time(ns) => Ok(self.from.shifted(ns)),
            Jump::Frame(frame) => landmarks.at_frame(frame).ok_or("no such frame here"),
            Jump::Marker(way) => landmarks
                .marker(self.at, way)
                .ok_or("no further marker that way"),
            Jump::Switch(way) => landmarks
                .switch(self.at, way)
                .ok_or("no further switch of plan that way"),
            Jump::Fallback(way) => landmarks
                .fallback(self.at, way)
                .ok_or("no further fallback that way"),
        }
    }

    fn select(&mut self) -> Result<(), Notice> {
        if self.standing == Standing::Live {
            return Err("step back first: a selection begins at an earlier moment");
        }
        self.selection = match self.selection {
            None => Some(Selection::Open(self.at)),
            Some(Selection::Open(at)) if at == self.at => {
                return Err("the selection begins here: go on to where it shall end");
            }
            Some(Selection::Open(at)) => {
                let (from, to) = (at.min(self.at), at.max(self.at));
                self.at = from;
                self.playing = true;
                Some(Selection::Loop(from, to))
            }
            Some(Selection::Loop(..)) => None,
        };
        Ok(())
    }
}

const fn signed(way: Way, ns: i64) -> i64 {
    match way {
        Way::Back => -ns,
        Way::Forth => ns,
    }
}

#[cfg(test)]
mod tests;
