//! `splitscope probe`: what a link carries, measured by filling it.

mod chart;
mod recorded;

use std::io::Write;
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
use chart::Chart;
use recorded::Recorded;
pub(super) use recorded::SessionAs;

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

    /// What the trace says of itself beside the usual.
    #[arg(skip)]
    comment: Option<String>,

    /// Where it is recorded as a session.
    #[arg(skip)]
    session: Option<SessionAs>,
}

impl ProbeArgs {
    /// Fills the way up to a server.
    pub(super) fn up(
        server: String,
        seconds: f64,
        interval: f64,
        out: PathBuf,
        json: bool,
        (comment, session): (String, Option<SessionAs>),
    ) -> Self {
        Self {
            server,
            seconds,
            interval,
            direction: WayArg::Up,
            out: Some(out),
            json,
            disturb: false,
            comment: Some(comment),
            session,
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
    let session = args.session.as_ref();
    let mut recorded = session
        .map(|to| Recorded::begin(to, &args.server, options.interval_ms))
        .transpose()?;
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
        let kept = recorded.as_mut().map_or(Ok(()), |r| r.sample(&sample));
        let told = if args.json { json_line(&line) } else { Ok(()) };
        if let Err(error) = kept.and(told) {
            // Nobody reads any more: end, and keep what there is.
            broken.get_or_insert(error);
            stop.store(true, Ordering::Relaxed);
        }
    };
    let measured = measure(&options, &stop, &mut on_sample);
    chart.end();
    recorded.map_or(Ok(()), Recorded::finish)?;
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
    if let Some(comment) = &args.comment {
        trace = trace.with_comment(comment);
    }
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
