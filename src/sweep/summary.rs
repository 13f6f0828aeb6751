//! What the frames of a sweep say, plan by plan.

use serde::Serialize;

use super::load::busy_from;
use super::{
    Chosen, FrameRow, Header, IdleRow, PartsMs, PlanLine, RefusedRow, SoloRow, Sweep, SweepFile,
    VisitRow,
};
use crate::power::energy::{BlockEnergy, Integral, Missing, NotEnough, Protocol, conclude};
use crate::statistics::{Estimate, mean, median};
use crate::units::{Joules, ns_to_ms};

/// What a sweep says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Every plan, by its place in [`Header::plans`].
    pub plans: Vec<PlanSummary>,
    /// The plan of the least median latency.
    pub fastest: Option<usize>,
    /// The plan of the least energy per inference, if energy was measured.
    pub frugal: Option<usize>,
    /// What the robot takes while it does nothing, if it was left alone for that.
    pub idle: Option<IdleSummary>,
    /// Whether robot and server slow each other, where they share a machine and that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solo: Option<SoloRow>,
}

/// Idle power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IdleSummary {
    /// Its mean, in watts.
    pub watts: f64,
    /// Half of its 95 % interval.
    pub half: f64,
    /// Time that it was measured over.
    pub seconds: f64,
    /// Whether the sensor is emulated.
    pub emulated: bool,
}

/// What is known of one plan. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanSummary {
    /// What people read.
    pub label: String,
    /// The mode.
    pub mode: String,
    /// The partition point.
    pub cut: Option<u32>,
    /// The last layer on the robot.
    pub layer: Option<String>,
    /// Frames that count.
    pub frames: usize,
    /// Frames that do not: warm-up, prepared during another switch, without the link.
    pub left_out: usize,
    /// The median with its 95 % bootstrap interval.
    pub latency_ms: Option<Estimate>,
    /// The mean latency.
    pub mean_ms: Option<f64>,
    /// Where the latency went, as means: they sum to the mean latency.
    pub parts_ms: Option<PartsMs>,
    /// Mean payload bytes to servers.
    pub bytes_up: Option<f64>,
    /// Mean payload bytes to the robot.
    pub bytes_down: Option<f64>,
    /// Energy per inference by the block method.
    pub energy: Option<EnergySummary>,
    /// Why there is no energy.
    pub no_energy: Option<String>,
    /// The median of what was predicted.
    pub predicted_ms: Option<f64>,
    /// Under a policy: the plans that it chose, and in how many of the frames that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chose: Vec<Chosen>,
    /// Whether any number in it is emulated.
    pub emulated: bool,
    /// The mean load of the robot's cores during its visits, 0 to 1, where that is told.
    pub load: Option<f64>,
    /// Whether that is so much that something else was running: then times are longer than they should be.
    pub is_busy: bool,
    /// Why the plan could not be measured.
    pub refused: Option<String>,
    /// Robot and server computed at once, for real, on one machine: they may have slowed each other.
    pub one_host: bool,
    /// Then: whether they did, if that was checked. Such times are no results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contended: Option<bool>,
}

/// Energy per inference, in joules, with everything the robot took. Every image of a frame is an inference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnergySummary {
    /// The mean over visits.
    pub joules: f64,
    /// Half of its 95 % interval.
    pub half: f64,
    /// The same above idle, if idle power was measured.
    pub net: Option<NetSummary>,
    /// Mean power, in watts.
    pub watts: f64,
    /// Visits behind it.
    pub blocks: usize,
    /// Their time.
    pub seconds: f64,
    /// Their frames.
    pub frames: u64,
    /// What the block method's protocol still lacks: such a number is preliminary.
    pub short: Option<String>,
    /// Whether the sensor is emulated.
    pub emulated: bool,
}

/// Energy per inference above what the robot takes anyway, in joules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetSummary {
    /// The mean over visits.
    pub joules: f64,
    /// Half of its 95 % interval, with the uncertainty of the idle power in it.
    pub half: f64,
    /// What of idle time the protocol still lacks.
    pub short: Option<String>,
}

impl SweepFile {
    /// What it says.
    pub fn summary(&self) -> Summary {
        let measured = (self.visits.as_slice(), self.idle.as_slice());
        summarize(&self.header, &self.frames, measured, &self.refused).checked(self.solo.as_ref())
    }
}

