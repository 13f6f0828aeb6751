//! The sampler on sources that tests break.

use std::sync::Mutex;

use super::*;
use crate::clock::ManualClock;
use crate::power::{Activity, Counts, Emulated, Levels, Rail, RailId};
use crate::units::{Hertz, Watts};

/// What a fake source does next.
#[derive(Default)]
struct Script {
    broken: bool,
    reads: u32,
    reopened: u32,
}

/// A sensor asked at 50 Hz that has a new value every 100 ms.
struct Fake {
    clock: Arc<ManualClock>,
    script: Arc<Mutex<Script>>,
    rails: [Rail; 1],
}

impl PowerSource for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let mut script = self.script.lock().unwrap();
        script.reads += 1;
        if script.broken {
            return Err(PowerError::Library {
                library: "fake",
                problem: "unplugged".to_owned(),
            });
        }
        let at = self.clock.now();
        Ok(vec![RailSample {
            rail: RailId(0),
            at,
            volts: None,
            amps: None,
            watts: Watts((at.0 / 100_000_000) as f64),
        }])
    }

    fn reopen(&mut self) -> Result<(), PowerError> {
        self.script.lock().unwrap().reopened += 1;
        Ok(())
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    script: Arc<Mutex<Script>>,
    rounds: Rounds,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let script = Arc::new(Mutex::new(Script::default()));
        let fake = Fake {
            clock: Arc::clone(&clock),
            script: Arc::clone(&script),
            rails: [Rail::new("VDD_IN", Counts::Total, "")],
        };
        let found = Discovered {
            sources: vec![Box::new(fake)],
            absent: vec![Absent::new("rapl", "none here")],
        };
        let rounds = Rounds::new(found, clock.now());
        Self {
            clock,
            script,
            rounds,
        }
    }

    /// Steps as the thread would, for some time.
    fn run(&mut self, ms: i64) -> Vec<Report> {
        let end = self.clock.now().shifted(ms * 1_000_000);
        let mut reports = self.rounds.step(&*self.clock);
        while self.rounds.next_due() <= end {
            let wait = self.rounds.next_due().since(self.clock.now());
            self.clock.advance_ms((wait / 1_000_000).max(1));
            reports.extend(self.rounds.step(&*self.clock));
        }
        reports
    }
}

fn records(reports: &[Report]) -> Vec<&PowerRecord> {
    let mut found = Vec::new();
    for report in reports {
        if let Report::Power(record) = report {
            found.push(record);
        }
    }
    found
}

/// The trouble of the first source in each list told.
fn troubles(reports: &[Report]) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    for report in reports {
        if let Report::Sources(list) = report {
            found.push(list.sources[0].trouble.as_deref());
        }
    }
    found
}

fn said(reports: &[Report]) -> Vec<String> {
    let text = |r: &Report| match r {
        Report::Failed(text) | Report::Back(text) => Some(text.clone()),
        _ => None,
    };
    reports.iter().filter_map(text).collect()
}

#[test]
fn sources_come_first_then_ten_records_a_second_without_repeats() {
    let mut bench = Bench::new();
    let reports = bench.run(2000);
    let Report::Sources(sources) = &reports[0] else {
        panic!("{:?}", reports[0]);
    };
    assert_eq!(sources.sources[0].rails[0].name, "VDD_IN");
    assert_eq!(sources.absent, [Absent::new("rapl", "none here")]);
    let lists = reports.iter().filter(|r| matches!(r, Report::Sources(_)));
    assert_eq!(lists.count(), 1);
    let records = records(&reports);
    assert_eq!(records.len(), 20);
    // 50 Hz were asked, every value came five times: its first and its last are told.
    assert_eq!(bench.script.lock().unwrap().reads, 101);
    let samples: usize = records.iter().map(|r| r.samples.len()).sum();
    assert_eq!(samples, 41);
    assert_eq!(records[19].effective_hz, Some(Hertz(10.0)));
}

