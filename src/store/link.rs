//! The data link over time, on the robot's clock. A gap stays a gap: idle, disconnected and not told are three things.

use std::collections::VecDeque;

use crate::units::Nanos;
use crate::wire::{Flow, LinkSample};

/// Samples kept: a minute at one per 0.1 s, 80 bytes each; what is drawn over longer is in the trends.
const MOST: usize = 600;
/// How long a round trip counts as the link's present one.
const RTT_AGE_NS: i64 = 3_000_000_000;

/// One direction of the link over some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// Goodput while transfers went on.
    Mbps(f64),
    /// Connected, but nothing was under way.
    Idle,
    /// Not connected.
    Down,
    /// Nothing is known of that time.
    Unknown,
}

/// Both directions over some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goodput {
    /// Robot to server.
    pub up: Reading,
    /// Server to robot.
    pub down: Reading,
}

/// The newest samples.
#[derive(Debug, Clone, Default)]
pub struct LinkSeries {
    samples: VecDeque<LinkSample>,
    /// Goodput is of the time after this alone: another plan ran before.
    since: Option<Nanos>,
}

#[derive(Default, Clone, Copy)]
struct Sum {
    up: Flow,
    down: Flow,
    samples: u32,
    connected: bool,
}

impl Sum {
    fn add(&mut self, sample: &LinkSample) {
        let join = |a: Flow, b: Flow| Flow {
            bytes: a.bytes.saturating_add(b.bytes),
            busy_ns: a.busy_ns.saturating_add(b.busy_ns),
        };
        self.up = join(self.up, sample.up);
        self.down = join(self.down, sample.down);
        self.samples += 1;
        self.connected |= sample.connected;
    }

    fn reading(&self, flow: Flow) -> Reading {
        match flow.mbps() {
            _ if self.samples == 0 => Reading::Unknown,
            Some(mbps) => Reading::Mbps(mbps),
            None if self.connected => Reading::Idle,
            None => Reading::Down,
        }
    }

    fn goodput(&self) -> Goodput {
        Goodput {
            up: self.reading(self.up),
            down: self.reading(self.down),
        }
    }
}

impl LinkSeries {
    /// Adds a sample; one that is not newer than the last was told before and is left out. Says whether it was added.
    pub fn push(&mut self, sample: LinkSample) -> bool {
        if self.samples.back().is_some_and(|last| sample.at <= last.at) {
            return false;
        }
        self.samples.push_back(sample);
        if self.samples.len() > MOST {
            self.samples.pop_front();
        }
        true
    }

    /// Adds a sample that came late at its place; says whether it was not there before.
    pub fn insert(&mut self, sample: LinkSample) -> bool {
        let place = self.samples.partition_point(|old| old.at < sample.at);
        let known = self
            .samples
            .get(place)
            .is_some_and(|old| old.at == sample.at);
        if known || place == 0 && self.samples.len() == MOST {
            return false;
        }
        self.samples.insert(place, sample);
        if self.samples.len() > MOST {
            self.samples.pop_front();
        }
        true
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&LinkSample> {
        self.samples.back()
    }

    /// The newest round trip, if one was measured in the last three seconds of the series.
    pub fn rtt_ns(&self) -> Option<i64> {
        let now = self.last()?.at;
        self.samples
            .iter()
            .rev()
            .take_while(|s| now.since(s.at) < RTT_AGE_NS)
            .find_map(|s| s.rtt_ns)
    }

    /// Another plan runs from this moment on.
    pub const fn begin(&mut self, since: Nanos) {
        self.since = Some(since);
    }

    /// Both directions over the last `ns` of the series, as far as the plan in effect ran in them.
    pub fn recent(&self, ns: i64) -> Goodput {
        let mut sum = Sum::default();
        if let Some(last) = self.last() {
            for sample in self.samples.iter().rev() {
                let began = sample.at.shifted(-sample.window_ns);
                if last.at.since(sample.at) >= ns || Some(began) < self.since {
                    break;
                }
                sum.add(sample);
            }
        }
        sum.goodput()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn sample(at_ms: i64, bytes: u64, busy_ms: i64, connected: bool) -> LinkSample {
        LinkSample {
            at: Nanos(at_ms * MS),
            window_ns: 100 * MS,
            up: Flow {
                bytes,
                busy_ns: busy_ms * MS,
            },
            down: Flow::default(),
            rtt_ns: None,
            connected,
            peer: crate::units::DeviceId::SERVER,
        }
    }

    #[test]
    fn idle_disconnected_and_untold_times_are_three_kinds_of_gap() {
        let mut series = LinkSeries::default();
        assert_eq!(series.recent(100 * MS).up, Reading::Unknown);
        for (at, bytes, connected, reading) in [
            (100, 1_000_000, true, Reading::Mbps(80.0)),
            (200, 0, true, Reading::Idle),
            (300, 0, false, Reading::Down),
        ] {
            let busy = if bytes > 0 { 100 } else { 0 };
            series.push(sample(at, bytes, busy, connected));
            assert_eq!(series.recent(100 * MS).up, reading);
        }
    }

    #[test]
    fn goodput_is_bytes_over_busy_time_and_not_a_mean_of_rates() {
        let mut series = LinkSeries::default();
        series.push(sample(100, 1_000_000, 100, true));
        series.push(sample(200, 100_000, 1, true));
        let Reading::Mbps(mbps) = series.recent(1_000 * MS).up else {
            panic!("no rate");
        };
        assert!((mbps - 1_100_000.0 * 8e-3 / 101.0).abs() < 1e-9, "{mbps}");
    }

    #[test]
    fn goodput_is_of_the_plan_in_effect_alone() {
        let mut series = LinkSeries::default();
        series.push(sample(100, 1_000_000, 100, true));
        series.push(sample(200, 1_000_000, 100, true));
        series.begin(Nanos(150 * MS));
        assert_eq!(
            series.recent(1_000 * MS).up,
            Reading::Unknown,
            "half of it ran before"
        );
        series.push(sample(300, 125_000, 100, true));
        assert_eq!(series.recent(1_000 * MS).up, Reading::Mbps(10.0));
    }

    #[test]
    fn a_sample_told_twice_counts_once() {
        let mut series = LinkSeries::default();
        assert!(series.push(sample(100, 1, 1, true)));
        assert!(!series.push(sample(100, 1, 1, true)));
    }
}
