//! The block method: energy per inference as a result, with its uncertainty.
//!
//! Each plan runs in blocks of many frames, the plans' blocks interleaved (A B B A) so that a drift of temperature or
//! battery falls on all of them, with idle blocks for what the robot takes anyway. One value per block; their mean has
//! a 95 % interval from Student's t over blocks. Net energy subtracts the idle power over the block's time; its
//! interval also carries the uncertainty of the idle power, from the idle time cut into pieces that are taken as
//! independent, with degrees of freedom after Welch and Satterthwaite. Where the data do not carry a number, the
//! answer says what is missing.

use std::fmt;
use std::ops::Range;

use super::student::{mean_and_error, t_975};
use super::{Integral, MAX_GAP_NS, Sample, integrate_covered};
use crate::units::{Joules, Nanos, Watts};

/// What the method asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Protocol {
    /// Time under each plan, over all its blocks.
    pub min_plan_ns: i64,
    /// Frames under each plan, over all its blocks.
    pub min_frames: u64,
    /// Blocks of each plan: an interval takes two.
    pub min_blocks: usize,
    /// Idle time, over all idle blocks.
    pub min_idle_ns: i64,
    /// Length of the pieces that idle time is cut into.
    pub idle_piece_ns: i64,
    /// Samples farther apart leave a gap.
    pub max_gap_ns: i64,
    /// Share of each block that samples must cover.
    pub min_coverage: f64,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            min_plan_ns: 20_000_000_000,
            min_frames: 100,
            min_blocks: 2,
            min_idle_ns: 30_000_000_000,
            idle_piece_ns: 3_000_000_000,
            max_gap_ns: MAX_GAP_NS,
            min_coverage: 0.95,
        }
    }
}

/// One stretch under one plan, in the order it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The plan, by a name of the caller's.
    pub plan: String,
    /// From the first admission to the last result.
    pub window: Range<Nanos>,
    /// Frames in it, of one image each.
    pub frames: u64,
}

/// One stretch under one plan with the energy that samples gave for it.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockEnergy {
    /// The plan, by a name of the caller's.
    pub plan: String,
    /// Frames in it.
    pub frames: u64,
    /// Images of a frame, each of them an inference.
    pub images: u32,
    /// Its energy, and how much of it samples cover.
    pub integral: Integral,
}

/// A mean with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the interval's length: the mean is that far off at most, 19 times of 20.
    pub half: f64,
}

/// A plan's energy per inference, in joules.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanEnergy {
    /// With everything the robot takes.
    pub gross: Interval,
    /// Above idle, if idle was measured.
    pub net: Result<Interval, NotEnough>,
    /// Mean power over the blocks.
    pub watts: Watts,
    /// Blocks: the number of values behind the mean.
    pub blocks: usize,
    /// Frames in all.
    pub frames: u64,
    /// Time in all.
    pub time_ns: i64,
}

/// What the blocks say.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// Idle power in watts.
    pub idle: Result<Interval, NotEnough>,
    /// Each plan in the order of its first block.
    pub plans: Vec<(String, Result<PlanEnergy, NotEnough>)>,
}

/// There is no number, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct NotEnough(pub Vec<Missing>);

/// One thing that data lack.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// Time under the plan.
    Time {
        /// What there is.
        has_ns: i64,
        /// What is asked for.
        needs_ns: i64,
    },
    /// Inferences under the plan.
    Frames {
        /// What there is.
        has: u64,
        /// What is asked for.
        needs: u64,
    },
    /// Blocks of the plan.
    Blocks {
        /// What there is.
        has: usize,
        /// What is asked for.
        needs: usize,
    },
    /// A block in which no inference ended.
    EmptyBlock {
        /// Its place among all blocks, from 1.
        block: usize,
    },
    /// Power samples in a block.
    Samples {
        /// Its place among all blocks, from 1.
        block: usize,
        /// The share covered.
        has: f64,
        /// What is asked for.
        needs: f64,
    },
    /// The plan's blocks all lie before or after another plan's.
    Interleaving {
        /// The other plan.
        with: String,
    },
    /// Idle time with power samples.
    Idle {
        /// What there is.
        has_ns: i64,
        /// What is asked for.
        needs_ns: i64,
    },
}

impl fmt::Display for NotEnough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not enough data: ")?;
        for (n, missing) in self.0.iter().enumerate() {
            write!(f, "{}{missing}", if n > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |ns: &i64| *ns as f64 / 1e9;
        match self {
            Self::Time { has_ns, needs_ns } => {
                write!(f, "{:.1} s of {:.0} s", s(has_ns), s(needs_ns))
            }
            Self::Frames { has, needs } => write!(f, "{has} frames of {needs}"),
            Self::Blocks { has, needs } => {
                write!(f, "{has} block(s) of {needs}, which an interval takes")
            }
            Self::EmptyBlock { block } => write!(f, "block {block} has no frame"),
            Self::Samples { block, has, needs } => write!(
                f,
                "power samples cover {:.0} % of block {block}, {:.0} % are needed",
                has * 100.0,
                needs * 100.0
            ),
            Self::Interleaving { with } => {
                write!(f, "its blocks are not interleaved with those of {with}")
            }
            Self::Idle { has_ns, needs_ns } => {
                write!(f, "{:.1} s idle of {:.0} s", s(has_ns), s(needs_ns))
            }
        }
    }
}

