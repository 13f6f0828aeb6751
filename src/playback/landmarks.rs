//! What there is to jump to and to draw on a scrubber, noted while the entries go by.

use std::collections::BTreeMap;

use super::Way;
use crate::session::{Entry, What};
use crate::units::{FrameId, Nanos};
use crate::wire::{Outcome, Record, SwitchStage};

/// Frames noted: 16 bytes each. Those of an hour at 250 a second.
const MOST_FRAMES: usize = 1 << 20;
/// Of each other kind.
const MOST: usize = 1 << 16;

/// A moment with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When.
    pub at: Nanos,
    /// What.
    pub text: String,
}

/// A stretch under one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Its first frame's time; it reaches to the next one's.
    pub from: Nanos,
    /// The mode of its frames.
    pub mode: String,
}

/// What happened when.
#[derive(Debug, Clone, Default)]
pub struct Landmarks {
    frames: Vec<(Nanos, FrameId)>,
    events: Vec<Nanos>,
    markers: Vec<Place>,
    switches: Vec<Place>,
    fallbacks: Vec<Nanos>,
    gaps: Vec<(Nanos, Nanos)>,
    bands: Vec<Band>,
    /// Whether the newest frame ran as planned.
    well: bool,
    /// When a worker was lost.
    lost: BTreeMap<u16, Nanos>,
    /// The last time that a worker was away.
    away: BTreeMap<u16, (Nanos, Nanos)>,
    /// Not noted for want of room.
    left_out: u64,
}

impl Landmarks {
    /// Notes what an entry is worth. Entries come in the order of time.
    pub fn note(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.what {
            What::Record(told) => match &told.record {
                Record::Frame(frame) => {
                    let well = frame.outcome == Outcome::Ok;
                    if !well && self.well {
                        self.note_fallback(at);
                    }
                    self.well = well;
                    if self.bands.last().is_none_or(|b| b.mode != frame.mode)
                        && self.bands.len() < MOST
                    {
                        let mode = frame.mode.clone();
                        self.bands.push(Band { from: at, mode });
                    }
                    if self.frames.len() < MOST_FRAMES {
                        self.frames.push((at, frame.frame));
                    } else {
                        self.left_out += 1;
                    }
                }
                Record::Switch(switch) => {
                    self.note_event(at);
                    if let SwitchStage::Applied { epoch, .. } = switch.stage {
                        let text = format!("{} (epoch {epoch})", switch.plan.label());
                        note(&mut self.switches, Place { at, text }, &mut self.left_out);
                    }
                }
                Record::Event(_) => self.note_event(at),
                _ => {}
            },
            What::Marker(marker) => {
                self.note_event(at);
                let text = marker.text.clone();
                note(&mut self.markers, Place { at, text }, &mut self.left_out);
            }
            What::Lost(lost) => {
                self.note_event(at);
                self.lost.entry(lost.target).or_insert(at);
            }
            What::Hello(hello) => {
                self.note_event(at);
                if let Some(since) = self.lost.remove(&hello.target) {
                    self.away.insert(hello.target, (since, at));
                }
            }
            What::Gap(gap) => {
                let gap = self.away.get(&gap.target).copied().unwrap_or((at, at));
                note(&mut self.gaps, gap, &mut self.left_out);
            }
            What::Left(left) => note(&mut self.gaps, (left.from, left.to), &mut self.left_out),
            What::Notice(_) => self.note_event(at),
            _ => {}
        }
    }

    fn note_event(&mut self, at: Nanos) {
        note(&mut self.events, at, &mut self.left_out);
    }

    fn note_fallback(&mut self, at: Nanos) {
        note(&mut self.fallbacks, at, &mut self.left_out);
    }

    /// Nothing is known after one moment up to another; a gap that grows is noted again.
    pub(super) fn gap(&mut self, from: Nanos, to: Nanos) {
        match self.gaps.last_mut().filter(|gap| gap.0 == from) {
            Some(gap) => gap.1 = to,
            None => note(&mut self.gaps, (from, to), &mut self.left_out),
        }
    }

    /// When the first frame was told.
    pub fn first_frame(&self) -> Option<Nanos> {
        self.frames.first().map(|frame| frame.0)
    }

