//! What the next transfer may expect of a link, from the transfers of finished frames and from soundings. Pure.
//!
//! Both directions are taken for one medium, as on Wi-Fi: transfers that went on at once are one stretch of busy time,
//! whatever their direction. A stretch is `latency + bytes / rate`; the latency is half the shortest round trip of
//! the heartbeats.
//!
//! The logarithm of the rate is followed by a Kalman filter in one dimension (Kalman 1960): between stretches the
//! belief's variance grows with time, a stretch weighs by what its length lets it say, and news too far from what was
//! expected is believed at once: a garden's link changes within tenths of a second. A rate that stands still is
//! averaged.

use super::estimate::{Estimate, Estimator};
use crate::units::Nanos;
use crate::wire::Flow;

/// How fast the variance of the logarithm of the rate grows, per second: 7 % of standard deviation after a tenth of a
/// second, 22 % after one.
const DRIFT_PER_S: f64 = 0.05;
/// What a stretch's length is off by, for wakes, clocks and packets.
const TIMING_NS: f64 = 400_000.0;
/// What a stretch says is off by this share at the least.
const LEAST_ERROR: f64 = 0.05;
/// News that is this many standard deviations away is of another link than the one before.
const JUMP_SIGMAS: f64 = 2.5;
/// Weight of a stretch in how far stretches scatter around what was expected.
const SCATTER_WEIGHT: f64 = 0.2;
/// What of a packet may have come unseen: of nothing, a rate cannot be told.
const LEAST_BYTES: u64 = 1024;
/// At least this part of a stretch is bytes passing: a latency that is believed too long cannot make a rate infinite.
const LEAST_SHARE: f64 = 0.2;
/// A stretch with this many times fewer bytes than its frame's largest is short, unless it is long in itself.
const SMALL: u64 = 10;
/// A stretch of this length says something of the rate, whatever stands beside it.
const LONG_NS: i64 = 10_000_000;
/// A stretch of many values is taken in in pieces of this length: in less the link hardly becomes another one, and what a
/// few values in a row carry says more of their sizes than of the link.
const PIECE_NS: i64 = 500_000_000;
/// At most this part of a piece's bytes may be guessed.
const MOST_GUESSED: f64 = 0.1;
/// The long memory: what the link is like in general, in seconds of busy time.
const LONG_MEMORY_S: f64 = 20.0;
/// Without traffic for this long, a link that was bad may be better by now.
const QUIET_NS: i64 = 1_000_000_000;
/// Quiet time in which half the way back to the long memory's rate is believed.
const HALF_BACK_NS: f64 = 1.5e9;
/// Quiet time that doubles the belief beyond that: a link that was always bad is tried again, too.
const DOUBLING_NS: f64 = 10e9;
/// The belief grows beyond it by this much at most.
const MOST_GROWTH: f64 = 16.0;

/// A value's way over the link, on the robot's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Its first byte was handed to the socket.
    pub start: Nanos,
    /// Its last byte was received.
    pub end: Nanos,
    /// Its payload.
    pub bytes: u64,
}

/// Transfers one behind the other, or side by side, without a gap.
#[derive(Debug)]
struct Stretch {
    whole: Passage,
    /// In the order in which they began.
    passages: Vec<Passage>,
}

impl Stretch {
    fn of(passage: Passage) -> Self {
        Self {
            whole: passage,
            passages: vec![passage],
        }
    }

    fn add(&mut self, passage: Passage) {
        self.whole.end = self.whole.end.max(passage.end);
        self.whole.bytes += passage.bytes;
        self.passages.push(passage);
    }

    /// Pieces of at least [`PIECE_NS`] that end where a transfer ends and hardly any of the others is half done: how much
    /// of those had come is guessed, as if it had come evenly.
    fn pieces(&self) -> Vec<Passage> {
        let mut ends: Vec<Nanos> = self.passages.iter().map(|p| p.end).collect();
        ends.sort_unstable();
        let mut pieces: Vec<Passage> = Vec::new();
        let mut start = self.whole.start;
        for end in ends {
            let is_last = self.whole.end.since(end) < PIECE_NS;
            let end = if is_last { self.whole.end } else { end };
            if end.since(start) < PIECE_NS && !is_last {
                continue;
            }
            let (mut bytes, mut guessed) = (0.0, 0.0);
            for passage in &self.passages {
                let came = came_within(passage, start, end);
                bytes += came;
                guessed += if passage.end > end { came } else { 0.0 };
            }
            if guessed > MOST_GUESSED * bytes {
                continue;
            }
            pieces.push(Passage {
                start,
                end,
                bytes: bytes.round() as u64,
            });
            if is_last {
                break;
            }
            start = end;
        }
        pieces
    }
}

