//! Stacked times with energy beside them: what `splits` and `modes` have in common.

use std::fmt::Write;

use crate::report::evidence::{Energy, Evidence, PartsMs, PlanResult};
use crate::report::table::{Table, cell, estimate_cells, number};
use crate::statistics::Estimate;

/// One plan's bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Below the bar.
    pub label: String,
    /// The plan's name.
    pub plan: String,
    /// The last operator on the robot.
    pub layer: Option<String>,
    /// The bar, in milliseconds; none where only the whole is told.
    pub parts: Option<PartsMs>,
    /// The median latency in milliseconds.
    pub latency: Estimate,
    /// What was predicted for it, in milliseconds.
    pub predicted_ms: Option<f64>,
    /// The robot's, per inference.
    pub energy: Option<Energy>,
    /// Mean payload to the server in bytes.
    pub bytes_up: f64,
    /// Mean payload to the robot in bytes.
    pub bytes_down: f64,
}

impl Stack {
    /// A plan's bar with a name below it.
    pub fn new(plan: &PlanResult, label: String) -> Self {
        Self {
            label,
            plan: plan.label.clone(),
            layer: plan.layer.clone(),
            parts: plan.parts,
            latency: plan.latency,
            predicted_ms: plan.predicted_ms,
            energy: plan.energy.clone(),
            bytes_up: plan.bytes_up,
            bytes_down: plan.bytes_down,
        }
    }
}

/// Bars side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Stacks {
    /// What the bars differ in, with its unit.
    pub axis: String,
    /// Whether the bars have an order, so that a line may join them.
    pub has_order: bool,
    /// From left to right; at least one.
    pub stacks: Vec<Stack>,
    /// The bar with the least median latency.
    pub fastest: Option<usize>,
    /// The bar with the least energy.
    pub frugal: Option<usize>,
}

impl Stacks {
    /// Bars from left to right; `has_order` if a line may join them.
    pub fn new(axis: &str, has_order: bool, stacks: Vec<Stack>) -> Self {
        let least = |value: &dyn Fn(&Stack) -> Option<f64>| {
            let values = stacks.iter().enumerate();
            let values = values.filter_map(|(i, s)| Some((i, value(s)?)));
            values.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
        };
        Self {
            axis: axis.to_owned(),
            has_order,
            fastest: least(&|s| Some(s.latency.value)),
            frugal: least(&|s| s.energy.as_ref().map(|e| e.joules)),
            stacks,
        }
    }

    /// What the bars show, for the title.
    pub const fn what(&self) -> &'static str {
        match self.frugal {
            Some(_) => "Latency and energy",
            None => "Latency",
        }
    }

    /// How bars, dots and diamonds are to be read.
    pub fn reading(&self, evidence: &Evidence) -> String {
        let mut text = if evidence.is_predicted() {
            "Bars: predicted latency.".to_owned()
        } else {
            "Bars: mean time per part, summing to the mean latency. Dots: median latency with its 95 % bootstrap \
             interval."
                .to_owned()
        };
        if let Some(fastest) = self.fastest.and_then(|i| self.stacks.get(i)) {
            let value = fastest.latency.value;
            let _ = write!(text, " Fastest: {} ({value:.1} ms).", fastest.plan);
        }
        let energies: Vec<&Energy> = self
            .stacks
            .iter()
            .filter_map(|s| s.energy.as_ref())
            .collect();
        match self.frugal.and_then(|i| self.stacks.get(i)) {
            Some(frugal) => {
                let joules = frugal.energy.as_ref().map_or(0.0, |e| e.joules);
                text += " Diamonds: the robot's energy per inference";
                if energies.iter().any(|e| e.half.is_some()) {
                    text += ", 95 % interval by the block method";
                }
                if let Some(lacks) = energies.iter().find_map(|e| e.preliminary.as_ref()) {
                    let _ = write!(text, "; open ones are preliminary ({lacks})");
                }
                let _ = write!(text, ". Least energy: {} ({joules:.2} J).", frugal.plan);
            }
            None => text += " No energy: the file has no power, or too little for a number.",
        }
        if self.stacks.iter().any(|s| s.predicted_ms.is_some()) {
            text += " Crosses: predicted latency.";
        }
        text
    }

    /// The numbers.
    pub fn table(&self, title: &str) -> Table {
        let mut table = Table::new(
            title,
            &[
                "plan",
                "last_operator_on_robot",
                "frames",
                "latency_ms",
                "latency_low_ms",
                "latency_high_ms",
                "robot_compute_ms",
                "uplink_ms",
                "server_compute_ms",
                "downlink_ms",
                "wait_ms",
                "predicted_ms",
                "bytes_up",
                "bytes_down",
                "energy_j",
                "energy_half_j",
                "energy_net_j",
                "energy_net_half_j",
                "energy_lacks",
            ],
        );
        for stack in &self.stacks {
            let energy = stack.energy.as_ref();
            let mut row = vec![
                stack.plan.clone(),
                stack.layer.clone().unwrap_or_default(),
                stack.latency.count.to_string(),
            ];
            row.extend(estimate_cells(Some(stack.latency)));
            match stack.parts {
                Some(parts) => row.extend(parts.values().map(number)),
                None => row.extend(PartsMs::NAMES.map(|_| String::new())),
            }
            row.push(cell(stack.predicted_ms));
            row.push(number(stack.bytes_up.round()));
            row.push(number(stack.bytes_down.round()));
            row.push(cell(energy.map(|e| e.joules)));
            row.push(cell(energy.and_then(|e| e.half)));
            let net = energy.and_then(|e| e.net);
            row.push(cell(net.map(|(joules, _)| joules)));
            row.push(cell(net.map(|(_, half)| half)));
            row.push(
                energy
                    .and_then(|e| e.preliminary.clone())
                    .unwrap_or_default(),
            );
            table.rows.push(row);
        }
        table
    }
}