/// The order to run plans in: there and back again, so often that each has `blocks` blocks. A B, B A, A B, ...
pub fn interleave(plans: usize, blocks: usize) -> Vec<usize> {
    let round = |n: usize| -> Vec<usize> {
        if n.is_multiple_of(2) {
            (0..plans).collect()
        } else {
            (0..plans).rev().collect()
        }
    };
    (0..blocks).flat_map(round).collect()
}

/// What blocks and idle time say, from samples of total power in order of time.
pub fn measure(
    samples: &[Sample],
    idle: &[Range<Nanos>],
    blocks: &[Block],
    protocol: &Protocol,
) -> Conclusion {
    let pieces = idle.iter().flat_map(|w| idle_pieces(samples, w, protocol));
    let idle = idle_power(&pieces.collect::<Vec<_>>(), protocol);
    let with_energy = |block: &Block| BlockEnergy {
        plan: block.plan.clone(),
        frames: block.frames,
        images: 1,
        integral: integrate_covered(samples, &block.window, protocol.max_gap_ns),
    };
    let blocks: Vec<BlockEnergy> = blocks.iter().map(with_energy).collect();
    Conclusion {
        plans: all_plans(&blocks, &idle, protocol),
        idle: idle.map(|i| i.interval),
    }
}

/// What blocks and pieces of idle time say whose energy is known already; blocks in the order they ran, pieces as
/// [`idle_pieces`] cuts them.
pub fn conclude(blocks: &[BlockEnergy], idle: &[Integral], protocol: &Protocol) -> Conclusion {
    let idle = idle_power(idle, protocol);
    Conclusion {
        plans: all_plans(blocks, &idle, protocol),
        idle: idle.map(|i| i.interval),
    }
}

/// A stretch of idle time cut into pieces of about [`Protocol::idle_piece_ns`], each with its energy.
pub fn idle_pieces(
    samples: &[Sample],
    window: &Range<Nanos>,
    protocol: &Protocol,
) -> Vec<Integral> {
    let length = window.end.since(window.start);
    let pieces = length / protocol.idle_piece_ns.max(1);
    let edge = |n: i64| window.start.shifted(length / pieces * n);
    let piece = |n| integrate_covered(samples, &(edge(n)..edge(n + 1)), protocol.max_gap_ns);
    (0..pieces).map(piece).collect()
}

fn all_plans(
    blocks: &[BlockEnergy],
    idle: &Result<Idle, NotEnough>,
    protocol: &Protocol,
) -> Vec<(String, Result<PlanEnergy, NotEnough>)> {
    let mut plans: Vec<&str> = Vec::new();
    for block in blocks {
        if !plans.contains(&block.plan.as_str()) {
            plans.push(&block.plan);
        }
    }
    let energies = plans.into_iter().map(|plan| {
        let energy = plan_energy(idle, blocks, plan, protocol);
        (plan.to_owned(), energy)
    });
    energies.collect()
}

/// Idle power with what net energies need of it.
struct Idle {
    interval: Interval,
    error2: f64,
    pieces: usize,
}

fn idle_power(pieces: &[Integral], protocol: &Protocol) -> Result<Idle, NotEnough> {
    let mut watts = Vec::new();
    let mut has_ns = 0;
    for piece in pieces {
        if let Some(mean) = piece.mean()
            && piece.coverage() >= protocol.min_coverage
        {
            watts.push(mean.0);
            has_ns += piece.covered_ns;
        }
    }
    let not_enough = NotEnough(vec![Missing::Idle {
        has_ns,
        needs_ns: protocol.min_idle_ns,
    }]);
    // The rounding of pieces and the tolerated gaps do not make 30 s less than 30 s.
    if (has_ns as f64) < protocol.min_idle_ns as f64 * protocol.min_coverage {
        return Err(not_enough);
    }
    let Some((mean, error2)) = mean_and_error(&watts) else {
        return Err(not_enough);
    };
    let interval = interval(mean, error2, (watts.len() - 1) as f64).ok_or(not_enough)?;
    Ok(Idle {
        interval,
        error2,
        pieces: watts.len(),
    })
}

