//! A probe against a server through a shaped link. The server's engine computes nothing, so no libtorch is needed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests' helpers stop and tell as tests do"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use splitscope::link::probe::{Ended, Measured, ProbeOptions, Way, measure};
use splitscope::link::shaper::{Outage, Rates, Shaper, ShaperHandle, ShaperProfile, ShaperStats};
use splitscope::link::trace::Direction;
use splitscope::link::{LinkError, MessageReader, exchange_magic};
use splitscope::model::zoo;
use splitscope::plan::{Codec, Plan, Value, ValueCodec, compile};
use splitscope::units::{BitsPerSecond, BootId, DeviceId, Epoch, FrameId, FrameKey, Nanos};
use splitscope::wire::data::{
    CHUNK_HEAD_BYTES, ChunkHead, Control, Kind, MAX_BODY_BYTES, RobotHello, WeightsRef,
    decode_control, encode_control, header, pack_graph,
};
use splitscope::wire::{Compressed, PROTOCOL};
use splitscope::worker::server::Server;

#[path = "probe/idle.rs"]
mod idle;

use idle::{any_port, server};

const MBPS: f64 = 93.0;

fn shaped(upstream: SocketAddr) -> ShaperHandle {
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(MBPS));
    assert!(matches!(profile.rates, Rates::Constant(_)));
    Shaper::start(any_port(), upstream, profile).unwrap()
}

fn options(address: SocketAddr, way: Way, length_ms: u32) -> ProbeOptions {
    ProbeOptions {
        server: address.to_string(),
        way,
        length_ms,
        interval_ms: 100,
        disturb: false,
        host: "robot".to_owned(),
    }
}

fn probe(options: &ProbeOptions) -> Result<Measured, LinkError> {
    measure(options, &AtomicBool::new(false), &mut |_, _, _| {})
}

/// What came through, and what the machine left the shaper's medium to carry in the same time.
struct Probed {
    mbps: f64,
    /// The link's rate, less what the shaper was too late for or had nothing to send in.
    possible_mbps: f64,
}

/// Measures up to three times while the machine, by the shaper's own account, was busy with other things. What it then
/// took from the link is no fault of the probe, which is held to what was left.
fn agrees(way: Way, shaper: &ShaperHandle) -> Probed {
    for attempt in 1..=3 {
        let probed = probed(shaper, way);
        let off = probed.mbps / probed.possible_mbps - 1.0;
        let lost = 1.0 - probed.possible_mbps / MBPS;
        println!(
            "{way:?}: {:.2} Mbps of {:.2}, {:+.2} %; the machine lost {:.2} % (attempt {attempt})",
            probed.mbps,
            probed.possible_mbps,
            off * 100.0,
            lost * 100.0
        );
        // No machine is so busy that a probe which fills the link gets so little of it: a link that nobody fills is lost
        // to the shaper's account, too.
        assert!(probed.mbps > MBPS / 3.0, "{way:?}: {} Mbps", probed.mbps);
        if off.abs() <= 0.03 {
            return probed;
        }
        assert!(
            lost > 0.01 && attempt < 3,
            "{way:?}: {} Mbps of {}",
            probed.mbps,
            probed.possible_mbps
        );
    }
    unreachable!("the loop returns or stops")
}

/// The mean of a probe, without the first 200 ms in which TCP opens its window.
fn probed(shaper: &ShaperHandle, way: Way) -> Probed {
    let options = options(shaper.local_addr(), way, 2_000);
    let mut steady = [shaper.stats(); 2];
    let measured = measure(&options, &AtomicBool::new(false), &mut |i, _, _| {
        let now = shaper.stats();
        if i < 2 {
            steady[0] = now;
        }
        steady[1] = now;
    });
    let measured = measured.unwrap();
    assert!(
        matches!(measured.ended, Ended::Complete),
        "{:?}",
        measured.ended
    );
    assert_eq!(measured.samples.len(), 20);
    let samples = &measured.samples[2..];
    let sum =
        |s: &splitscope::link::probe::Sample| s.up_mbps.unwrap_or(0.0) + s.down_mbps.unwrap_or(0.0);
    Probed {
        mbps: samples.iter().map(sum).sum::<f64>() / samples.len() as f64,
        possible_mbps: MBPS * carried_share(steady),
    }
}

/// The share of what the medium could have carried between two looks that it did carry.
fn carried_share([before, after]: [ShaperStats; 2]) -> f64 {
    let passed = |s: ShaperStats| (s.up.0 + s.down.0) as f64;
    let lost = |s: ShaperStats| (s.lost.late.0 + s.lost.idle.0) as f64;
    let (passed, lost) = (passed(after) - passed(before), lost(after) - lost(before));
    passed / (passed + lost)
}

