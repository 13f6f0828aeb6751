//! A recording: its frames plan by plan, the link over time, energy where power was measured, and one frame's steps.
//!
//! Read in one pass for everything but the steps, which are large, and a second one for the frame that is shown.

mod shown;

use std::collections::BTreeMap;
use std::path::Path;

use super::ReadError;
use super::sweep::energy;
use super::tally::{Frame, Tally};
use crate::clock::date_time_utc;
use crate::model::GraphSpec;
use crate::report::evidence::{Energy, Evidence, Held, Kind, PlanResult, Rates};
use crate::session::{Entry, Reader, Told, What};
use crate::sweep::{IdleRow, Meter, Pauses, VisitRow, energies};
use crate::units::{BootId, DeviceId, Epoch, FrameId, Nanos, ns_to_ms};
use crate::wire::console::{Role, WorkerHello};
use crate::wire::{FrameRecord, LinkSample, Outcome, PeerRecord, Record};

/// A stretch under one plan that energy is taken over ends after so long, and the next begins.
const STRETCH_NS: i64 = 30_000_000_000;
/// Link samples kept: more than three days of ten a second and two directions.
const MOST_RATES: usize = 3_000_000;

pub(super) fn read(path: &Path, name: &str, frame: Option<u64>) -> Result<Evidence, ReadError> {
    let reader = Reader::open(path)?;
    let mut reading = Reading::new(name);
    let mut damaged = 0_usize;
    for entry in reader.entries_of_kinds(.., |kind| KINDS.contains(&kind)) {
        match entry {
            Ok(entry) => reading.take(entry),
            Err(_) => damaged += 1,
        }
    }
    let (mut evidence, chosen, graph) = reading.end(frame)?;
    if let Some(chosen) = chosen {
        evidence.timeline = shown::timeline(&reader, chosen, graph.as_ref());
    }
    if let Some(start) = &reader.summary().start {
        evidence.program = Some(format!("splitscope {}", start.version));
        evidence.began = Some(date_time_utc(start.unix_ms));
    }
    for (what, said) in reader.summary().meta.told() {
        // A probe's recording says so in its notes.
        evidence.is_link_emulated |= said.starts_with(crate::link::trace::EMULATED);
        evidence.remarks.push(format!("{what} {said:?}"));
    }
    if damaged > 0 {
        evidence.remarks.push(format!(
            "damaged stretches of the file that were passed over: {damaged}"
        ));
    }
    Ok(evidence)
}

/// What is read of a session.
const KINDS: [&str; 10] = [
    "hello",
    "model",
    "plan",
    "frame",
    "link",
    "power_sources",
    "power",
    "pause",
    "lost",
    "peer",
];

/// A frame that may be shown.
struct Candidate {
    boot: BootId,
    frame: FrameId,
    latency_ns: i64,
    label: String,
}

struct Reading {
    evidence: Evidence,
    tally: Tally,
    graph: Option<GraphSpec>,
    /// The robot whose frames are taken: the first that has any.
    robot: Option<u16>,
    plans: BTreeMap<(BootId, Epoch), String>,
    candidates: Vec<Candidate>,
    rates: [Vec<Held>; 2],
    first_link: Option<Nanos>,
    meter: Meter,
    pauses: Pauses,
    idle: Vec<IdleRow>,
    labels: Vec<String>,
    visits: Vec<VisitRow>,
    open: Option<VisitRow>,
    has_many: bool,
}

