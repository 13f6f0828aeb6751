//! Latency of split frames over a shaped link, against what the frame's parts add up to:
//! robot compute + bytes over the link's rate + server compute + one round trip of the idle link.
//!
//! `--frames N` (default 60) finished frames per round, `--rounds N` (default 3) rounds of the cuts in random order.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "shared/paired.rs"]
mod paired;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use paired::{Paired, median, number_argument};
use serde_json::Value;
use splitscope::clock;
use splitscope::link::shaper::{Shaper, ShaperProfile};
use splitscope::statistics::Random;
use splitscope::units::BitsPerSecond;

const LINK_MBPS: f64 = 93.0;
const TARGET: f64 = 1.05;
const CUTS: [u32; 4] = [0, 29, 51, 126];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let frames = number_argument("--frames").unwrap_or(60);
    let rounds = number_argument("--rounds").unwrap_or(3);
    let mut random = Random::new(42);
    let rtts = round_trips_ms(200)?;
    let rtt_ms = median(&rtts);
    println!("mobilenet_v2, link {LINK_MBPS} Mbps, idle round trip {rtt_ms:.3} ms (median of 200)");

    let mut of_cut: Vec<Vec<Frame>> = CUTS.iter().map(|_| Vec::new()).collect();
    let mut order: Vec<usize> = (0..CUTS.len()).collect();
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &at in &order {
            of_cut[at].extend(demo(CUTS[at], frames)?);
        }
    }
    for (cut, frames) in CUTS.iter().zip(&of_cut) {
        let ratios: Vec<f64> = frames
            .iter()
            .map(|frame| frame.latency_ms / frame.reference_ms(rtt_ms))
            .collect();
        let first: Vec<f64> = ratios.iter().copied().step_by(2).collect();
        let second: Vec<f64> = ratios.iter().copied().skip(1).step_by(2).collect();
        let estimate = Paired::of(&ratios);
        let of = |f: fn(&Frame) -> f64| median(&frames.iter().map(f).collect::<Vec<_>>());
        println!(
            "cut {cut:>3}: {estimate} of {} frames, A/A (even/odd frames) {:.4}; {}",
            frames.len(),
            median(&first) / median(&second),
            estimate.verdict(TARGET),
        );
        println!(
            "         median latency {:.2} ms, robot {:.2} + link {:.2} + server {:.2} + round trip {rtt_ms:.2} ms",
            of(|f| f.latency_ms),
            of(|f| f.robot_ms),
            of(Frame::link_ms),
            of(|f| f.server_ms),
        );
    }
    Ok(())
}

/// What a line of the headless console says of a frame.
struct Frame {
    latency_ms: f64,
    robot_ms: f64,
    server_ms: f64,
    bytes: f64,
}

impl Frame {
    /// A split frame that ran as planned, after the warm-up.
    fn parse(line: &str, cut: u32) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let number = |name: &str| line.get(name).and_then(Value::as_f64);
        let counts = line.get("outcome")?.as_str()? == "ok"
            && !line.get("warmup")?.as_bool()?
            && line.get("cut")?.as_u64()? == u64::from(cut)
            && number("bytes_up")? > 0.0;
        counts.then_some(Self {
            latency_ms: number("latency_ms")?,
            robot_ms: number("robot_compute_ms")?,
            server_ms: number("server_compute_ms")?,
            bytes: number("bytes_up")? + number("bytes_down")?,
        })
    }

    fn link_ms(&self) -> f64 {
        self.bytes * 8.0 / (LINK_MBPS * 1e3)
    }

    fn reference_ms(&self, rtt_ms: f64) -> f64 {
        self.robot_ms + self.link_ms() + self.server_ms + rtt_ms
    }
}

fn demo(cut: u32, frames: usize) -> Result<Vec<Frame>, Failure> {
    // The first frames run locally, until the server has its weights.
    let frames = frames + 30;
    let out = Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args(["demo", "--headless", "--json", "--no-record"])
        .args(["--link", &LINK_MBPS.to_string()])
        .args(["--cut", &cut.to_string()])
        .args(["--frames", &frames.to_string()])
        .output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.lines().filter_map(|l| Frame::parse(l, cut)).collect())
}

/// Round trips of eight bytes through an idle shaped link.
fn round_trips_ms(count: usize) -> Result<Vec<f64>, Failure> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(any)?;
    let upstream = listener.local_addr()?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut bytes = [0; 8];
        while socket.read_exact(&mut bytes).is_ok() {
            socket.write_all(&bytes)?;
        }
        Ok(())
    });
    let rate = BitsPerSecond::from_mbps(LINK_MBPS);
    let shaper = Shaper::start(any, upstream, ShaperProfile::constant(rate))?;
    let mut socket = TcpStream::connect(shaper.local_addr())?;
    socket.set_nodelay(true)?;
    let mut bytes = [7; 8];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = clock::now();
        socket.write_all(&bytes)?;
        socket.read_exact(&mut bytes)?;
        times.push(clock::now().since(start) as f64 / 1e6);
    }
    drop(socket);
    drop(shaper);
    echo.join().map_err(|_| "the echo thread panicked")??;
    Ok(times)
}
