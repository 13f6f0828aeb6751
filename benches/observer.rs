//! What watching costs: the median frame latency with a console attached against none, in one interleaved run, and what
//! telemetry takes of a 93 Mbps link. A split of `MobileNetV2` on emulated devices over a shaped link; `--torch` computes
//! for real.
//!
//! `--frames N` (default 30) per block, `--rounds N` (default 60) of four blocks: with a console, without, without, with,
//! or the other way round, so that a drift of the machine falls on both alike. A/A sets the two blocks without a console
//! against each other. The console reads and throws away: what a screen costs is paid by the laptop, not by the robot.
//! On a machine with other work, run it with real-time priority (`chrt -r 10 cargo xtask bench observer`); where the
//! interval holds the target, it says so instead of a verdict.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "shared/paired.rs"]
mod paired;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use paired::{Paired, median, number_argument};
use splitscope::clock;
use splitscope::engine::Engine;
use splitscope::engine::emulated::EmulatedEngine;
use splitscope::link::shaper::{Shaper, ShaperProfile};
use splitscope::model::weights::Weights;
use splitscope::model::{Graph, zoo};
use splitscope::plan::Plan;
use splitscope::power::Discovered;
use splitscope::profile::Profile;
use splitscope::statistics::Random;
use splitscope::units::BitsPerSecond;
use splitscope::wire::console::{ConsoleHello, Encoding, Packed, SUBPROTOCOL, ToWorker};
use splitscope::wire::data::WeightsRef;
use splitscope::wire::{PROTOCOL, VERSION};
use splitscope::worker::input::{Input, Source};
use splitscope::worker::robot::{Robot, RobotOptions};
use splitscope::worker::server::{EngineFactory, Server, ServerOptions};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const LINK_MBPS: f64 = 93.0;
const SIZE: u32 = 224;
const CUT: u32 = 28;
const LATENCY_TARGET: f64 = 1.01;
const SHARE_TARGET: f64 = 0.01;
/// Frames after attaching or leaving that count for nothing.
const SETTLE: usize = 10;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let graph = zoo::build("mobilenet_v2", 1, SIZE, SIZE)?;
    #[cfg(feature = "torch")]
    if std::env::args().any(|a| a == "--torch") {
        use splitscope::engine::torch::TorchEngine;
        let make: EngineFactory<TorchEngine> = Arc::new(|g, w| TorchEngine::new(g, w, 1));
        let weights = Weights::seeded(1, &graph.parameters());
        let engine = TorchEngine::new(&graph, &weights, 1)?;
        println!("computed by libtorch on this machine");
        return run(graph, weights, engine, make);
    }
    #[cfg(not(feature = "torch"))]
    if std::env::args().any(|a| a == "--torch") {
        return Err("--torch: this bench was built without libtorch; cargo xtask bench observer --torch builds it with".into());
    }
    println!("emulated: jetson-xavier-nx and gpu-server");
    let profile = Profile::open("gpu-server")?;
    let make: EngineFactory<EmulatedEngine> =
        Arc::new(move |_, _| Ok(EmulatedEngine::new(profile.clone())));
    let engine = EmulatedEngine::new(Profile::open("jetson-xavier-nx")?);
    run(graph, Weights::seeded(1, &[]), engine, make)
}