fn plan_energy(
    idle: &Result<Idle, NotEnough>,
    all: &[BlockEnergy],
    plan: &str,
    protocol: &Protocol,
) -> Result<PlanEnergy, NotEnough> {
    let own = || all.iter().enumerate().filter(|(_, b)| b.plan == plan);
    let seconds = |b: &BlockEnergy| b.integral.window_ns;
    let time_ns: i64 = own().map(|(_, b)| seconds(b)).sum();
    let frames: u64 = own().map(|(_, b)| b.frames).sum();
    let mut missing = shortfalls(own().count(), time_ns, frames, protocol);
    missing.extend(not_interleaved(all, plan));
    let (mut gross, mut inference_s, mut joules) = (Vec::new(), Vec::new(), 0.0);
    for (place, block) in own() {
        let integral = &block.integral;
        let block_number = place + 1;
        match integral.mean() {
            Some(watts) if integral.coverage() >= protocol.min_coverage => {
                let energy = watts.over_ns(seconds(block)).0;
                joules += energy;
                let inferences = block.frames as f64 * f64::from(block.images.max(1));
                gross.push(energy / inferences);
                inference_s.push(seconds(block) as f64 / 1e9 / inferences);
            }
            _ => missing.push(Missing::Samples {
                block: block_number,
                has: integral.coverage(),
                needs: protocol.min_coverage,
            }),
        }
        if block.frames == 0 {
            missing.push(Missing::EmptyBlock {
                block: block_number,
            });
        }
    }
    if !missing.is_empty() {
        return Err(NotEnough(missing));
    }
    let too_few = || {
        NotEnough(vec![Missing::Blocks {
            has: gross.len(),
            needs: 2,
        }])
    };
    let degrees = gross.len() as f64 - 1.0;
    let (mean, error2) = mean_and_error(&gross).ok_or_else(too_few)?;
    Ok(PlanEnergy {
        gross: interval(mean, error2, degrees).ok_or_else(too_few)?,
        net: match idle {
            Ok(idle) => net(&gross, &inference_s, idle).ok_or_else(too_few),
            Err(e) => Err(e.clone()),
        },
        watts: Joules(joules).mean_over_ns(time_ns).ok_or_else(too_few)?,
        blocks: gross.len(),
        frames,
        time_ns,
    })
}

fn shortfalls(blocks: usize, time_ns: i64, frames: u64, protocol: &Protocol) -> Vec<Missing> {
    let mut missing = Vec::new();
    if time_ns < protocol.min_plan_ns {
        missing.push(Missing::Time {
            has_ns: time_ns,
            needs_ns: protocol.min_plan_ns,
        });
    }
    if frames < protocol.min_frames {
        missing.push(Missing::Frames {
            has: frames,
            needs: protocol.min_frames,
        });
    }
    // One value has no spread, whatever the protocol allows.
    let needs = protocol.min_blocks.max(2);
    if blocks < needs {
        missing.push(Missing::Blocks { has: blocks, needs });
    }
    missing
}

/// The plans that ran wholly before or after this one: a drift would look like a difference.
fn not_interleaved(all: &[BlockEnergy], plan: &str) -> Vec<Missing> {
    let span = |plan: &str| {
        let first = all.iter().position(|b| b.plan == plan)?;
        let last = all.iter().rposition(|b| b.plan == plan)?;
        Some((first, last))
    };
    let Some((first, last)) = span(plan) else {
        return Vec::new();
    };
    let mut apart = Vec::new();
    for other in all.iter().map(|b| b.plan.as_str()).filter(|&o| o != plan) {
        let Some((other_first, other_last)) = span(other) else {
            continue;
        };
        let missing = Missing::Interleaving {
            with: other.to_owned(),
        };
        if (other_last < first || last < other_first) && !apart.contains(&missing) {
            apart.push(missing);
        }
    }
    apart
}

/// Energy above idle per inference: each block less the idle power over its time.
fn net(gross: &[f64], inference_s: &[f64], idle: &Idle) -> Option<Interval> {
    let above = gross.iter().zip(inference_s);
    let above: Vec<_> = above.map(|(g, s)| g - idle.interval.mean * s).collect();
    let (mean, blocks2) = mean_and_error(&above)?;
    let mean_s = inference_s.iter().sum::<f64>() / inference_s.len() as f64;
    let idle2 = idle.error2 * mean_s.powi(2);
    let error2 = blocks2 + idle2;
    let degrees = if error2 > 0.0 {
        let of_blocks = blocks2.powi(2) / (above.len() as f64 - 1.0);
        let of_idle = idle2.powi(2) / (idle.pieces as f64 - 1.0);
        error2.powi(2) / (of_blocks + of_idle)
    } else {
        above.len() as f64 - 1.0
    };
    interval(mean, error2, degrees)
}

fn interval(mean: f64, error2: f64, degrees: f64) -> Option<Interval> {
    // The least of the two parts' degrees of freedom is at least one, but for rounding.
    let half = t_975(degrees.max(1.0))? * error2.sqrt();
    Some(Interval { mean, half })
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
