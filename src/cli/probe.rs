//! `splitscope probe`: what a link carries, measured by filling it.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::trace::statistics;
use super::usage;
use crate::link::kernel::KernelTcp;
use crate::link::probe::{Ended, Measured, ProbeOptions, Sample, Way, measure};
use crate::wire::probe::{MAX_PROBE_MS, MIN_INTERVAL_MS};

/// Fill the link to a server and record what it carries.
#[derive(Debug, Clone, Args)]
pub(super) struct ProbeArgs {
    /// A `splitscope server`; a running robot's frames are not disturbed unless --disturb is given
    #[arg(value_name = "HOST:PORT")]
    server: String,

    /// How long to measure
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,

    /// Length of one measurement
    #[arg(long, value_name = "S", default_value_t = 0.1)]
    interval: f64,

    /// Which way to fill the link
    #[arg(long, value_enum, default_value = "up")]
    direction: WayArg,

    /// Write what was measured as a trace, for --link
    #[arg(long, value_name = "TRACE")]
    out: Option<PathBuf>,

    /// One JSON object per interval, and a last one with the statistics
    #[arg(long)]
    json: bool,

    /// Measure although a robot's frames use the link
    #[arg(long)]
    disturb: bool,
}

impl ProbeArgs {
    /// Fills the way up to a server.
    pub(super) fn up(
        server: String,
        seconds: f64,
        interval: f64,
        out: PathBuf,
        json: bool,
    ) -> Self {
        Self {
            server,
            seconds,
            interval,
            direction: WayArg::Up,
            out: Some(out),
            json,
            disturb: false,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WayArg {
    /// Robot to server
    Up,
    /// Server to robot
    Down,
    /// Both at once: each gets its share of a shared medium
    Both,
}

/// One interval, for programs.
#[derive(Serialize)]
struct Line {
    time_s: f64,
    up_mbps: Option<f64>,
    down_mbps: Option<f64>,
    rtt_ms: Option<f64>,
    retransmits: Option<u32>,
}

/// Measures until the time is over or a signal comes; what was measured is kept either way.
pub(super) fn run(args: &ProbeArgs) -> Result<ExitCode> {
    let options = options(args)?;
    let stop = Arc::new(AtomicBool::new(false));
    listen_to_signals(&stop)?;
    let interval_s = f64::from(options.interval_ms) / 1e3;
    let mut chart = Chart::new();
    let mut broken = None;
    let mut on_sample = |i: usize, sample: Sample, kernel: Option<KernelTcp>| {
        let line = Line {
            time_s: i as f64 * interval_s,
            up_mbps: sample.up_mbps,
            down_mbps: sample.down_mbps,
            rtt_ms: kernel.map(|k| f64::from(k.rtt_us) / 1e3),
            retransmits: kernel.map(|k| k.retransmits),
        };
        chart.add(&line);
        if args.json
            && let Err(error) = json_line(&line)
        {
            // Nobody reads any more: end, and keep what there is.
            broken.get_or_insert(error);
            stop.store(true, Ordering::Relaxed);
        }
    };
    let measured = measure(&options, &stop, &mut on_sample);
    chart.end();
    let measured = measured.with_context(|| format!("cannot probe {}", args.server))?;
    if let Some(error) = broken {
        save(args, &measured)?;
        return Err(error);
    }
    let name = args
        .out
        .as_ref()
        .map_or_else(|| args.server.clone(), |out| out.display().to_string());
    let trace = save(args, &measured)?;
    let mut out = std::io::stdout().lock();
    if let Some(trace) = &trace {
        write!(out, "{}", statistics(&name, trace, args.json)?)?;
    }
    let mut notices = std::io::stderr();
    let code = match measured.ended {
        Ended::Complete => ExitCode::SUCCESS,
        Ended::Stopped => {
            writeln!(notices, "splitscope: stopped; what was measured is kept").ok();
            ExitCode::SUCCESS
        }
        Ended::Broken(error) => {
            writeln!(notices, "splitscope: the probe ended early: {error}").ok();
            ExitCode::FAILURE
        }
    };
    if trace.is_none() {
        writeln!(notices, "splitscope: nothing was measured").ok();
        return Ok(ExitCode::FAILURE);
    }
    Ok(code)
}

fn options(args: &ProbeArgs) -> Result<ProbeOptions> {
    let length_ms = (args.seconds * 1e3).round();
    let interval_ms = (args.interval * 1e3).round();
    let longest = f64::from(MAX_PROBE_MS);
    if !(f64::from(MIN_INTERVAL_MS)..=longest).contains(&interval_ms)
        || !(interval_ms..=longest).contains(&length_ms)
    {
        return Err(usage(format!(
            "{} s in intervals of {} s: expected intervals of at least {} s, and from one of them to {} s in all",
            args.seconds,
            args.interval,
            f64::from(MIN_INTERVAL_MS) / 1e3,
            longest / 1e3
        )));
    }
    Ok(ProbeOptions {
        server: args.server.clone(),
        way: match args.direction {
            WayArg::Up => Way::Up,
            WayArg::Down => Way::Down,
            WayArg::Both => Way::Both,
        },
        length_ms: length_ms as u32,
        interval_ms: interval_ms as u32,
        disturb: args.disturb,
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    })
}

/// Writes the trace, if there is one and a place for it.
fn save(args: &ProbeArgs, measured: &Measured) -> Result<Option<crate::link::trace::Trace>> {
    let Some(trace) = measured.trace() else {
        return Ok(None);
    };
    let way = match args.direction {
        WayArg::Up => "up",
        WayArg::Down => "down",
        WayArg::Both => "both ways at once, each with its share of a shared medium",
    };
    let mut trace = trace?
        .with_comment(&format!(
            "splitscope probe {}: measured {way}, server {}",
            args.server, measured.server_host
        ))
        .with_comment(&format!(
            "the delay is half of the hello's round trip, {:.2} ms",
            measured.idle_rtt_ns as f64 / 1e6
        ));
    if let Some(kernel) = measured.kernel {
        trace = trace.with_comment(&format!(
            "at the end: round trip under load {:.2} ms, {} segments sent again",
            f64::from(kernel.rtt_us) / 1e3,
            kernel.retransmits
        ));
    }
    if let Some(path) = &args.out {
        std::fs::write(path, trace.to_csv())
            .with_context(|| format!("cannot write the trace {}", path.display()))?;
    }
    Ok(Some(trace))
}

fn json_line(line: &Line) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(line)?)?;
    out.flush()?;
    Ok(())
}

/// Sets `stop` at SIGINT, SIGTERM or SIGHUP.
fn listen_to_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot listen to signals")?;
    let entered = runtime.enter();
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [mut interrupt, mut terminate, mut hang_up] = kinds.map(signal);
    drop(entered);
    let stop = Arc::clone(stop);
    std::thread::Builder::new()
        .name("probe signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let (Ok(interrupt), Ok(terminate), Ok(hang_up)) =
                    (&mut interrupt, &mut terminate, &mut hang_up)
                else {
                    return;
                };
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                stop.store(true, Ordering::Relaxed);
            });
        })
        .context("cannot listen to signals")?;
    Ok(())
}

/// One line on standard error while the probe runs, if that is a terminal.
struct Chart {
    is_shown: bool,
    recent: Vec<f64>,
    most: f64,
}

/// Intervals that the line shows.
const CHART_WIDTH: usize = 30;

impl Chart {
    fn new() -> Self {
        Self {
            is_shown: std::io::stderr().is_terminal(),
            recent: Vec::new(),
            most: 0.0,
        }
    }

    fn add(&mut self, line: &Line) {
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

    fn end(&self) {
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
