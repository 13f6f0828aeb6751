//! When the robot sounds its link. Pure.
//!
//! Under a plan that sends little nothing tells what the link would carry, and a garden's link is another one within
//! tenths of a second. So while a policy has the say, a few kilobytes go up now and then and the server says when they
//! had come: a sounding. It is sent only when nothing else was for a while, is short at any rate, and takes at most one
//! part in [`SHARE`] of the link's time; what it costs is counted.

use super::Passage;
use crate::units::Nanos;
use crate::wire::SoundingCost;

/// Without a value on the link for so long, it is sounded.
const QUIET_NS: i64 = 90_000_000;
/// From one sounding to the next, at the least.
const EVERY_NS: i64 = 100_000_000;
/// Soundings take at most one part in this many of the link's time.
pub const SHARE: i64 = 10;
/// A sounding is as long as the link carried in this time at the last one, within bounds.
const LENGTH_NS: f64 = 3e6;
/// The shortest sounding, in bytes.
pub const LEAST_BYTES: usize = 8 << 10;
/// The longest sounding, in bytes.
pub const MOST_BYTES: usize = 48 << 10;
/// A sounding that has not come after so long is news of a link that stands still.
const LOST_NS: i64 = 300_000_000;

/// A sounding on its way.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    id: u64,
    /// It was asked for, or last told to stand still.
    since: Nanos,
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct Sounder {
    last_value: Option<Nanos>,
    next: Nanos,
    under_way: Option<UnderWay>,
    next_id: u64,
    /// Bytes per nanosecond, as the last sounding had it.
    rate: Option<f64>,
    cost: SoundingCost,
}

impl Sounder {
    /// A value was on the link at `at`.
    pub fn value(&mut self, at: Nanos) {
        self.last_value = self.last_value.max(Some(at));
    }

    /// Number and length in bytes of the sounding that is due now, if one is.
    pub fn due(&mut self, now: Nanos) -> Option<(u64, usize)> {
        let is_quiet = self.last_value.is_none_or(|at| now.since(at) >= QUIET_NS);
        if !is_quiet || self.under_way.is_some() || now < self.next {
            return None;
        }
        self.next_id += 1;
        let id = self.next_id;
        self.under_way = Some(UnderWay { id, since: now });
        self.next = now.shifted(EVERY_NS);
        let bytes = self
            .rate
            .map_or(LEAST_BYTES, |rate| (rate * LENGTH_NS) as usize);
        let bytes = bytes.clamp(LEAST_BYTES, MOST_BYTES);
        self.cost.count += 1;
        self.cost.bytes += bytes as u64;
        Some((id, bytes))
    }

    /// A sounding's last byte is there, or it will never be: the next one waits until this one was its share of the
    /// time. False of one that nobody waits for any more.
    pub fn came(&mut self, id: u64, passage: &Passage) -> bool {
        let is_it = self.under_way.is_some_and(|under_way| under_way.id == id);
        if is_it {
            self.under_way = None;
            let busy_ns = passage.end.since(passage.start).max(0);
            self.cost.busy_ns += busy_ns;
            self.rate = (busy_ns > 0).then(|| passage.bytes as f64 / busy_ns as f64);
            let pause_ns = busy_ns.saturating_mul(SHARE - 1);
            self.next = self.next.max(passage.end.shifted(pause_ns));
        }
        is_it
    }

    /// What a sounding says that should have come long ago, once per [`LOST_NS`]: nothing passed.
    pub fn overdue(&mut self, now: Nanos) -> Option<Passage> {
        let under_way = self.under_way.as_mut()?;
        if now.since(under_way.since) < LOST_NS {
            return None;
        }
        let start = std::mem::replace(&mut under_way.since, now);
        Some(Passage {
            start,
            end: now,
            bytes: 0,
        })
    }

    /// Another connection: what was under way will not come.
    pub const fn reconnected(&mut self) {
        self.under_way = None;
    }

    /// What soundings cost so far.
    pub const fn cost(&self) -> SoundingCost {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn at(ms: i64) -> Nanos {
        Nanos(ms * MS)
    }

    /// Sounds a link of so many megabits per second for so many milliseconds; what came when.
    fn sounded(sounder: &mut Sounder, mbps: f64, ms: std::ops::Range<i64>) -> Vec<Passage> {
        let mut came = Vec::new();
        let mut on_its_way: Option<(u64, Passage)> = None;
        for now in ms.map(at) {
            if let Some((id, passage)) = on_its_way.filter(|(_, p)| p.end <= now) {
                assert!(sounder.came(id, &passage));
                came.push(passage);
                on_its_way = None;
            }
            if let Some((id, bytes)) = sounder.due(now) {
                let busy_ns = (bytes as f64 * 8e3 / mbps) as i64;
                let passage = Passage {
                    start: now,
                    end: now.shifted(busy_ns),
                    bytes: bytes as u64,
                };
                on_its_way = Some((id, passage));
            }
        }
        came
    }

    #[test]
    fn a_quiet_link_is_sounded_ten_times_a_second_within_its_share_of_the_time() {
        for (mbps, least) in [(93.0, 90), (15.0, 90), (5.0, 60), (0.5, 7)] {
            let mut sounder = Sounder::default();
            let came = sounded(&mut sounder, mbps, 0..10_000);
            assert!(came.len() >= least, "{mbps} Mbps: {}", came.len());
            let cost = sounder.cost();
            assert!(cost.busy_ns <= 10_000 * MS / SHARE + 200 * MS, "{cost:?}");
            assert!(cost.count >= came.len() as u64 && cost.bytes >= 8 << 10);
        }
    }

    #[test]
    fn where_values_pass_nothing_is_sounded() {
        let mut sounder = Sounder::default();
        for ms in 0..1000 {
            if ms % 80 == 0 {
                sounder.value(at(ms));
            }
            assert_eq!(sounder.due(at(ms)), None);
        }
        assert_eq!(sounder.due(at(1100)), Some((1, LEAST_BYTES)));
    }

    #[test]
    fn a_sounding_that_does_not_come_tells_of_an_outage_and_none_follows_it() {
        let mut sounder = Sounder::default();
        let (id, _) = sounder.due(at(0)).unwrap();
        let mut told = Vec::new();
        for ms in 1..1000 {
            assert_eq!(sounder.due(at(ms)), None);
            told.extend(sounder.overdue(at(ms)));
        }
        let stood = |start, end| Passage {
            start: at(start),
            end: at(end),
            bytes: 0,
        };
        assert_eq!(told, [stood(0, 300), stood(300, 600), stood(600, 900)]);
        sounder.reconnected();
        assert!(
            !sounder.came(id, &stood(0, 1000)),
            "of the connection before"
        );
        assert!(sounder.due(at(1000)).is_some());
    }
}
