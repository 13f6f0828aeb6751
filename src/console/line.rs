//! A frame as one line of text: JSON for programs, words for people.

use serde::Serialize;

use crate::store::{FrameSync, ModelView, class_name};
use crate::units::{Bytes, DeviceId};
use crate::wire::FrameRecord;

/// A frame as `--headless --json` writes it. The fields and their order are an interface; units are in the names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameLine {
    /// The robot's number.
    pub frame: u64,
    /// The plan's number.
    pub epoch: u32,
    /// The plan's mode.
    pub mode: String,
    /// Operators on the robot, where the mode has one cut.
    pub cut: Option<u32>,
    /// From admission to the result on the robot. The next five parts sum to it.
    pub latency_ms: f64,
    /// The robot computed.
    pub robot_compute_ms: f64,
    /// A transfer to the server went on while nobody computed.
    pub uplink_ms: f64,
    /// The server computed while the robot did not.
    pub server_compute_ms: f64,
    /// A transfer to the robot went on, and nothing of the above.
    pub downlink_ms: f64,
    /// None of these.
    pub wait_ms: f64,
    /// What going on at once saved.
    pub overlap_ms: f64,
    /// Payload to the server.
    pub bytes_up: u64,
    /// Payload to the robot.
    pub bytes_down: u64,
    /// `ok`, `finished_locally` or `failed`.
    pub outcome: &'static str,
    /// The best class: its label, or `#412` where the weights are untrained.
    pub top1: Option<String>,
    /// Its softmax score.
    pub top1_score: Option<f64>,
    /// Left out of statistics.
    pub warmup: bool,
    /// Another plan was being prepared meanwhile.
    pub preparing: bool,
    /// Pictures skipped since the frame before.
    pub skipped: u32,
    /// 0, or how often it was finished anew.
    pub attempt: u16,
    /// Whether any number here was emulated.
    pub emulated: bool,
    /// Error bound of server times.
    pub clock_error_ms: Option<f64>,
    /// Servers that took part, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<usize>,
    /// Where operators were divided.
    #[serde(flatten)]
    pub sync: Option<SyncFields>,
    /// Mean power over the last seconds, where the robot measures it: a rolling estimate, no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_w: Option<f64>,
    /// Energy per inference over the last seconds, idle included: a rolling estimate, no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_j: Option<f64>,
    /// Whether power is made up from given levels; absent where none is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_emulated: Option<bool>,
    /// The best class of every image of a batch, the first one's first; absent where there is one image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub batch_top1: Vec<Option<String>>,
    /// What the robot expected of the latency at the frame's admission: a prediction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_ms: Option<f64>,
}

/// What joining divided operators took (`tensor` and `tile`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SyncFields {
    /// All syncs together. The next three sum to it.
    pub sync_ms: f64,
    /// Nothing of them went on.
    pub sync_wait_ms: f64,
    /// Pieces were on their way.
    pub sync_wire_ms: f64,
    /// Pieces were joined, addends summed.
    pub sync_concat_ms: f64,
    /// `sync_ms` as a share of the latency, 0 to 1.
    pub sync_share: f64,
}

impl SyncFields {
    fn of(frame: &FrameRecord) -> Option<Self> {
        let sync = FrameSync::of(frame)?;
        Some(Self {
            sync_ms: ms(sync.total.total_ns()),
            sync_wait_ms: ms(sync.total.wait_ns),
            sync_wire_ms: ms(sync.total.wire_ns),
            sync_concat_ms: ms(sync.total.concat_ns),
            sync_share: rounded(sync.share()),
        })
    }
}

/// How many devices beside the robot had a step.
fn servers(frame: &FrameRecord) -> usize {
    let mut seen = [false; 256];
    for step in frame.steps.iter() {
        seen[usize::from(step.device.0)] = step.device != DeviceId::ROBOT;
    }
    seen.iter().filter(|&&seen| seen).count()
}

