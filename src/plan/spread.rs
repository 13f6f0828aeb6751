//! Spreads computations over devices: modes say who computes which region in which order, this works out who must send
//! what to whom.
//!
//! A region is fetched when a computation reads it and its device does not have it: exactly the missing part, from
//! whoever made it, piece by piece as it was made, so that a transfer can begin as soon as its piece is there.

use super::{Program, Step, Term, Until, Value};
use crate::model::{Graph, Region, Span, frontier, need};
use crate::units::{DeviceId, NodeId};

/// Programs under construction. Computations are added in an order in which every value is made before it is read.
pub(super) struct Spread<'a> {
    graph: &'a Graph,
    programs: Vec<Program>,
    /// By device slot and node: regions that are there, made or received.
    have: Vec<Vec<Vec<Region>>>,
    /// By node: who made which region.
    made: Vec<Vec<(usize, Region)>>,
    /// By node: who made which addend of what.
    addends: Vec<Vec<(usize, Value)>>,
}

impl<'a> Spread<'a> {
    /// Empty programs for `devices` (sorted, the robot first); the camera image is on the robot.
    pub(super) fn new(graph: &'a Graph, devices: &[DeviceId]) -> Self {
        let nodes = graph.nodes().len();
        let mut spread = Self {
            graph,
            programs: devices
                .iter()
                .map(|&device| Program {
                    device,
                    steps: Vec::new(),
                    keep: Vec::new(),
                })
                .collect(),
            have: vec![vec![Vec::new(); nodes]; devices.len()],
            made: vec![Vec::new(); nodes],
            addends: vec![Vec::new(); nodes],
        };
        let image = Region::whole(&graph.input_shape());
        spread.have[0][0].push(image);
        spread.made[0].push((0, image));
        spread
    }

    fn slot(&self, device: DeviceId) -> usize {
        let at = self.programs.iter().position(|p| p.device == device);
        at.unwrap_or(0)
    }

    /// What of `region` the device has not made yet.
    fn unmade(&self, slot: usize, node: NodeId, region: &Region) -> Vec<Region> {
        let mine = self.made[node.index()].iter().filter(|(s, _)| *s == slot);
        mine.fold(vec![*region], |left, (_, made)| {
            left.iter().flat_map(|l| l.minus(made)).collect()
        })
    }

    /// Computes a region of a node on a device, as one step.
    pub(super) fn compute(&mut self, device: DeviceId, node: NodeId, out: Region) {
        if out.is_empty() {
            return;
        }
        let slot = self.slot(device);
        self.fetch_inputs(slot, node, &out, None);
        self.programs[slot].steps.push(Step::Compute {
            node,
            out,
            over: None,
        });
        self.have[slot][node.index()].push(out);
        self.made[node.index()].push((slot, out));
    }

    /// Computes the addend of a node's region over some of its input channels.
    pub(super) fn addend(
        &mut self,
        device: DeviceId,
        node: NodeId,
        out: Region,
        over: Span,
        term: Term,
    ) {
        let slot = self.slot(device);
        self.fetch_inputs(slot, node, &out, Some(over));
        self.programs[slot].steps.push(Step::Compute {
            node,
            out,
            over: Some((over, term)),
        });
        let value = Value {
            node,
            region: out,
            term,
        };
        self.addends[node.index()].push((slot, value));
    }

    /// Sums the addends of a node's region on a device; those of others are sent to it.
    pub(super) fn reduce(&mut self, device: DeviceId, node: NodeId, out: Region, of: u8) {
        let slot = self.slot(device);
        for (maker, value) in self.addends[node.index()].clone() {
            if maker != slot && value.region == out {
                self.transfer(maker, slot, value);
            }
        }
        self.programs[slot]
            .steps
            .push(Step::Reduce { node, out, of });
        self.have[slot][node.index()].push(out);
        self.made[node.index()].push((slot, out));
    }

