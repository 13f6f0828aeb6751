//! A sweep against a robot in virtual time.

mod energy;
mod robot;

use super::*;
use crate::plan::Plan;
use crate::units::{DeviceId, Epoch};
use crate::wire::{Outcome, PeerRecord, PeerState, PlanRecord, Record};
use robot::{MS, Robot};

fn rounds(rounds: u32) -> Settings {
    Settings {
        frames: 1,
        until: Until::Repeats(rounds),
        ..Settings::default()
    }
}

/// Plans by their median latency, the fastest first.
fn ranking(sweep: &Sweep) -> Vec<usize> {
    let mut places: Vec<usize> = (0..sweep.plans().len()).collect();
    let median = |p: &usize| sweep.median(*p).unwrap().value;
    places.sort_by(|a, b| median(a).total_cmp(&median(b)));
    places
}

/// Tensors of one size cross all of these cuts, so that the earliest one is the fastest on any link.
const ALIKE: [u32; 6] = [12, 13, 14, 15, 16, 17];
/// The link gets better from 40 to 120 Mbps over ten minutes, a little every ten seconds.
fn trend() -> Vec<(u32, f64)> {
    (0..60)
        .map(|n| (n * 10, 40.0 + 80.0 * f64::from(n) / 59.0))
        .collect()
}

#[test]
fn a_drifting_link_does_not_change_the_ranking_but_in_blocks_it_does() {
    let constant = Robot::measure(&[(0, 80.0)], &ALIKE, rounds(40)).0;
    let drifting = Robot::measure(&trend(), &ALIKE, rounds(40)).0;
    let blocked = Settings {
        schedule: Schedule::Blocked,
        ..rounds(40)
    };
    let on_constant = Robot::measure(&[(0, 80.0)], &ALIKE, blocked).0;
    let in_blocks = Robot::measure(&trend(), &ALIKE, blocked).0;
    assert_eq!(ranking(&constant), [0, 1, 2, 3, 4, 5]);
    assert_eq!(ranking(&drifting), ranking(&constant));
    // The order alone does no harm; with the drift, what came last looks fastest.
    assert_eq!(ranking(&on_constant), ranking(&constant));
    assert_ne!(ranking(&in_blocks), ranking(&constant));
    assert_eq!(ranking(&in_blocks)[0], 5, "{:?}", ranking(&in_blocks));
}

#[test]
fn every_round_visits_every_plan_once_in_an_order_of_its_own() {
    let (sweep, robot) = Robot::measure(&[(0, 93.0)], &ALIKE, rounds(8));
    let rounds: Vec<&[Plan]> = robot.orders.chunks(ALIKE.len()).collect();
    assert_eq!(rounds.len(), 8);
    let sorted = |plans: &[Plan]| {
        let mut cuts: Vec<_> = plans.iter().map(|p| p.cut(&robot.graph).unwrap()).collect();
        cuts.sort_unstable();
        cuts
    };
    assert!(rounds.iter().all(|round| sorted(round) == ALIKE));
    assert!(rounds.iter().any(|round| round != &rounds[0]));
    // The same seed draws the same orders.
    assert_eq!(
        Robot::measure(&[(0, 93.0)], &ALIKE, rounds_of(8)).1.orders,
        robot.orders
    );
    let progress = sweep.progress();
    assert_eq!((progress.visits, progress.visits_left), (48, 0));
}

fn rounds_of(n: u32) -> Settings {
    rounds(n)
}

#[test]
fn frames_after_a_switch_are_kept_and_left_out() {
    let settings = Settings {
        warmup: 2,
        frames: 3,
        ..rounds(2)
    };
    let (sweep, _) = Robot::measure(&[(0, 93.0)], &ALIKE[..2], settings);
    let warm = |r: &&FrameRow| r.left_out == Some(LeftOut::Warmup);
    assert_eq!(sweep.frames().iter().filter(warm).count(), 2 * 2 * 2);
    assert_eq!(
        sweep
            .frames()
            .iter()
            .filter(|r| r.left_out.is_none())
            .count(),
        2 * 2 * 3
    );
    let first: Vec<_> = sweep.frames()[..5]
        .iter()
        .map(|r| r.left_out.is_some())
        .collect();
    assert_eq!(first, [true, true, false, false, false]);
    assert!(sweep.visits().iter().all(|v| v.frames == 3));
}