impl Reading {
    fn new(name: &str) -> Self {
        Self {
            evidence: Evidence::new(name, Kind::Session),
            tally: Tally::default(),
            graph: None,
            robot: None,
            plans: BTreeMap::new(),
            candidates: Vec::new(),
            rates: [Vec::new(), Vec::new()],
            first_link: None,
            meter: Meter::default(),
            pauses: Pauses::default(),
            idle: Vec::new(),
            labels: Vec::new(),
            visits: Vec::new(),
            open: None,
            has_many: false,
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry.what {
            What::Hello(greeting) => self.hello(&greeting.hello),
            What::Record(told) => self.record(told),
            _ => {}
        }
    }

    fn hello(&mut self, hello: &WorkerHello) {
        let device = super::device_name(&hello.host, &hello.engine, hello.emulated);
        match hello.role {
            Role::Robot => self.evidence.robot = Some(device),
            Role::Server if !self.evidence.servers.contains(&device) => {
                self.evidence.servers.push(device);
            }
            Role::Server => {}
        }
        if let Some(model) = &hello.model
            && hello.role == Role::Robot
        {
            self.model(&model.graph);
        }
    }

    fn model(&mut self, graph: &GraphSpec) {
        let shape = graph.input;
        let name = super::model_name(&graph.name, (shape.rows, shape.columns), shape.batch);
        self.has_many |= self.evidence.model.as_ref().is_some_and(|m| *m != name);
        self.evidence.model = Some(name);
        self.graph = Some(graph.clone());
    }

    fn record(&mut self, told: Told) {
        if self.robot.is_some_and(|robot| robot != told.target) {
            return;
        }
        match told.record {
            Record::Frame(frame) => {
                self.robot = Some(told.target);
                self.frame(told.boot, &frame);
            }
            Record::Plan(plan) => {
                // Without commas, as sweeps name plans.
                let label = plan.plan.label().replace(',', "");
                self.plans.insert((told.boot, plan.epoch), label);
            }
            Record::Model(model) => self.model(&model.graph),
            Record::Peer(peer) => self.peer(&peer),
            Record::Link(sample) if sample.peer == DeviceId::SERVER => self.link(&sample),
            Record::PowerSources(sources) => self.meter.set_sources(&sources),
            Record::Power(power) => {
                self.meter.add(&power);
                let idle = self.pauses.measured(&mut self.meter, false);
                self.idle.extend(idle);
            }
            Record::Pause(pause) => self.pauses.told(&pause),
            _ => {}
        }
    }

    /// A server that is reached over an emulated link.
    fn peer(&mut self, peer: &PeerRecord) {
        if let Some(link) = &peer.link {
            self.evidence.link = Some(super::link_name(link, true));
            self.evidence.is_link_emulated = true;
        }
    }

    fn frame(&mut self, boot: BootId, frame: &FrameRecord) {
        let label = self.plans.get(&(boot, frame.epoch)).cloned();
        let label = label.unwrap_or_else(|| match frame.cut {
            Some(cut) => format!("{} {cut}", frame.mode),
            None => frame.mode.clone(),
        });
        let is_left_out = frame.warmup || frame.preparing || frame.outcome != Outcome::Ok;
        self.evidence.is_emulated |= frame.emulated;
        self.tally.add(&Frame {
            label: &label,
            mode: &frame.mode,
            cut: frame.cut,
            latency_ns: frame.latency_ns,
            parts: frame.parts,
            bytes_up: frame.bytes_up,
            bytes_down: frame.bytes_down,
            is_left_out,
            predicted_ns: frame.predicted_ns,
        });
        if is_left_out {
            self.close();
        } else {
            self.stretch(&label, frame);
        }
        if !frame.steps.is_empty() {
            self.candidates.push(Candidate {
                boot,
                frame: frame.frame,
                latency_ns: frame.latency_ns,
                label,
            });
        }
    }

    /// Frames of one plan on end are a block of the block method.
    fn stretch(&mut self, label: &str, frame: &FrameRecord) {
        let plan = self.labels.iter().position(|l| l == label);
        let plan = plan.unwrap_or_else(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        });
        let from_ns = frame.admitted.0;
        let to_ns = from_ns.saturating_add(frame.latency_ns);
        let fits =
            |open: &VisitRow| open.plan == plan && to_ns.saturating_sub(open.from_ns) <= STRETCH_NS;
        match &mut self.open {
            Some(open) if fits(open) => {
                open.frames += 1;
                open.to_ns = open.to_ns.max(to_ns);
            }
            _ => {
                self.close();
                self.open = Some(VisitRow {
                    visit: self.visits.len() as u32,
                    round: 0,
                    plan,
                    frames: 1,
                    from_ns,
                    to_ns,
                    power: None,
                    load: None,
                    chose: Vec::new(),
                });
            }
        }
    }

