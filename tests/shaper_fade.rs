//! A link that fades for longer than any system's memory of a bandwidth and comes back: from then on it carries again
//! what its trace says. Measured by a probe, which fills the link as values do. Alone in its program: the other tests
//! of the shaper would take the processor from it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests' helpers stop and tell as tests do"
)]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use splitscope::link::probe::{Ended, Measured, ProbeOptions, Way, greet, measure, serve};
use splitscope::link::shaper::{Rates, Shaper, ShaperProfile, ShaperStats};
use splitscope::link::trace::{AfterEnd, Trace};
use splitscope::units::BitsPerSecond;

/// Seconds at the full rate, in the fade, and at the full rate again. Systems that pace by what they measured (BBR)
/// forget after 10 s what the link carried before.
const SECONDS: [usize; 3] = [2, 11, 4];
const FULL_MBPS: f64 = 70.0;
const FADED_MBPS: f64 = 1.0;
/// What the seconds after the fade, but for the first, may be off by.
const ALLOWED: f64 = 0.03;

fn fade() -> Trace {
    let (begin, back) = (SECONDS[0], SECONDS[0] + SECONDS[1]);
    let csv = format!(
        "# splitscope link trace v1\ntime_s,shared_mbps,delay_ms\n0,{FULL_MBPS},2\n{begin},{FADED_MBPS},2\n{back},{FULL_MBPS},2\n"
    );
    Trace::parse(csv.as_bytes()).unwrap()
}

/// Mbps of each second that the other end received, and what the relay said of itself at the end of each.
fn run(way: Way) -> (Vec<f64>, Vec<ShaperStats>) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = TcpListener::bind(any).unwrap();
    let profile = ShaperProfile {
        rates: Rates::Trace(Arc::new(fade()), AfterEnd::Hold),
        ..ShaperProfile::constant(BitsPerSecond(0.0))
    };
    let shaper = Shaper::start(any, listener.local_addr().unwrap(), profile).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = greet(&mut stream).unwrap();
        serve(stream, &hello, "server", &|| false)
    });
    let options = ProbeOptions {
        server: shaper.local_addr().to_string(),
        way,
        length_ms: SECONDS.iter().sum::<usize>() as u32 * 1000,
        interval_ms: 1000,
        disturb: false,
        host: "robot".to_owned(),
    };
    let mut stats = Vec::new();
    let measured = measure(&options, &AtomicBool::new(false), &mut |_, _, _| {
        stats.push(shaper.stats());
    });
    server.join().unwrap().unwrap();
    (mbps(&measured.unwrap(), way), stats)
}

fn mbps(measured: &Measured, way: Way) -> Vec<f64> {
    assert!(
        matches!(measured.ended, Ended::Complete),
        "{:?}",
        measured.ended
    );
    let of = |s: &splitscope::link::probe::Sample| match way {
        Way::Up => s.up_mbps,
        Way::Down | Way::Both => s.down_mbps,
    };
    measured.samples.iter().filter_map(of).collect()
}

/// The share of what the medium could have carried between two looks that the machine was too busy for.
fn lost_share(before: ShaperStats, after: ShaperStats) -> f64 {
    let passed = |s: ShaperStats| (s.up.0 + s.down.0) as f64;
    let lost = |s: ShaperStats| (s.lost.late.0 + s.lost.idle.0) as f64;
    let (passed, lost) = (passed(after) - passed(before), lost(after) - lost(before));
    lost / (passed + lost)
}

/// Tries again while the machine, by the shaper's own account, was late or did not send. What it then took from the
/// link is not the fade's doing: the rest must be there.
fn comes_back(way: Way) {
    for attempt in 1..=3 {
        let (seconds, stats) = run(way);
        let back = SECONDS[0] + SECONDS[1];
        // The connection stands a little after the trace begins, the later the busier the machine: the probe's seconds
        // lie across two of the trace's, the last one of the fade and the first after it, too.
        let faded = &seconds[SECONDS[0] + 1..back - 1];
        let after = &seconds[back + 1..];
        let lost = lost_share(stats[back], stats[stats.len() - 1]);
        println!(
            "{way:?}: {seconds:.2?} Mbps; of the end the machine lost {:.2} % (attempt {attempt})",
            lost * 100.0
        );
        assert!(
            faded.iter().all(|&s| s < 2.0 * FADED_MBPS),
            "the fade is played: {faded:?}"
        );
        let mean = after.iter().sum::<f64>() / after.len() as f64;
        // No machine is so busy that the link stays where the fade was.
        assert!(
            mean > FULL_MBPS / 3.0,
            "{after:?} Mbps after a fade, where the trace has {FULL_MBPS}"
        );
        let possible = FULL_MBPS * (1.0 - lost);
        if (mean / possible - 1.0).abs() <= ALLOWED {
            return;
        }
        assert!(
            lost > 0.005 && attempt < 3,
            "{after:?} Mbps, wanted {possible}"
        );
    }
}

#[test]
fn a_link_that_faded_for_long_carries_what_its_trace_says_again() {
    // One after the other would take half a minute.
    let ways = [Way::Up, Way::Down].map(|way| thread::spawn(move || comes_back(way)));
    for way in ways {
        way.join().unwrap();
    }
}
