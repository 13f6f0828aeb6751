//! Predicted figures beside measured ones, and a policy with the say.

use splitscope::console::app::Key;
use splitscope::model::zoo;
use splitscope::plan::{Codec, Parts, Plan};
use splitscope::policy::Spec;
use splitscope::units::{Epoch, Nanos};
use splitscope::wire::console::Command;
use splitscope::wire::{
    CutCosts, DecisionRecord, ExpectedFrame, NoGain, PlanCost, PlanRecord, PredictionRecord, Record,
};

use crate::script::frame;
use crate::{Console, MS, ROBOT, live, snapshots};

fn cost(plan: Plan, ms: f64, joules: f64, on_front: bool) -> PlanCost {
    PlanCost {
        label: plan.label(),
        plan,
        latency_ns: (ms * MS as f64) as i64,
        energy_j: Some(joules),
        frames_per_s: 1e3 / ms,
        bytes_up: 200_704,
        bytes_down: 4_000,
        limit: "link".to_owned(),
        on_front,
    }
}

/// Cuts get cheaper up to 41 and dearer after it; cut 3 is never carried.
fn prediction(assumed: Option<&str>) -> Record {
    let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
    let cuts = 0..=graph.operator_count();
    let mut latency_us: Vec<u32> = cuts.map(|k| 40_000 + 500 * k.abs_diff(41)).collect();
    let energy_mj = latency_us.iter().map(|us| *us as f32 / 100.0).collect();
    latency_us[3] = u32::MAX;
    let expected = frame(1040, 7, 28);
    Record::Prediction(Box::new(PredictionRecord {
        at: Nanos(0),
        epoch: Epoch(7),
        mbps: 73.0,
        latency_ns: 2 * MS,
        assumed: assumed.map(str::to_owned),
        codec: Codec::None,
        cuts: CutCosts {
            latency_us,
            energy_mj,
        },
        plans: vec![
            cost(Plan::split(41), 40.0, 0.41, true),
            cost(Plan::split(28), 46.5, 0.47, false),
            cost(Plan::REMOTE, 60.5, 0.38, true),
        ],
        no_gain: vec![NoGain {
            mode: "tensor".to_owned(),
            why: "tensor gains nothing: 52 joins move 24.1 MB, 2.6 s at 73 Mbps".to_owned(),
        }],
        frame: Some(ExpectedFrame {
            latency_ns: 44 * MS,
            parts: Parts::default(),
            steps: expected.steps,
            energy_j: Some(0.47),
        }),
        emulated: false,
    }))
}

fn decision() -> Record {
    let chosen = cost(Plan::split(28), 46.5, 0.47, false);
    Record::Decision(Box::new(DecisionRecord {
        at: Nanos(0),
        policy: Spec::AUTO,
        epoch: Epoch(6),
        from: Plan::REMOTE,
        from_ns: Some(60 * MS),
        to: chosen.clone(),
        feasible: true,
        compared: vec![chosen],
        reasons: vec!["split 28 is predicted to be 23 % better, for 3 frames".to_owned()],
    }))
}

fn plan(policy: Option<Spec>) -> Record {
    Record::Plan(PlanRecord {
        epoch: Epoch(7),
        plan: Plan::split(28),
        local_because: None,
        policy,
    })
}

/// A robot that predicts, under a policy.
pub(crate) fn predicted() -> Console {
    let mut console = live();
    let mut newest = frame(1042, 7, 28);
    newest.predicted_ns = Some(newest.latency_ns + MS);
    let records = vec![
        prediction(None),
        decision(),
        plan(Some(Spec::AUTO)),
        Record::Frame(Box::new(newest)),
    ];
    console.records(ROBOT, records);
    console
}

#[test]
fn live_with_predictions_and_a_policy() {
    snapshots("predicted_live", &predicted());
}

#[test]
fn layers_with_the_plans_that_nobody_beats() {
    let mut console = predicted();
    console.key(Key::Char('2'));
    snapshots("predicted_layers", &console);
    let screen = console.screen((160, 48));
    assert_eq!(screen.matches("◀ best").count(), 1, "{screen}");
    assert!(screen.contains("Pareto front"), "{screen}");
}

#[test]
fn timeline_with_the_expected_frame_below() {
    let mut console = predicted();
    console.key(Key::Char('3'));
    snapshots("predicted_timeline", &console);
}

#[test]
fn a_rate_that_is_assumed_is_said_so() {
    let mut console = predicted();
    console.records(
        ROBOT,
        vec![prediction(Some("nothing has passed the link yet"))],
    );
    console.key(Key::Char('2'));
    let screen = console.screen((160, 48));
    assert!(
        screen.contains("73.0 Mbps assumed") || screen.contains("73 Mbps assumed"),
        "{screen}"
    );
}

#[test]
fn a_offers_every_policy_and_the_plan_is_handed_over_and_taken_back() {
    let mut console = live();
    console.sent();
    console.key(Key::Char('a'));
    let screen = console.screen((80, 24));
    for row in [
        "now by hand",
        "auto energy",
        "neurosurgeon",
        "pso deadline=100",
        "dads-heavy",
    ] {
        assert!(screen.contains(row), "{row}: {screen}");
    }
    assert!(console.sent().is_empty(), "nothing before Enter");
    console.key(Key::Enter);
    let commands: Vec<Command> = console.sent().into_iter().map(|m| m.command).collect();
    // Nobody controls the robot: control is asked for first.
    assert!(
        matches!(commands[0], Command::TakeControl { .. }),
        "{commands:?}"
    );
    let policy = Some(Spec::AUTO);
    assert_eq!(commands[1..], [Command::SetPolicy { policy }]);
    console.records(ROBOT, vec![plan(policy)]);
    assert!(console.screen((120, 40)).contains("by auto"));
    console.key(Key::Char('a'));
    assert!(console.screen((40, 12)).contains("now auto"));
    console.key(Key::Enter);
    let mut commands = console.sent().into_iter().map(|m| m.command);
    assert_eq!(
        commands.next_back(),
        Some(Command::SetPolicy { policy: None })
    );
}

/// The preview of a handover: the plan that the policy is likely to begin with, predicted beside what is measured.
#[test]
fn a_shows_for_the_chosen_policy_what_is_predicted_against_now() {
    let mut console = predicted();
    console.records(ROBOT, vec![plan(None)]);
    console.key(Key::Char('a'));
    snapshots("policies", &console);
    let words = |console: &Console| {
        let screen = console.screen((160, 48));
        let words: Vec<&str> = screen.split_whitespace().filter(|w| *w != "│").collect();
        words.join(" ")
    };
    let fastest = words(&console);
    assert!(
        fastest.contains("likely ") && fastest.contains("PREDICTED "),
        "{fastest}"
    );
    assert!(fastest.contains("now "), "{fastest}");
    console.key(Key::Up);
    assert!(words(&console).contains("stays until somebody changes it"));
    console.key(Key::Esc);
    assert!(
        console
            .sent()
            .iter()
            .all(|m| !matches!(m.command, Command::SetPolicy { .. }))
    );
}
