//! Idle power measured in a pause, what watching costs, and the link's figures with their units.

use splitscope::console::app::{Effect, Key};
use splitscope::console::connection::Order;
use splitscope::console::line::FrameLine;
use splitscope::power::IdleLevel;
use splitscope::units::{DeviceId, Epoch, Nanos, Watts};
use splitscope::wire::console::Command;
use splitscope::wire::{
    FrameGroup, KernelLink, LinkState, ObserverEffect, Pause, PauseRecord, RateEstimate, Record,
    RelativeChange, TelemetryShare,
};

use crate::power::{W, jetson};
use crate::script::frame;
use crate::{Console, MS, ROBOT, SERVER, live, ten_seconds_of_link};

/// The robot's time of the newest power sample that [`jetson`] told.
const NOW_MS: i64 = 70_100;

fn pause(until_ms: Option<i64>) -> Record {
    Record::Pause(PauseRecord {
        at: Nanos(NOW_MS * MS),
        pause: until_ms.map(|ms| Pause {
            by: "ada@laptop".to_owned(),
            began: Nanos(NOW_MS * MS),
            until: Nanos(ms * MS),
            quiet_since: Some(Nanos(NOW_MS * MS)),
        }),
    })
}

fn share(observer: Option<ObserverEffect>) -> Record {
    Record::TelemetryShare(TelemetryShare {
        at: Nanos(NOW_MS * MS),
        bps: 200_000,
        local_bps: 0,
        link_bps: 93_000_000,
        is_estimate: true,
        thinned_frames: 0,
        observer,
        is_shaped: false,
    })
}

fn orders(console: &mut Console) -> Vec<Command> {
    console.sent().into_iter().map(|m| m.command).collect()
}

#[test]
fn i_measures_idle_power_and_its_level_and_age_stand_beside_the_net_energy() {
    let mut console = jetson();
    console.key(W);
    console.sent();
    assert!(
        console
            .screen((160, 48))
            .contains("idle not known yet: i measures it")
    );
    console.key(Key::Char('i'));
    assert_eq!(orders(&mut console), [], "it asks first");
    for size in [(40, 12), (80, 24), (160, 48)] {
        let screen = console.screen(size);
        assert!(
            screen.contains("no frames for 30 s? Enter does, Esc not"),
            "{screen}"
        );
    }
    console.key(Key::Esc);
    assert_eq!(orders(&mut console), []);
    // Another action is no yes, nor is an Enter after it.
    console.key(Key::Char('i'));
    console.key(Key::Char('2'));
    console.key(Key::Enter);
    assert_eq!(orders(&mut console), []);
    console.key(W);
    console.key(Key::Char('i'));
    console.key(Key::Enter);
    let take = Command::TakeControl {
        force: false,
        proof: None,
    };
    assert_eq!(
        orders(&mut console),
        [take, Command::Idle { for_ms: 30_000 }]
    );
    console.records(ROBOT, vec![pause(Some(NOW_MS + 28_400))]);
    assert_eq!(
        console.status(),
        "no frames for 29 s more: ada@laptop measures idle power"
    );
    for size in [(80, 24), (160, 48), (40, 12)] {
        assert!(
            console.screen(size).contains("IDLE"),
            "{}",
            console.screen(size)
        );
    }
    // Again: frames go on.
    console.key(Key::Char('i'));
    assert_eq!(
        orders(&mut console).pop(),
        Some(Command::Idle { for_ms: 0 })
    );
    let level = Record::IdleLevel(IdleLevel {
        source: "ina3221 7-0040".to_owned(),
        watts: Watts(4.93),
        from: Nanos((NOW_MS - 60_000) * MS),
        until: Nanos((NOW_MS - 31_000) * MS),
        covered_ns: 29_000 * MS,
        emulated: false,
    });
    console.records(ROBOT, vec![pause(None), level]);
    let screen = console.screen((160, 48));
    assert!(!screen.contains("IDLE"), "{screen}");
    assert!(
        screen.contains("J above idle (4.93 W, measured 31 s ago)"),
        "{screen}"
    );
}

#[test]
fn a_robot_without_a_sensor_is_not_made_to_wait() {
    let mut console = live();
    console.key(W);
    console.sent();
    console.key(Key::Char('i'));
    assert_eq!(orders(&mut console), []);
    assert!(console.status().starts_with("this robot measures no power"));
}

#[test]
fn what_watching_costs_stands_on_the_power_screen_and_is_never_a_made_up_zero() {
    let mut console = jetson();
    console.key(W);
    let group = |frames, newest_ms: i64| FrameGroup {
        frames,
        median_ns: (frames > 0).then_some(43_100_000),
        newest: (frames > 0).then_some(Nanos(newest_ms * MS)),
    };
    let mut effect = ObserverEffect {
        epoch: Epoch(7),
        alone: group(0, 0),
        watched: group(212, NOW_MS),
        change: None,
        is_unsteady: false,
        emulated: false,
    };
    console.records(ROBOT, vec![share(Some(effect))]);
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        let words = "console's cost not known yet: no frame without a console in this plan";
        assert!(screen.contains(words), "{screen}");
    }
    effect.alone = group(88, NOW_MS - 63_000);
    effect.change = Some(RelativeChange {
        ppm: 2_000,
        low_ppm: -4_000,
        high_ppm: 7_000,
    });
    console.records(ROBOT, vec![share(Some(effect))]);
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        let words = "console +0.2 % [-0.4, 0.7] of 43.1 ms (212 with, 88 without, 63 s ago)";
        assert!(screen.contains(words), "{screen}");
    }
    // And beside the workers, where telemetry's share is, of a robot that is not the one shown too.
    console.key(Key::Char('6'));
    console.key(Key::Down);
    assert_eq!(console.app.focus(), Some(SERVER));
    for size in [(80, 24), (160, 48)] {
        let screen = console.screen(size);
        let words = "console +0.2 % [-0.4, 0.7] of 43.1 ms (212 with, 88 without, 63 s ago)";
        assert!(screen.contains(words), "{screen}");
        assert_eq!(screen.matches("console +").count(), 1, "{screen}");
    }
}

