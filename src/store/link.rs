//! The data link over time, on the robot's clock. A gap stays a gap: idle, disconnected and not told are three things.

use std::collections::VecDeque;

use crate::units::Nanos;
use crate::wire::{Flow, LinkSample};

/// Samples kept: ten minutes at one per 0.1 s, 80 bytes each.
const MOST: usize = 6_000;
/// How long a round trip counts as the link's present one.
const RTT_AGE_NS: i64 = 3_000_000_000;

/// One direction of the link during one column of a chart.
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

impl Reading {
    /// The rate, if one was measured.
    pub const fn mbps(self) -> Option<f64> {
        match self {
            Self::Mbps(mbps) => Some(mbps),
            _ => None,
        }
    }
}

/// Both directions during one column of a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Robot to server.
    pub up: Reading,
    /// Server to robot.
    pub down: Reading,
}

/// The newest samples.
#[derive(Debug, Clone, Default)]
pub struct LinkSeries {
    samples: VecDeque<LinkSample>,
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

    fn column(&self) -> Column {
        Column {
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

    /// The newest `count` columns of `width_ns` each, oldest first. A column joins the samples that end in it (bytes over
    /// busy time); a column that none ends in, because samples jitter, shows the sample that covers its middle.
    pub fn columns(&self, count: usize, width_ns: i64) -> Vec<Column> {
        let mut ends = vec![Sum::default(); count];
        let mut covers = vec![Sum::default(); count];
        let width = width_ns.max(1);
        let newest = self.samples.back().map_or(0, |s| bucket(s.at, width));
        for sample in self.samples.iter().rev() {
            let age = newest - bucket(sample.at, width);
            let Some(place) = place(count, age) else {
                if age > count as i64 {
                    break;
                }
                continue;
            };
            ends[place].add(sample);
            // Middles of earlier columns inside this sample's window.
            let began = sample
                .at
                .0
                .saturating_sub(sample.window_ns.clamp(0, 10_000_000_000));
            for older in 1..=count as i64 {
                let middle = (newest - age - older) * width + width / 2;
                if middle <= began {
                    break;
                }
                if let Some(place) = self::place(count, age + older) {
                    covers[place].add(sample);
                }
            }
        }
        ends.iter()
            .zip(&covers)
            .map(|(end, cover)| if end.samples > 0 { end } else { cover }.column())
            .collect()
    }

    /// Both directions over the last `ns` of the series, as one column.
    pub fn recent(&self, ns: i64) -> Column {
        let mut sum = Sum::default();
        if let Some(last) = self.last() {
            for sample in self.samples.iter().rev() {
                if last.at.since(sample.at) >= ns {
                    break;
                }
                sum.add(sample);
            }
        }
        sum.column()
    }
}

/// The column that a window's end falls in; an end on a border belongs to the column before it.
const fn bucket(at: Nanos, width: i64) -> i64 {
    at.0.saturating_sub(1).div_euclid(width)
}

fn place(count: usize, age: i64) -> Option<usize> {
    usize::try_from(age)
        .ok()
        .and_then(|age| count.checked_sub(age + 1))
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

    fn ups(series: &LinkSeries, count: usize, width_ms: i64) -> Vec<Reading> {
        let columns = series.columns(count, width_ms * MS);
        columns.iter().map(|c| c.up).collect()
    }

    #[test]
    fn idle_disconnected_and_untold_times_are_three_kinds_of_gap() {
        let mut series = LinkSeries::default();
        series.push(sample(100, 1_000_000, 100, true));
        series.push(sample(200, 0, 0, true));
        series.push(sample(300, 0, 0, false));
        series.push(sample(500, 500_000, 50, true));
        assert_eq!(
            ups(&series, 6, 100),
            [
                Reading::Unknown,
                Reading::Mbps(80.0),
                Reading::Idle,
                Reading::Down,
                Reading::Unknown,
                Reading::Mbps(80.0),
            ]
        );
    }

    #[test]
    fn a_wide_column_shows_bytes_over_busy_time_and_not_a_mean_of_rates() {
        let mut series = LinkSeries::default();
        series.push(sample(100, 1_000_000, 100, true));
        series.push(sample(200, 100_000, 1, true));
        let Reading::Mbps(mbps) = ups(&series, 1, 200)[0] else {
            panic!("no rate");
        };
        assert!((mbps - 1_100_000.0 * 8e-3 / 101.0).abs() < 1e-9, "{mbps}");
    }

    #[test]
    fn windows_that_jitter_leave_no_false_gaps() {
        let mut series = LinkSeries::default();
        let mut at = 0;
        for i in 0..50 {
            let window = 100 + [7, -3, 0, 12, -9][i % 5];
            at += window;
            series.push(LinkSample {
                window_ns: window * MS,
                ..sample(at, 1_000, 1, true)
            });
        }
        let readings = ups(&series, 45, 100);
        assert!(readings.iter().all(|r| r.mbps().is_some()), "{readings:?}");
    }

    #[test]
    fn a_sample_told_twice_counts_once_and_an_empty_series_is_unknown() {
        let mut series = LinkSeries::default();
        assert_eq!(ups(&series, 2, 100), [Reading::Unknown; 2]);
        assert!(series.push(sample(100, 1, 1, true)));
        assert!(!series.push(sample(100, 1, 1, true)));
    }
}