/// How many of a transfer's bytes came between two times, if they came evenly.
fn came_within(passage: &Passage, from: Nanos, to: Nanos) -> f64 {
    let within_ns = passage.end.min(to).since(passage.start.max(from)).max(0);
    let length_ns = passage.end.since(passage.start).max(1);
    passage.bytes as f64 * within_ns as f64 / length_ns as f64
}

/// The rate as it was believed at the last news.
#[derive(Debug, Clone, Copy)]
struct State {
    ln_mbps: f64,
    variance: f64,
    /// Mean square of how far news were from what was expected.
    scatter: f64,
    at: Nanos,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Belief {
    state: Option<State>,
    long: Estimator,
    latency_ns: i64,
    /// Up to when values are known to have been on their way.
    in_use_until: Nanos,
}

impl Default for Belief {
    fn default() -> Self {
        Self {
            state: None,
            long: Estimator::remembering(LONG_MEMORY_S),
            latency_ns: 0,
            in_use_until: Nanos(i64::MIN),
        }
    }
}

/// What the link is believed to be now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Believed {
    /// The medium's payload rate.
    pub rate: Estimate,
    /// One way.
    pub latency_ns: i64,
    /// By how much the rate was raised because there was no traffic to learn from: 1 while there is.
    pub growth: f64,
}

impl Belief {
    /// Heartbeats say how long one way takes, in nanoseconds.
    pub fn set_latency(&mut self, one_way_ns: i64) {
        self.latency_ns = one_way_ns.max(0);
    }

    /// Values are on their way of which there is no news yet: the link is not quiet.
    pub fn in_use(&mut self, now: Nanos) {
        self.in_use_until = self.in_use_until.max(now);
    }

    /// Takes a finished frame's transfers in. Beside a long stretch a short one says nothing of the rate: waking and
    /// packing is most of its time. What is small within a stretch counts: it had its share of the medium. A stretch of
    /// many values is taken in piece by piece, so that the link at its end is what is believed last.
    pub fn frame(&mut self, mut passages: Vec<Passage>) {
        passages.retain(|p| p.end > p.start && p.bytes > 0);
        passages.sort_unstable_by_key(|p| p.start);
        let mut stretches: Vec<Stretch> = Vec::new();
        for passage in passages {
            match stretches.last_mut() {
                Some(busy) if passage.start <= busy.whole.end => busy.add(passage),
                _ => stretches.push(Stretch::of(passage)),
            }
        }
        let longest = stretches.iter().map(|s| s.whole.bytes).max().unwrap_or(0);
        let is_long = |s: &Stretch| s.whole.end.since(s.whole.start) >= LONG_NS;
        stretches.retain(|s| s.whole.bytes >= longest / SMALL || is_long(s));
        for stretch in stretches {
            let mut delay_ns = self.latency_ns;
            for piece in stretch.pieces() {
                self.piece(piece, delay_ns);
                // Its first byte was on its way so long; the others came behind it.
                delay_ns = 0;
            }
        }
    }

    /// Takes a piece of busy time in, of which nothing came for so long at its beginning.
    fn piece(&mut self, busy: Passage, delay_ns: i64) {
        let length_ns = busy.end.since(busy.start);
        let least_ns = (length_ns as f64 * LEAST_SHARE) as i64;
        let flow = Flow {
            bytes: busy.bytes,
            busy_ns: (length_ns - delay_ns).max(least_ns),
        };
        self.add(busy.end, flow);
    }

    /// A transfer was given up: what came until then is news, too, most of all if it is nothing.
    pub fn stalled(&mut self, passage: Passage) {
        let flow = Flow {
            bytes: passage.bytes,
            busy_ns: passage.end.since(passage.start).max(0),
        };
        self.add(passage.end, flow);
    }

    fn add(&mut self, at: Nanos, flow: Flow) {
        self.long.add(at, flow);
        let seen = Flow {
            bytes: flow.bytes.max(LEAST_BYTES),
            ..flow
        };
        let Some(mbps) = seen.mbps().filter(|mbps| *mbps > 0.0) else {
            return;
        };
        let seen = mbps.ln();
        let error = LEAST_ERROR + TIMING_NS / flow.busy_ns.max(1) as f64;
        let noise = error * error;
        let Some(state) = &mut self.state else {
            self.state = Some(State {
                ln_mbps: seen,
                variance: noise,
                // One stretch tells nothing of the scatter.
                scatter: 1.0,
                at,
            });
            return;
        };
        let mut variance = state.variance + drift(at.since(state.at));
        let surprise = seen - state.ln_mbps;
        let square = surprise * surprise;
        if square > JUMP_SIGMAS * JUMP_SIGMAS * (variance + noise) {
            variance = variance.max(square);
        }
        let gain = variance / (variance + noise);
        *state = State {
            ln_mbps: state.ln_mbps + gain * surprise,
            variance: (1.0 - gain) * variance,
            scatter: state.scatter + SCATTER_WEIGHT * (square - state.scatter),
            at: state.at.max(at),
        };
    }

