//! The time that is shown: now, an earlier moment of what goes on, or a recording's. What workers tell meanwhile is
//! taken in aside.

use std::path::PathBuf;
use std::sync::Arc;

use super::{App, Effect, Moment, Orders, Redraw, Setup, Target, Turn};
use crate::playback::{Command, Jump, Landmarks, Playback, Standing};
use crate::progress::Progress;
use crate::session::Meta;
use crate::store::Events;
use crate::units::{FrameId, Nanos};

/// Between two pictures of a time that goes on.
const PICTURE_NS: i64 = 100_000_000;
/// Characters of a moment to go to.
const LONGEST: usize = 16;

/// What workers told, up to a moment.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub(super) targets: Vec<Target>,
    pub(super) own_events: Events,
    pub(super) orders: Orders,
}

/// What the film brings.
#[derive(Debug, Clone)]
pub enum Shot {
    /// What can be shown, and what there is to jump to.
    Reel(Reel),
    /// A moment that was asked for.
    Picture {
        /// Which.
        at: Moment,
        /// What workers had told by then.
        evidence: Box<Evidence>,
    },
    /// It cannot be shown: why.
    Failed(String),
}

/// What can be shown.
#[derive(Debug, Clone)]
pub struct Reel {
    /// The first moment.
    pub from: Nanos,
    /// The last one.
    pub to: Nanos,
    /// What there is to jump to.
    pub landmarks: Arc<Landmarks>,
    /// Of a recording that is still being read: how far that is.
    pub reading: Option<Progress>,
}

/// What is typed to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// Begin.
    Open,
    /// A character more.
    Char(char),
    /// One less.
    Erase,
    /// Go there.
    Go,
    /// Leave.
    Close,
}

/// Which time is shown.
#[derive(Debug, Clone)]
pub struct Deck {
    playback: Playback,
    landmarks: Arc<Landmarks>,
    /// The moment of what stands on the screen, where that is not now.
    shown: Option<Moment>,
    /// What workers tell now, while an earlier moment is shown.
    pub(super) aside: Option<Evidence>,
    /// A picture is under way.
    asked: bool,
    passed: Nanos,
    reading: Option<Progress>,
    typed: Option<String>,
    /// The recording's name.
    title: Option<String>,
    /// The recording's file and what it is.
    recorded: Option<(PathBuf, Meta)>,
    /// A recording was opened and nobody has gone anywhere in it yet: it shows its first frame, once there is one.
    opening: bool,
}

impl Default for Deck {
    fn default() -> Self {
        Self {
            playback: Playback::live(),
            landmarks: Arc::default(),
            shown: None,
            aside: None,
            asked: false,
            passed: Nanos(0),
            reading: None,
            typed: None,
            title: None,
            recorded: None,
            opening: false,
        }
    }
}

impl Deck {
    /// Of a recording, standing at its beginning.
    pub fn replay(title: String, from: Nanos, to: Nanos) -> Self {
        Self {
            playback: Playback::replay(from, to),
            title: Some(title),
            opening: true,
            ..Self::default()
        }
    }

    /// Where it stands.
    pub const fn playback(&self) -> &Playback {
        &self.playback
    }

    /// What there is to jump to.
    pub fn landmarks(&self) -> &Landmarks {
        &self.landmarks
    }

    /// Of a recording that is still being read: how far that is.
    pub const fn reading(&self) -> Option<Progress> {
        self.reading
    }

    /// What is typed to go to, while it is.
    pub fn typed(&self) -> Option<&str> {
        self.typed.as_deref()
    }

    /// The recording's name.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// The recording's file, and what was said of it.
    pub const fn recorded(&self) -> Option<&(PathBuf, Meta)> {
        self.recorded.as_ref()
    }

    /// The moment that stands on the screen; none for now.
    pub const fn shown(&self) -> Option<Moment> {
        self.shown
    }

    /// Whether workers may be commanded: only by who sees what is so now.
    pub const fn is_live(&self) -> bool {
        matches!(self.playback.standing(), Standing::Live)
    }
}