/// Looks at a shaper after TCP has opened its window, and while much came through last: who fills a link for a while
/// has things to say before and after, and while they do the link is idle.
fn while_it_flows(shaper: &ShaperHandle, is_over: &dyn Fn() -> bool) -> [ShaperStats; 2] {
    const OPENED: u64 = 5_000_000;
    const MUCH: u64 = 64 << 10;
    let mut steady: Option<[ShaperStats; 2]> = None;
    while !is_over() {
        let now = shaper.stats();
        match &mut steady {
            None if now.up.0 >= OPENED => steady = Some([now; 2]),
            Some([_, last]) if now.up.0 >= last.up.0 + MUCH => *last = now,
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    steady.unwrap()
}

#[test]
fn a_probe_agrees_with_the_shaper_and_with_iperf3() {
    let (server, _dir) = server();
    let shaper = shaped(server.address());
    // A shared medium: both ways together have its rate.
    let [_, _, ours] = [Way::Down, Way::Both, Way::Up].map(|way| agrees(way, &shaper));

    // iperf3 asks for its port by number: take a free one.
    let free = std::net::TcpListener::bind(any_port())
        .unwrap()
        .local_addr()
        .unwrap();
    let port = free.port().to_string();
    let started = Command::new("iperf3")
        .args(["--server", "--one-off", "--port", &port, "--forceflush"])
        .stdout(Stdio::piped())
        .spawn();
    let mut other = match started {
        Ok(other) => other,
        Err(error) => {
            println!("not compared with iperf3: {error}");
            return;
        }
    };
    let mut said = BufReader::new(other.stdout.take().unwrap()).lines();
    while said
        .next()
        .is_some_and(|line| !line.unwrap().contains("listening"))
    {}
    let shaper = shaped(free);
    let client = Command::new("iperf3")
        .args([
            "--client",
            "127.0.0.1",
            "--json",
            "--time",
            "3",
            "--omit",
            "1",
        ])
        .args(["--port", &shaper.local_addr().port().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let client = std::thread::spawn(|| client.wait_with_output().unwrap());
    let steady = while_it_flows(&shaper, &|| client.is_finished());
    let output = client.join().unwrap();
    let _ = other.kill();
    let _ = other.wait();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
    let theirs = bits.unwrap_or_else(|| panic!("{report}")) / 1e6;
    // At different times, so each as a share of what the machine left of the link then.
    let possible = MBPS * carried_share(steady);
    let off = (ours.mbps / ours.possible_mbps) / (theirs / possible) - 1.0;
    println!(
        "up: probe {:.2} Mbps of {:.2}, iperf3 {theirs:.2} of {possible:.2}, {:+.2} %",
        ours.mbps,
        ours.possible_mbps,
        off * 100.0
    );
    assert!(off.abs() <= 0.03, "probe {:+.2} % of iperf3", off * 100.0);
}

#[test]
fn an_outage_is_zeros_and_what_was_measured_is_kept() {
    let (server, _dir) = server();
    let shaper = shaped(server.address());
    let address = shaper.local_addr();
    let go_on = AtomicBool::new(false);

    let measured = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            shaper.cut(Outage::Stall);
            std::thread::sleep(Duration::from_secs(1));
            shaper.restore();
        });
        probe(&options(address, Way::Up, 2_500)).unwrap()
    });
    assert!(
        matches!(measured.ended, Ended::Complete),
        "{:?}",
        measured.ended
    );
    assert_eq!(measured.samples.len(), 25);
    let zeros = measured.samples.iter().filter(|s| s.up_mbps == Some(0.0));
    let zeros = zeros.count();
    assert!(
        (7..=10).contains(&zeros),
        "{zeros} zeros: {:?}",
        measured.samples
    );
    let trace = measured.trace().unwrap().unwrap();
    assert!(trace.is_shared() && trace.stats(Direction::Up).at_zero >= 0.28);

    let stopped = measure(
        &options(address, Way::Down, 60_000),
        &go_on,
        &mut |i, _, _| {
            go_on.store(i == 3, Ordering::Relaxed);
        },
    );
    let stopped = stopped.unwrap();
    assert!(matches!(stopped.ended, Ended::Stopped));
    assert_eq!(stopped.trace().unwrap().unwrap().rows().len(), 4);

    let broken = measure(
        &options(address, Way::Down, 60_000),
        &AtomicBool::new(false),
        &mut |i, _, _| {
            if i == 3 {
                shaper.cut(Outage::Drop);
            }
        },
    );
    let broken = broken.unwrap();
    assert!(
        matches!(broken.ended, Ended::Broken(_)),
        "{:?}",
        broken.ended
    );
    assert!(broken.samples.len() >= 4);
}

