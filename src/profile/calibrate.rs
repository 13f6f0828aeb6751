//! A device's costs, corrected by what was measured on it while it ran. Pure.
//!
//! A time is `base x device x operator`. The base is the device's profile, or its own times at start, or nothing but
//! arithmetic ([`Profile::generic`]). The two factors follow the measured steps of frames by multiplicative
//! exponentially weighted means: `f <- f (measured / expected)^a`. The device's factor moves
//! first and faster, so that what slows everything down (heat, a clock) is believed of operators not seen of late too.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{FORMAT, KindCost, OTHER, Profile, Provenance};
use crate::model::{Graph, Node, Region, Span};
use crate::units::NodeId;

/// Weight of a frame in the device's factor.
const DEVICE_WEIGHT: f64 = 0.25;
/// Weight of a frame in an operator's factor.
const OPERATOR_WEIGHT: f64 = 0.1;
/// One measurement moves a known factor as if it were off by this much at most: a preempted thread says nothing.
const FARTHEST: f64 = 4.0;

/// What was measured of one step of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observed {
    /// A region of an operator's output.
    Compute {
        /// The operator.
        node: NodeId,
        /// The box of its output.
        out: Region,
        /// The input channels it was summed over; all of them when absent.
        over: Option<Span>,
        /// How long it took, in nanoseconds.
        ns: i64,
    },
    /// The sum of an all-reduce.
    Reduce {
        /// The operator.
        node: NodeId,
        /// The box of its output.
        out: Region,
        /// How many addends.
        of: u8,
        /// How long it took, in nanoseconds.
        ns: i64,
    },
}

/// A device with its profile and the factors learned since. See the module.
#[derive(Debug, Clone)]
pub struct Calibrated {
    profile: Arc<Profile>,
    /// Whole operators as the device measured them at its start, by node; empty where it did not.
    start_ns: Arc<[i64]>,
    device: Factor,
    operators: Vec<Factor>,
    join: Factor,
}

/// A multiplicative mean; nothing until the first measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Factor(Option<f64>);

impl Factor {
    fn get(self) -> f64 {
        self.0.unwrap_or(1.0)
    }

    /// Takes a measured value of the factor in.
    fn add(&mut self, measured: f64, weight: f64) {
        if !(measured.is_finite() && measured > 0.0) {
            return;
        }
        self.0 = Some(match self.0 {
            None => measured,
            Some(known) => {
                let off = (measured / known).clamp(1.0 / FARTHEST, FARTHEST);
                known * off.powf(weight)
            }
        });
    }
}

impl Profile {
    /// The profile without what was measured of other models.
    #[must_use]
    pub fn of_model(&self, name: &str) -> Self {
        let mut profile = self.clone();
        profile.models.retain(|model| model.name == name);
        profile
    }

    /// A device of which nothing is known but that work takes time: 10 us an operator, 20 Gflop/s and 5 GB/s. Only
    /// the proportions of operators matter: the first measured frame sets the scale.
    pub fn generic(name: &str) -> Self {
        let cost = KindCost {
            overhead_ns: 10_000.0,
            flops_per_s: Some(20e9),
            bytes_per_s: Some(5e9),
            scaling: None,
        };
        Self {
            format: FORMAT,
            name: name.to_owned(),
            provenance: Provenance {
                who: "splitscope".to_owned(),
                when: "now".to_owned(),
                how: "assumed; measured frames correct it".to_owned(),
                cudnn: "unknown".to_owned(),
                program: String::new(),
            },
            power: None,
            operators: BTreeMap::from([(OTHER.to_owned(), cost)]),
            models: Vec::new(),
        }
    }
}

impl Calibrated {
    /// A device by its profile, or a [generic](Profile::generic) one with the times that it measured at its start
    /// (nanoseconds by node; empty if it did not).
    pub fn new(profile: Profile, start_ns: Vec<i64>) -> Self {
        Self {
            profile: Arc::new(profile),
            start_ns: start_ns.into(),
            device: Factor::default(),
            operators: Vec::new(),
            join: Factor::default(),
        }
    }

    /// What it is based on.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// How much slower the device is than its base says, once a frame was measured on it.
    pub const fn device_factor(&self) -> Option<f64> {
        self.device.0
    }

    /// How long a region of a node's output takes, in nanoseconds; with `over`, over those input channels.
    pub fn time_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> i64 {
        (self.base_ns(graph, node, out, over) * self.factor(node.id)).round() as i64
    }