impl App {
    /// A console for a recording: it has no workers of its own.
    pub fn replay(setup: Setup, title: String, from: Nanos, to: Nanos, now: Nanos) -> Self {
        let setup = Setup {
            addresses: Vec::new(),
            ..setup
        };
        let (mut app, _) = Self::new(setup, now);
        app.deck = Deck::replay(title, from, to);
        app.deck.passed = now;
        app
    }

    /// The same console with the recording's file and what was said of it, so that it can be edited.
    #[must_use]
    pub fn of_file(mut self, file: PathBuf, about: Meta) -> Self {
        self.deck.recorded = Some((file, about));
        self
    }

    /// A file's description has changed.
    pub(super) fn described(&mut self, changed: PathBuf, about: Meta) {
        if self.deck.recorded.as_ref().is_some_and(|r| r.0 == changed) {
            self.deck.recorded = Some((changed, about));
        }
    }

    pub(super) const fn is_replay(&self) -> bool {
        matches!(self.deck.playback.standing(), Standing::Replay)
    }

    /// A console without workers and without a recording: it lists what there is.
    pub fn browse(setup: Setup, now: Nanos) -> Self {
        Self::replay(
            setup,
            "no recording: choose one".to_owned(),
            Nanos(0),
            Nanos(0),
            now,
        )
    }

    /// Which time is shown.
    pub const fn deck(&self) -> &Deck {
        &self.deck
    }

    /// The moment that the screen is about, for a person who looks at it now.
    pub fn time_shown(&self, now: Nanos) -> Nanos {
        self.deck.shown.map_or(now, |shown| shown.now)
    }

