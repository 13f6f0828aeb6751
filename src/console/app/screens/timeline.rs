//! The timeline's state: which frame, which step, which part of its time. Pure.

use super::super::App;
use crate::store::{FrameLane, Frames, lanes, lanes_of};
use crate::units::{DeviceId, NodeId};
use crate::wire::{FrameRecord, StepKind, StepTime, Steps};

/// Halvings of the time shown at most: 60 ms become 15 microseconds.
const MOST_ZOOM: u32 = 12;
/// The least time shown.
const LEAST_SPAN_NS: i64 = 1_000;

/// What keys ask of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// The frame before.
    Older,
    /// The frame after.
    Newer,
    /// The oldest frame kept.
    Oldest,
    /// The newest, whichever it is.
    Newest,
    /// Another step of the lane.
    Step(isize),
    /// Another lane.
    Lane(isize),
    /// Twice or half the detail.
    Zoom(i32),
    /// Half a screen earlier or later.
    Pan(i32),
}

/// A step by what it is, so that the same one is found in another frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StepName {
    device: DeviceId,
    kind: StepKind,
    node: NodeId,
    to: DeviceId,
    /// Counted among its like: tiles.
    nth: usize,
}

/// The timeline's state.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The frame looked at, kept whatever the store forgets; none: the newest one, whichever it is.
    pinned: Option<Box<FrameRecord>>,
    /// The step looked at; none: the longest.
    cursor: Option<StepName>,
    zoom: u32,
    /// Where the part shown begins.
    start_ns: i64,
}

/// A frame in lanes, the step looked at, and the part of the time that is shown.
#[derive(Debug, Clone)]
pub struct TimelineView<'a> {
    /// The frame.
    pub frame: &'a FrameRecord,
    /// Whether it is whichever is newest.
    pub follows: bool,
    /// Its lanes.
    pub lanes: Vec<FrameLane>,
    /// The step looked at: its lane, and its place there.
    pub cursor: Option<(usize, usize)>,
    /// Shown from here, since the frame's admission.
    pub start_ns: i64,
    /// Shown so long.
    pub span_ns: i64,
    /// Where the step looked at begins and ends, drawn through all lanes.
    pub guide: Option<(i64, i64)>,
}

impl TimelineView<'_> {
    /// The step looked at.
    pub fn step(&self) -> Option<StepTime> {
        let (lane, place) = self.cursor?;
        Some(self.lanes[lane].steps[place])
    }

    /// Other steps in the same part of the time, among them the one looked at, as it went there.
    pub fn beside(&self, steps: &Steps) -> TimelineView<'_> {
        let lanes = lanes_of(steps);
        let looked_at = self.cursor.and_then(|(l, p)| name(&self.lanes, l, p));
        TimelineView {
            cursor: looked_at.and_then(|name| find(&lanes, name)),
            lanes,
            ..*self
        }
    }
}

impl Timeline {
    /// What is to be seen, if there is a frame with steps.
    pub fn view<'a>(&'a self, frames: &'a Frames) -> Option<TimelineView<'a>> {
        let frame = match &self.pinned {
            Some(pinned) => &**pinned,
            None => frames.with_steps().next()?,
        };
        let lanes = lanes(frame);
        let (first, last) = ends(frame, &lanes);
        let whole = last.saturating_sub(first).max(LEAST_SPAN_NS);
        let span_ns = (whole >> self.zoom).max(LEAST_SPAN_NS);
        let latest = last.saturating_sub(span_ns).max(first);
        let cursor = self
            .cursor
            .and_then(|name| find(&lanes, name))
            .or_else(|| longest(&lanes));
        let looked_at = cursor.map(|(lane, place)| &lanes[lane].steps[place]);
        let guide = looked_at.map(|s| (s.start_ns, s.start_ns.saturating_add(s.duration_ns)));
        Some(TimelineView {
            guide,
            frame,
            follows: self.pinned.is_none(),
            cursor,
            start_ns: self.start_ns.clamp(first, latest),
            span_ns,
            lanes,
        })
    }

