//! Energy of visits, idle power around them.

use super::robot::{MS, Robot};
use super::{ALIKE, rounds};
use crate::power::{Counts, PowerSourcesRecord, Rail, SourceRecord};
use crate::sweep::{Event, How, Order, Pause, Settings};

fn meter() -> PowerSourcesRecord {
    PowerSourcesRecord {
        sources: vec![SourceRecord {
            name: "meter".to_owned(),
            rails: vec![Rail::new("VDD_IN", Counts::Total, "")],
            emulated: true,
            trouble: None,
        }],
        absent: Vec::new(),
    }
}

#[test]
fn a_visit_has_its_energy() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let settings = Settings {
        frames: 5,
        ..rounds(3)
    };
    robot.sources = meter();
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], settings);
    robot.watts = Some(0.5);
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!(sweep.visits().len(), 6);
    for visit in sweep.visits() {
        let power = visit.power.as_ref().unwrap();
        let seconds = (visit.to_ns - visit.from_ns) as f64 / 1e9;
        let watts = 0.5 * f64::from(ALIKE[visit.plan]);
        assert!(power.emulated);
        assert!(
            (power.joules / (watts * seconds) - 1.0).abs() < 0.05,
            "{visit:?}"
        );
    }
}

fn with_idle() -> Settings {
    Settings {
        frames: 5,
        idle_ms: 15_000,
        ..rounds(3)
    }
}

#[test]
fn the_robot_is_left_alone_before_and_after_and_what_it_takes_then_is_known() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.sources = meter();
    robot.watts = Some(0.5);
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], with_idle());
    assert_eq!(first, Order::Idle { for_ms: 16_000 });
    assert!(sweep.progress().is_idle);
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!((sweep.idle_rows().len(), sweep.visits().len()), (2, 6));
    let pieces: Vec<_> = sweep.idle_rows().iter().flat_map(|r| &r.pieces).collect();
    assert_eq!(pieces.len(), 10, "of three seconds each");
    for piece in pieces {
        let watts = piece.joules / (piece.covered_ns as f64 / 1e9);
        // The seam between the last frame and the pause is in the second that is left out.
        assert!((watts - 5.0).abs() < 1e-6, "{piece:?}");
    }
}

#[test]
fn a_robot_that_measures_no_power_is_not_left_alone() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], with_idle());
    assert!(matches!(first, Order::Set(_)), "{first:?}");
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    assert!(sweep.idle_rows().is_empty());
}

#[test]
fn idling_can_be_skipped_refused_and_interrupted() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.sources = meter();
    // Skipped: the robot is told to go on first.
    let (mut sweep, _) = robot.sweep(&ALIKE[..2], with_idle());
    let order = sweep.event(Event::Skip, robot.now);
    assert_eq!(order, Some(Order::Idle { for_ms: 0 }));
    let order = sweep.event(Event::Tick, robot.now);
    assert!(matches!(order, Some(Order::Set(_))), "{order:?}");
    // Refused, by a robot that does not know how: energies are gross then.
    let (mut sweep, _) = robot.sweep(&ALIKE[..2], with_idle());
    let order = sweep.event(Event::Refused("what is idle?"), robot.now);
    assert!(matches!(order, Some(Order::Set(_))), "{order:?}");
    // Interrupted: begun anew when the robot is back.
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], with_idle());
    sweep.event(Event::Lost, robot.now);
    assert_eq!(sweep.progress().pause, Some(Pause::Robot));
    assert_eq!(sweep.event(Event::Back, robot.now), Some(first));
    // A robot that never tells the end of it is not waited for.
    let later = robot.now.shifted(60_000 * MS);
    let order = sweep.event(Event::Tick, later);
    assert!(matches!(order, Some(Order::Set(_))), "{order:?}");
}

#[test]
fn energies_as_results_take_twenty_seconds_and_a_hundred_frames() {
    for rounds_wanted in [4, 10, 50] {
        let settings = rounds(rounds_wanted).for_energy();
        assert!(settings.visit_ms * rounds_wanted >= 20_000, "{settings:?}");
        assert!(settings.frames * rounds_wanted >= 100, "{settings:?}");
    }
    let long = Settings {
        visit_ms: 9_000,
        ..rounds(10)
    };
    assert_eq!(long.for_energy().visit_ms, 9_000, "longer stays");
}
