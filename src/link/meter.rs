//! Goodput of one direction: delivered payload bytes and busy time per window, from what the receiver saw.
//!
//! The receiver's byte count at points in time makes a curve; between two points of one transfer it is taken as
//! linear. A transfer begins when its first byte is handed to the socket and ends when the receiver has its last.
//! Windows are closed a little late, so that reports of what happened in them can come in.

use std::collections::VecDeque;

use crate::units::Nanos;
use crate::wire::Flow;

/// Delivered bytes and busy time of one direction, per window.
#[derive(Debug, Default)]
pub struct Meter {
    /// Transfers under way or not yet summed up, oldest first.
    transfers: VecDeque<Transfer>,
}

#[derive(Debug)]
struct Transfer {
    id: u64,
    /// (time, bytes of this transfer delivered), growing in both.
    points: Vec<(Nanos, u64)>,
    ended: bool,
    /// Bytes already given to windows.
    counted: u64,
}

/// Transfers remembered at most; a peer that never reports cannot fill memory.
const MAX_TRANSFERS: usize = 256;

impl Meter {
    /// A transfer begins; `id` names it until its end.
    pub fn begin(&mut self, id: u64, at: Nanos) {
        if self.transfers.len() == MAX_TRANSFERS {
            self.transfers.pop_front();
        }
        self.transfers.push_back(Transfer {
            id,
            points: vec![(at, 0)],
            ended: false,
            counted: 0,
        });
    }

    /// [`Meter::begin`], unless this transfer is already under way.
    pub fn begin_once(&mut self, id: u64, at: Nanos) {
        if !self.transfers.iter().any(|t| t.id == id) {
            self.begin(id, at);
        }
    }

    /// The receiver has `bytes` of a transfer.
    pub fn progress(&mut self, id: u64, at: Nanos, bytes: u64) {
        if let Some(transfer) = self.transfers.iter_mut().find(|t| t.id == id && !t.ended) {
            transfer.add(at, bytes);
        }
    }

    /// The receiver has all `bytes` of a transfer.
    pub fn end(&mut self, id: u64, at: Nanos, bytes: u64) {
        if let Some(transfer) = self.transfers.iter_mut().find(|t| t.id == id && !t.ended) {
            transfer.add(at, bytes);
            transfer.ended = true;
        }
    }

    /// When a transfer began and how much of it the receiver has, while it is remembered.
    pub fn so_far(&self, id: u64) -> Option<(Nanos, u64)> {
        let transfer = self.transfers.iter().find(|t| t.id == id)?;
        let (began, _) = *transfer.points.first()?;
        let (_, bytes) = *transfer.points.last()?;
        Some((began, bytes))
    }

    /// Every transfer under way is over: the link is dead.
    pub fn abort(&mut self) {
        self.transfers.iter_mut().for_each(|t| t.ended = true);
    }

    /// What was delivered in the window that ends at `to`; windows must follow each other.
    pub fn window(&mut self, from: Nanos, to: Nanos) -> Flow {
        let mut flow = Flow::default();
        let mut busy_until = from;
        for transfer in &mut self.transfers {
            let start = transfer.points[0].0;
            let Some(&(last, total)) = transfer.points.last() else {
                continue;
            };
            let end = if transfer.ended { last.min(to) } else { to };
            let begin = start.max(busy_until);
            if end > begin {
                flow.busy_ns += end.since(begin);
                busy_until = end;
            }
            let delivered = if last <= to { total } else { transfer.at(to) };
            flow.bytes += delivered.saturating_sub(transfer.counted);
            transfer.counted = transfer.counted.max(delivered);
        }
        self.transfers
            .retain(|t| !t.ended || t.points.last().is_some_and(|&(last, _)| last > to));
        flow
    }
}

impl Transfer {
    fn add(&mut self, at: Nanos, bytes: u64) {
        let Some(&(last, so_far)) = self.points.last() else {
            return;
        };
        // Clock mapping may put a point a little before the one that it follows.
        self.points.push((at.max(last), bytes.max(so_far)));
    }

    fn at(&self, time: Nanos) -> u64 {
        self.points
            .windows(2)
            .find_map(|w| {
                let ((t0, b0), (t1, b1)) = (w[0], w[1]);
                (time < t1).then(|| {
                    let share = time.since(t0).max(0) as f64 / t1.since(t0).max(1) as f64;
                    b0 + ((b1 - b0) as f64 * share) as u64
                })
            })
            .unwrap_or_else(|| self.points.last().map_or(0, |p| p.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn goodput_is_bytes_over_busy_time_not_over_wall_time() {
        let mut meter = Meter::default();
        meter.begin(1, Nanos(10 * MS));
        meter.end(1, Nanos(30 * MS), 250_000);
        let flow = meter.window(Nanos(0), Nanos(100 * MS));
        assert_eq!((flow.bytes, flow.busy_ns), (250_000, 20 * MS));
        assert_eq!(flow.mbps(), Some(100.0));
        assert_eq!(meter.window(Nanos(100 * MS), Nanos(200 * MS)).mbps(), None);
    }

    #[test]
    fn a_stalled_transfer_is_busy_at_zero() {
        let mut meter = Meter::default();
        meter.begin(1, Nanos(0));
        meter.progress(1, Nanos(50 * MS), 1_000);
        meter.window(Nanos(0), Nanos(100 * MS));
        let flow = meter.window(Nanos(100 * MS), Nanos(200 * MS));
        assert_eq!(flow.mbps(), Some(0.0));
    }

    proptest! {
        #[test]
        fn no_byte_is_counted_twice_or_lost(
            transfers in proptest::collection::vec((0_i64..50, 1_i64..400, 1_u64..1_000_000), 1..20),
        ) {
            let mut meter = Meter::default();
            let (mut now, mut sent) = (0, 0);
            for (id, &(gap, length, bytes)) in (0_u64..).zip(&transfers) {
                meter.begin(id, Nanos((now + gap) * MS));
                now += gap + length;
                meter.progress(id, Nanos((now - length / 2) * MS), bytes / 3);
                meter.end(id, Nanos(now * MS), bytes);
                sent += bytes;
            }
            let (mut counted, mut busy) = (0, 0);
            for w in 0..=now / 100 {
                let flow = meter.window(Nanos(w * 100 * MS), Nanos((w + 1) * 100 * MS));
                prop_assert!(flow.busy_ns <= 100 * MS);
                counted += flow.bytes;
                busy += flow.busy_ns;
            }
            prop_assert_eq!(counted, sent);
            prop_assert_eq!(busy, transfers.iter().map(|t| t.1).sum::<i64>() * MS);
        }
    }
}