    /// How long it takes to join or sum pieces that make this many bytes, in nanoseconds.
    pub fn join_ns(&self, bytes: u64) -> i64 {
        let factor = self.join.0.or(self.device.0).unwrap_or(1.0);
        (self.profile.join_ns(bytes) as f64 * factor).round() as i64
    }

    /// What a node's base time is multiplied with.
    pub fn factor(&self, node: NodeId) -> f64 {
        let operator = self.operators.get(node.index()).copied();
        self.device.get() * operator.unwrap_or_default().get()
    }

    /// Takes a frame's steps in.
    pub fn frame(&mut self, graph: &Graph, steps: &[Observed]) {
        let mut slowness = Vec::with_capacity(steps.len());
        let mut joins = (0.0, 0.0);
        let mut computed = Vec::with_capacity(steps.len());
        for step in steps {
            match *step {
                Observed::Compute {
                    node,
                    out,
                    over,
                    ns,
                } => {
                    let Some(node) = graph.get(node) else {
                        continue;
                    };
                    let base = self.base_ns(graph, node, &out, over);
                    if base > 0.0 && ns > 0 {
                        let operator = self.operators.get(node.id.index()).copied();
                        let expected = base * operator.unwrap_or_default().get();
                        slowness.push((ns as f64 / expected, expected));
                        computed.push((node.id, ns as f64 / base));
                    }
                }
                Observed::Reduce { node, out, of, ns } => {
                    let Some(node) = graph.get(node).filter(|_| ns > 0) else {
                        continue;
                    };
                    let bytes = out.elements(node.shape.columns) * node.dtype.bytes();
                    joins.0 += self.profile.join_ns(bytes * u64::from(of)) as f64;
                    joins.1 += ns as f64;
                }
            }
        }
        if joins.0 > 0.0 {
            self.join.add(joins.1 / joins.0, DEVICE_WEIGHT);
        }
        let Some(device) = weighted_median(slowness) else {
            return;
        };
        self.device.add(device, DEVICE_WEIGHT);
        self.operators
            .resize(graph.nodes().len(), Factor::default());
        let device = self.device.get();
        // An operator in several parts is one measurement per part.
        for (node, ratio) in computed {
            self.operators[node.index()].add(ratio / device, OPERATOR_WEIGHT);
        }
    }