    /// Forgets what was before a moment.
    pub fn forget_before(&mut self, from: Nanos) {
        self.frames
            .drain(..self.frames.partition_point(|f| f.0 < from));
        self.events
            .drain(..self.events.partition_point(|&at| at < from));
        self.markers
            .drain(..self.markers.partition_point(|p| p.at < from));
        self.switches
            .drain(..self.switches.partition_point(|p| p.at < from));
        self.fallbacks
            .drain(..self.fallbacks.partition_point(|&at| at < from));
        self.gaps.retain(|gap| gap.1 >= from);
        let bands = self.bands.partition_point(|b| b.from <= from);
        self.bands.drain(..bands.saturating_sub(1));
    }

    pub(super) fn frame(&self, at: Nanos, way: Way) -> Option<Nanos> {
        next(&self.frames, |f| f.0, at, way)
    }

    pub(super) fn event(&self, at: Nanos, way: Way) -> Option<Nanos> {
        next(&self.events, |&at| at, at, way)
    }

    pub(super) fn marker(&self, at: Nanos, way: Way) -> Option<Nanos> {
        next(&self.markers, |p| p.at, at, way)
    }

    pub(super) fn switch(&self, at: Nanos, way: Way) -> Option<Nanos> {
        next(&self.switches, |p| p.at, at, way)
    }

    pub(super) fn fallback(&self, at: Nanos, way: Way) -> Option<Nanos> {
        next(&self.fallbacks, |&at| at, at, way)
    }

    /// When a frame was told; the newest of that number, since a restarted robot counts anew.
    pub(super) fn at_frame(&self, frame: FrameId) -> Option<Nanos> {
        let mut frames = self.frames.iter().rev();
        frames.find(|f| f.1 == frame).map(|f| f.0)
    }

    /// Markers, in the order of time.
    pub fn markers(&self) -> &[Place] {
        &self.markers
    }

    /// Switches of plan, in the order of time.
    pub fn switches(&self) -> &[Place] {
        &self.switches
    }

    /// Times that nothing is known of.
    pub fn gaps(&self) -> &[(Nanos, Nanos)] {
        &self.gaps
    }

    /// Whether nothing is known of a moment.
    pub fn is_gap(&self, at: Nanos) -> bool {
        self.gaps.iter().any(|&(from, to)| from < at && at < to)
    }

    /// Modes of frames, in the order of time.
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// Frames told from one moment up to, not including, another.
    pub fn frames_between(&self, from: Nanos, to: Nanos) -> usize {
        let before = |at| self.frames.partition_point(|f| f.0 < at);
        before(to).saturating_sub(before(from))
    }

    /// The mode of the frames at a moment.
    pub fn mode_at(&self, at: Nanos) -> Option<&str> {
        let place = self
            .bands
            .partition_point(|b| b.from <= at)
            .checked_sub(1)?;
        self.bands.get(place).map(|b| b.mode.as_str())
    }

    /// Landmarks that there was no room for.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

fn note<T>(list: &mut Vec<T>, new: T, left_out: &mut u64) {
    if list.len() < MOST {
        list.push(new);
    } else {
        *left_out += 1;
    }
}

/// The nearest on one side of a moment; what is at the moment itself is passed over.
fn next<T>(list: &[T], time: impl Fn(&T) -> Nanos, at: Nanos, way: Way) -> Option<Nanos> {
    match way {
        Way::Forth => list.get(list.partition_point(|t| time(t) <= at)).map(time),
        Way::Back => {
            let place = list.partition_point(|t| time(t) < at).checked_sub(1)?;
            list.get(place).map(time)
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A frame a second from 10 s to 110 s, frame numbers as the seconds; events at 30 and 40, a marker at 40, a
    /// fallback at 70.
    pub(in crate::playback) fn landmarks() -> Landmarks {
        let s = |seconds: i64| Nanos(seconds * 1_000_000_000);
        Landmarks {
            frames: (10..=110).map(|n| (s(n), FrameId(n as u64))).collect(),
            events: vec![s(30), s(40)],
            markers: vec![Place {
                at: s(40),
                text: "behind the tree".to_owned(),
            }],
            fallbacks: vec![s(70)],
            bands: vec![Band {
                from: s(10),
                mode: "split".to_owned(),
            }],
            ..Landmarks::default()
        }
    }

    #[test]
    fn what_is_forgotten_is_no_landmark_and_the_band_that_goes_on_is() {
        let mut landmarks = landmarks();
        landmarks.forget_before(Nanos(50_000_000_000));
        assert_eq!(landmarks.frames.len(), 61);
        assert!(landmarks.markers.is_empty() && landmarks.events.is_empty());
        assert_eq!(landmarks.mode_at(Nanos(50_000_000_000)), Some("split"));
        assert_eq!(landmarks.fallbacks.len(), 1);
    }
}
