//! When the robot sounds its link. Pure.
//!
//! Under a plan that sends little nothing tells what the link would carry, and a garden's link is another one within
//! tenths of a second. So while a policy has the say, a few kilobytes go up now and then and the server says when they
//! had come: a sounding. It is sent only when nothing else was for a while, is short at any rate, and takes at most one
//! part in [`SHARE`] of the time of a link that is of any use; what it costs is counted.

use super::Passage;
use crate::units::Nanos;
use crate::wire::SoundingCost;

/// Without a value on the link for so long, it is sounded.
const QUIET_NS: i64 = 90_000_000;
/// From one sounding to the next, at the least.
const EVERY_NS: i64 = 100_000_000;
/// Soundings take at most one part in this many of the link's time, while it carries what plans can use.
pub const SHARE: i64 = 10;
/// After a sounding that took long the next one waits no longer than this: a link that nothing can use loses nothing, and
/// that it has recovered must be known soon.
const LONGEST_PAUSE_NS: i64 = 300_000_000;
/// A sounding is as long as the link carried in this time at the last one, within bounds.
const LENGTH_NS: f64 = 4e6;
/// The shortest sounding, in bytes.
pub const LEAST_BYTES: usize = 4 << 10;
/// The longest sounding, in bytes.
pub const MOST_BYTES: usize = 48 << 10;
/// A sounding that has not come so long after its first byte left is news of a link that stands still, and again after as
/// long; or after twice the time that it takes at the last sounding's rate, where that is longer.
const LOST_NS: i64 = 60_000_000;
/// A link slower than this, half a megabit per second in bytes per nanosecond, counts as standing still; so slow one may
/// be of which nothing is known yet.
const SLOWEST: f64 = 0.5e6 / 8e9;

/// A sounding on its way.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    id: u64,
    bytes: usize,
    /// Its first byte left, or it was last told to stand still; none while it waits to be sent.
    since: Option<Nanos>,
}

/// When a link is sounded, and what came of it; see the text of this module.
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
        self.next = now.shifted(EVERY_NS);
        let bytes = self
            .rate
            .map_or(LEAST_BYTES, |rate| (rate * LENGTH_NS) as usize);
        let bytes = bytes.clamp(LEAST_BYTES, MOST_BYTES);
        self.under_way = Some(UnderWay {
            id,
            bytes,
            since: None,
        });
        self.cost.count += 1;
        self.cost.bytes += bytes as u64;
        Some((id, bytes))
    }

    /// A sounding's first byte leaves.
    pub fn began(&mut self, id: u64, at: Nanos) {
        if let Some(under_way) = self.under_way.as_mut().filter(|u| u.id == id) {
            under_way.since = Some(at);
        }
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
            let pause_ns = busy_ns.saturating_mul(SHARE - 1).min(LONGEST_PAUSE_NS);
            self.next = self.next.max(passage.end.shifted(pause_ns));
        }
        is_it
    }

    /// What a sounding says that should have come long ago, once per `LOST_NS` or more: nothing passed. While values
    /// share the link (`is_shared`), they tell, and the time does not count.
    pub fn overdue(&mut self, now: Nanos, is_shared: bool) -> Option<Passage> {
        let under_way = self.under_way.as_mut()?;
        let since = under_way.since.as_mut()?;
        if is_shared {
            *since = now;
            return None;
        }
        let rate = self.rate.unwrap_or(SLOWEST).max(SLOWEST);
        let limit_ns = LOST_NS.max((2.0 * under_way.bytes as f64 / rate) as i64);
        if now.since(*since) < limit_ns {
            return None;
        }
        let start = std::mem::replace(since, now);
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
        for (mbps, least) in [(93.0, 90), (15.0, 90), (5.0, 90), (1.0, 28), (0.1, 15)] {
            let mut sounder = Sounder::default();
            let came = sounded(&mut sounder, mbps, 0..10_000);
            assert!(came.len() >= least, "{mbps} Mbps: {}", came.len());
            let cost = sounder.cost();
            let useful = mbps >= 1.0;
            let busy_ns: i64 = came.iter().map(|p| p.end.since(p.start)).sum();
            let most_ns = 10_050 * MS / SHARE + 20 * MS;
            assert!(!useful || busy_ns <= most_ns, "{mbps} Mbps: {busy_ns} ns");
            // What it is said to cost is what went over the link, and the one that may be on its way.
            assert_eq!(cost.busy_ns, busy_ns);
            let bytes: u64 = came.iter().map(|p| p.bytes).sum();
            let on_its_way = cost.count - came.len() as u64;
            assert!(on_its_way <= 1, "{mbps} Mbps: {cost:?}");
            let most = bytes + on_its_way * MOST_BYTES as u64;
            let least = bytes + on_its_way * LEAST_BYTES as u64;
            assert!(
                (least..=most).contains(&cost.bytes),
                "{mbps} Mbps: {cost:?}"
            );
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
        // A first one tells that the link is fast.
        assert_eq!(sounded(&mut sounder, 15.0, 0..90).len(), 1);
        let (id, _) = sounder.due(at(480)).unwrap();
        let mut told = Vec::new();
        for ms in 480..1500 {
            assert_eq!(sounder.due(at(ms)), None);
            if ms == 500 {
                sounder.began(id, at(500));
            }
            told.extend(sounder.overdue(at(ms), false));
        }
        let stood = |start: i64, end: i64| Passage {
            start: at(500 + start),
            end: at(500 + end),
            bytes: 0,
        };
        assert_eq!(told.len(), 16);
        assert_eq!(told[..2], [stood(0, 60), stood(60, 120)]);
        sounder.reconnected();
        assert!(
            !sounder.came(id, &stood(0, 1000)),
            "of the connection before"
        );
        assert!(sounder.due(at(1500)).is_some());
    }

    #[test]
    fn a_slow_link_and_a_sounding_that_waits_are_no_outage() {
        // 4 KiB take 65 ms at half a megabit per second, whether the rate is known yet or not.
        let mut sounder = Sounder::default();
        for begin in [0, 1000] {
            let (id, bytes) = sounder.due(at(begin)).unwrap();
            assert_eq!(bytes, LEAST_BYTES);
            // Asked for, and not on the link yet.
            let waits = (begin..begin + 200).find_map(|ms| sounder.overdue(at(ms), false));
            assert_eq!(waits, None);
            let start = begin + 200;
            sounder.began(id, at(start));
            // Values share the link for a while.
            let shared = (start..start + 100).find_map(|ms| sounder.overdue(at(ms), true));
            let alone = (start + 100..start + 166).find_map(|ms| sounder.overdue(at(ms), false));
            assert_eq!((shared, alone), (None, None));
            let passage = Passage {
                start: at(start + 100),
                end: at(start + 166),
                bytes: bytes as u64,
            };
            assert!(sounder.came(id, &passage));
        }
    }
}