    /// What a part takes by the profile and the times at start, before any factor, in nanoseconds.
    fn base_ns(&self, graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> f64 {
        let part = self.profile.time_ns(graph, node, out, over) as f64;
        let start = self.start_ns.get(node.id.index()).copied().unwrap_or(0);
        if start <= 0 {
            return part;
        }
        // The profile gives a part its share of what the whole took.
        let whole = Region::whole(&node.shape);
        if *out == whole && over.is_none() {
            return start as f64;
        }
        let whole = self.profile.time_ns(graph, node, &whole, None).max(1) as f64;
        start as f64 * part / whole
    }
}

/// The value that half the weight is below; a stalled step does not move it.
fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|v| v.1).sum::<f64>() / 2.0;
    let mut below = 0.0;
    values.into_iter().find_map(|(value, weight)| {
        below += weight;
        (below >= half).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use proptest::prelude::*;

    fn whole(graph: &Graph, index: usize) -> (&Node, Region) {
        let node = &graph.operators()[index];
        (node, Region::whole(&node.shape))
    }

    /// The steps of a frame over a range of operators, each `factor` times as slow as the profile says.
    fn frame(
        graph: &Graph,
        profile: &Profile,
        range: std::ops::Range<usize>,
        factor: impl Fn(usize) -> f64,
    ) -> Vec<Observed> {
        range
            .map(|i| {
                let (node, out) = whole(graph, i);
                let ns = profile.time_ns(graph, node, &out, None) as f64 * factor(i);
                Observed::Compute {
                    node: node.id,
                    out,
                    over: None,
                    ns: ns.round() as i64,
                }
            })
            .collect()
    }

    fn off(calibrated: &Calibrated, graph: &Graph, index: usize, expected: f64) -> f64 {
        let (node, out) = whole(graph, index);
        (calibrated.time_ns(graph, node, &out, None) as f64 / expected - 1.0).abs()
    }

    fn setup() -> (Graph, Profile) {
        let graph = zoo::build("mobilenet_v2", 1, 64, 64).unwrap();
        (graph, Profile::open("jetson-xavier-nx").unwrap())
    }

    proptest! {
        #[test]
        fn measured_operators_are_believed_and_the_rest_follow_the_device(
            slow in 0.3_f64..3.0,
            odd in 0.5_f64..2.0,
        ) {
            let (graph, profile) = setup();
            let mut calibrated = Calibrated::new(profile.clone(), Vec::new());
            let factor = |i: usize| if i == 7 { slow * odd } else { slow };
            for _ in 0..60 {
                calibrated.frame(&graph, &frame(&graph, &profile, 0..40, factor));
            }
            for i in [0, 7, 39] {
                let (node, out) = whole(&graph, i);
                let true_ns = profile.time_ns(&graph, node, &out, None) as f64 * factor(i);
                prop_assert!(off(&calibrated, &graph, i, true_ns) < 0.01, "operator {i}");
            }
            // Operator 100 was never seen here: it is as slow as the device is on the whole, the odd one weighing little.
            let (node, out) = whole(&graph, 100);
            let true_ns = profile.time_ns(&graph, node, &out, None) as f64 * slow;
            prop_assert!(off(&calibrated, &graph, 100, true_ns) < 0.1);
        }
    }

    #[test]
    fn a_device_that_becomes_hot_is_believed_slower_in_operators_that_were_seen_before_too() {
        let (graph, profile) = setup();
        let mut calibrated = Calibrated::new(profile.clone(), Vec::new());
        for _ in 0..20 {
            calibrated.frame(&graph, &frame(&graph, &profile, 0..100, |_| 1.0));
        }
        // The cut moves forward, then the device halves its clock.
        for _ in 0..60 {
            calibrated.frame(&graph, &frame(&graph, &profile, 0..20, |_| 2.0));
        }
        let (node, out) = whole(&graph, 80);
        let now = 2.0 * profile.time_ns(&graph, node, &out, None) as f64;
        assert!(off(&calibrated, &graph, 80, now) < 0.35, "{calibrated:?}");
    }

    #[test]
    fn one_preempted_step_moves_little() {
        let (graph, profile) = setup();
        let mut calibrated = Calibrated::new(profile.clone(), Vec::new());
        for _ in 0..30 {
            calibrated.frame(&graph, &frame(&graph, &profile, 0..100, |_| 1.0));
        }
        let before = calibrated.clone();
        let stalled = |i| if i == 50 { 400.0 } else { 1.0 };
        calibrated.frame(&graph, &frame(&graph, &profile, 0..100, stalled));
        for i in 0..100 {
            let (node, out) = whole(&graph, i);
            let was = before.time_ns(&graph, node, &out, None) as f64;
            assert!(off(&calibrated, &graph, i, was) < 0.5, "operator {i}");
        }
    }

    #[test]
    fn without_a_profile_times_at_start_stand_for_whole_operators_and_parts_take_their_share() {
        let (graph, _) = setup();
        let start: Vec<i64> = (0..graph.nodes().len() as i64).map(|i| i * 1_000).collect();
        let calibrated = Calibrated::new(Profile::generic("laptop"), start);
        let (node, out) = whole(&graph, 4);
        assert_eq!(
            calibrated.time_ns(&graph, node, &out, None),
            node.id.index() as i64 * 1_000
        );
        let mut half = out;
        half.row.end /= 2;
        let part = calibrated.time_ns(&graph, node, &half, None);
        let whole_ns = calibrated.time_ns(&graph, node, &out, None);
        assert!(part > whole_ns / 4 && part < whole_ns, "{part} {whole_ns}");
    }

    #[test]
    fn nonsense_changes_nothing() {
        let (graph, profile) = setup();
        let mut calibrated = Calibrated::new(profile, Vec::new());
        let (node, out) = whole(&graph, 3);
        let steps = [0, -5].map(|ns| Observed::Compute {
            node: node.id,
            out,
            over: None,
            ns,
        });
        calibrated.frame(&graph, &steps);
        let (unknown, of) = (NodeId(9_999), 2);
        calibrated.frame(
            &graph,
            &[Observed::Reduce {
                node: unknown,
                out,
                of,
                ns: 5,
            }],
        );
        calibrated.frame(&graph, &[]);
        assert_eq!(calibrated.device_factor(), None);
    }
}
