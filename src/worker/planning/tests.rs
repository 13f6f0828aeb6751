//! Made moments: shipped devices, links of a given rate.

use super::*;
use crate::link::Estimate;
use crate::model::zoo;
use crate::plan::Mode;
use crate::policy::PolicyKind;
use crate::profile::Profile;
use crate::simulate::{Costs, Link};
use crate::units::BitsPerSecond;

fn graph() -> Arc<Graph> {
    Arc::new(zoo::build("vgg19_bn", 1, 224, 224).unwrap())
}

fn moment(mbps: f64, plan: Plan, policy: Option<Spec>) -> Moment {
    let device = |name| -> Arc<dyn Costs> { Arc::new(Profile::open(name).unwrap()) };
    let power = Profile::open("jetson-xavier-nx").unwrap().power;
    Moment {
        at: Nanos(7),
        epoch: Epoch(3),
        plan,
        world: World::pair(
            device("jetson-xavier-nx"),
            device("gpu-server"),
            Link::constant(BitsPerSecond::from_mbps(mbps)),
            power.map(|p| p.levels()),
        ),
        link: Believed {
            rate: Estimate {
                mbps,
                std_mbps: 0.0,
                age_ns: 0,
            },
            latency_ns: 0,
            growth: 1.0,
        },
        assumed: None,
        expected: None,
        policy,
        wants_table: true,
        emulated: true,
    }
}

#[test]
fn a_table_has_every_cut_the_best_of_every_mode_and_reasons_where_nothing_is_gained() {
    let graph = graph();
    let mut planning = Planning::new(Arc::clone(&graph));
    let planned = planning.plan(&moment(93.0, Plan::LOCAL, None)).unwrap();
    assert_eq!(planned.decision, None, "an operator has the say");
    let record = planned.prediction.unwrap();
    let n = graph.operator_count() as usize;
    assert_eq!(record.cuts.latency_us.len(), n + 1);
    assert_eq!(record.cuts.energy_mj.len(), n + 1);
    assert!(record.emulated && record.plans.len() <= MAX_PLANS);
    // The fastest plan of the list is on the front, and the list has no plan twice.
    assert!(record.plans[0].on_front);
    for (i, plan) in record.plans.iter().enumerate() {
        assert!(record.plans[..i].iter().all(|p| p.plan != plan.plan));
    }
    let modes: Vec<_> = record.plans.iter().map(|p| p.plan.mode_name()).collect();
    for mode in ["local", "remote", "tensor", "tile"] {
        let known = modes.contains(&mode) || record.no_gain.iter().any(|n| n.mode == mode);
        assert!(known, "{mode}: {modes:?}");
    }
    // The whole model here is the local plan.
    let local = record.plans.iter().find(|p| p.plan == Plan::LOCAL);
    let local_us = record.cuts.latency_us[n];
    assert!(local.is_none_or(|p| (p.latency_ns / 1_000 - i64::from(local_us)).abs() <= 1));
}

#[test]
fn a_policy_moves_layers_to_the_server_while_the_link_is_good_and_back_when_it_is_not() {
    let mut planning = Planning::new(graph());
    let good = planning
        .plan(&moment(93.0, Plan::LOCAL, Some(Spec::AUTO)))
        .unwrap();
    let decision = good.decision.unwrap();
    assert_ne!(decision.to.plan, Plan::LOCAL);
    assert!(!decision.compared.is_empty() && !decision.reasons.is_empty());
    assert!(decision.from_ns.unwrap() > decision.to.latency_ns);
    let there = decision.to.plan;
    let stays = planning
        .plan(&moment(93.0, there.clone(), Some(Spec::AUTO)))
        .unwrap();
    assert_eq!(stays.decision, None);
    let bad = planning
        .plan(&moment(0.5, there, Some(Spec::AUTO)))
        .unwrap();
    let decision = bad.decision.unwrap();
    assert_eq!(decision.to.plan.mode, Mode::Local, "{decision:?}");
    assert!(
        decision.reasons[0].contains("Mbps"),
        "{:?}",
        decision.reasons
    );
}

#[test]
fn a_rate_that_is_assumed_is_said_so_in_the_reasons() {
    let mut planning = Planning::new(graph());
    let mut moment = moment(93.0, Plan::LOCAL, Some(Spec::AUTO));
    moment.assumed = Some("nothing has passed the link yet; 20 Mbps assumed".to_owned());
    let decision = planning.plan(&moment).unwrap().decision.unwrap();
    assert!(decision.reasons.iter().any(|r| r.contains("assumed")));
}

#[test]
fn a_policy_without_its_objective_is_refused_in_words() {
    let mut planning = Planning::new(graph());
    let spec = Spec {
        kind: PolicyKind::Deadline,
        objective: Objective::Latency,
    };
    let refused = planning.plan(&moment(93.0, Plan::LOCAL, Some(spec)));
    assert!(refused.is_err_and(|why| why.contains("deadline=MS")));
}

#[test]
fn records_of_predictions_survive_both_encodings_with_a_cut_that_is_never_carried() {
    let mut planning = Planning::new(graph());
    let record = planning.plan(&moment(0.0, Plan::LOCAL, None)).unwrap();
    let record = record.prediction.unwrap();
    assert_eq!(record.cuts.latency_us[0], u32::MAX);
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(
        serde_json::from_str::<PredictionRecord>(&json).unwrap(),
        record
    );
    let packed = crate::wire::to_msgpack(&record);
    let back: PredictionRecord = crate::wire::from_msgpack("a prediction", &packed).unwrap();
    assert_eq!(back, record);
}

#[test]
fn a_policy_keeps_the_operators_codec_and_says_what_it_prices_it_by() {
    let plan = Plan::LOCAL.with_codec(Codec::F16);
    let mut planning = Planning::new(graph());
    let mut decide = |plan: &Plan| {
        let planned = planning.plan(&moment(93.0, plan.clone(), Some(Spec::AUTO)));
        planned.unwrap().decision
    };
    let decision = decide(&plan).expect("remote is far better");
    assert_eq!(decision.to.plan.codec, Codec::F16);
    let told = decision.reasons.join("; ");
    assert!(told.contains("codec f16 stays"), "{told}");
    assert!(told.contains("nothing was packed yet"), "{told}");
    // The same plan with its codec is the best already.
    let again = (0..5).filter_map(|_| decide(&decision.to.plan));
    assert_eq!(again.count(), 0);
}