#[test]
fn a_source_that_fails_is_named_once_and_asked_ever_more_rarely() {
    let mut bench = Bench::new();
    bench.run(200);
    bench.script.lock().unwrap().broken = true;
    let before = bench.script.lock().unwrap().reads;
    let reports = bench.run(32_000);
    let expected = "power: fake gives nothing, it is tried again: fake: unplugged";
    assert_eq!(said(&reports), [expected]);
    // At once, then after 1, 2, 4, 8 and 16 s.
    assert_eq!(bench.script.lock().unwrap().reads - before, 6);
    assert_eq!(bench.script.lock().unwrap().reopened, 5);
    assert_eq!(troubles(&reports), [Some("fake: unplugged")]);
    bench.script.lock().unwrap().broken = false;
    let reports = bench.run(33_000);
    assert_eq!(said(&reports), ["power: fake is back"]);
    assert_eq!(troubles(&reports), [None]);
    assert!(!records(&reports).is_empty());
}

#[test]
fn a_loose_contact_does_not_flood_and_a_proven_source_is_retried_soon() {
    let mut bench = Bench::new();
    let mut events = 0;
    for _ in 0..200 {
        bench.script.lock().unwrap().broken = true;
        events += said(&bench.run(1000)).len();
        bench.script.lock().unwrap().broken = false;
        events += said(&bench.run(1000)).len();
    }
    // 400 s of trouble: the waits grow although each retry works.
    assert!(events <= 40, "{events}");
    bench.run(120_000);
    bench.script.lock().unwrap().broken = true;
    bench.run(100);
    bench.script.lock().unwrap().broken = false;
    assert_eq!(said(&bench.run(1100)).len(), 1);
}

#[test]
fn a_reader_that_stays_away_costs_records_but_no_event() {
    let (sender, receiver) = sync_channel(2);
    let dropped = Arc::new(AtomicU64::new(0));
    let mut outlet = Outlet::new(sender, Arc::clone(&dropped));
    let mut bench = Bench::new();
    assert!(outlet.send(bench.run(1000)));
    bench.script.lock().unwrap().broken = true;
    assert!(outlet.send(bench.run(100)));
    assert_eq!(dropped.load(Ordering::Relaxed), 9);
    let first: Vec<_> = receiver.try_iter().collect();
    assert!(
        matches!(first[..], [Report::Sources(_), Report::Power(_)]),
        "{first:?}"
    );
    assert!(outlet.send(Vec::new()));
    let rest: Vec<_> = receiver.try_iter().collect();
    assert!(
        matches!(rest[..], [Report::Failed(_), Report::Sources(_)]),
        "{rest:?}"
    );
    drop(receiver);
    assert!(!outlet.send(vec![Report::Back(String::new())]));
}

#[test]
fn the_thread_samples_a_real_source_and_ends_when_dropped() {
    let levels = Levels {
        idle: Watts(4.5),
        compute: Watts(14.0),
        transmit: Watts(5.0),
        receive: Watts(5.0),
    };
    let (source, state) = Emulated::new(levels, Arc::new(SystemClock));
    state.set(Activity::Compute, true);
    let found = Discovered {
        sources: vec![Box::new(source)],
        absent: Vec::new(),
    };
    let (sampler, reports) = Sampler::start(found).unwrap();
    let wait = Duration::from_secs(20);
    assert!(matches!(
        reports.recv_timeout(wait).unwrap(),
        Report::Sources(_)
    ));
    let Report::Power(record) = reports.recv_timeout(wait).unwrap() else {
        panic!("no power");
    };
    assert!(record.emulated);
    let watts = record.samples.iter().last().unwrap().watts.0;
    assert!((watts - 14.0).abs() < 1e-6, "{watts}");
    drop(sampler);
    while reports.try_recv().is_ok() {}
    assert!(reports.recv_timeout(Duration::ZERO).is_err());
}