/// A robot's connection with a frame under way, and where its next chunk goes.
struct Robot {
    stream: TcpStream,
    reader: MessageReader<TcpStream>,
    chunk: Vec<u8>,
}

impl Robot {
    fn attach(server: &Server) -> Self {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        exchange_magic(&mut stream, Duration::from_secs(5)).unwrap();
        let hello = RobotHello {
            protocol: PROTOCOL,
            version: "test".to_owned(),
            host: "jetson-nx".to_owned(),
            boot: BootId(7),
            device: DeviceId::SERVER,
            graph: pack_graph(&graph.spec()),
            graph_hash: graph.hash(),
            weights: WeightsRef::Seed(1),
            weights_name: "made".to_owned(),
            trained: false,
            peers: Vec::new(),
        };
        let say = |stream: &mut TcpStream, message| {
            stream.write_all(&encode_control(&message)).unwrap();
        };
        say(&mut stream, Control::RobotHello(Box::new(hello)));
        let mut reader = MessageReader::new(stream.try_clone().unwrap(), Duration::from_secs(30));
        let mut hear = |is_it: &dyn Fn(&Control) -> bool| loop {
            let (kind, body) = reader.next(MAX_BODY_BYTES).unwrap();
            assert_eq!(kind, Kind::Control);
            if is_it(&decode_control(body).unwrap()) {
                return;
            }
        };
        hear(&|m| matches!(m, Control::Ready { .. }));
        let epoch = Epoch(1);
        let schedule = compile(&graph, &Plan::REMOTE, epoch).unwrap();
        let program = schedule.program(DeviceId::SERVER).unwrap();
        let program = Compressed::encode(program);
        let codec = Codec::None;
        say(
            &mut stream,
            Control::Prepare {
                epoch,
                program,
                codec,
            },
        );
        hear(&|m| matches!(m, Control::Prepared { result: Ok(()), .. }));
        let value = Value::whole(&graph, splitscope::units::NodeId::INPUT);
        let head = ChunkHead {
            key: FrameKey {
                frame: FrameId(1),
                attempt: 0,
                epoch,
            },
            value,
            codec: ValueCodec::None,
            total: value.bytes(&graph).0,
            offset: 0,
            began: Nanos(0),
        };
        let mut chunk = header(Kind::Chunk, CHUNK_HEAD_BYTES + 100).to_vec();
        chunk.extend_from_slice(&head.encode());
        chunk.resize(chunk.len() + 100, 9);
        Self {
            stream,
            reader,
            chunk,
        }
    }

    /// What a heartbeat's answer says of soundings.
    fn may_sound(&mut self) -> bool {
        let ping = Control::Ping {
            sent: Nanos(1),
            goodput_bps: None,
        };
        self.stream.write_all(&encode_control(&ping)).unwrap();
        loop {
            let (kind, body) = self.reader.next(MAX_BODY_BYTES).unwrap();
            assert_eq!(kind, Kind::Control);
            if let Control::Pong { may_sound, .. } = decode_control(body).unwrap() {
                return may_sound;
            }
        }
    }

    fn send_a_part(&mut self) {
        self.stream.write_all(&self.chunk).unwrap();
        // The server's session reads it meanwhile.
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_probe_does_not_disturb_frames_unless_told_to() {
    let (server, _dir) = server();
    let mut robot = Robot::attach(&server);
    let mut wanted = options(server.address(), Way::Up, 200);
    let idle = probe(&wanted).unwrap();
    assert!(
        matches!(idle.ended, Ended::Complete),
        "an idle robot is no reason"
    );
    assert_eq!(idle.server_host, "gpu-box");

    robot.send_a_part();
    let refused = probe(&wanted).unwrap_err().to_string();
    assert!(
        refused.contains("jetson-nx") && refused.contains("--disturb"),
        "{refused}"
    );
    wanted.disturb = true;
    let disturbing = probe(&wanted).unwrap();
    assert!(matches!(disturbing.ended, Ended::Complete));
    // The robot's connection is as it was.
    robot.send_a_part();
    wanted.disturb = false;
    assert!(matches!(probe(&wanted), Err(LinkError::Refused(_))));
}

#[test]
fn while_a_probe_fills_the_link_the_robot_is_told_not_to_sound_it() {
    let (server, _dir) = server();
    let mut robot = Robot::attach(&server);
    assert!(robot.may_sound(), "nothing fills the link");
    let mut becomes = |wanted: bool| {
        let asked = (0..400).map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            robot.may_sound()
        });
        asked.into_iter().any(|may| may == wanted)
    };
    let stop = AtomicBool::new(false);
    let long = options(server.address(), Way::Up, 60_000);
    std::thread::scope(|scope| {
        let probing = scope.spawn(|| measure(&long, &stop, &mut |_, _, _| {}));
        let was_told = becomes(false);
        stop.store(true, Ordering::Relaxed);
        assert!(matches!(
            probing.join().unwrap().unwrap().ended,
            Ended::Stopped
        ));
        assert!(was_told);
    });
    assert!(becomes(true), "the probe is over");
}

