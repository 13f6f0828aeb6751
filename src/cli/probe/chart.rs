//! What a person sees of a probe while it runs.

use std::io::{IsTerminal, Write};

use super::Line;

/// One line on standard error while the probe runs, if that is a terminal.
pub(super) struct Chart {
    is_shown: bool,
    recent: Vec<f64>,
    most: f64,
}

/// Intervals that the line shows.
const CHART_WIDTH: usize = 30;

impl Chart {
    pub(super) fn new() -> Self {
        Self {
            is_shown: std::io::stderr().is_terminal(),
            recent: Vec::new(),
            most: 0.0,
        }
    }

    pub(super) fn add(&mut self, line: &Line) {
        let all = line.up_mbps.unwrap_or(0.0) + line.down_mbps.unwrap_or(0.0);
        self.most = self.most.max(all);
        if self.recent.len() == CHART_WIDTH {
            self.recent.remove(0);
        }
        self.recent.push(all);
        if self.is_shown {
            write!(std::io::stderr(), "\r{}\x1b[K", self.text(line)).ok();
        }
    }

    fn text(&self, line: &Line) -> String {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let bar = |mbps: &f64| {
            let level = mbps / self.most.max(1e-9) * LEVELS.len() as f64;
            // Nothing at all is a gap, not a low bar.
            if *mbps > 0.0 {
                LEVELS[(level as usize).min(LEVELS.len() - 1)]
            } else {
                '×'
            }
        };
        let bars: String = self.recent.iter().map(bar).collect();
        let rate = |arrow: char, mbps: Option<f64>| {
            mbps.map_or_else(String::new, |mbps| format!(" {arrow}{mbps:.1}"))
        };
        let rtt = line
            .rtt_ms
            .map_or_else(String::new, |ms| format!("  rtt {ms:.1} ms"));
        let again = line
            .retransmits
            .map_or_else(String::new, |n| format!("  {n} sent again"));
        format!(
            "{:>6.1} s {bars:<width$}{}{} Mbps{rtt}{again}",
            line.time_s,
            rate('↑', line.up_mbps),
            rate('↓', line.down_mbps),
            width = CHART_WIDTH
        )
    }

    pub(super) fn end(&self) {
        if self.is_shown && !self.recent.is_empty() {
            writeln!(std::io::stderr()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_rates_outages_and_the_kernels_view() {
        let mut chart = Chart::new();
        chart.is_shown = false;
        let line = |mbps| Line {
            time_s: 1.2,
            up_mbps: Some(mbps),
            down_mbps: None,
            rtt_ms: Some(4.26),
            retransmits: Some(3),
        };
        for mbps in [93.0, 0.0, 46.0] {
            chart.add(&line(mbps));
        }
        let text = chart.text(&line(46.0));
        assert!(text.starts_with("   1.2 s █×▄ "), "{text}");
        assert!(
            text.ends_with("↑46.0 Mbps  rtt 4.3 ms  3 sent again"),
            "{text}"
        );
    }
}
