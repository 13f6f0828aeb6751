//! What a console missed comes later: a real robot under load, a real socket that is cut, a killed robot's disk.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests' helpers stop as tests do"
)]

#[path = "backfill/relay.rs"]
mod relay;
#[path = "endpoint/support.rs"]
#[expect(dead_code, reason = "the endpoint's own tests use the rest")]
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use relay::Relay;
use splitscope::session::{Reader, What};
use splitscope::units::{BootId, Hash32};
use splitscope::wire::console::{BackfillPart, Batch, Encoding, Missed, Role, ToConsole, ToWorker};
use splitscope::wire::{Level, Record};
use splitscope::worker::endpoint::{CommandSink, Endpoint, EndpointOptions};
use splitscope::worker::spool::{LEAST_LIMIT_BYTES, Spool, SpoolOptions};
use splitscope::worker::telemetry::Hub;
use support::{Client, options, quick};
use tokio::net::TcpStream;

/// How long the console is away.
const OUTAGE: Duration = Duration::from_secs(30);

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn splitscope(args: &[&str]) -> Process {
    let child = Command::new(env!("CARGO_BIN_EXE_splitscope"))
        .args(args)
        .env("SPLITSCOPE_LOG", "error")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    Process(child.unwrap())
}

/// A robot that computes everything itself, 40 pictures a second, and where it listens.
fn robot(spool: &Path) -> (Process, String) {
    let args = "robot --engine emulated --device jetson-xavier-nx --model mobilenet_v2 --size 64x64 --mode local --fps 40 \
                --listen 127.0.0.1:0 --until-stdin-ends --spool-dir";
    let mut args: Vec<&str> = args.split_whitespace().collect();
    args.push(spool.to_str().unwrap());
    let mut robot = splitscope(&args);
    let mut line = String::new();
    let mut out = BufReader::new(robot.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let (_, address) = line.trim().rsplit_once("ws://").expect("it says where");
    (robot, address.to_owned())
}

/// The console is away for thirty seconds while the robot goes on: then not one frame is missing, neither on standard
/// output nor in the recording.
#[test]
fn a_console_that_was_cut_off_under_load_for_half_a_minute_has_every_frame_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (_robot, address) = robot(dir.path());
    let relay = Relay::before(address);
    let through = format!("ws://{}", relay.address);
    let file = dir.path().join("session.mcap");
    let recording = file.to_str().unwrap();
    let args = [
        "attach",
        "--headless",
        "--json",
        &through,
        "--record",
        recording,
    ];
    let mut console = splitscope(&args);
    let (lines, frames) = mpsc::sync_channel(4096);
    let out = BufReader::new(console.0.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let frame: serde_json::Value = serde_json::from_str(&line).unwrap();
            let late = frame.get("late").is_some();
            if lines
                .send((frame["frame"].as_u64().unwrap(), late))
                .is_err()
            {
                return;
            }
        }
    });
    let next = || frames.recv_timeout(Duration::from_mins(1)).unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 20 {
        seen.insert(next().0);
    }
    relay.cut();
    // Whatever was on its way is read, then nothing comes.
    while let Ok((frame, _)) = frames.recv_timeout(OUTAGE) {
        seen.insert(frame);
    }
    let before = *seen.last().unwrap();
    relay.mend();
    let (mut late, mut newest) = (0, before);
    let is_whole = |seen: &BTreeSet<u64>| {
        let (first, last) = (seen.first().unwrap(), seen.last().unwrap());
        last - first + 1 == seen.len() as u64
    };
    // Live frames do not wait for the missed ones: some come in between.
    let mut between = 0;
    while late == 0 || newest < before + 200 || !is_whole(&seen) {
        let (frame, was_late) = next();
        assert!(seen.insert(frame), "frame {frame} came twice");
        if was_late {
            late += 1;
        } else {
            newest = newest.max(frame);
            between += u64::from(late > 0 && !is_whole(&seen));
        }
    }
    let missed = OUTAGE.as_secs() * 10;
    assert!(late > missed, "the outage was felt: {late}");
    assert!(between > 0, "live frames came while missed ones did");
    let signal = Command::new("kill")
        .args(["-INT", &console.0.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    console.0.wait().unwrap();
    let recorded: BTreeSet<u64> = Reader::open(&file)
        .unwrap()
        .entries_of_kinds(.., |kind| kind == "frame")
        .filter_map(|entry| match entry.unwrap().what {
            What::Record(told) => match told.record {
                Record::Frame(frame) => Some(frame.frame.0),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert!(is_whole(&recorded), "frames are missing from the recording");
    assert!(seen.is_subset(&recorded));
}

fn parts(message: ToConsole, boot: BootId) -> Option<BackfillPart> {
    match message {
        ToConsole::Backfill(backfill) => {
            assert_eq!(backfill.boot, boot);
            Some(backfill.part)
        }
        ToConsole::Telemetry(_) => None,
        other => panic!("{other:?}"),
    }
}

fn frames(batch: &Batch) -> Vec<u64> {
    let records = batch.records.iter();
    let frames = records.filter_map(|r| match r {
        Record::Frame(frame) => Some(frame.frame.0),
        _ => None,
    });
    frames.collect()
}

#[tokio::test]
async fn a_killed_robots_last_words_are_had_from_the_one_started_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, address) = robot(dir.path());
    let attach = async |address: &str| {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = Client::over(stream, Encoding::Binary).await;
        client.greet("ann@a").await;
        client
    };
    let mut client = attach(&address).await;
    let (mut heard, mut last) = (Vec::new(), None);
    while heard.len() < 20 {
        let batch = client.batch().await;
        heard.extend(frames(&batch));
        last = Some(batch.id);
    }
    let last = last.unwrap();
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let (_second, address) = robot(dir.path());
    let mut client = attach(&address).await;
    assert_ne!(client.hello.boot, last.boot);
    assert_eq!(client.hello.capabilities, ["backfill"]);
    let missed = Missed {
        boot: last.boot,
        from_seq: last.seq + 1,
        to_seq: None,
    };
    client.say(&ToWorker::Missed(missed)).await;
    let (mut seq, before) = (last.seq, heard.len());
    loop {
        match client.hear().await.and_then(|m| parts(m, last.boot)) {
            Some(BackfillPart::Batch(batch)) => {
                seq += 1;
                assert_eq!((batch.id.boot, batch.id.seq), (last.boot, seq));
                heard.extend(frames(&batch));
            }
            Some(BackfillPart::Done) => break,
            Some(gap @ BackfillPart::Gap { .. }) => panic!("{gap:?}"),
            None => {}
        }
    }
    assert!(heard.len() > before + 10, "a second of frames");
    assert!(heard.windows(2).all(|w| w[1] == w[0] + 1), "{heard:?}");
    // Of a start that nobody knows there is nothing to be had.
    let missed = Missed {
        boot: BootId(1),
        ..missed
    };
    client.say(&ToWorker::Missed(missed)).await;
    loop {
        match client.hear().await.and_then(|m| parts(m, BootId(1))) {
            Some(BackfillPart::Gap { from_seq, to_seq }) => {
                assert_eq!((from_seq, to_seq), (last.seq + 1, None));
                break;
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
}

#[tokio::test]
async fn what_the_spool_no_longer_has_is_told_as_a_gap_and_live_batches_come_in_between() {
    let dir = tempfile::tempdir().unwrap();
    let boot = BootId(0xb007);
    let hub = Hub::new(boot);
    let spool = SpoolOptions {
        dir: dir.path().to_owned(),
        limit_bytes: LEAST_LIMIT_BYTES,
    };
    let (sink, _commands) = CommandSink::queue(1);
    let endpoint = EndpointOptions {
        spool: Some(Spool::start(&spool, &hub).unwrap()),
        ..options(&hub, Role::Robot, None, sink)
    };
    let endpoint = Endpoint::start_within(endpoint, quick()).unwrap();
    let stream = TcpStream::connect(endpoint.local_addr()).await.unwrap();
    let mut client = Client::over(stream, Encoding::Binary).await;
    client.greet("ann@a").await;
    // More than is kept, of text that does not compress.
    let mut newest = 0;
    for n in 0..120_u64 {
        let hash = |i: u64| Hash32::of(&(n * 1_000 + i).to_le_bytes()).to_string();
        hub.event(Level::Info, (0..400).map(hash).collect::<String>());
        newest = client.batch().await.id.seq;
    }
    let missed = Missed {
        boot,
        from_seq: 1,
        to_seq: Some(newest),
    };
    client.say(&ToWorker::Missed(missed)).await;
    let (mut next, mut gaps, mut live) = (1, 0, 0);
    loop {
        match client
            .hear()
            .await
            .map(|message| parts(message, boot))
            .unwrap()
        {
            Some(BackfillPart::Gap { from_seq, to_seq }) => {
                assert_eq!(from_seq, next);
                next = to_seq.unwrap() + 1;
                gaps += 1;
            }
            Some(BackfillPart::Batch(batch)) => {
                assert_eq!(batch.id.seq, next);
                next += 1;
            }
            Some(BackfillPart::Done) => break,
            None => live += 1,
        }
    }
    assert_eq!(next, newest + 1);
    assert_eq!(gaps, 1);
    assert!(live > 0, "live batches do not wait");
}