    /// Computes on a device whatever is still missing there of `targets`, through the operators `within` (in execution
    /// order); what those read from outside is fetched. No element is made twice on one device.
    pub(super) fn demand(
        &mut self,
        device: DeviceId,
        within: &[NodeId],
        targets: &[(NodeId, Region)],
    ) {
        let slot = self.slot(device);
        let wanted = needs(self.graph, within, targets);
        let mut boxes: Vec<(NodeId, Vec<Region>)> = Vec::new();
        // Backwards: what is there already needs no inputs any more.
        let mut open: Vec<Option<Region>> = vec![None; self.graph.nodes().len()];
        for (node, region) in targets {
            widen(&mut open[node.index()], region);
        }
        for &id in within.iter().rev() {
            let Some(region) = open[id.index()].filter(|_| wanted[id.index()].is_some()) else {
                continue;
            };
            let missing = self.unmade(slot, id, &region);
            let node = self.graph.node(id);
            for part in &missing {
                for (input, read) in node.inputs.iter().zip(need(self.graph, node, part, None)) {
                    if !read.is_empty() {
                        widen(&mut open[input.index()], &read);
                    }
                }
            }
            boxes.push((id, missing));
        }
        for (node, missing) in boxes.into_iter().rev() {
            for part in missing {
                self.compute(device, node, part);
            }
        }
    }

    /// Computes on a device everything of the operators `within` that `available` regions of all nodes suffice for, and
    /// adds that to `available`. Operators with fewer than `least_rows` wait until they can be computed whole.
    pub(super) fn advance(
        &mut self,
        device: DeviceId,
        within: &[NodeId],
        least_rows: u32,
        available: &mut [Option<Region>],
    ) {
        let slot = self.slot(device);
        for &id in within {
            let node = self.graph.node(id);
            let inputs: Option<Vec<Region>> =
                node.inputs.iter().map(|i| available[i.index()]).collect();
            let Some(inputs) = inputs else { continue };
            let reach = frontier(self.graph, node, &inputs);
            let is_short = node.shape.rows < least_rows && reach.row.len() < node.shape.rows;
            if reach.is_empty() || is_short {
                continue;
            }
            available[id.index()] = Some(reach);
            for part in self.unmade(slot, id, &reach) {
                self.compute(device, id, part);
            }
        }
    }

    /// Whether a device has the whole output of a node.
    pub(super) fn has_whole(&self, device: DeviceId, node: NodeId) -> bool {
        let whole = Region::whole(&self.graph.node(node).shape);
        whole.is_covered_by(self.have[self.slot(device)][node.index()].iter())
    }

    /// Keeps what the robot has of a node beyond its last reader.
    pub(super) fn keep(&mut self, node: NodeId, until: Until) {
        if !self.programs[0].keep.iter().any(|(v, _)| v.node == node) {
            let value = Value::whole(self.graph, node);
            self.programs[0].keep.push((value, until));
        }
    }

    /// Brings the result to the robot and gives the programs of the devices that do anything.
    pub(super) fn finish(mut self) -> Vec<Program> {
        let output = Value::whole(self.graph, self.graph.output());
        self.fetch(0, output.node, &output.region);
        let mut programs = self.programs;
        programs.retain(|p| p.device == DeviceId::ROBOT || !p.steps.is_empty());
        programs
    }

    fn fetch_inputs(&mut self, slot: usize, node: NodeId, out: &Region, over: Option<Span>) {
        let graph = self.graph;
        let node = graph.node(node);
        for (input, read) in node.inputs.iter().zip(need(graph, node, out, over)) {
            if !read.is_empty() {
                self.fetch(slot, *input, &read);
            }
        }
    }

