//! The power screen: watts, joules, the machine, and what is absent.

use splitscope::console::app::{Key, Screen};
use splitscope::host::{
    Battery, CoreLoad, HostRecord, Memory, Temperature, Throttle, UnitLoad, Wifi,
};
use splitscope::power::{
    Counts, PowerRecord, PowerSourcesRecord, Rail, RailId, RailSample, SourceRecord,
};
use splitscope::sysfs::Absent;
use splitscope::units::{Amps, BitsPerSecond, Bytes, Celsius, Hertz, Nanos, Volts, Watts};
use splitscope::wire::Record;

use crate::script::frame;
use crate::{Console, MS, ROBOT, SERVER, SIZES, live, snapshots};

pub(crate) const W: Key = Key::Char('w');

fn rail(console: &Console) -> usize {
    console.app.screens().power.rail
}
const WITHIN: &str = "CPU, GPU and the vision accelerators; part of the module's input";

fn rails() -> Vec<Rail> {
    let input = "the module's input, before its regulators; not the carrier board: a USB or M.2 Wi-Fi adapter is \
                 largely outside it, so most of what the radio takes is not in this number";
    vec![
        Rail::new("VDD_IN", Counts::Total, input),
        Rail::new("VDD_CPU_GPU_CV", Counts::Within, WITHIN),
        Rail::new("VDD_SOC", Counts::Within, "the rest of the chip"),
    ]
}

fn source(name: &str, emulated: bool) -> SourceRecord {
    SourceRecord {
        name: name.to_owned(),
        rails: rails(),
        emulated,
        trouble: None,
    }
}

fn absent() -> Vec<Absent> {
    vec![
        Absent::new("rapl", "no folder /sys/class/powercap"),
        Absent::new("nvml", "built without the feature nvml"),
    ]
}

fn sources(sources: Vec<SourceRecord>) -> Record {
    Record::PowerSources(Box::new(PowerSourcesRecord {
        sources,
        absent: absent(),
    }))
}

/// A tenth of a second of three rails.
fn samples(name: &str, tenth: i64, volts: bool, emulated: bool) -> Record {
    let sample = |(rail, watts): (u8, f64)| RailSample {
        rail: RailId(rail),
        at: Nanos(64_000 * MS + tenth * 100 * MS),
        volts: volts.then_some(Volts(4.98)),
        amps: volts.then_some(Amps(watts / 4.98)),
        watts: Watts(watts),
    };
    Record::Power(Box::new(PowerRecord {
        source: name.to_owned(),
        samples: [(0, 6.04), (1, 1.99), (2, 1.25)]
            .map(sample)
            .into_iter()
            .collect(),
        effective_hz: Some(Hertz(48.2)),
        lost: 0,
        emulated,
    }))
}

pub(crate) fn host() -> HostRecord {
    let core = |core: u32| CoreLoad {
        core,
        load: Some(f64::from(core * 17 + 8) / 100.0),
        clock: Some(Hertz(1.19e9)),
    };
    let temperature = |zone: &str, celsius| Temperature {
        zone: zone.to_owned(),
        celsius: Celsius(celsius),
    };
    HostRecord {
        at: Nanos(0),
        cores: (0..6).map(core).collect(),
        memory: Some(Memory {
            total: Bytes(7_200_000_000),
            available: Bytes(4_100_000_000),
            swap_total: Bytes(3_600_000_000),
            swap_free: Bytes(3_500_000_000),
        }),
        temperatures: vec![
            temperature("CPU-thermal", 51.0),
            temperature("GPU-thermal", 49.5),
            temperature("SOC0-thermal", 50.5),
        ],
        throttling: Some(Vec::new()),
        gpu: Some(UnitLoad {
            load: Some(0.62),
            clock: Some(Hertz(1.109e9)),
            max_clock: Some(Hertz(1.109e9)),
        }),
        emc: Some(UnitLoad {
            load: Some(0.34),
            clock: Some(Hertz(1.6e9)),
            max_clock: None,
        }),
        power_mode: Some("MODE_15W_6CORE".to_owned()),
        wifi: vec![Wifi {
            interface: "wlan0".to_owned(),
            signal_dbm: Some(-52.0),
            tx_rate: Some(BitsPerSecond::from_mbps(433.3)),
            rx_rate: Some(BitsPerSecond::from_mbps(390.0)),
            bssid: Some("04:f0:21:0a:bb:1c".to_owned()),
            frequency_mhz: Some(5180.0),
        }],
        batteries: vec![Battery {
            name: "BAT0".to_owned(),
            charge_percent: Some(62.0),
            status: Some("Discharging".to_owned()),
        }],
    }
}

/// A robot at work whose sensor has measured for six seconds.
fn measured(name: &str, volts: bool, emulated: bool) -> Console {
    let mut console = live();
    let mut records = vec![sources(vec![source(name, emulated)])];
    records.extend((0..=60).map(|tenth| samples(name, tenth, volts, emulated)));
    let frames = (1042..=1128).map(|n| Record::Frame(Box::new(frame(n, 7, 28))));
    records.extend(frames);
    records.push(samples(name, 61, volts, emulated));
    records.push(Record::Host(Box::new(host())));
    console.records(ROBOT, records);
    console
}

pub(crate) fn jetson() -> Console {
    measured("ina3221 7-0040", true, false)
}

#[test]
fn three_rails_and_a_host() {
    let mut console = jetson();
    console.key(W);
    snapshots("power_jetson", &console);
}

