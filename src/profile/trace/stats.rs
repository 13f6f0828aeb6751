//! What a trace is like, weighted by time.

use serde::Serialize;

use super::{Row, Trace};

/// The direction of a byte, seen from the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Robot to server.
    Up,
    /// Server to robot.
    Down,
}

impl Direction {
    /// A row's megabits per second in this direction.
    pub const fn of(self, row: &Row) -> f64 {
        match self {
            Self::Up => row.up_mbps,
            Self::Down => row.down_mbps,
        }
    }
}

/// Below this many megabits per second a link is as good as gone for a tensor.
pub const POOR_MBPS: f64 = 5.0;

/// One direction of a trace in numbers; percentiles are of time, not of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TraceStats {
    /// The least rate, in megabits per second.
    pub min_mbps: f64,
    /// The mean.
    pub mean_mbps: f64,
    /// The rate that is not exceeded for 5 % of the time.
    pub p5_mbps: f64,
    /// The median.
    pub p50_mbps: f64,
    /// The rate that is not exceeded for 95 % of the time.
    pub p95_mbps: f64,
    /// Share of the time below 5 Mbps, from 0 to 1.
    pub under_5_mbps: f64,
    /// Share of the time at 0, from 0 to 1.
    pub at_zero: f64,
}

impl Trace {
    /// One direction in numbers. A shared medium has the same ones both ways.
    pub fn stats(&self, direction: Direction) -> TraceStats {
        let mut held: Vec<(f64, i64)> = self.pieces(direction).collect();
        held.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all_ns: i64 = held.iter().map(|h| h.1).sum();
        let all = all_ns.max(1) as f64;
        let share = |is: &dyn Fn(f64) -> bool| {
            let ns: i64 = held.iter().filter(|h| is(h.0)).map(|h| h.1).sum();
            ns as f64 / all
        };
        let quantile = |q: f64| {
            let mut passed = 0;
            held.iter()
                .find(|(_, ns)| {
                    passed += ns;
                    passed as f64 >= q * all
                })
                .or(held.last())
                .map_or(0.0, |h| h.0)
        };
        TraceStats {
            min_mbps: held.first().map_or(0.0, |h| h.0),
            mean_mbps: held
                .iter()
                .map(|(mbps, ns)| mbps * (*ns as f64))
                .sum::<f64>()
                / all,
            p5_mbps: quantile(0.05),
            p50_mbps: quantile(0.5),
            p95_mbps: quantile(0.95),
            under_5_mbps: share(&|mbps| mbps < POOR_MBPS),
            at_zero: share(&|mbps| mbps <= 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these come out exactly")]
    fn statistics_weigh_by_time_not_by_rows() {
        let row = |at_s: i64, mbps| Row {
            at_ns: at_s * 1_000_000_000,
            up_mbps: mbps,
            down_mbps: 0.0,
            delay_ms: 0.0,
        };
        // 100 Mbps for 8 s, 0 for 1 s, 4 for 1 s.
        let rows = vec![row(0, 100.0), row(8, 0.0), row(9, 4.0)];
        let stats = Trace::new(true, rows).unwrap().stats(Direction::Down);
        assert_eq!(stats.min_mbps, 0.0);
        assert!((stats.mean_mbps - 80.4).abs() < 1e-9, "{stats:?}");
        assert_eq!(
            (stats.p5_mbps, stats.p50_mbps, stats.p95_mbps),
            (0.0, 100.0, 100.0)
        );
        assert!((stats.under_5_mbps - 0.2).abs() < 1e-9 && (stats.at_zero - 0.1).abs() < 1e-9);
    }
}