    /// Sends what a device lacks of a region from whoever made it.
    fn fetch(&mut self, slot: usize, node: NodeId, region: &Region) {
        let mut missing = vec![*region];
        for have in &self.have[slot][node.index()] {
            missing = missing.iter().flat_map(|m| m.minus(have)).collect();
        }
        for (maker, made) in self.made[node.index()].clone() {
            if missing.is_empty() {
                return;
            }
            if maker == slot {
                continue;
            }
            for part in &missing {
                let part = part.intersect(&made);
                if !part.is_empty() {
                    let value = Value {
                        node,
                        region: part,
                        term: Term::Whole,
                    };
                    self.transfer(maker, slot, value);
                    self.have[slot][node.index()].push(part);
                }
            }
            missing = missing.iter().flat_map(|m| m.minus(&made)).collect();
        }
    }

    fn transfer(&mut self, from: usize, to: usize, value: Value) {
        let (sender, receiver) = (self.programs[from].device, self.programs[to].device);
        let send = Step::Send {
            value,
            to: receiver,
        };
        let receive = Step::Receive {
            value,
            from: sender,
        };
        self.programs[from].steps.push(send);
        self.programs[to].steps.push(receive);
    }
}

fn widen(slot: &mut Option<Region>, region: &Region) {
    *slot = Some(slot.map_or(*region, |r| r.hull(region)));
}

/// By node: what the operators `within` need, and make, for `targets`; nodes outside that are read are included.
pub(crate) fn needs(
    graph: &Graph,
    within: &[NodeId],
    targets: &[(NodeId, Region)],
) -> Vec<Option<Region>> {
    let mut wanted: Vec<Option<Region>> = vec![None; graph.nodes().len()];
    for (node, region) in targets {
        if !region.is_empty() {
            widen(&mut wanted[node.index()], region);
        }
    }
    for &id in within.iter().rev() {
        let Some(out) = wanted[id.index()] else {
            continue;
        };
        let node = graph.node(id);
        for (input, read) in node.inputs.iter().zip(need(graph, node, &out, None)) {
            if !read.is_empty() {
                widen(&mut wanted[input.index()], &read);
            }
        }
    }
    wanted
}

/// The robot and the servers after it, `count` devices in all.
pub(super) fn devices(count: usize) -> Vec<DeviceId> {
    (0..count).map(|d| DeviceId(d as u8)).collect()
}

/// Splits `[0, len)` at interior bounds; none if a bound runs backwards or beyond.
pub(super) fn spans(bounds: &[u32], len: u32) -> Option<Vec<Span>> {
    let mut spans = Vec::with_capacity(bounds.len() + 1);
    let mut start = 0;
    for &end in bounds.iter().chain(std::iter::once(&len)) {
        if end < start || end > len {
            return None;
        }
        spans.push(Span::new(start, end));
        start = end;
    }
    Some(spans)
}

/// The interior bounds that divide `len` in proportion to `shares`, at least one index for everybody where that is
/// possible and asked for with `everybody`.
pub(super) fn proportional(len: u32, shares: &[f64], everybody: bool) -> Vec<u32> {
    let total: f64 = shares.iter().sum();
    let mut so_far = 0.0;
    let mut bounds: Vec<u32> = shares
        .iter()
        .take(shares.len().saturating_sub(1))
        .map(|share| {
            so_far += share;
            ((so_far / total) * f64::from(len)).round() as u32
        })
        .collect();
    let parts = shares.len() as u32;
    if everybody && len >= parts {
        for (i, bound) in (1..).zip(&mut bounds) {
            *bound = (*bound).clamp(i, len - (parts - i));
        }
        for i in 1..bounds.len() {
            bounds[i] = bounds[i].max(bounds[i - 1] + 1);
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn proportional_bounds_divide_everything_and_leave_nobody_out(
            len in 4_u32..600, shares in proptest::collection::vec(0.01..10.0_f64, 1..5),
        ) {
            prop_assume!(len as usize >= shares.len());
            let bounds = proportional(len, &shares, true);
            let spans = spans(&bounds, len).unwrap();
            prop_assert_eq!(spans.len(), shares.len());
            prop_assert!(spans.iter().all(|s| !s.is_empty()), "{:?}", spans);
            prop_assert_eq!(spans.iter().map(Span::len).sum::<u32>(), len);
        }
    }
}
