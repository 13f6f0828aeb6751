//! What an attached console does to the latency of frames: two windows of latencies under the plan in effect, kept where
//! telemetry is collected. Nothing on a frame's way knows of it. Pure; time is an argument.

use std::collections::VecDeque;

use crate::statistics::Estimate;
use crate::units::{Epoch, Nanos};
use crate::wire::{FrameGroup, FrameRecord, ObserverEffect, Outcome, RelativeChange};

/// Frames kept of each kind.
const KEPT: usize = 512;
/// Frames admitted so soon after a console came or went count for neither kind.
const SETTLE_NS: i64 = 2_000_000_000;

#[derive(Debug, Default)]
struct Window {
    latencies: VecDeque<i64>,
    newest: Option<Nanos>,
}

impl Window {
    fn push(&mut self, frame: &FrameRecord) {
        if self.latencies.len() == KEPT {
            self.latencies.pop_front();
        }
        self.latencies.push_back(frame.latency_ns);
        self.newest = Some(frame.admitted);
    }

    fn values(&self) -> Vec<f64> {
        self.latencies.iter().map(|&ns| ns as f64).collect()
    }

    fn group(&self) -> FrameGroup {
        let median = crate::statistics::median(&self.values());
        FrameGroup {
            frames: self.latencies.len() as u32,
            median_ns: median.map(|ns| ns as i64),
            newest: self.newest,
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Observer {
    /// Whether a console is attached, and since when it is so.
    attached: bool,
    since: Nanos,
    epoch: Option<Epoch>,
    alone: Window,
    watched: Window,
    emulated: bool,
}

impl Observer {
    pub(super) fn new(now: Nanos) -> Self {
        Self {
            attached: false,
            since: now,
            epoch: None,
            alone: Window::default(),
            watched: Window::default(),
            emulated: false,
        }
    }

    /// Whether a console is attached now.
    pub(super) fn attached(&mut self, now: Nanos, attached: bool) {
        if self.attached != attached {
            self.attached = attached;
            self.since = now;
        }
    }

    /// A frame was told. It counts if everything was the same from its admission to its end, and had been for a while.
    pub(super) fn frame(&mut self, frame: &FrameRecord) {
        if self.epoch.is_some_and(|epoch| frame.epoch < epoch) {
            return;
        }
        if self.epoch != Some(frame.epoch) {
            self.epoch = Some(frame.epoch);
            self.alone = Window::default();
            self.watched = Window::default();
            self.emulated = false;
        }
        let is_usual =
            frame.outcome == Outcome::Ok && !frame.warmup && !frame.preparing && frame.attempt == 0;
        if !is_usual || frame.admitted < self.since.shifted(SETTLE_NS) {
            return;
        }
        self.emulated |= frame.emulated;
        if self.attached {
            self.watched.push(frame);
        } else {
            self.alone.push(frame);
        }
    }

    /// What is known; none before the first frame.
    pub(super) fn effect(&self) -> Option<ObserverEffect> {
        let ratio = Estimate::of_ratio_by_ranks(&self.watched.values(), &self.alone.values());
        let ppm = |ratio: f64| ((ratio - 1.0) * 1e6).round() as i64;
        let change = ratio.and_then(|ratio| {
            let interval = ratio.interval?;
            Some(RelativeChange {
                ppm: ppm(ratio.value),
                low_ppm: ppm(interval.low),
                high_ppm: ppm(interval.high),
            })
        });
        Some(ObserverEffect {
            epoch: self.epoch?,
            alone: self.alone.group(),
            watched: self.watched.group(),
            change,
            emulated: self.emulated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Random;
    use crate::units::FrameId;
    use crate::worker::endpoint::testing::long_frame;

    const MS: i64 = 1_000_000;

    fn frame(at_ms: i64, epoch: u32, latency_ns: i64) -> FrameRecord {
        FrameRecord {
            frame: FrameId(at_ms as u64),
            epoch: Epoch(epoch),
            admitted: Nanos(at_ms * MS),
            latency_ns,
            ..long_frame(0)
        }
    }

    /// Frames every 50 ms from one second to another, about 40 ms long and so many millionths longer.
    fn run(observer: &mut Observer, random: &mut Random, seconds: std::ops::Range<i64>, ppm: i64) {
        for at_ms in (seconds.start * 1000..seconds.end * 1000).step_by(50) {
            let noise = (random.unit() * 1e6) as i64;
            let ns = 40 * MS + noise;
            observer.frame(&frame(at_ms, 1, ns + ns / 1_000_000 * ppm));
        }
    }

    #[test]
    fn a_console_that_costs_two_percent_is_found_out_and_one_that_costs_nothing_is_not() {
        for (cost_ppm, is_seen) in [(20_000, true), (0, false)] {
            let mut random = Random::new(5);
            let mut observer = Observer::new(Nanos(0));
            assert_eq!(observer.effect(), None);
            run(&mut observer, &mut random, 0..12, 0);
            let before = observer.effect().unwrap();
            assert_eq!((before.alone.frames, before.watched.frames), (200, 0));
            assert_eq!(before.change, None, "nothing to compare with is no zero");
            observer.attached(Nanos(12_000 * MS), true);
            // The first two seconds are settling: their frames would show.
            run(&mut observer, &mut random, 12..14, 900_000);
            run(&mut observer, &mut random, 14..24, cost_ppm);
            let effect = observer.effect().unwrap();
            assert_eq!((effect.alone.frames, effect.watched.frames), (200, 200));
            let change = effect.change.unwrap();
            assert_eq!(change.low_ppm > 0, is_seen, "{change:?}");
            assert!((change.ppm - cost_ppm).abs() < 3_000, "{change:?}");
            assert!(change.high_ppm - change.low_ppm < 8_000, "{change:?}");
        }
    }

    #[test]
    fn what_is_not_usual_and_what_is_of_another_plan_does_not_count() {
        let mut observer = Observer::new(Nanos(0));
        let mut odd = [(); 4].map(|()| frame(5_000, 1, 40 * MS));
        odd[0].warmup = true;
        odd[1].preparing = true;
        odd[2].outcome = Outcome::FinishedLocally;
        odd[3].attempt = 1;
        for f in &odd {
            observer.frame(f);
        }
        assert_eq!(observer.effect().unwrap().alone.frames, 0);
        observer.frame(&frame(5_000, 1, 40 * MS));
        assert_eq!(observer.effect().unwrap().alone.frames, 1);
        observer.frame(&frame(5_100, 2, 20 * MS));
        observer.frame(&frame(5_050, 1, 40 * MS));
        let effect = observer.effect().unwrap();
        assert_eq!((effect.epoch, effect.alone.frames), (Epoch(2), 1));
        assert_eq!(effect.alone.median_ns, Some(20 * MS));
    }

    #[test]
    fn memory_is_bounded() {
        let mut observer = Observer::new(Nanos(0));
        (3_000..9_000).for_each(|ms| observer.frame(&frame(ms, 1, MS)));
        let alone = observer.effect().unwrap().alone;
        assert_eq!(
            (alone.frames, alone.newest),
            (KEPT as u32, Some(Nanos(8_999 * MS)))
        );
    }
}