    /// Obeys a key.
    fn press(&mut self, what: Do, frames: &Frames) {
        let before = self.clone();
        let Some(view) = before.view(frames) else {
            return;
        };
        match what {
            Do::Older | Do::Newer | Do::Oldest | Do::Newest => {
                let now = view.frame.frame;
                let mut kept = frames.with_steps();
                let next = match what {
                    Do::Older => kept.find(|f| f.frame < now).or(Some(view.frame)),
                    Do::Newer => kept.take_while(|f| f.frame > now).last(),
                    Do::Oldest => kept.last(),
                    _ => None,
                };
                let newest = frames.with_steps().next().map(|f| f.frame);
                let next = next.filter(|f| what != Do::Newer || Some(f.frame) != newest);
                self.pinned = next.cloned().map(Box::new);
            }
            Do::Step(by) => {
                if let Some((lane, place)) = view.cursor {
                    let last = view.lanes[lane].steps.len() - 1;
                    let place = place.saturating_add_signed(by).min(last);
                    self.go(&view.lanes, lane, place, frames);
                }
            }
            Do::Lane(by) => {
                if let Some((lane, place)) = view.cursor {
                    let at = middle(&view.lanes[lane].steps[place]);
                    let mut next = lane;
                    // Past lanes without steps.
                    while let Some(other) = next
                        .checked_add_signed(by)
                        .filter(|&l| l < view.lanes.len())
                    {
                        next = other;
                        if let Some(place) = nearest(&view.lanes[next], at) {
                            self.go(&view.lanes, next, place, frames);
                            break;
                        }
                    }
                }
            }
            Do::Zoom(by) => {
                self.zoom = self.zoom.saturating_add_signed(by).min(MOST_ZOOM);
                self.centre(frames);
            }
            Do::Pan(by) => {
                let step = view.span_ns / 2 * i64::from(by);
                self.start_ns = view.start_ns.saturating_add(step);
                let moved = self.view(frames).map_or(0, |v| v.start_ns + v.span_ns / 2);
                if let Some((lane, _)) = view.cursor
                    && let Some(place) = nearest(&view.lanes[lane], moved)
                {
                    self.cursor = name(&view.lanes, lane, place);
                }
                self.start_ns = moved - view.span_ns / 2;
            }
        }
    }

    /// Looks at a step and shows the part of the time that it is in.
    fn go(&mut self, all: &[FrameLane], lane: usize, place: usize, frames: &Frames) {
        let named = name(all, lane, place);
        let step = all[lane].steps[place];
        self.cursor = named;
        let seen = self.view(frames).is_some_and(|view| {
            let at = middle(&step);
            at >= view.start_ns && at < view.start_ns + view.span_ns
        });
        if !seen {
            self.centre(frames);
        }
    }

    fn centre(&mut self, frames: &Frames) {
        let start = self.view(frames).and_then(|view| {
            let step = view.step()?;
            Some(middle(&step) - view.span_ns / 2)
        });
        self.start_ns = start.unwrap_or(0);
    }
}

impl App {
    pub(in crate::console::app) fn on_timeline(&mut self, what: Do) {
        // Not `shown`: the timeline is changed while the store is read.
        let Some(index) = self.focus() else {
            return;
        };
        let store = match &self.frozen {
            Some(frozen) => frozen.stores.get(index),
            None => self.targets.get(index).map(|t| &t.store),
        };
        if let Some(store) = store {
            self.screens.timeline.press(what, store.frames());
        }
    }
}

/// From the first to the last of what a frame's steps and its latency take.
fn ends(frame: &FrameRecord, lanes: &[FrameLane]) -> (i64, i64) {
    let steps = || lanes.iter().flat_map(|lane| &lane.steps);
    let first = steps().map(|s| s.start_ns).min().unwrap_or(0).min(0);
    let end = |s: &StepTime| s.start_ns.saturating_add(s.duration_ns);
    let last = steps().map(end).max().unwrap_or(0);
    (first, last.max(frame.latency_ns))
}

const fn middle(step: &StepTime) -> i64 {
    step.start_ns.saturating_add(step.duration_ns / 2)
}

/// The step of a lane that covers an instant, else the one that begins or ends closest to it.
fn nearest(lane: &FrameLane, at: i64) -> Option<usize> {
    let distance = |s: &StepTime| {
        let end = s.start_ns.saturating_add(s.duration_ns);
        (s.start_ns.saturating_sub(at))
            .max(at.saturating_sub(end))
            .max(0)
    };
    let closest = lane
        .steps
        .iter()
        .enumerate()
        .min_by_key(|(_, s)| distance(s))?;
    Some(closest.0)
}

fn longest(lanes: &[FrameLane]) -> Option<(usize, usize)> {
    let all = lanes.iter().enumerate().flat_map(|(lane, of)| {
        let steps = of.steps.iter().enumerate();
        steps.map(move |(place, step)| (step.duration_ns, (lane, place)))
    });
    // Of equals the first.
    let longest = all.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    Some(longest.1)
}

const fn alike(name: StepName, step: &StepTime) -> bool {
    name.device.0 == step.device.0
        && name.kind as u8 == step.kind as u8
        && name.node.0 == step.node.0
        && name.to.0 == step.to.0
}

fn name(lanes: &[FrameLane], lane: usize, place: usize) -> Option<StepName> {
    let steps = &lanes.get(lane)?.steps;
    let step = steps.get(place)?;
    let mut name = StepName {
        device: step.device,
        kind: step.kind,
        node: step.node,
        to: step.to,
        nth: 0,
    };
    name.nth = steps[..place].iter().filter(|s| alike(name, s)).count();
    Some(name)
}

fn find(lanes: &[FrameLane], name: StepName) -> Option<(usize, usize)> {
    lanes.iter().enumerate().find_map(|(lane, of)| {
        let mut like = of.steps.iter().enumerate().filter(|(_, s)| alike(name, s));
        Some((lane, like.nth(name.nth)?.0))
    })
}