#[test]
fn it_ends_when_every_interval_is_narrow_and_not_before() {
    // Every frame takes as long as the one before it, so the first interval has no width.
    let narrow = |percent, most| Settings {
        until: Until::Narrow { percent, most },
        ..rounds(0)
    };
    let steady = Robot::measure(&[(0, 93.0)], &ALIKE, narrow(2.0, 50)).0;
    let needed = u32::try_from(crate::statistics::LEAST_VALUES).unwrap();
    let made = steady.progress().round + 1;
    assert!((needed..needed + 2).contains(&made), "{made} rounds");
    let drifting = Robot::measure(&trend(), &ALIKE, narrow(2.0, 12)).0;
    assert_eq!(
        drifting.progress().round + 1,
        12,
        "the most that was allowed"
    );
}

#[test]
fn a_lost_link_pauses_and_the_plan_is_visited_again_when_it_is_back() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let settings = Settings {
        frames: 4,
        ..rounds(2)
    };
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], settings);
    let half = |s: &Sweep, r: &mut Robot| s.progress().visits == 2 && r.frame % 5 == 3;
    assert_eq!(robot.run(&mut sweep, first, half), None);
    let told = |robot: &Robot, why: Option<&str>| {
        Record::Plan(PlanRecord {
            epoch: Epoch(robot.epoch),
            plan: robot.plan.clone(),
            local_because: why.map(str::to_owned),
            policy: None,
        })
    };
    robot.gone = Some("nobody answers".to_owned());
    let plan = sweep.progress().plan;
    assert_eq!(
        sweep.event(
            Event::Record(&told(&robot, Some("nobody answers"))),
            robot.now
        ),
        None
    );
    assert_eq!(
        sweep.progress().pause,
        Some(Pause::Link("nobody answers".to_owned()))
    );
    let kept = sweep.frames().len();
    for _ in 0..20 {
        for record in robot.frame() {
            assert_eq!(sweep.event(Event::Record(&record), robot.now), None);
        }
    }
    assert_eq!(
        (sweep.frames().len(), sweep.progress().plan),
        (kept, plan),
        "nothing is lost or added"
    );
    robot.gone = None;
    let order = sweep
        .event(Event::Record(&told(&robot, None)), robot.now)
        .unwrap();
    assert_eq!(order, Order::Set(sweep.plans()[plan.unwrap()].rule.clone()));
    // The old epoch works again until the robot has heard that; the visit it was of has ended all the same.
    for _ in 0..6 {
        for record in robot.frame() {
            assert_eq!(sweep.event(Event::Record(&record), robot.now), None);
        }
    }
    assert_eq!(robot.run(&mut sweep, order, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!(sweep.progress().visits, 6);
    let whole = sweep.visits().iter().filter(|v| v.frames >= 4);
    assert_eq!(whole.count(), 6, "{:?}", sweep.visits());
    assert!(sweep.frames().iter().all(|r| r.outcome == Outcome::Ok));
    for place in 0..3 {
        let used = sweep
            .frames()
            .iter()
            .filter(|r| r.plan == place && r.left_out.is_none());
        assert!(used.count() >= 8, "plan {place}");
    }
}

#[test]
fn a_plan_refused_for_want_of_the_server_waits_for_it() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], rounds(1));
    let peer = |state| {
        Record::Peer(PeerRecord {
            device: DeviceId::SERVER,
            address: "server:7402".to_owned(),
            state,
            clock: None,
            link: None,
        })
    };
    robot.gone = Some("split 12 needs the server".to_owned());
    sweep.event(Event::Record(&peer(PeerState::Connecting)), robot.now);
    let paused = |s: &Sweep, _: &mut Robot| s.progress().pause.is_some();
    assert_eq!(robot.run(&mut sweep, first, paused), None);
    assert!(sweep.refusals().is_empty());
    robot.gone = None;
    let order = sweep
        .event(Event::Record(&peer(PeerState::Ready)), robot.now)
        .unwrap();
    assert_eq!(robot.run(&mut sweep, order, |_, _| false), Some(How::Done));
}

#[test]
fn a_plan_that_the_robot_never_takes_is_left_with_its_reason() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.refuses = Some((Plan::split(13), 99));
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], rounds(3));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    assert_eq!(sweep.refusals().len(), 1);
    assert_eq!(sweep.plans()[sweep.refusals()[0].plan].label, "split 13");
    assert!(sweep.refusals()[0].reason.contains("no memory"));
    assert_eq!(
        robot
            .orders
            .iter()
            .filter(|&p| *p == Plan::split(13))
            .count(),
        3
    );
    assert_eq!(sweep.progress().visits, 6);
    // One that it takes at the second time is measured like the others.
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.refuses = Some((Plan::split(13), 1));
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], rounds(3));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    assert_eq!((sweep.refusals().len(), sweep.progress().visits), (0, 9));
}

