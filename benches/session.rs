//! Session files: opening an hour, seeking in it, what recording costs, how large a file becomes.
//!
//! `--minutes N` (default 60) of a recording with 5,000 events a second: 25 frames with 180 timed steps each, link, power
//! and host readings. Then the harshest case for the container: 5,000 messages a second with one reading each.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot run fails"
)]

#[path = "shared/paired.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod paired;

use std::path::Path;
use std::time::Duration;

use paired::number_argument;
use splitscope::clock;
use splitscope::console::app::{App, Setup};
use splitscope::playback::Film;
use splitscope::session::{
    Entry, FORMAT, Meta, Reader, Recorder, Settings, Start, Target, Told, What, Writer,
};
use splitscope::units::{BootId, Bytes, DeviceId, Epoch, FrameId, Nanos, NodeId};
use splitscope::wire::{Flow, FrameRecord, LinkSample, Outcome, Parts, Record, StepKind, StepTime};

const SECOND: i64 = 1_000_000_000;
const FRAMES_A_SECOND: i64 = 25;
const STEPS: u32 = 180;
/// Steps and the other readings together.
const EVENTS_A_SECOND: u64 = 5_000;
const OPEN_MS: f64 = 300.0;
const SEEK_MS: f64 = 50.0;
const CORE_SHARE: f64 = 0.01;
/// Ten pictures a second.
const PICTURE_MS: f64 = 100.0;

fn main() {
    let minutes = number_argument("--minutes").unwrap_or(60) as i64;
    let folder = tempfile::tempdir().unwrap();
    let mix = folder.path().join("mix.mcap");
    let made = write(&mix, minutes * 60, second_of_frames);
    report("frames with their steps", &mix, minutes, made);
    film(&mix, minutes);
    std::fs::remove_file(&mix).unwrap();
    let small = folder.path().join("small.mcap");
    let made = write(&small, minutes * 60, second_of_readings);
    report("one reading a message", &small, minutes, made);
    std::fs::remove_file(&small).unwrap();
    recording(&folder.path().join("live.mcap"));
}

fn start() -> Start {
    Start {
        format: FORMAT,
        version: "bench".to_owned(),
        at: Nanos(0),
        unix_ms: 1_795_616_400_000,
        console: "bench@bench".to_owned(),
    }
}

fn told(at: Nanos, record: Record) -> Entry {
    Entry {
        at,
        unix_ms: 0,
        what: What::Record(Told {
            target: 0,
            boot: BootId(7),
            seq: at.0 as u64 / 100_000_000,
            sent: at,
            record,
        }),
    }
}

/// Numbers that do not repeat, so that zstd finds no more than in a real recording.
fn noise(n: i64) -> i64 {
    let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as i64
}

fn link(at: Nanos) -> Record {
    Record::Link(LinkSample {
        at,
        window_ns: 100_000_000,
        up: Flow {
            bytes: 900_000 + noise(at.0) as u64 % 60_000,
            busy_ns: 80_000_000 + noise(at.0 + 1),
        },
        down: Flow {
            bytes: 4_000,
            busy_ns: 500_000 + noise(at.0 + 2) % 90_000,
        },
        rtt_ns: Some(2_000_000 + noise(at.0 + 3) % 900_000),
        connected: true,
        peer: DeviceId::SERVER,
    })
}

fn frame(n: i64, at: Nanos) -> Record {
    let step = |i: u32| {
        let seed = n * 1_000 + i64::from(i);
        let transfer = i == STEPS / 3;
        StepTime {
            device: if i > STEPS / 3 {
                DeviceId::SERVER
            } else {
                DeviceId::ROBOT
            },
            to: DeviceId::SERVER,
            kind: if transfer {
                StepKind::Transfer
            } else {
                StepKind::Compute
            },
            node: NodeId(i + 1),
            start_ns: i64::from(i) * 200_000 + noise(seed) % 90_000,
            duration_ns: 150_000 + noise(seed + 7) % 60_000,
            bytes: if transfer { 150_528 } else { 0 },
            wire_bytes: if transfer { 150_528 } else { 0 },
            codec: splitscope::plan::ValueCodec::None,
            error_ppb: 0,
        }
    };
    Record::Frame(Box::new(FrameRecord {
        frame: FrameId(n as u64),
        attempt: 0,
        epoch: Epoch(1),
        mode: "split".to_owned(),
        cut: Some(60),
        admitted: at,
        latency_ns: 38_000_000 + noise(n) % 4_000_000,
        parts: Parts::default(),
        bytes_up: 150_528,
        bytes_down: 4_000,
        outcome: Outcome::Ok,
        warmup: false,
        preparing: false,
        skipped: 0,
        clock_error_ns: Some(noise(n + 5) % 90_000),
        picture: "synthetic".to_owned(),
        top: Vec::new(),
        other_tops: Vec::new(),
        steps: (0..STEPS).map(step).collect(),
        emulated: true,
        predicted_ns: None,
    }))
}