impl FrameLine {
    /// A frame with its class named as the model allows.
    pub fn new(frame: &FrameRecord, model: Option<&ModelView>) -> Self {
        let trained = model.is_some_and(|m| m.trained);
        let top1 = frame.top.first();
        Self {
            frame: frame.frame.0,
            epoch: frame.epoch.0,
            mode: frame.mode.clone(),
            cut: frame.cut,
            latency_ms: ms(frame.latency_ns),
            robot_compute_ms: ms(frame.parts.robot_compute_ns),
            uplink_ms: ms(frame.parts.uplink_ns),
            server_compute_ms: ms(frame.parts.server_compute_ns),
            downlink_ms: ms(frame.parts.downlink_ns),
            wait_ms: ms(frame.parts.wait_ns),
            overlap_ms: ms(frame.parts.overlap_ns),
            bytes_up: frame.bytes_up,
            bytes_down: frame.bytes_down,
            outcome: frame.outcome.name(),
            top1: top1.map(|c| class_name(c.class, trained)),
            top1_score: top1.map(|c| rounded(f64::from(c.score))),
            warmup: frame.warmup,
            preparing: frame.preparing,
            skipped: frame.skipped,
            attempt: frame.attempt,
            emulated: frame.emulated,
            clock_error_ms: frame.clock_error_ns.map(ms),
            servers: Some(servers(frame)).filter(|&n| n > 1),
            sync: SyncFields::of(frame),
            power_w: None,
            energy_j: None,
            power_emulated: None,
            batch_top1: if frame.other_tops.is_empty() {
                Vec::new()
            } else {
                std::iter::once(&frame.top)
                    .chain(&frame.other_tops)
                    .map(|top| top.first().map(|c| class_name(c.class, trained)))
                    .collect()
            },
            predicted_ms: frame.predicted_ns.map(ms),
        }
    }

    /// The same line with the robot's power of late.
    #[must_use]
    pub fn with_power(self, power: Option<(crate::power::energy::Estimate, bool)>) -> Self {
        Self {
            power_w: power.map(|(e, _)| rounded(e.watts.0)),
            energy_j: power.and_then(|(e, _)| Some(rounded(e.joules_per_inference?.0))),
            power_emulated: power.map(|(_, emulated)| emulated),
            ..self
        }
    }

    /// One JSON object, without a line's end.
    pub fn json(&self) -> String {
        // Plain fields with text keys always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// One line for people.
    pub fn human(&self) -> String {
        let cut = self.cut.map(|k| format!(" cut {k}")).unwrap_or_default();
        let time = format!(
            "frame {}  epoch {}  {}{cut}  {:.1} ms = robot {:.1} + up {:.1} + server {:.1} + down {:.1} + wait {:.1}",
            self.frame,
            self.epoch,
            self.mode,
            self.latency_ms,
            self.robot_compute_ms,
            self.uplink_ms,
            self.server_compute_ms,
            self.downlink_ms,
            self.wait_ms,
        );
        let bytes = format!(
            "sent {}, got {}",
            Bytes(self.bytes_up),
            Bytes(self.bytes_down)
        );
        let mut words = vec![time, bytes];
        if let (Some(top1), Some(score)) = (&self.top1, self.top1_score) {
            words.push(format!("{top1} {score:.2}"));
        }
        if let Some(sync) = &self.sync {
            words.push(format!(
                "sync {:.1} ms ({:.0} %) = wait {:.1} + wire {:.1} + concat {:.1}",
                sync.sync_ms,
                sync.sync_share * 100.0,
                sync.sync_wait_ms,
                sync.sync_wire_ms,
                sync.sync_concat_ms,
            ));
        }
        if let Some(predicted) = self.predicted_ms {
            words.push(format!("predicted {predicted:.1} ms"));
        }
        if self.outcome != "ok" {
            words.push(self.outcome.to_owned());
        }
        for (yes, word) in [
            (self.warmup, "warm-up"),
            (self.preparing, "preparing"),
            (self.emulated, "emulated"),
        ] {
            if yes {
                words.push(word.to_owned());
            }
        }
        words.join("  ")
    }
}

fn ms(ns: i64) -> f64 {
    rounded(ns as f64 / 1e6)
}

/// Four decimals: a tenth of a microsecond.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