/// What the robot tells of its link, down and up alike.
fn link_state() -> Record {
    let rate = |mbps: u64| RateEstimate {
        bps: mbps * 1_000_000,
        std_bps: 8_000_000,
        age_ns: 0,
    };
    Record::LinkState(Box::new(LinkState {
        at: Nanos(10_000 * MS),
        peer: DeviceId::SERVER,
        kernel: Some(KernelLink {
            rtt_us: 4_200,
            rtt_deviation_us: 900,
            retransmits: 3,
            delivery_bps: Some(22_976_000_000),
            is_app_limited: true,
            unsent_bytes: Some(64_000),
        }),
        values_waiting: 2,
        soundings: None,
        control_waiting: 0,
        up: Some(rate(71)),
        down: None,
    }))
}

#[test]
fn the_links_figures_carry_their_units() {
    let mut console = live();
    console.records(ROBOT, ten_seconds_of_link());
    console.records(ROBOT, vec![link_state(), share(None)]);
    let screen = console.screen((160, 90));
    for figure in [
        "estimate up 71.0 ±8.00 Mbps",
        "tcp rtt 4.20 ±0.90 ms",
        "3 retransmits",
        "delivery 22976 Mbps",
        "64 kB unsent",
        "queue 2 values",
        "telemetry 0.22 % of the link",
    ] {
        assert!(screen.contains(figure), "{figure}: {screen}");
    }
}

#[test]
fn the_links_figures_and_what_watching_costs_are_in_lines_for_programs_too() {
    let mut console = jetson();
    let group = |frames, median_ns| FrameGroup {
        frames,
        median_ns: Some(median_ns),
        newest: Some(Nanos(NOW_MS * MS)),
    };
    let effect = ObserverEffect {
        epoch: Epoch(7),
        alone: group(88, 43_100_000),
        watched: group(212, 43_200_000),
        change: Some(RelativeChange {
            ppm: 2_000,
            low_ppm: -4_000,
            high_ppm: 7_000,
        }),
        is_unsteady: true,
        emulated: false,
    };
    console.records(ROBOT, ten_seconds_of_link());
    console.records(ROBOT, vec![link_state(), share(Some(effect))]);
    let store = console.app.shown(ROBOT).unwrap();
    let line = FrameLine::new(&frame(7, 7, 28), None).with_link(store);
    let json: serde_json::Value = serde_json::from_str(&line.json()).unwrap();
    for (field, value) in [
        ("tcp_rtt_ms", 4.2),
        ("retransmits", 3.0),
        ("delivery_mbps", 22_976.0),
        ("unsent_bytes", 64_000.0),
        ("queue_values", 2.0),
        ("estimate_up_mbps", 71.0),
        ("estimate_up_std_mbps", 8.0),
        ("wifi_signal_dbm", -52.0),
        ("wifi_tx_mbps", 433.3),
        ("telemetry_share", 0.0022),
        ("console_effect", 0.002),
        ("console_effect_low", -0.004),
        ("console_effect_high", 0.007),
        ("frames_without_console", 88.0),
        ("frames_with_console", 212.0),
    ] {
        assert_eq!(json[field].as_f64(), Some(value), "{field}: {json}");
    }
    assert_eq!(json["console_effect_unsteady"], true, "{json}");
    // What nobody told is absent and no zero.
    for field in ["soundings", "soundings_bytes", "telemetry_shaped"] {
        assert!(json.get(field).is_none(), "{field}: {json}");
    }
}

#[test]
fn o_leaves_the_robot_alone_for_a_while_and_comes_back() {
    let mut console = jetson();
    console.key(W);
    console.effects.clear();
    let before = console.app.targets()[ROBOT].connection.dial();
    console.key(Key::Char('o'));
    assert_eq!(console.effects, [], "it asks first");
    console.key(Key::Enter);
    let hang_up = Effect::Link {
        target: ROBOT,
        order: Order::HangUp,
    };
    assert_eq!(console.effects, [hang_up]);
    assert!(
        console.status().starts_with("stepped away from robot"),
        "{}",
        console.status()
    );
    assert!(console.screen((160, 48)).contains("RETRY in 15 s"));
    console.effects.clear();
    console.wait(14_900);
    assert!(
        console
            .effects
            .iter()
            .all(|e| !matches!(e, Effect::Link { target: ROBOT, .. }))
    );
    console.wait(200);
    let is_dial = |e: &Effect| matches!(e, Effect::Link { target: ROBOT, order: Order::Dial(n) } if *n > before + 1);
    assert!(console.effects.iter().any(is_dial), "{:?}", console.effects);
}