fn second_of_frames(second: i64, add: &mut dyn FnMut(Entry)) {
    let gap = SECOND / FRAMES_A_SECOND;
    for i in 0..FRAMES_A_SECOND {
        let at = Nanos(second * SECOND + i * gap);
        add(told(at, frame(second * FRAMES_A_SECOND + i, at)));
        // What is left of the 5,000 are link readings.
        for j in 0..20 {
            let at = at.shifted(j * gap / 20);
            add(told(at, link(at)));
        }
    }
}

fn second_of_readings(second: i64, add: &mut dyn FnMut(Entry)) {
    for i in 0..EVENTS_A_SECOND as i64 {
        let at = Nanos(second * SECOND + i * SECOND / EVENTS_A_SECOND as i64);
        add(told(at, link(at)));
    }
}

/// Writes a session as the recorder does, a chunk every half second; the time it took.
fn write(path: &Path, seconds: i64, second_of: fn(i64, &mut dyn FnMut(Entry))) -> Duration {
    let began = clock::now();
    let mut writer = Writer::create(path, start()).unwrap();
    for second in 0..seconds {
        let half = Nanos(second * SECOND + SECOND / 2);
        let mut flushed = false;
        second_of(second, &mut |entry| {
            if entry.at >= half && !flushed {
                writer.flush().unwrap();
                flushed = true;
            }
            writer.add(&entry).unwrap();
        });
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    Duration::from_nanos(clock::now().since(began) as u64)
}

fn ms(since: Nanos) -> f64 {
    clock::now().since(since) as f64 / 1e6
}

fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

fn report(what: &str, path: &Path, minutes: i64, made: Duration) {
    let bytes = std::fs::metadata(path).unwrap().len();
    let per_hour = Bytes(bytes * 60 / minutes as u64);
    println!("{what}: {minutes} min, 5,000 events/s, {per_hour} an hour, written in {made:.1?}");
    let opens = (0..20).map(|_| {
        let began = clock::now();
        Reader::open(path).unwrap();
        ms(began)
    });
    let open = quantile(opens.collect(), 0.99);
    println!(
        "  open         p99 {open:7.1} ms   target {OPEN_MS} ms   {}",
        verdict(open <= OPEN_MS)
    );
    let reader = Reader::open(path).unwrap();
    let seeks = (0..300).map(|i| {
        let at = Nanos(noise(i) * 1_000_003 % (minutes * 60 * SECOND));
        let began = clock::now();
        reader
            .entries(at..)
            .next()
            .expect("something follows")
            .unwrap();
        ms(began)
    });
    let seek = quantile(seeks.collect(), 0.99);
    println!(
        "  seek anywhere p99 {seek:6.1} ms   target {SEEK_MS} ms   {}",
        verdict(seek <= SEEK_MS)
    );
}

/// What the replay's film takes: going through once, the state at any moment, pictures at 64 times the speed.
fn film(path: &Path, minutes: i64) {
    let setup = Setup {
        addresses: vec!["ws://127.0.0.1:7401".parse().unwrap()],
        ..Setup::default()
    };
    let reader = Reader::open(path).unwrap();
    let began = clock::now();
    let read = reader.entries(..).flatten().count();
    println!("  replay: {read} entries read in {:.1} s", ms(began) / 1e3);
    let before = resident();
    let began = clock::now();
    let mut film = Film::of_file(reader, App::new(setup, Nanos(0)).0);
    film.look_on(usize::MAX).unwrap();
    let checkpoints = film.checkpoints();
    println!(
        "  replay: gone through once in {:.1} s, {checkpoints} checkpoints, {} of memory",
        ms(began) / 1e3,
        Bytes(resident().saturating_sub(before))
    );
    let shows = (0..100).map(|i| {
        let at = Nanos(noise(i) * 1_000_003 % (minutes * 60 * SECOND));
        let began = clock::now();
        film.show(at).unwrap();
        ms(began)
    });
    let show = quantile(shows.collect(), 0.99);
    println!(
        "  replay: any moment p99 {show:6.1} ms   target {SEEK_MS} ms   {}",
        verdict(show <= SEEK_MS)
    );
    film.show(Nanos(0)).unwrap();
    let pictures = (1..=(minutes * 60 * 10 / 64).min(300)).map(|n| {
        let began = clock::now();
        film.show(Nanos(n * 64 * SECOND / 10)).unwrap();
        ms(began)
    });
    let picture = quantile(pictures.collect(), 0.99);
    println!(
        "  replay: a picture at 64x p99 {picture:6.1} ms   target {PICTURE_MS} ms   {}",
        verdict(picture <= PICTURE_MS)
    );
}

/// Memory of this process.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// What the recorder's thread, and the film's that live is rewound with, take of a core while 1,000 events a second come, five frames with their steps among them.
fn recording(path: &Path) {
    let settings = Settings {
        file: path.to_owned(),
        named: true,
        limit: Bytes(4_000_000_000),
        meta: Meta::default(),
    };
    let begin = Start {
        at: clock::now(),
        ..start()
    };
    let mut recorder = Recorder::start(settings, &begin).unwrap();
    let (film, rewinding) = std::sync::mpsc::sync_channel::<Entry>(4096);
    let written = recorder.written();
    let film_thread = std::thread::Builder::new()
        .name("film".to_owned())
        .spawn(move || {
            let (app, _) = App::new(Setup::default(), Nanos(0));
            let mut film = Film::recorded(app, written);
            for entry in rewinding {
                film.add(entry);
            }
        })
        .unwrap();
    film.send(Entry {
        at: begin.at,
        unix_ms: 0,
        what: What::Target(Target {
            target: 0,
            address: "ws://127.0.0.1:7401".to_owned(),
        }),
    })
    .unwrap();
    let mut put = |entry: Entry| {
        film.send(entry.clone()).unwrap();
        recorder.put(entry);
    };
    let seconds = 30;
    let mut frames = 0;
    let began = clock::now();
    for tick in 0..seconds * 10 {
        // Ten link readings and, every other time, a frame: 100 and 5 x 180 a second.
        for _ in 0..10 {
            let at = clock::now();
            put(told(at, link(at)));
        }
        if tick % 2 == 0 {
            let at = clock::now();
            put(told(at, frame(frames, at)));
            frames += 1;
        }
        let next = began.shifted((tick + 1) * SECOND / 10);
        std::thread::sleep(Duration::from_nanos(next.since(clock::now()).max(0) as u64));
    }
    let share = thread_ns("recorder") / (f64::from(seconds as i32) * 1e9);
    let film_share = thread_ns("film") / (f64::from(seconds as i32) * 1e9);
    drop(film);
    film_thread.join().unwrap();
    let status = recorder.stop();
    println!(
        "recording at 1,000 events/s: {:.2} % of a core   target {:.0} %   {}   ({})",
        share * 100.0,
        CORE_SHARE * 100.0,
        verdict(share <= CORE_SHARE),
        status.last_words()
    );
    println!(
        "keeping live ready to be rewound, at 1,000 events/s: {:.2} % of a core   target {:.0} %   {}",
        film_share * 100.0,
        CORE_SHARE * 100.0,
        verdict(film_share <= CORE_SHARE)
    );
}

/// Time on a core of this process's threads of that name, in nanoseconds.
fn thread_ns(name: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of = |task: std::path::PathBuf| {
        let comm = std::fs::read_to_string(task.join("comm")).ok()?;
        let stat = std::fs::read_to_string(task.join("schedstat")).ok()?;
        let ns: f64 = stat.split(' ').next()?.parse().ok()?;
        (comm.trim() == name).then_some(ns)
    };
    tasks.filter_map(|t| of(t.unwrap().path())).sum()
}

const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}
