//! The prober's half.

use std::io::Read;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fill::Writer;
use super::{Counts, HELLO_TIMEOUT, LAST_WORDS, SILENCE, Sieve, Way, is_tick, trace_of, tune};
use crate::clock;
use crate::link::LinkError;
use crate::link::kernel::KernelTcp;
use crate::link::socket::{connect, exchange};
use crate::link::trace::{Trace, TraceError};
use crate::units::Nanos;
use crate::wire::probe::{PROBE_MAGIC, ProbeHello, ProbeMessage};
use crate::wire::{PROTOCOL, VERSION};

/// What to measure.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// The server's `HOST:PORT`.
    pub server: String,
    /// Which way.
    pub way: Way,
    /// For how long, in milliseconds.
    pub length_ms: u32,
    /// Length of one count, in milliseconds.
    pub interval_ms: u32,
    /// Probe although a robot's frames use the link.
    pub disturb: bool,
    /// This host's name.
    pub host: String,
}

/// What passed in one interval; none in a direction that was not filled.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Megabits per second that the server received.
    pub up_mbps: Option<f64>,
    /// Megabits per second received here.
    pub down_mbps: Option<f64>,
}

/// How a probe ended.
#[derive(Debug)]
pub enum Ended {
    /// After the time asked for.
    Complete,
    /// Somebody stopped it.
    Stopped,
    /// The link or the server failed; what was measured until then is there.
    Broken(LinkError),
}

/// A probe's result.
#[derive(Debug)]
pub struct Measured {
    /// Every interval that is known, from the first on.
    pub samples: Vec<Sample>,
    /// Length of an interval, in nanoseconds.
    pub interval_ns: i64,
    /// Round trip of the hello, before the link was full, in nanoseconds.
    pub idle_rtt_ns: i64,
    /// What the kernel says of the connection at the end, where it does.
    pub kernel: Option<KernelTcp>,
    /// The server's host name.
    pub server_host: String,
    /// How it ended.
    pub ended: Ended,
}

impl Measured {
    /// The link as a trace; its delay is half the idle round trip. None if nothing was measured.
    ///
    /// # Errors
    /// Rates that no trace holds.
    pub fn trace(&self) -> Option<Result<Trace, TraceError>> {
        let delay_ms = (self.idle_rtt_ns as f64 / 2e4).round() / 100.0;
        (!self.samples.is_empty()).then(|| trace_of(&self.samples, self.interval_ns, delay_ms))
    }
}

/// Measures until the time is over or `stop` is set; `on_sample` hears every interval, and the kernel's view of it.
///
/// # Errors
/// No server there, one that refuses, or no system to run on. A link that breaks later is no error: it ends what was
/// measured.
pub fn measure(
    options: &ProbeOptions,
    stop: &AtomicBool,
    on_sample: &mut dyn FnMut(usize, Sample, Option<KernelTcp>),
) -> Result<Measured, LinkError> {
    let mut stream = connect(&options.server, HELLO_TIMEOUT)?;
    tune(&stream)?;
    exchange(&mut stream, PROBE_MAGIC, HELLO_TIMEOUT)?;
    let writing = stream.try_clone().map_err(|source| LinkError::Io {
        doing: "sharing the socket",
        source,
    })?;
    let writer = Writer::start(writing)?;
    let asked = clock::now();
    writer.control(&ProbeMessage::Hello(ProbeHello {
        protocol: PROTOCOL,
        version: VERSION.to_owned(),
        host: options.host.clone(),
        up: options.way.is_up(),
        down: options.way.is_down(),
        length_ms: options.length_ms,
        interval_ms: options.interval_ms,
        disturb: options.disturb,
    }));
    let mut hearing = Hearing::new(options);
    while hearing.counts.is_none() {
        hearing.hear(&mut stream)?;
        let silent = clock::now().since(asked);
        if silent > HELLO_TIMEOUT.as_nanos() as i64 {
            return Err(LinkError::Silent(silent));
        }
    }
    let start = hearing.heard;
    let end = start.shifted(i64::from(options.length_ms) * 1_000_000);
    let last = end.shifted((LAST_WORDS + SILENCE).as_nanos() as i64);
    writer.fill(options.way.is_up());
    let ended = loop {
        let heard = hearing.hear(&mut stream);
        let now = clock::now();
        if now >= end {
            writer.fill(false);
        }
        hearing.tell(now, &mut |i, sample| {
            on_sample(i, sample, KernelTcp::of(&stream));
        });
        match heard {
            _ if hearing.is_done => break Ended::Complete,
            Err(error) => break Ended::Broken(error),
            Ok(()) if stop.load(Ordering::Relaxed) => break Ended::Stopped,
            Ok(()) => {}
        }
        let silent = now.since(hearing.heard);
        if silent > SILENCE.as_nanos() as i64 || now > last {
            break Ended::Broken(LinkError::Silent(silent));
        }
    };
    let kernel = KernelTcp::of(&stream);
    Ok(Measured {
        samples: hearing.samples,
        interval_ns: hearing.interval_ns,
        idle_rtt_ns: start.since(asked),
        kernel,
        server_host: hearing.server_host,
        ended,
    })
}