fn run<E: Engine>(
    graph: Graph,
    weights: Weights,
    engine: E,
    factory: EngineFactory<E>,
) -> Result<(), Failure> {
    let frames = number_argument("--frames").unwrap_or(30).max(1);
    let rounds = number_argument("--rounds").unwrap_or(60).max(1);
    let any: SocketAddr = "127.0.0.1:0".parse()?;
    let dir = tempfile::tempdir()?;
    let server = Server::start(ServerOptions {
        spool: None,
        power: Discovered::default(),
        listen: any,
        weights_dir: dir.path().to_owned(),
        factory,
        engine_name: "bench".to_owned(),
        core: None,
        host: "server".to_owned(),
    })?;
    let link = ShaperProfile::constant(BitsPerSecond::from_mbps(LINK_MBPS));
    let shaper = Shaper::start(any, server.address(), link)?;
    let robot = Robot::start(
        engine,
        RobotOptions {
            emulated_link: None,
            spool: None,
            listen: any,
            servers: vec![shaper.local_addr().to_string()],
            deadline: None,
            graph: Arc::new(graph),
            weights: Arc::new(weights),
            weights_ref: WeightsRef::Seed(1),
            weights_name: "seed 1".to_owned(),
            trained: false,
            plan: Plan::split(CUT),
            policy: None,
            source: Source::start(Input::open("synthetic", 1, SIZE, SIZE)?, None)?,
            source_name: "synthetic".to_owned(),
            core: None,
            token: None,
            host: "robot".to_owned(),
            power: Discovered::default(),
        },
    )?;
    let address = robot.address().to_string();
    let latencies = robot.latencies();
    // Until the server is there, frames run locally.
    let warm = clock::now().shifted(3_000_000_000);
    while clock::now() < warm {
        latencies.recv_timeout(Duration::from_secs(30))?;
    }

    let mut random = Random::new(7);
    let (mut ratios, mut same, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        // A drift in one direction falls on the inner and the outer two alike.
        let inner = random.below(2) == 0;
        let (mut alone, mut watched) = ([Vec::new(), Vec::new()], Vec::new());
        for (place, attached) in [!inner, inner, inner, !inner].into_iter().enumerate() {
            let console = attached.then(|| Watcher::attach(&address)).transpose()?;
            for _ in 0..SETTLE {
                latencies.recv_timeout(Duration::from_secs(30))?;
            }
            let (began, bytes) = (clock::now(), console.as_ref().map(Watcher::bytes));
            let mut block = Vec::with_capacity(frames);
            while block.len() < frames {
                let ns = latencies.recv_timeout(Duration::from_secs(30))?;
                block.push(ns as f64 / 1e6);
            }
            let seconds = clock::now().since(began) as f64 / 1e9;
            if let (Some(console), Some(before)) = (&console, bytes) {
                rates.push((console.bytes() - before) as f64 * 8.0 / seconds);
                watched.append(&mut block);
            } else {
                // The first two places, and the last two.
                alone[place / 2].append(&mut block);
            }
        }
        same.push(median(&alone[0]) / median(&alone[1]));
        ratios.push(median(&watched) / median(&alone.concat()));
    }
    let latency = Paired::of(&ratios);
    let aa = Paired::of(&same);
    println!(
        "latency with a console / without: {latency} of {rounds} rounds of 4 x {frames} frames; {}",
        latency.verdict(LATENCY_TARGET)
    );
    let steady = if aa.low <= 1.0 && 1.0 <= aa.high {
        "as it should be, 1 lies in it"
    } else {
        "1 does NOT lie in it: this machine was too unsteady for the figure above"
    };
    println!("without / without (A/A): {aa}; {steady}");
    let shares: Vec<f64> = rates.iter().map(|bps| bps / (LINK_MBPS * 1e6)).collect();
    let share = Paired::of(&shares);
    println!(
        "telemetry / {LINK_MBPS} Mbps: {share} ({:.3} Mbps of messages); {}",
        median(&rates) / 1e6,
        share.verdict(SHARE_TARGET)
    );
    Ok(())
}

/// A console that reads and throws away.
struct Watcher {
    bytes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watcher {
    fn attach(address: &str) -> Result<Self, Failure> {
        let (bytes, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut request = format!("ws://{address}").into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse()?);
        let hello = ToWorker::Hello(ConsoleHello {
            protocol: PROTOCOL,
            version: VERSION.to_owned(),
            name: "bench".to_owned(),
        });
        let Packed::Binary(hello) = Encoding::Binary.pack(&hello) else {
            return Err("binary messages are binary".into());
        };
        let socket = runtime.block_on(async {
            let (mut socket, _) = connect_async(request).await?;
            socket.send(Message::binary(hello)).await?;
            Ok::<_, Failure>(socket)
        })?;
        let (count, stopped) = (Arc::clone(&bytes), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut socket = socket;
            runtime.block_on(async {
                while !stopped.load(Ordering::Relaxed) {
                    match socket.next().await {
                        Some(Ok(message)) => {
                            count.fetch_add(message.len() as u64, Ordering::Relaxed);
                        }
                        _ => return,
                    }
                }
                let _ = socket.close(None).await;
            });
        });
        Ok(Self {
            bytes,
            stop,
            thread: Some(thread),
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends with the next batch.
            let _ = thread.join();
        }
    }
}