    /// What workers told, as it stands on the screen.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            targets: self.targets.clone(),
            own_events: self.own_events.clone(),
            orders: self.orders.clone(),
        }
    }

    fn exchange(&mut self, evidence: &mut Evidence) {
        std::mem::swap(&mut self.targets, &mut evidence.targets);
        std::mem::swap(&mut self.own_events, &mut evidence.own_events);
        std::mem::swap(&mut self.orders, &mut evidence.orders);
    }

    /// Does something to what workers tell now, whichever time is shown.
    pub(super) fn with_present(&mut self, act: impl FnOnce(&mut Self)) {
        match self.deck.aside.take() {
            None => act(self),
            Some(mut present) => {
                self.exchange(&mut present);
                act(self);
                self.exchange(&mut present);
                self.deck.aside = Some(present);
            }
        }
    }

    /// The workers as they are now; none where nobody is listened to.
    pub fn present_targets(&self) -> &[Target] {
        match (&self.deck.aside, self.deck.playback.standing()) {
            (Some(present), _) => &present.targets,
            (None, Standing::Replay) => &[],
            (None, _) => &self.targets,
        }
    }

    /// Obeys a command to the time.
    pub(super) fn on_time(&mut self, command: Command, at: Moment, turn: &mut Turn) {
        if self.deck.is_live() {
            let (from, _) = self.deck.playback.span();
            self.time(Command::Span(from, at.now));
            if self.frozen.take().is_some() {
                turn.redraw(Redraw::AtOnce);
            }
        }
        self.deck.passed = at.now;
        self.deck.opening = false;
        self.time(command);
        self.settle(turn);
    }

    fn time(&mut self, command: Command) {
        if let Err(why) = self.deck.playback.update(command, &self.deck.landmarks) {
            self.notice = Some(why.to_owned());
        }
    }

    /// Lets time pass for a playback.
    pub(super) fn pass_time(&mut self, at: Moment, turn: &mut Turn) {
        if self.deck.is_live() {
            return;
        }
        let passed = at.now.since(self.deck.passed);
        self.deck.passed = at.now;
        if self.deck.playback.standing() == Standing::Rewound {
            let (from, _) = self.deck.playback.span();
            self.time(Command::Span(from, at.now));
        }
        self.time(Command::Pass(passed));
        self.settle(turn);
    }

    /// When a playback wants to go on.
    pub(super) fn next_picture(&self) -> Option<Nanos> {
        let playback = &self.deck.playback;
        let goes_on = !self.deck.is_live() && playback.is_playing();
        goes_on.then(|| self.deck.passed.shifted(PICTURE_NS))
    }

    /// Asks for the picture of the present moment, or goes back to now.
    fn settle(&mut self, turn: &mut Turn) {
        if self.deck.is_live() {
            if let Some(mut present) = self.deck.aside.take() {
                self.exchange(&mut present);
                turn.redraw(Redraw::AtOnce);
            }
            self.deck.shown = None;
            return;
        }
        let at = self.deck.playback.at();
        let stands = self.deck.shown.map(|shown| shown.now) == Some(at);
        if !stands && !self.deck.asked {
            self.deck.asked = true;
            turn.effects.push(Effect::Show(at));
        }
    }

    /// Takes in what the film brings.
    pub(super) fn on_film(&mut self, shot: Shot, turn: &mut Turn) {
        match shot {
            Shot::Reel(reel) => {
                self.deck.landmarks = reel.landmarks;
                self.deck.reading = reel.reading;
                let (_, to) = self.deck.playback.span();
                // Of what goes on the present is the end; of a recording, its catalogue may say more than was read.
                let to = Nanos(to.0.max(reel.to.0));
                let span = Command::Span(reel.from, to);
                self.time(span);
                if self.deck.opening
                    && let Some(first) = self.deck.landmarks.first_frame()
                {
                    // What is before it is a console that waits for its workers.
                    self.deck.opening = false;
                    self.time(Command::Jump(Jump::Time(first.since(reel.from))));
                }
                if !self.deck.is_live() {
                    turn.redraw(Redraw::Soon);
                }
                self.settle(turn);
            }
            Shot::Picture { at, evidence } => {
                self.deck.asked = false;
                if self.deck.is_live() {
                    return;
                }
                let mut evidence = *evidence;
                self.exchange(&mut evidence);
                if self.deck.playback.standing() == Standing::Rewound && self.deck.aside.is_none() {
                    // What stood there was the present.
                    self.deck.aside = Some(evidence);
                }
                self.deck.shown = Some(at);
                turn.redraw(Redraw::Scrubbing);
                self.settle(turn);
            }
            Shot::Failed(why) => {
                self.deck.asked = false;
                self.notice = Some(why);
                turn.redraw(Redraw::AtOnce);
            }
        }
    }

    /// Takes what is typed to go to.
    pub(super) fn on_typing(&mut self, typing: Typing, at: Moment, turn: &mut Turn) {
        let typed = &mut self.deck.typed;
        match (typing, typed.as_mut()) {
            (Typing::Open, _) => *typed = Some(String::new()),
            (Typing::Char(c), Some(text)) if text.len() < LONGEST => text.push(c),
            (Typing::Erase, Some(text)) => {
                text.pop();
            }
            (Typing::Close, _) => *typed = None,
            (Typing::Go, Some(text)) => {
                let jump = jump(text);
                *typed = None;
                match jump {
                    Some(jump) => self.on_time(Command::Jump(jump), at, turn),
                    None => {
                        let words = "go to what? a time (12:30 or 45.5 seconds) or a frame (#1041)";
                        self.notice = Some(words.to_owned());
                    }
                }
            }
            (Typing::Char(_) | Typing::Go, _) | (Typing::Erase, None) => {}
        }
    }
}

/// Reads `#1041`, `45.5`, `12:30`, `1:12:30`.
pub fn jump(text: &str) -> Option<Jump> {
    if let Some(frame) = text.strip_prefix('#') {
        return Some(Jump::Frame(FrameId(frame.parse().ok()?)));
    }
    let mut seconds = 0.0;
    for part in text.split(':') {
        let part: f64 = part.parse().ok()?;
        if !(0.0..1e6).contains(&part) {
            return None;
        }
        seconds = seconds * 60.0 + part;
    }
    Some(Jump::Time((seconds * 1e9) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_typed_as_people_write_it() {
        let s = |seconds: f64| Some(Jump::Time((seconds * 1e9) as i64));
        assert_eq!(jump("45.5"), s(45.5));
        assert_eq!(jump("12:30"), s(750.0));
        assert_eq!(jump("1:00:01"), s(3_601.0));
        assert_eq!(jump("#1041"), Some(Jump::Frame(FrameId(1041))));
        for wrong in ["", "x", "#", "-5", "1:x", "inf", "NaN"] {
            assert_eq!(jump(wrong), None, "{wrong}");
        }
    }
}
