//! A replayed trace, second by second, against the trace's own integral. Alone in its program: the other tests of the
//! shaper would take the processor from it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests' helpers stop and tell as tests do"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use splitscope::clock;
use splitscope::link::shaper::{Rates, Shaper, ShaperHandle, ShaperProfile};
use splitscope::link::trace::{AfterEnd, Direction, Row, Schedule, Trace};
use splitscope::units::BitsPerSecond;

const MS: i64 = 1_000_000;
const SECONDS: i64 = 6;
/// What a second may be off by.
const ALLOWED: f64 = 0.03;
/// How late a piece may reach the receiving thread.
const LATE_MS: i64 = 60;

/// Rates that change every 100 ms, with drops to a trickle and gaps of 300 ms to 1.2 s at zero; a turn is 4 s, so that
/// the trace is looped once.
fn drops(is_shared: bool) -> Trace {
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let rows = (0..40).map(|i| {
        let (up, down) = (20.0 + 100.0 * random(), 20.0 + 60.0 * random());
        let factor = match i {
            4..7 | 12..24 => 0.0,
            30..33 => 0.02,
            _ => 1.0,
        };
        Row {
            at_ns: i * 100 * MS,
            up_mbps: up * factor,
            down_mbps: down * factor,
            delay_ms: 3.0,
        }
    });
    Trace::new(is_shared, rows.collect()).unwrap()
}

fn saturate(socket: &TcpStream, stop: &Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let (mut socket, stop) = (socket.try_clone().unwrap(), Arc::clone(stop));
    let piece = vec![7; 16 << 10];
    thread::spawn(
        move || while !stop.load(Ordering::Relaxed) && socket.write_all(&piece).is_ok() {},
    )
}

/// Times and sizes of what arrives.
fn record(socket: &TcpStream, until_ns: i64) -> thread::JoinHandle<Vec<(i64, usize)>> {
    let mut socket = socket.try_clone().unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    thread::spawn(move || {
        let mut seen = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        while clock::now().0 < until_ns {
            match socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => seen.push((clock::now().0, n)),
                Err(_) => {}
            }
        }
        seen
    })
}

struct Run {
    shaper: ShaperHandle,
    /// What came up and down, in nanoseconds since the trace began, less its delay.
    seen: [Vec<(i64, usize)>; 2],
}

fn run(trace: &Arc<Trace>) -> Run {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = TcpListener::bind(any).unwrap();
    let profile = ShaperProfile {
        rates: Rates::Trace(Arc::clone(trace), AfterEnd::Loop),
        ..ShaperProfile::constant(BitsPerSecond(0.0))
    };
    let shaper = Shaper::start(any, listener.local_addr().unwrap(), profile).unwrap();
    let client = TcpStream::connect(shaper.local_addr()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let until = shaper.origin().0 + (SECONDS * 1000 + 100) * MS;
    let receivers = [record(&server, until), record(&client, until)];
    let senders = [saturate(&client, &stop), saturate(&server, &stop)];
    let seen = receivers.map(|r| {
        let seen = r.join().unwrap();
        let since = |at| at - shaper.origin().0 - 3 * MS;
        seen.into_iter().map(|(at, n)| (since(at), n)).collect()
    });
    stop.store(true, Ordering::Relaxed);
    for socket in [&client, &server] {
        let _ = socket.shutdown(std::net::Shutdown::Both);
    }
    for sender in senders {
        sender.join().unwrap();
    }
    Run { shaper, seen }
}

/// The worst second's error as a share; an error as text if bytes came in a gap.
fn judge(schedule: &Schedule, seen: &[(i64, usize)], what: &str) -> Result<f64, String> {
    let bits = |from: i64, to: i64| -> f64 {
        let within = seen.iter().filter(|(at, _)| (from..to).contains(at));
        within.map(|&(_, n)| n as f64 * 8.0).sum()
    };
    let mut worst = 0.0_f64;
    // The connection stands a little after the trace begins.
    for second in 1..SECONDS {
        let (from, to) = (second * 1000 * MS, (second + 1) * 1000 * MS);
        let (got, wanted) = (bits(from, to), schedule.bits_between(from, to));
        let off = got / wanted - 1.0;
        println!(
            "{what} second {second}: {:.2} of {:.2} Mbit, {:+.2} %",
            got / 1e6,
            wanted / 1e6,
            off * 100.0
        );
        worst = worst.max(off.abs());
    }
    for turn in [0, 4000] {
        for (from, to) in [(400, 700), (1200, 2400)] {
            let gap = bits((turn + from + LATE_MS) * MS, (turn + to) * MS);
            if gap > 0.0 {
                return Err(format!("{what}: {gap} bits in the gap at {from} ms"));
            }
        }
    }
    if worst > ALLOWED {
        return Err(format!("{what}: a second is off by {:.1} %", worst * 100.0));
    }
    Ok(worst)
}

/// Tries again while the machine, by the shaper's own account, was late or did not send.
fn replay(trace: &Arc<Trace>, judged: impl Fn(&Run) -> Result<f64, String>) {
    for attempt in 1..=3 {
        let run = run(trace);
        let lost = run.shaper.stats().lost;
        let sent: usize = run.seen.iter().flatten().map(|s| s.1).sum();
        let lost_share = (lost.late.0 + lost.idle.0) as f64 / sent as f64;
        match judged(&run) {
            Ok(worst) => {
                println!(
                    "worst second off by {:.2} %; the machine lost {:.2} % of the bytes (attempt {attempt})",
                    worst * 100.0,
                    lost_share * 100.0
                );
                return;
            }
            Err(why) => {
                println!("attempt {attempt}: {why}; lost: {lost:?}");
                assert!(lost_share > 0.005 && attempt < 3, "{why}; lost: {lost:?}");
            }
        }
    }
}

#[test]
fn every_second_carries_what_the_trace_says_and_gaps_carry_nothing() {
    let shared = Arc::new(drops(true));
    replay(&shared, |run| {
        let schedule = Schedule::new(Arc::clone(&shared), Direction::Up, AfterEnd::Loop);
        let mut both = run.seen.concat();
        both.sort_unstable();
        judge(&schedule, &both, "shared")
    });
    let each = Arc::new(drops(false));
    replay(&each, |run| {
        let schedule = |d| Schedule::new(Arc::clone(&each), d, AfterEnd::Loop);
        let up = judge(&schedule(Direction::Up), &run.seen[0], "up")?;
        let down = judge(&schedule(Direction::Down), &run.seen[1], "down")?;
        Ok(up.max(down))
    });
}