#[test]
fn skipping_and_stopping_keep_what_is_there() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..3], rounds(10));
    let some = |s: &Sweep, _: &mut Robot| s.progress().visits == 7;
    assert_eq!(robot.run(&mut sweep, first, some), None);
    let skipped = sweep.progress().plan.unwrap();
    let left = sweep.progress().visits_left;
    assert!(sweep.progress().time_left_ns.unwrap() > 0);
    let order = sweep.event(Event::Skip, robot.now).unwrap();
    assert!(sweep.progress().visits_left < left - 6);
    let more = |s: &Sweep, _: &mut Robot| s.progress().visits == 12;
    assert_eq!(robot.run(&mut sweep, order, more), None);
    let after = robot.orders.len();
    let again = sweep.plans()[skipped].rule.plan().unwrap();
    assert!(
        !robot.orders[after - 5..].contains(again),
        "it is visited no more"
    );
    let order = sweep.event(Event::Abort, robot.now);
    assert_eq!(order, Some(Order::End(How::Aborted)));
    sweep.finish();
    assert!(sweep.median(skipped).is_some());
    assert!(sweep.frames().len() > 12);
    assert_eq!(sweep.event(Event::Tick, robot.now), None);
    assert_eq!(sweep.progress().time_left_ns, Some(0));
}

#[test]
fn it_waits_for_a_robot_that_it_lost() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], rounds(3));
    let some = |s: &Sweep, _: &mut Robot| s.progress().visits == 3;
    assert_eq!(robot.run(&mut sweep, first, some), None);
    assert_eq!(sweep.event(Event::Lost, robot.now), None);
    assert_eq!(sweep.progress().pause, Some(Pause::Robot));
    robot.now = robot.now.shifted(3_600_000 * MS);
    assert_eq!(sweep.event(Event::Tick, robot.now), None);
    let order = sweep.event(Event::Back, robot.now).unwrap();
    assert_eq!(robot.run(&mut sweep, order, |_, _| false), Some(How::Done));
    assert_eq!(sweep.progress().visits, 6);
    let order = robot
        .sweep(&ALIKE[..2], rounds(3))
        .0
        .event(Event::ControlLost("eve@e"), robot.now);
    assert_eq!(
        order,
        Some(Order::End(How::ControlLost("eve@e".to_owned())))
    );
}

#[test]
fn under_a_policy_frames_count_from_its_choice_on_and_the_choice_is_told() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let settings = Settings {
        frames: 4,
        ..rounds(3)
    };
    let cuts = Cuts::List(vec![13]);
    let auto = ["auto".parse().unwrap()];
    let (mut sweep, first) = robot.sweep_of(Some(&cuts), &auto, settings);
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!((sweep.visits().len(), sweep.refusals().len()), (6, 0));
    for visit in sweep.visits() {
        let chose = Chosen::words(&visit.chose);
        match visit.plan {
            0 => assert!(chose.is_empty(), "one plan chooses nothing"),
            _ => assert_eq!(chose, "remote in 4 of 4 frames"),
        }
        let own = sweep.frames().iter().filter(|r| r.visit == visit.visit);
        let (left, used): (Vec<&FrameRow>, Vec<&FrameRow>) =
            own.partition(|r| r.left_out.is_some());
        assert_eq!(used.len(), 4);
        // Frames under the plan that the policy found are its warm-up.
        assert!(visit.plan == 0 || left.len() >= 2, "{left:?}");
        let epochs: Vec<u32> = used.iter().map(|r| r.epoch).collect();
        assert!(epochs.iter().all(|e| *e == epochs[0]), "{epochs:?}");
    }
}

#[test]
fn a_policy_that_keeps_what_it_found_is_measured_after_a_while() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.choice = Plan::split(13);
    let cuts = Cuts::List(vec![13]);
    let auto = ["auto".parse().unwrap()];
    let (mut sweep, first) = robot.sweep_of(Some(&cuts), &auto, rounds(2));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    let own = |r: &&FrameRow| r.plan == 1;
    let kept: Vec<&FrameRow> = sweep.frames().iter().filter(own).collect();
    assert!(kept.iter().any(|r| r.left_out.is_none()));
    let first = kept[0].admitted_ns;
    for row in kept
        .iter()
        .filter(|r| r.visit == kept[0].visit && r.left_out.is_none())
    {
        assert!(row.admitted_ns - first >= 3_000 * MS, "{row:?}");
    }
    let chose = &sweep.visits().iter().find(|v| v.plan == 1).unwrap().chose;
    assert_eq!(chose[0].plan, "split 13");
}