    /// What is believed now; none before the first transfers.
    pub fn now(&self, now: Nanos) -> Option<Believed> {
        let state = self.state.as_ref()?;
        let age_ns = now.since(state.at).max(0);
        let unused_ns = now.since(state.at.max(self.in_use_until)).max(0);
        let quiet_ns = (unused_ns - QUIET_NS).max(0) as f64;
        let measured = state.ln_mbps.exp();
        let usual = self.long.estimate(now).map_or(measured, |long| long.mbps);
        let way_back = 1.0 - (-quiet_ns / HALF_BACK_NS).exp2();
        let mut mbps = measured + (usual - measured).max(0.0) * way_back;
        mbps *= (quiet_ns / DOUBLING_NS).exp2().min(MOST_GROWTH);
        let relative = (state.scatter.max(state.variance) + drift(age_ns)).sqrt();
        Some(Believed {
            rate: Estimate {
                mbps,
                std_mbps: mbps * relative,
                age_ns,
            },
            latency_ns: self.latency_ns,
            growth: mbps / measured.max(1e-6),
        })
    }
}

/// By how much the variance grows in so long a time.
fn drift(ns: i64) -> f64 {
    DRIFT_PER_S * ns.max(0) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn passage(start_ms: i64, ms: f64, bytes: u64) -> Passage {
        let start = Nanos(start_ms * MS);
        Passage {
            start,
            end: start.shifted((ms * MS as f64) as i64),
            bytes,
        }
    }

    fn mbps(belief: &Belief, at_ms: i64) -> f64 {
        belief.now(Nanos(at_ms * MS)).unwrap().rate.mbps
    }

    #[test]
    fn latency_is_no_lack_of_bandwidth() {
        let mut belief = Belief::default();
        belief.set_latency(5 * MS);
        // 250 kB at 100 Mbps take 20 ms, and the last byte 5 ms more.
        for i in 0..10 {
            belief.frame(vec![passage(100 * i, 25.0, 250_000)]);
        }
        assert!((mbps(&belief, 1000) - 100.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn both_ways_at_once_share_the_medium() {
        let mut belief = Belief::default();
        for i in 0..10 {
            let at = 100 * i;
            belief.frame(vec![passage(at, 40.0, 250_000), passage(at, 40.0, 250_000)]);
        }
        assert!((mbps(&belief, 1000) - 100.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn a_small_result_beside_a_large_value_is_no_slow_link() {
        let mut belief = Belief::default();
        for i in 0..100 {
            let at = 100 * i;
            belief.frame(vec![
                passage(at, 40.0, 500_000),
                passage(at + 60, 1.0, 4_000),
            ]);
        }
        assert!((mbps(&belief, 10_000) - 100.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn the_last_of_many_values_tells_of_the_link_as_it_is_now_although_the_first_was_larger() {
        let mut belief = Belief::default();
        // Ten megabytes at 100 Mbps, then ever smaller values at 25, with computing in between.
        belief.frame(vec![
            passage(0, 800.0, 10_000_000),
            passage(900, 160.0, 500_000),
            passage(1_100, 160.0, 500_000),
            passage(1_300, 80.0, 250_000),
        ]);
        assert!(
            (mbps(&belief, 1_400) / 25.0 - 1.0).abs() < 0.1,
            "{belief:?}"
        );
    }

    #[test]
    fn a_long_stretch_of_many_values_tells_of_the_link_at_its_end() {
        let mut belief = Belief::default();
        // Values of 250 kB up and down at once for 4 s: the link carries 10 Mbps, then 80 in the last second.
        let mut passages = Vec::new();
        let mut at_ms = 0;
        while at_ms < 4_000 {
            let ms = if at_ms < 3_000 { 400 } else { 50 };
            passages.push(passage(at_ms, f64::from(ms), 250_000));
            passages.push(passage(at_ms, f64::from(ms), 250_000));
            at_ms += i64::from(ms);
        }
        belief.frame(passages);
        let believed = mbps(&belief, 4_000);
        assert!((believed / 80.0 - 1.0).abs() < 0.05, "{believed}");
    }

    #[test]
    fn the_pieces_of_a_stretch_are_the_whole_of_it() {
        let mut stretch = Stretch::of(passage(0, 300.0, 1_000));
        for (start, ms, bytes) in [
            (100, 900.0, 9_000),
            (200, 600.0, 600),
            (950, 200.0, 50),
            (1_000, 3_000.0, 3_000),
        ] {
            stretch.add(passage(start, ms, bytes));
        }
        let pieces = stretch.pieces();
        assert!(pieces.len() > 1, "{pieces:?}");
        assert_eq!(pieces[0].start, stretch.whole.start);
        assert_eq!(pieces.last().unwrap().end, stretch.whole.end);
        assert!(pieces.windows(2).all(|two| two[0].end == two[1].start));
        let bytes: u64 = pieces.iter().map(|p| p.bytes).sum();
        assert!(bytes.abs_diff(stretch.whole.bytes) <= pieces.len() as u64);
    }

    #[test]
    fn what_is_small_within_a_stretch_counts() {
        let mut belief = Belief::default();
        // All-gathers of ever smaller layers, 9 parts down and 1 up, one after the other over a link of 80 Mbps.
        let mut gathers = Vec::new();
        let mut at = 0;
        for ms in [400, 200, 100, 50, 20, 10] {
            gathers.push(passage(at, f64::from(ms), 9_000 * ms as u64));
            gathers.push(passage(at, f64::from(ms) / 5.0, 1_000 * ms as u64));
            at += i64::from(ms);
        }
        belief.frame(gathers);
        assert!((mbps(&belief, 1000) - 80.0).abs() < 0.1, "{belief:?}");
    }

    #[test]
    fn a_change_is_believed_within_a_few_frames() {
        let mut belief = Belief::default();
        for i in 0..50 {
            belief.frame(vec![passage(100 * i, 25.0, 312_500)]);
        }
        for i in 50..53 {
            belief.frame(vec![passage(100 * i, 125.0, 312_500)]);
        }
        assert!(mbps(&belief, 5300) < 25.0, "{belief:?}");
    }

    #[test]
    fn a_quiet_link_is_believed_better_and_better_within_bounds() {
        let mut belief = Belief::default();
        assert_eq!(belief.now(Nanos(0)), None);
        belief.frame(vec![passage(0, 100.0, 12_500)]);
        assert!((mbps(&belief, 1_000) - 1.0).abs() < 0.01);
        assert!((mbps(&belief, 11_100) - 2.0).abs() < 0.01);
        assert!((mbps(&belief, 10_000_000) - 16.0).abs() < 0.01);
        assert!(belief.now(Nanos(10_000_000 * MS)).unwrap().growth > 15.9);
    }

    #[test]
    fn a_frame_that_takes_long_leaves_the_link_no_quieter() {
        let mut belief = Belief::default();
        belief.frame(vec![passage(0, 100.0, 1_250_000)]);
        belief.in_use(Nanos(3_600 * MS));
        assert!((mbps(&belief, 3_600) - 100.0).abs() < 0.01);
        assert!(mbps(&belief, 14_600) > 190.0);
    }

    #[test]
    fn after_an_outage_the_usual_rate_is_believed_again_within_seconds() {
        let mut belief = Belief::default();
        for i in 0..200 {
            belief.frame(vec![passage(100 * i, 50.0, 625_000)]);
        }
        for i in 0..3 {
            belief.stalled(passage(20_000 + 300 * i, 300.0, 0));
        }
        assert!(mbps(&belief, 21_000) < 1.0, "{belief:?}");
        let later = mbps(&belief, 25_000);
        assert!((50.0..=105.0).contains(&later), "{later}");
    }

    #[test]
    fn a_steady_link_is_averaged_and_one_sounding_tells_of_a_jump() {
        let mut belief = Belief::default();
        // 48 kB at 93 Mbps, timed 0.3 ms too long and too short in turn.
        for i in 0..100 {
            let off = if i % 2 == 0 { 0.3 } else { -0.3 };
            belief.frame(vec![passage(100 * i, 4.13 + off, 48_000)]);
        }
        assert!(
            (mbps(&belief, 10_000) / 93.0 - 1.0).abs() < 0.05,
            "{belief:?}"
        );
        let spread = |belief: &Belief, at_ms| {
            let rate = belief.now(Nanos(at_ms * MS)).unwrap().rate;
            rate.std_mbps / rate.mbps
        };
        let (fresh, old) = (spread(&belief, 10_000), spread(&belief, 12_000));
        assert!(fresh < 0.15 && old > 2.0 * fresh, "{fresh} {old}");
        // 8 kB at 10 Mbps.
        belief.frame(vec![passage(10_000, 6.4, 8_000)]);
        assert!((mbps(&belief, 10_010) - 10.0).abs() < 1.0, "{belief:?}");
    }

    #[test]
    fn nonsense_changes_nothing() {
        let mut belief = Belief::default();
        belief.set_latency(i64::MAX);
        belief.frame(vec![passage(0, 0.0, 10), passage(5, 10.0, 0)]);
        assert_eq!(belief.now(Nanos(0)), None);
        belief.frame(vec![passage(0, 100.0, 1_000_000)]);
        assert!(mbps(&belief, 100).is_finite());
    }
}
