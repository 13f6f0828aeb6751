//! Rails: what a measured power line contains, what it does not, and how rails add up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rail's place in its source's list.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RailId(pub u8);

impl RailId {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a rail enters its source's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// It is the total.
    Total,
    /// It lies within another rail, or its place is not known: it must not be added.
    Within,
    /// The total is the sum of these.
    Addend,
}

/// A measured power line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rail {
    /// The sensor's own label, such as `VDD_IN`.
    pub name: String,
    /// What it contains and what it does not, for whoever reads the number.
    pub what: String,
    /// How it enters the total.
    pub counts: Counts,
}

impl Counts {
    /// How it counts towards the whole, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Within => "not added",
            Self::Addend => "added up",
        }
    }
}

impl Rail {
    /// A rail with its meaning.
    pub fn new(name: impl Into<String>, counts: Counts, what: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            what: what.into(),
            counts,
        }
    }
}

/// Labels of the rail that feeds a whole Jetson module.
const INPUTS: [&str; 2] = ["VDD_IN", "POM_5V_IN"];

/// Whether a Jetson's label names an unconnected channel.
pub(super) fn is_unconnected(label: &str) -> bool {
    label == "NC"
}

/// The rails of a Jetson from its labels. Without an input rail they are taken to add up to the module, if `complete`.
pub(super) fn jetson_rails(labels: &[String], complete: bool) -> Vec<Rail> {
    let has_input = labels.iter().any(|l| INPUTS.contains(&l.as_str()));
    let rail = |label: &String| {
        if INPUTS.contains(&label.as_str()) {
            return Rail::new(label, Counts::Total, INPUT);
        }
        let counts = if complete && !has_input {
            Counts::Addend
        } else {
            Counts::Within
        };
        Rail::new(label, counts, part(label, has_input))
    };
    labels.iter().map(rail).collect()
}

const INPUT: &str = "the module's input, before its regulators; not the carrier board: a USB or M.2 Wi-Fi adapter is \
                     largely outside it, so most of what the radio takes is not in this number";

fn part(label: &str, has_input: bool) -> String {
    let what = match label {
        "VDD_CPU_GPU_CV" => "CPU, GPU and the vision accelerators",
        "VDD_GPU_SOC" => "GPU and the rest of the chip without the CPU",
        "VDD_CPU_CV" => "CPU and the vision accelerators",
        "VDD_SOC" | "SOC" => {
            "the rest of the chip: memory controller, video, I/O; without CPU and GPU"
        }
        "VIN_SYS_5V0" | "SYS5V" => "the module's 5 V supply",
        "VDDQ_VDD2_1V8AO" | "VDDRQ" => "memory",
        "CPU" | "POM_5V_CPU" => "CPU",
        "GPU" | "POM_5V_GPU" => "GPU",
        "CV" => "the vision accelerators",
        _ => "one rail of the module",
    };
    if has_input {
        format!("{what}; part of the module's input")
    } else {
        format!(
            "{what}; this board measures no input rail: its total is the sum of the rails, without the carrier board \
             and its Wi-Fi adapter"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(labels: &[&str], complete: bool) -> Vec<Counts> {
        let labels: Vec<_> = labels.iter().map(|&l| l.to_owned()).collect();
        let rails = jetson_rails(&labels, complete);
        rails.iter().map(|r| r.counts).collect()
    }

    #[test]
    fn an_input_rail_is_the_total_and_nothing_is_added_to_it() {
        use Counts::{Total, Within};
        let labels = ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"];
        assert_eq!(counts(&labels, true), [Total, Within, Within]);
    }

    #[test]
    fn without_an_input_rail_the_rails_add_up_unless_one_is_missing() {
        let labels = ["VDD_GPU_SOC", "VDD_CPU_CV"];
        assert_eq!(counts(&labels, true), [Counts::Addend; 2]);
        assert_eq!(counts(&labels, false), [Counts::Within; 2]);
    }

    #[test]
    fn the_input_rail_says_that_the_radio_is_largely_outside() {
        let rails = jetson_rails(&["VDD_IN".to_owned()], true);
        assert!(rails[0].what.contains("Wi-Fi adapter is largely outside"));
    }
}
