//! Transfers on a medium, as a fluid: those that go on at once get equal shares of its time.
//!
//! The relay that plays a shared link sends pieces of 2 ms in turn, so two directions that both wait get half each
//! (`link::shaper::medium`); this is the limit of ever smaller pieces.

use super::link::{Link, Rate};
use crate::profile::trace::Direction;
use crate::units::Nanos;

/// A transfer under way.
#[derive(Debug, Clone, Copy)]
struct Flow {
    lane: usize,
    direction: Direction,
    left_bits: f64,
}

/// What carries transfers; those of other media do not slow its own.
#[derive(Debug)]
pub(super) struct Medium<'a> {
    link: &'a Link,
    flows: Vec<Flow>,
    /// Up to when `left_bits` is right.
    at: Nanos,
}

impl<'a> Medium<'a> {
    pub(super) const fn new(link: &'a Link) -> Self {
        Self {
            link,
            flows: Vec::new(),
            at: Nanos(i64::MIN),
        }
    }

    /// A lane's transfer begins; up to now the medium must be [`advanced`](Self::advance).
    pub(super) fn begin(&mut self, lane: usize, direction: Direction, bytes: u64, now: Nanos) {
        self.at = now;
        self.flows.push(Flow {
            lane,
            direction,
            left_bits: bytes as f64 * 8.0,
        });
    }

    fn rate(&self, flow: &Flow) -> &Rate {
        self.link.rate(flow.direction)
    }

    /// When a transfer ends if none begins or ends before; none if it never does.
    fn end(&self, flow: &Flow) -> Option<Nanos> {
        let bits = flow.left_bits * self.flows.len() as f64;
        let ns = self.rate(flow).ns_for(self.at, bits)?;
        Some(self.at.shifted(ns))
    }

    /// When the next transfer ends; none if nothing is under way or nothing passes ever again.
    pub(super) fn next_end(&self) -> Option<Nanos> {
        self.flows.iter().filter_map(|flow| self.end(flow)).min()
    }

    /// Goes on to `now`, which is no later than [`Self::next_end`]; gives the lanes whose transfers have ended, in the
    /// order in which they began.
    pub(super) fn advance(&mut self, now: Nanos) -> Vec<usize> {
        if self.flows.is_empty() || now < self.at {
            return Vec::new();
        }
        let count = self.flows.len() as f64;
        let ended = |flow: &Flow| self.end(flow).is_some_and(|end| end <= now);
        let (done, mut left): (Vec<Flow>, Vec<Flow>) = self.flows.iter().copied().partition(ended);
        for flow in &mut left {
            let passed = self.rate(flow).bits_between(self.at, now) / count;
            flow.left_bits = (flow.left_bits - passed).max(0.0);
        }
        self.flows = left;
        self.at = now;
        done.iter().map(|flow| flow.lane).collect()
    }
}