#[test]
fn what_a_policy_chose_after_its_visit_was_made_is_told_with_its_frames() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    let cuts = Cuts::List(vec![13]);
    let auto = ["auto".parse().unwrap()];
    let (mut sweep, first) = robot.sweep_of(Some(&cuts), &auto, rounds(2));
    // The other plan is ordered, but frames already run under another choice of the policy.
    let is_left = |sweep: &Sweep, robot: &mut Robot| {
        robot.policy.is_some() && sweep.progress().plan == Some(0)
    };
    assert_eq!(robot.run(&mut sweep, first, is_left), None);
    robot.set_plan(Plan::split(20));
    let (told, frames) = (robot.frame(), robot.frame());
    for record in told.iter().chain(&frames) {
        assert_eq!(sweep.event(Event::Record(record), robot.now), None);
    }
    let next = Order::Set(Rule::Plan(Plan::split(13)));
    assert_eq!(robot.run(&mut sweep, next, |_, _| false), Some(How::Done));
    sweep.finish();
    let choices = sweep.visits().iter().filter(|v| v.plan == 1);
    for visit in choices.clone() {
        let told: u64 = visit.chose.iter().map(|c| c.frames).sum();
        assert_eq!(told, visit.frames, "{}", Chosen::words(&visit.chose));
    }
    assert!(
        choices
            .clone()
            .any(|v| v.chose.iter().any(|c| c.plan == "split 20"))
    );
}

#[test]
fn slow_frames_of_the_plan_that_a_policy_found_are_not_its_own() {
    // A frame of the plan that it finds takes longer than a policy is given to change it.
    let mut robot = Robot::new(&[(0, 1.0)]);
    robot.choice = Plan::LOCAL;
    let cuts = Cuts::List(vec![3]);
    let auto = ["auto".parse().unwrap()];
    let (mut sweep, first) = robot.sweep_of(Some(&cuts), &auto, rounds(2));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    let own = |r: &&FrameRow| r.plan == 1;
    let rows: Vec<&FrameRow> = sweep.frames().iter().filter(own).collect();
    assert!(rows.iter().any(|r| r.latency_ns > 3_000 * MS));
    for visit in sweep.visits().iter().filter(|v| v.plan == 1) {
        let words = Chosen::words(&visit.chose);
        assert_eq!(words, "local in 1 of 1 frames");
    }
}

#[test]
fn on_one_machine_it_is_seen_first_whether_robot_and_server_slow_each_other() {
    for (slowdown, is_contended) in [(1, false), (2, true)] {
        let mut robot = Robot::new(&[(0, 93.0)]);
        (robot.checks_solo, robot.slowdown) = (true, slowdown);
        let (mut sweep, first) = robot.sweep(&ALIKE[..2], rounds(2));
        assert!(sweep.progress().is_check && sweep.progress().plan.is_none());
        assert_eq!(sweep.progress().visits_left, 4, "its own visits");
        assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
        sweep.finish();
        let half = robot.graph.operator_count() / 2;
        assert_eq!(robot.orders[..2], [Plan::LOCAL, Plan::REMOTE]);
        let both = robot.orders[2].clone();
        assert!(both.window > 1, "{both:?}");
        assert!(both.cut(&robot.graph).unwrap().abs_diff(half) <= 1);
        let found = sweep.solo().unwrap();
        assert_eq!(found.is_contended(), is_contended, "{found:?}");
        assert!((found.robot.factor() - slowdown as f64).abs() < 1e-9);
        // Nothing of it is among the results.
        assert_eq!((sweep.visits().len(), sweep.plans().len()), (4, 2));
        assert_eq!(sweep.visits()[0].visit, 0);
        assert!(sweep.frames().iter().all(|row| row.plan < 2));
        assert_eq!(sweep.progress().visits, 4);
        let news = sweep.news(&mut Seen::default()).unwrap();
        assert_eq!(news.solo, Some(*found));
    }
}

#[test]
fn a_check_that_cannot_be_made_is_left_out() {
    let mut robot = Robot::new(&[(0, 93.0)]);
    robot.checks_solo = true;
    robot.refuses = Some((Plan::REMOTE, 99));
    let (mut sweep, first) = robot.sweep(&ALIKE[..2], rounds(2));
    assert_eq!(robot.run(&mut sweep, first, |_, _| false), Some(How::Done));
    sweep.finish();
    assert_eq!(sweep.solo(), None);
    assert!(sweep.refusals().is_empty(), "they are not its own plans");
    assert_eq!(sweep.visits().len(), 4);
}