    /// Ends a stretch. The last tenth of a second of its power is told after it: what is there is taken, and coverage
    /// says whether it is enough.
    fn close(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.power = self.meter.over(&(Nanos(open.from_ns)..Nanos(open.to_ns)));
            self.visits.push(open);
        }
    }

    fn link(&mut self, sample: &LinkSample) {
        let first = *self
            .first_link
            .get_or_insert(sample.at.shifted(-sample.window_ns));
        let for_s = sample.window_ns as f64 / 1e9;
        let from_s = (sample.at.since(first) - sample.window_ns) as f64 / 1e9;
        for (held, flow) in self.rates.iter_mut().zip([sample.up, sample.down]) {
            let mbps = if sample.connected {
                flow.mbps()
            } else {
                Some(0.0)
            };
            if let Some(mbps) = mbps.filter(|_| held.len() < MOST_RATES) {
                held.push(Held {
                    from_s,
                    for_s,
                    mbps,
                });
            }
        }
    }

    fn end(
        mut self,
        wanted: Option<u64>,
    ) -> Result<(Evidence, Option<Candidate>, Option<GraphSpec>), ReadError> {
        self.close();
        let mut evidence = self.evidence;
        evidence.plans = self.tally.results();
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let idle = self.pauses.measured(&mut self.meter, true);
        self.idle.extend(idle);
        let images = self.graph.as_ref().map_or(1, |g| g.input.batch.max(1));
        let (found, _) = energies(&labels, &self.visits, &self.idle, images);
        for plan in &mut evidence.plans {
            let place = labels.iter().position(|l| *l == plan.label);
            plan.energy = place.and_then(|place| {
                let strict = found.get(place)?;
                match strict {
                    Ok(found) => Some(energy(found.clone())),
                    Err(why) => mean_energy(&self.visits, place, images, why),
                }
            });
            name_layer(plan, self.graph.as_ref());
        }
        for (direction, held) in ["up", "down"].into_iter().zip(self.rates) {
            if !held.is_empty() {
                evidence.rates.push(Rates { direction, held });
            }
        }
        evidence.link = evidence.link.or_else(|| measured_link(&evidence.rates));
        if evidence.plans.is_empty() && evidence.rates.is_empty() {
            return Err(ReadError::NoFrames(evidence.file));
        }
        if self.has_many {
            evidence
                .remarks
                .push("several models were run; the last one is named".to_owned());
        }
        let chosen = choose(self.candidates, wanted, &evidence)?;
        Ok((evidence, chosen, self.graph))
    }
}

/// A link that nobody named: what it carried.
fn measured_link(rates: &[Rates]) -> Option<String> {
    let up = rates.iter().find(|r| r.direction == "up")?;
    let used = || up.held.iter().filter(|h| h.mbps > 0.0);
    let seconds: f64 = used().map(|h| h.for_s).sum();
    let megabits: f64 = used().map(|h| h.mbps * h.for_s).sum();
    (seconds > 0.0).then(|| {
        let mean = megabits / seconds;
        format!("without a name, {mean:.1} Mbps up on average while it was used")
    })
}

/// Where the block method gives no number: all joules over all images, as preliminary.
fn mean_energy(visits: &[VisitRow], plan: usize, images: u32, why: &str) -> Option<Energy> {
    let mut joules = 0.0;
    let mut frames = 0.0;
    for visit in visits.iter().filter(|v| v.plan == plan) {
        if let Some(power) = &visit.power {
            let window = (visit.to_ns - visit.from_ns).max(1) as f64;
            joules += power.joules;
            frames += visit.frames as f64 * (power.covered_ns as f64 / window).min(1.0);
        }
    }
    (frames > 0.0).then(|| Energy {
        joules: joules / (frames * f64::from(images)),
        half: None,
        net: None,
        preliminary: Some(why.to_owned()),
    })
}

fn name_layer(plan: &mut PlanResult, graph: Option<&GraphSpec>) {
    let last = plan.cut.and_then(|cut| (cut as usize).checked_sub(1));
    plan.layer = last.and_then(|i| Some(graph?.nodes.get(i)?.name.clone()));
}

/// The frame asked for, or the one nearest to the median latency.
fn choose(
    mut candidates: Vec<Candidate>,
    wanted: Option<u64>,
    evidence: &Evidence,
) -> Result<Option<Candidate>, ReadError> {
    if let Some(wanted) = wanted {
        let numbers = candidates.iter().map(|c| c.frame.0);
        let (first, last) = (
            numbers.clone().min().unwrap_or(0),
            numbers.max().unwrap_or(0),
        );
        let place = candidates.iter().position(|c| c.frame.0 == wanted);
        return match place {
            Some(place) => Ok(Some(candidates.swap_remove(place))),
            None => Err(ReadError::NoSuchFrame {
                file: evidence.file.clone(),
                frame: wanted,
                first,
                last,
            }),
        };
    }
    // Of the plan with the most frames: the frame that stands for it.
    let most = evidence.plans.iter().max_by_key(|p| p.latencies_ms.len());
    let off =
        |c: &Candidate| most.map_or(0.0, |p| (ns_to_ms(c.latency_ns) - p.latency.value).abs());
    Ok(candidates
        .into_iter()
        .filter(|c| most.is_none_or(|p| p.label == c.label))
        .min_by(|a, b| off(a).total_cmp(&off(b))))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