impl Sweep {
    /// What it says so far; `header` tells the devices.
    pub fn summary(&self, header: &Header) -> Summary {
        let measured = (self.visits(), self.idle_rows());
        summarize(header, self.frames(), measured, self.refusals()).checked(self.solo())
    }
}

impl Summary {
    /// The same with what the solo check found.
    fn checked(mut self, solo: Option<&SoloRow>) -> Self {
        self.solo = solo.copied();
        for plan in self.plans.iter_mut().filter(|p| p.one_host) {
            plan.contended = solo.map(SoloRow::is_contended);
        }
        self
    }

    /// What is to be said of robot and server on one machine; none where no plan had both compute there.
    pub fn contention(&self) -> Option<String> {
        self.plans.iter().any(|p| p.one_host).then(|| {
            self.solo.as_ref().map_or_else(
                || {
                    "robot and server computed on one machine: contention was not checked"
                        .to_owned()
                },
                SoloRow::words,
            )
        })
    }
}

fn summarize(
    header: &Header,
    frames: &[FrameRow],
    (visits, idle): (&[VisitRow], &[IdleRow]),
    refused: &[RefusedRow],
) -> Summary {
    let mut of: Vec<Vec<&FrameRow>> = vec![Vec::new(); header.plans.len()];
    for row in frames {
        if let Some(rows) = of.get_mut(row.plan) {
            rows.push(row);
        }
    }
    let labels: Vec<&str> = header.plans.iter().map(|p| p.label.as_str()).collect();
    let (energies, idle) = energies(&labels, visits, idle, header.model.batch);
    let plans: Vec<PlanSummary> = header
        .plans
        .iter()
        .zip(of)
        .zip(energies)
        .enumerate()
        .map(|(place, ((line, rows), energy))| {
            let mut plan = plan_summary(line, &rows, energy);
            plan.refused = refused
                .iter()
                .find(|r| r.plan == place && plan.frames == 0)
                .map(|r| r.reason.clone());
            let own = visits.iter().filter(|v| v.plan == place);
            plan.chose = Chosen::sum(own.flat_map(|v| v.chose.iter().cloned()));
            plan.load = mean_load(visits.iter().filter(|v| v.plan == place));
            plan.is_busy = plan.load.is_some_and(|l| l >= busy_from(header));
            plan.one_host = header.is_on_one_host(line);
            plan
        })
        .collect();
    let least = |of: &dyn Fn(&PlanSummary) -> Option<f64>| {
        let known = plans.iter().enumerate();
        let known = known.filter_map(|(place, plan)| Some((place, of(plan)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(p, _)| p)
    };
    Summary {
        fastest: least(&|p| Some(p.latency_ms?.value)),
        frugal: least(&|p| Some(p.energy.as_ref()?.joules)),
        idle,
        solo: None,
        plans,
    }
}

/// Each visit counts by its frames.
fn mean_load<'a>(visits: impl Iterator<Item = &'a VisitRow>) -> Option<f64> {
    let told = visits.filter_map(|v| Some((v.load?, v.frames as f64)));
    let (sum, frames) = told.fold((0.0, 0.0), |(s, n), (load, f)| (load.mul_add(f, s), n + f));
    (frames > 0.0).then(|| sum / frames)
}

fn plan_summary(
    line: &PlanLine,
    rows: &[&FrameRow],
    energy: Result<EnergySummary, String>,
) -> PlanSummary {
    let used: Vec<&&FrameRow> = rows.iter().filter(|r| r.left_out.is_none()).collect();
    let of = |what: &dyn Fn(&FrameRow) -> i64| -> Vec<f64> {
        used.iter().map(|r| ns_to_ms(what(r))).collect()
    };
    let latencies = of(&|r| r.latency_ns);
    let part = |what: &dyn Fn(&FrameRow) -> i64| mean(&of(what));
    let parts = || {
        Some(PartsMs {
            robot: part(&|r| r.parts.robot_compute_ns)?,
            uplink: part(&|r| r.parts.uplink_ns)?,
            server: part(&|r| r.parts.server_compute_ns)?,
            downlink: part(&|r| r.parts.downlink_ns)?,
            wait: part(&|r| r.parts.wait_ns)?,
        })
    };
    let bytes = |what: &dyn Fn(&FrameRow) -> u64| {
        mean(&used.iter().map(|r| what(r) as f64).collect::<Vec<_>>())
    };
    let predicted: Vec<f64> = (used.iter())
        .filter_map(|r| r.predicted_ns.map(ns_to_ms))
        .collect();
    let (energy, no_energy) = match energy {
        Ok(energy) => (Some(energy), None),
        Err(why) => (None, Some(why)),
    };
    PlanSummary {
        label: line.label.clone(),
        mode: line.mode.clone(),
        cut: line.cut,
        layer: line.layer.clone(),
        frames: used.len(),
        left_out: rows.len() - used.len(),
        latency_ms: Estimate::of_median(&latencies),
        mean_ms: mean(&latencies),
        parts_ms: parts(),
        bytes_up: bytes(&|r| r.bytes_up),
        bytes_down: bytes(&|r| r.bytes_down),
        energy,
        no_energy,
        predicted_ms: median(&predicted),
        chose: Vec::new(),
        emulated: rows.iter().any(|r| r.emulated),
        load: None,
        is_busy: false,
        refused: None,
        one_host: false,
        contended: None,
    }
}

/// Energy of every plan by the block method, a visit being a block of frames of so many images, or why there is none; and idle power.
pub(crate) fn energies(
    labels: &[&str],
    visits: &[VisitRow],
    idle: &[IdleRow],
    images: u32,
) -> (Vec<Result<EnergySummary, String>>, Option<IdleSummary>) {
    let block = |visit: &VisitRow| {
        let power = visit.power.as_ref()?;
        let window_ns = visit.to_ns - visit.from_ns;
        Some(BlockEnergy {
            plan: (*labels.get(visit.plan)?).to_owned(),
            frames: visit.frames,
            images,
            integral: Integral {
                energy: Joules(power.joules),
                covered_ns: power.covered_ns,
                window_ns,
            },
        })
    };
    // A visit whose window the samples did not reach is no block.
    let protocol = Protocol::default();
    let blocks: Vec<BlockEnergy> = visits
        .iter()
        .filter_map(block)
        .filter(|b| b.integral.coverage() >= protocol.min_coverage)
        .collect();
    let pieces: Vec<Integral> = idle
        .iter()
        .flat_map(|row| &row.pieces)
        .map(|piece| Integral {
            energy: Joules(piece.joules),
            covered_ns: piece.covered_ns,
            window_ns: piece.window_ns,
        })
        .collect();
    let strict = conclude(&blocks, &pieces, &protocol);
    let relaxed = conclude(
        &blocks,
        &pieces,
        &Protocol {
            min_plan_ns: 0,
            min_frames: 1,
            min_idle_ns: 1,
            ..protocol
        },
    );
    let emulated = |place: usize| {
        let mut powers = visits.iter().filter(|v| v.plan == place);
        powers.any(|v| v.power.as_ref().is_some_and(|p| p.emulated))
    };
    let find = |all: &[(String, Result<_, NotEnough>)], label: &str| {
        let found = all.iter().find(|(name, _)| name == label);
        found.map(|(_, result)| result.clone())
    };
    let of = |(place, label): (usize, &&str)| {
        let Some(energy) = find(&relaxed.plans, label) else {
            return Err("no power was measured".to_owned());
        };
        let energy = energy.map_err(|e| e.to_string())?;
        let short = match find(&strict.plans, label) {
            Some(Err(lacks)) => Some(only_amounts(lacks).to_string()),
            _ => None,
        };
        Ok(EnergySummary {
            joules: energy.gross.mean,
            half: energy.gross.half,
            net: energy.net.ok().map(|net| NetSummary {
                joules: net.mean,
                half: net.half,
                short: strict.idle.as_ref().err().map(NotEnough::to_string),
            }),
            watts: energy.watts.0,
            blocks: energy.blocks,
            seconds: energy.time_ns as f64 / 1e9,
            frames: energy.frames,
            short,
            emulated: emulated(place),
        })
    };
    let covered_ns: i64 = pieces.iter().map(|p| p.covered_ns).sum();
    let idle = relaxed.idle.ok().map(|power| IdleSummary {
        watts: power.mean,
        half: power.half,
        seconds: covered_ns as f64 / 1e9,
        emulated: idle.iter().any(|row| row.emulated),
    });
    (labels.iter().enumerate().map(of).collect(), idle)
}

/// Of what lacks, what the relaxed protocol let pass.
fn only_amounts(lacks: NotEnough) -> NotEnough {
    let amount = |m: &Missing| matches!(m, Missing::Time { .. } | Missing::Frames { .. });
    NotEnough(lacks.0.into_iter().filter(amount).collect())
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