/// What came from the server so far.
struct Hearing {
    way: Way,
    interval_ns: i64,
    intervals: usize,
    sieve: Sieve,
    buffer: Vec<u8>,
    heard: Nanos,
    /// Bytes received here; there from the welcome on.
    counts: Option<Counts>,
    up_bytes: Vec<Option<u64>>,
    down_bytes: Vec<Option<u64>>,
    samples: Vec<Sample>,
    server_host: String,
    is_done: bool,
}

impl Hearing {
    fn new(options: &ProbeOptions) -> Self {
        let intervals = options.length_ms.div_ceil(options.interval_ms.max(1)) as usize;
        Self {
            way: options.way,
            interval_ns: i64::from(options.interval_ms) * 1_000_000,
            intervals,
            sieve: Sieve::default(),
            buffer: vec![0; 64 << 10],
            heard: clock::now(),
            counts: None,
            up_bytes: vec![None; intervals],
            down_bytes: vec![None; intervals],
            samples: Vec::new(),
            server_host: String::new(),
            is_done: false,
        }
    }

    /// Reads once, or waits for a tick.
    fn hear(&mut self, stream: &mut TcpStream) -> Result<(), LinkError> {
        let n = match stream.read(&mut self.buffer) {
            Ok(0) => return Err(LinkError::Closed),
            Ok(n) => n,
            Err(e) if is_tick(&e) => return Ok(()),
            Err(source) => {
                return Err(LinkError::Io {
                    doing: "reading from the server",
                    source,
                });
            }
        };
        self.heard = clock::now();
        if let Some(counts) = &mut self.counts {
            counts.add(self.heard, n as u64);
        }
        for message in self.sieve.take(&self.buffer[..n])? {
            match message {
                ProbeMessage::Welcome { host } => {
                    self.server_host = host;
                    self.counts = Some(Counts::new(self.heard, self.interval_ns, self.intervals));
                }
                ProbeMessage::Refused { reason } => return Err(LinkError::Refused(reason)),
                ProbeMessage::Received { interval, bytes } => {
                    if let Some(slot) = self.up_bytes.get_mut(interval as usize) {
                        *slot = Some(bytes);
                    }
                }
                ProbeMessage::Done => self.is_done = true,
                ProbeMessage::Hello(_) => {
                    let what = "a server does not say a prober's hello".to_owned();
                    return Err(LinkError::Protocol(what));
                }
            }
        }
        Ok(())
    }

    /// Gives each interval once, in order, when both directions of it are known.
    fn tell(&mut self, now: Nanos, on_sample: &mut dyn FnMut(usize, Sample)) {
        while let Some((i, bytes)) = self.counts.as_mut().and_then(|c| c.next_over(now)) {
            self.down_bytes[i] = Some(bytes);
        }
        while self.samples.len() < self.intervals {
            let i = self.samples.len();
            let mbps = |bytes: u64| bytes as f64 * 8e3 / self.interval_ns as f64;
            let sample = Sample {
                up_mbps: self.up_bytes[i].filter(|_| self.way.is_up()).map(mbps),
                down_mbps: self.down_bytes[i].filter(|_| self.way.is_down()).map(mbps),
            };
            let is_known = sample.up_mbps.is_some() == self.way.is_up()
                && sample.down_mbps.is_some() == self.way.is_down();
            if !is_known {
                return;
            }
            self.samples.push(sample);
            on_sample(i, sample);
        }
    }
}