#[test]
fn no_sensor_at_all_says_why_and_has_no_zero() {
    let mut console = live();
    let host = HostRecord::default();
    console.records(
        ROBOT,
        vec![sources(Vec::new()), Record::Host(Box::new(host))],
    );
    for size in SIZES {
        let main = console.screen(size);
        assert!(!main.contains(" W ") && !main.contains(" J"), "{main}");
    }
    console.key(W);
    snapshots("power_none", &console);
    for size in SIZES {
        let screen = console.screen(size);
        assert!(screen.contains("no power sensor"), "{screen}");
        assert!(screen.contains("rapl: no folder"), "{screen}");
        assert!(!screen.contains("0.00"), "{screen}");
        assert!(!screen.contains("0 W"), "{screen}");
    }
}

#[test]
fn emulated_watts_are_marked_on_every_screen() {
    let mut console = measured("levels", false, true);
    for size in SIZES {
        let screen = console.screen(size);
        assert!(screen.contains(" J EMULATED"), "{screen}");
    }
    console.key(W);
    snapshots("power_emulated", &console);
    for size in SIZES {
        assert!(console.screen(size).contains("EMULATED"));
    }
    // On a small screen what the rails mean gives way, not the rails.
    let small = console.screen((80, 24));
    for rail in ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"] {
        assert!(small.contains(rail), "{small}");
    }
}

#[test]
fn the_main_screen_tells_watts_and_joules() {
    let console = jetson();
    snapshots("power_main", &console);
    for size in SIZES {
        let screen = console.screen(size);
        assert!(screen.contains("6.04 W 0."), "{screen}");
        assert!(!screen.contains("EMULATED"), "{screen}");
    }
    assert!(console.screen((80, 24)).contains("nobody controls"));
}

#[test]
fn w_opens_and_closes_and_arrows_choose_a_rail() {
    let mut console = jetson();
    console.key(W);
    assert_eq!((console.app.screen(), rail(&console)), (Screen::Power, 0));
    assert!(!console.screen((80, 24)).contains(WITHIN));
    console.key(Key::Down);
    assert_eq!(rail(&console), 1);
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        let words = screen.split_whitespace().filter(|w| *w != "│");
        let words: String = words.collect::<Vec<_>>().join(" ");
        assert!(words.contains("VDD_CPU_GPU_CV: CPU, GPU and"), "{screen}");
        assert!(screen.contains("▸ VDD_CPU_GPU_CV"), "{screen}");
    }
    console.keys(Key::Down, 5);
    assert_eq!(rail(&console), 2);
    console.keys(Key::Up, 5);
    assert_eq!(rail(&console), 0);
    // No cut was moved meanwhile.
    assert_eq!(console.app.proposal(), None);
    console.key(Key::Esc);
    assert_eq!(console.app.screen(), Screen::Live);
    console.key(W);
    console.key(Key::Char('?'));
    assert!(console.screen((80, 24)).contains("Help: Power and host"));
    console.key(Key::Esc);
    assert_eq!(
        console.app.screen(),
        Screen::Power,
        "Esc closed only the help"
    );
}

#[test]
fn n_shows_the_other_workers_power() {
    let mut console = jetson();
    console.records(SERVER, vec![sources(Vec::new())]);
    console.key(W);
    console.key(Key::Down);
    console.key(Key::Char('n'));
    let screen = console.screen((80, 24));
    assert!(screen.contains("Power  server gpu-box"), "{screen}");
    assert!(screen.contains("no power sensor"), "{screen}");
    assert!(!screen.contains("6.04"), "{screen}");
    console.key(Key::Char('n'));
    assert_eq!(rail(&console), 0);
    assert!(console.screen((80, 24)).contains("6.04 W"));
}

#[test]
fn a_failed_sensor_and_throttling_are_loud() {
    let mut console = jetson();
    let mut failed = source("ina3221 7-0040", false);
    failed.trouble = Some("/sys/bus/i2c/curr1_input: Input/output error".to_owned());
    let mut slow = host();
    slow.throttling = Some(vec![Throttle {
        what: "cpu-throttle-alert".to_owned(),
        state: 2,
        of: 6,
    }]);
    let slow = Record::Host(Box::new(slow));
    console.records(ROBOT, vec![sources(vec![failed]), slow.clone()]);
    console.key(W);
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        assert!(screen.contains("TROUBLE"), "{screen}");
        assert!(
            screen.contains("THROTTLED cpu-throttle-alert 2 of 6"),
            "{screen}"
        );
        // The last reading is not the present one.
        assert!(!screen.contains("6.04"), "{screen}");
    }
    assert!(console.screen((40, 12)).contains("Input/output error"));
    let mut console = jetson();
    console.records(ROBOT, vec![slow]);
    console.key(W);
    assert!(console.screen((40, 12)).contains("THROTTLED"));
}

#[test]
fn every_size_is_drawn_even_with_many_rails_and_cores() {
    let mut console = jetson();
    let mut many = source("ina3221 7-0040", false);
    for n in 0..20 {
        let rail = Rail::new(format!("RAIL{n}"), Counts::Within, "one of many");
        many.rails.push(rail);
    }
    let mut host = host();
    host.cores = (0..96)
        .map(|core| CoreLoad {
            core,
            load: None,
            clock: None,
        })
        .collect();
    console.records(
        ROBOT,
        vec![sources(vec![many]), Record::Host(Box::new(host))],
    );
    console.key(W);
    console.keys(Key::Down, 30);
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        assert!(screen.contains("▸ RAIL19"), "{screen}");
        assert!(screen.contains("one of many"), "{screen}");
        assert!(screen.contains("96 cores ???"), "{screen}");
        let cut = screen.contains("23 rails, not all in sight");
        assert_eq!(cut, size.1 == 24, "{screen}");
    }
    for size in [
        (40, 12),
        (79, 23),
        (120, 30),
        (200, 12),
        (40, 80),
        (300, 100),
    ] {
        console.screen(size);
    }
}
