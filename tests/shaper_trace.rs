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
/// How late a piece may reach the receiving side.
const LATE_MS: i64 = 60;
/// How often the shaper is asked what it lost.
const LOOK: Duration = Duration::from_millis(10);

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

/// What one read brought. A busy machine lets the reading thread wait: the bytes came at some time between two moments.
#[derive(Clone, Copy)]
struct Arrival {
    after: i64,
    at: i64,
    bytes: usize,
}

/// What arrives, all that waits at once.
fn record(socket: &TcpStream, until_ns: i64) -> thread::JoinHandle<Vec<Arrival>> {
    let mut socket = socket.try_clone().unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    thread::spawn(move || {
        let mut seen = Vec::new();
        let mut buffer = vec![0; 8 << 20];
        let mut after = clock::now().0;
        while after < until_ns {
            // What comes next came after this, or this read had brought it.
            let asked = clock::now().0;
            match socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => {
                    let at = clock::now().0;
                    seen.push(Arrival { after, at, bytes });
                }
                Err(_) => {}
            }
            after = asked;
        }
        seen
    })
}

struct Run {
    shaper: ShaperHandle,
    /// What came up and down, in nanoseconds since the trace began, less its delay.
    seen: [Vec<Arrival>; 2],
    /// Bits that the shaper had lost in all by a time since the trace began.
    lost: Vec<(i64, f64)>,
}

impl Run {
    /// What the shaper says it was too late for, or had nothing to send in, between two times: at least all of that,
    /// since a loss is known once something is sent again.
    fn lost_bits(&self, from: i64, to: i64) -> f64 {
        let by = |at: Option<&(i64, f64)>| at.map_or(0.0, |&(_, bits)| bits);
        let before = self.lost.iter().rfind(|(at, _)| *at <= from);
        let after = self.lost.iter().find(|(at, _)| *at >= to + LATE_MS * MS);
        by(after.or(self.lost.last())) - by(before)
    }
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
    let mut lost = Vec::new();
    while clock::now().0 < until {
        let all = shaper.stats().lost;
        let at = clock::now().0 - shaper.origin().0;
        lost.push((at, (all.late.0 + all.idle.0) as f64 * 8.0));
        thread::sleep(LOOK);
    }
    let seen = receivers.map(|r| {
        let since = |at| at - shaper.origin().0 - 3 * MS;
        let seen = r.join().unwrap().into_iter();
        seen.map(|a| Arrival {
            after: since(a.after),
            at: since(a.at),
            ..a
        })
        .collect()
    });
    stop.store(true, Ordering::Relaxed);
    for socket in [&client, &server] {
        let _ = socket.shutdown(std::net::Shutdown::Both);
    }
    for sender in senders {
        sender.join().unwrap();
    }
    Run { shaper, seen, lost }
}

/// The worst second's error as a share; an error as text if bytes came in a gap. A second has what the trace says, less
/// what the shaper itself says it lost; and it never has more.
fn judge(schedule: &Schedule, seen: &[Arrival], run: &Run, what: &str) -> Result<f64, String> {
    let bits = |is_in: &dyn Fn(&Arrival) -> bool| -> f64 {
        let within = seen.iter().filter(|a| is_in(a));
        within.map(|a| a.bytes as f64 * 8.0).sum()
    };
    // Bytes that came for sure, and with those that may have come, between two times.
    let surely = |from: i64, to: i64| bits(&|a| a.after >= from && a.at < to);
    let perhaps = |from: i64, to: i64| bits(&|a| a.at >= from && a.after < to);
    let mut worst = 0.0_f64;
    // The connection stands a little after the trace begins.
    for second in 1..SECONDS {
        let (from, to) = (second * 1000 * MS, (second + 1) * 1000 * MS);
        let (least, most) = (surely(from, to), perhaps(from, to));
        let (wanted, lost) = (schedule.bits_between(from, to), run.lost_bits(from, to));
        let too_much = least / wanted - 1.0;
        let too_little = 1.0 - most / (wanted - lost).max(f64::MIN_POSITIVE);
        println!(
            "{what} second {second}: {:.2} to {:.2} of {:.2} Mbit, {:.2} lost",
            least / 1e6,
            most / 1e6,
            wanted / 1e6,
            lost / 1e6,
        );
        worst = worst.max(too_much).max(too_little);
    }
    for turn in [0, 4000] {
        for (from, to) in [(400, 700), (1200, 2400)] {
            let gap = surely((turn + from + LATE_MS) * MS, (turn + to) * MS);
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

/// What came and what the shaper says it lost are all that the trace had: no loss is claimed that was none, and no
/// machine is so busy that most of it is lost. The times are those of [`judge`], all seconds at once.
fn account(schedules: &[Schedule], run: &Run) -> Result<(), String> {
    let (from, to) = (1000 * MS, SECONDS * 1000 * MS);
    let came = run.seen.iter().flatten();
    let came = came.filter(|a| a.after >= from && a.at < to);
    let came: f64 = came.map(|a| a.bytes as f64 * 8.0).sum();
    let wanted: f64 = schedules.iter().map(|s| s.bits_between(from, to)).sum();
    if came < wanted / 3.0 {
        return Err(format!("{:.1} % came at all", came / wanted * 100.0));
    }
    // Less what is counted twice: the losses just before and after these times.
    let lost = run.lost_bits(from + LATE_MS * MS, to - LATE_MS * MS);
    let sum = (came + lost) / wanted;
    if sum > 1.0 + ALLOWED {
        return Err(format!("{:.1} % came or is said to be lost", sum * 100.0));
    }
    Ok(())
}

/// Tries again while the machine, by the shaper's own account, was late or did not send.
fn replay(trace: &Arc<Trace>, judged: impl Fn(&Run) -> Result<f64, String>) {
    for attempt in 1..=3 {
        let run = run(trace);
        let lost = run.shaper.stats().lost;
        let sent: usize = run.seen.iter().flatten().map(|a| a.bytes).sum();
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
        let worst = judge(&schedule, &run.seen.concat(), run, "shared")?;
        account(&[schedule], run)?;
        Ok(worst)
    });
    let each = Arc::new(drops(false));
    replay(&each, |run| {
        let schedules = [Direction::Up, Direction::Down]
            .map(|d| Schedule::new(Arc::clone(&each), d, AfterEnd::Loop));
        let up = judge(&schedules[0], &run.seen[0], run, "up")?;
        let down = judge(&schedules[1], &run.seen[1], run, "down")?;
        account(&schedules, run)?;
        Ok(up.max(down))
    });
}