#[test]
fn the_command_writes_a_trace_and_lines() {
    let (server, dir) = server();
    let shaper = shaped(server.address());
    let out = dir.path().join("garden.csv");
    let output = Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args(["probe", &shaper.local_addr().to_string()])
        .args([
            "--seconds",
            "1",
            "--interval",
            "0.1",
            "--direction",
            "both",
            "--json",
        ])
        .args(["--out", out.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 11, "{text}");
    assert!(
        lines[3]["up_mbps"].is_number() && lines[3]["down_mbps"].is_number(),
        "{text}"
    );
    assert_eq!(lines[10]["length_s"], 1.0, "{text}");
    let trace = splitscope::link::read_trace(&out).unwrap();
    assert!(!trace.is_shared() && trace.rows().len() == 10);
    // Row by row the trace says what the lines say, each way for itself, and together what the relay carried.
    for (row, line) in trace.rows().iter().zip(&lines) {
        for (mbps, told) in [
            (row.up_mbps, &line["up_mbps"]),
            (row.down_mbps, &line["down_mbps"]),
        ] {
            let told = told.as_f64().unwrap();
            assert!(
                (mbps - told).abs() <= 1e-3 * told.max(1.0),
                "{mbps} and {told}"
            );
        }
    }
    let carried = shaper.stats();
    for (way, bytes) in [(Direction::Up, carried.up), (Direction::Down, carried.down)] {
        let share = trace.stats(way).mean_mbps * 1e6 / 8.0 / bytes.0 as f64;
        assert!((0.6..=1.02).contains(&share), "{way:?}: {share} of {bytes}");
    }
    let both = trace.stats(Direction::Up).mean_mbps + trace.stats(Direction::Down).mean_mbps;
    assert!(both > 0.5 * MBPS && both < 1.1 * MBPS, "{both}");

    let refused = Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args(["probe", "127.0.0.1:1", "--seconds", "1"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("127.0.0.1:1"), "{told}");
}

#[test]
fn a_terminal_shows_the_link_and_ctrl_c_keeps_what_was_measured() {
    let (server, dir) = server();
    let shaper = shaped(server.address());
    let out = dir.path().join("stopped.csv");
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_splitscope"));
    command.args(["probe", &shaper.local_addr().to_string()]);
    command.args(["--seconds", "60", "--out", out.to_str().unwrap()]);
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut keyboard = pair.master.take_writer().unwrap();
    let mut shown = String::new();
    let mut buffer = [0; 4096];
    let mut is_asked = false;
    // The terminal ends with the command; Linux says that with an error.
    while let Ok(n) = reader.read(&mut buffer) {
        if n == 0 {
            break;
        }
        shown += &String::from_utf8_lossy(&buffer[..n]);
        if !is_asked && shown.contains(" 0.5 s ") {
            is_asked = true;
            keyboard.write_all(b"\x03").unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().exit_code(), 0, "{shown}");
    assert!(shown.contains("Mbps") && shown.contains('↑'), "{shown}");
    assert!(shown.contains("what was measured is kept"), "{shown}");
    let rows = splitscope::link::read_trace(&out).unwrap().rows().len();
    assert!((6..30).contains(&rows), "{rows} rows");
}

#[test]
fn a_connection_that_finds_no_place_is_told_so_in_its_own_language() {
    let (server, _dir) = server();
    let connect = || TcpStream::connect(server.address()).unwrap();
    // Who says nothing yet holds a place for some seconds.
    let held: Vec<TcpStream> = (0..64).map(|_| connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    let mut console = connect();
    console.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    console.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("64 connections already"), "{answer}");
    let mut robot = connect();
    exchange_magic(&mut robot, Duration::from_secs(5)).unwrap();
    let mut reader = MessageReader::new(robot, Duration::from_secs(5));
    let (kind, body) = reader.next(MAX_BODY_BYTES).unwrap();
    assert_eq!(kind, Kind::Control);
    let told = decode_control(body).unwrap();
    assert!(matches!(told, Control::Refused { reason } if reason.contains("64 connections")));
    drop(held);
}
