//! A frame as one line of text: JSON for programs, words for people.

use serde::Serialize;

use crate::plan::ValueCodec;
use crate::store::{FrameSync, ModelView, Store, class_name};
use crate::units::{Bytes, DeviceId};
use crate::wire::{FrameRecord, StepKind, TelemetryShare};

/// A frame as `--headless --json` writes it. The fields and their order are an interface; units are in the names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of its own in the JSON line"
)]
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
    /// What packing did, where the plan has a codec.
    #[serde(flatten)]
    pub packing: Option<PackingFields>,
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
    /// It was missed when it was new, and came later, out of order; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
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
    /// The same of a whole frame, where it has several images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_frame_j: Option<f64>,
    /// Energy per inference above idle, where the robot was seen idle: a rolling estimate, no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_net_j: Option<f64>,
    /// What the robot takes while it does nothing: measured in a pause, else seen between frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_w: Option<f64>,
    /// How long ago a pause measured that; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_age_s: Option<f64>,
    /// Whether power is made up from given levels; absent where none is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_emulated: Option<bool>,
    /// The link to the first server of late.
    #[serde(flatten)]
    pub link: Option<LinkFields>,
    /// The best class of every image of a batch, the first one's first; absent where there is one image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub batch_top1: Vec<Option<String>>,
    /// What the robot expected of the latency at the frame's admission: a prediction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_ms: Option<f64>,
    /// How far predictions were off so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_error: Option<PredictionErrorFields>,
    /// The policy that has the say over the plan; absent while an operator's choice stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// How far predictions of latency were off, either way, in percent of the latency: of the frame's epoch, and of all
/// frames in its mode, as far back as the console remembers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PredictionErrorFields {
    /// The epoch's median.
    pub epoch_p50_pct: f64,
    /// 90 of 100 of the epoch's frames are closer.
    pub epoch_p90_pct: f64,
    /// The mode's median.
    pub mode_p50_pct: f64,
    /// 90 of 100 of the mode's frames are closer.
    pub mode_p90_pct: f64,
}

impl PredictionErrorFields {
    fn of(frame: &FrameRecord, store: &Store) -> Option<Self> {
        let epoch = store.frames().prediction_error(frame.epoch)?;
        let mode = store.frames().prediction_error_of_mode(&frame.mode)?;
        let pct = |share: f64| rounded(share * 100.0);
        Some(Self {
            epoch_p50_pct: pct(epoch.p50),
            epoch_p90_pct: pct(epoch.p90),
            mode_p50_pct: pct(mode.p50),
            mode_p90_pct: pct(mode.p90),
        })
    }
}

/// What codecs did to the frame's values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackingFields {
    /// The codecs of its transfers: `none`, `zero-bitmap`, `zero-bitmap+none`.
    pub codec: String,
    /// Payload bytes over bytes on the wire, all transfers together.
    pub codec_ratio: f64,
    /// Bytes of values on the wire to servers.
    pub wire_bytes_up: u64,
    /// Bytes of values on the wire to the robot.
    pub wire_bytes_down: u64,
    /// Packing took so long, on all devices; within `uplink_ms` and `downlink_ms` where nothing else went on.
    pub encode_ms: f64,
    /// Unpacking.
    pub decode_ms: f64,
    /// Of a lossy codec only: the largest error of an element over the largest element of its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_error: Option<f64>,
}

impl PackingFields {
    fn of(frame: &FrameRecord) -> Option<Self> {
        let packing = frame.steps.packing(None)?;
        let is_plain = packing.encode_ns == 0 && packing.codecs == [ValueCodec::None];
        if is_plain {
            return None;
        }
        let (mut up, mut down) = (0, 0);
        for step in frame.steps.iter().filter(|s| s.kind == StepKind::Transfer) {
            match (step.device, step.to) {
                (DeviceId::ROBOT, _) => up += step.wire_bytes,
                (_, DeviceId::ROBOT) => down += step.wire_bytes,
                _ => {}
            }
        }
        Some(Self {
            codec: packing.names(),
            codec_ratio: rounded(packing.ratio()),
            wire_bytes_up: up,
            wire_bytes_down: down,
            encode_ms: ms(packing.encode_ns),
            decode_ms: ms(packing.decode_ns),
            codec_error: packing
                .is_lossy()
                .then(|| f64::from(packing.error_ppb) / 1e9),
        })
    }
}

/// The link to the first server as it was told last; what nobody tells is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LinkFields {
    /// Heartbeat's round trip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// The kernel's smoothed round trip of segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_rtt_ms: Option<f64>,
    /// Segments sent again since the connection began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u32>,
    /// Rate at which the server's kernel last acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_mbps: Option<f64>,
    /// Bytes in the kernel that were never sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsent_bytes: Option<u64>,
    /// Values that are ready and wait for the send lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_values: Option<u32>,
    /// What is believed of the way up, and its standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_up_mbps: Option<f64>,
    /// See `estimate_up_mbps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_up_std_mbps: Option<f64>,
    /// What is believed of the way down, and its standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_down_mbps: Option<f64>,
    /// See `estimate_down_mbps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_down_std_mbps: Option<f64>,
    /// The radio's signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wifi_signal_dbm: Option<f64>,
    /// The radio's bit rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wifi_tx_mbps: Option<f64>,
    /// What telemetry takes of the link, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry_share: Option<f64>,
    /// Of that share, what consoles had missed and get late; absent while nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry_missed_share: Option<f64>,
    /// Soundings so far: what the robot sends while a policy's plan sends little, to learn the link's rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soundings: Option<u64>,
    /// Their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soundings_bytes: Option<u64>,
    /// Telemetry goes through the emulated link beside the data; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry_shaped: Option<bool>,
    /// What attached consoles do to the median latency under this plan, as a share of it: 0.01 is 1 % longer. Absent
    /// while there are too few frames with or without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_effect: Option<f64>,
    /// The lower end of its 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_effect_low: Option<f64>,
    /// The upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_effect_high: Option<f64>,
    /// Latencies drift by themselves by more than 1 %: the effect may be that. Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_effect_unsteady: Option<bool>,
    /// Frames behind it that ran without a console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_without_console: Option<u32>,
    /// Frames behind it that ran with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_with_console: Option<u32>,
}

impl LinkFields {
    fn of(store: &Store) -> Option<Self> {
        let (device, series) = store.links().at(0)?;
        let state = store.links().state(device);
        let kernel = state.and_then(|s| s.kernel);
        let mbps = |bps: u64| rounded(bps as f64 / 1e6);
        let (up, down) = (state.and_then(|s| s.up), state.and_then(|s| s.down));
        let host = store.power().host();
        let wifi = host.and_then(|h| h.wifi.first());
        let observer = store.telemetry().and_then(|t| t.observer);
        let change = observer.and_then(|o| o.change);
        let share = |ppm: i64| rounded(ppm as f64 / 1e6);
        Some(Self {
            rtt_ms: series.rtt_ns().map(ms),
            tcp_rtt_ms: kernel.map(|k| ms(i64::from(k.rtt_us) * 1000)),
            retransmits: kernel.map(|k| k.retransmits),
            delivery_mbps: kernel.and_then(|k| k.delivery_bps).map(mbps),
            unsent_bytes: kernel.and_then(|k| k.unsent_bytes),
            queue_values: state.map(|s| s.values_waiting),
            estimate_up_mbps: up.map(|e| mbps(e.bps)),
            estimate_up_std_mbps: up.map(|e| mbps(e.std_bps)),
            estimate_down_mbps: down.map(|e| mbps(e.bps)),
            estimate_down_std_mbps: down.map(|e| mbps(e.std_bps)),
            wifi_signal_dbm: wifi.and_then(|w| w.signal_dbm),
            wifi_tx_mbps: wifi.and_then(|w| w.tx_rate).map(|r| rounded(r.as_mbps())),
            telemetry_share: store.telemetry().map(|t| rounded(t.share())),
            telemetry_missed_share: store
                .telemetry()
                .and_then(TelemetryShare::missed_share)
                .map(rounded),
            soundings: state.and_then(|s| s.soundings).map(|s| s.count),
            soundings_bytes: state.and_then(|s| s.soundings).map(|s| s.bytes),
            telemetry_shaped: store.telemetry().filter(|t| t.is_shaped).map(|_| true),
            console_effect: change.map(|c| share(c.ppm)),
            console_effect_low: change.map(|c| share(c.low_ppm)),
            console_effect_high: change.map(|c| share(c.high_ppm)),
            console_effect_unsteady: observer
                .filter(|o| o.change.is_some())
                .map(|o| o.is_unsteady),
            frames_without_console: observer.map(|o| o.alone.frames),
            frames_with_console: observer.map(|o| o.watched.frames),
        })
    }
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
            packing: PackingFields::of(frame),
            outcome: frame.outcome.name(),
            top1: top1.map(|c| class_name(c.class, trained)),
            top1_score: top1.map(|c| rounded(f64::from(c.score))),
            warmup: frame.warmup,
            preparing: frame.preparing,
            skipped: frame.skipped,
            attempt: frame.attempt,
            emulated: frame.emulated,
            late: false,
            clock_error_ms: frame.clock_error_ns.map(ms),
            servers: Some(servers(frame)).filter(|&n| n > 1),
            sync: SyncFields::of(frame),
            power_w: None,
            energy_j: None,
            energy_frame_j: None,
            energy_net_j: None,
            idle_w: None,
            idle_age_s: None,
            power_emulated: None,
            link: None,
            batch_top1: if frame.other_tops.is_empty() {
                Vec::new()
            } else {
                std::iter::once(&frame.top)
                    .chain(&frame.other_tops)
                    .map(|top| top.first().map(|c| class_name(c.class, trained)))
                    .collect()
            },
            predicted_ms: frame.predicted_ns.map(ms),
            prediction_error: None,
            policy: None,
        }
    }

    /// The same line with what is known of the link to the first server.
    #[must_use]
    pub fn with_link(self, store: &Store) -> Self {
        Self {
            link: LinkFields::of(store),
            ..self
        }
    }

    /// The same line with how far predictions like the frame's were off so far.
    #[must_use]
    pub fn with_prediction_error(self, frame: &FrameRecord, store: &Store) -> Self {
        Self {
            prediction_error: PredictionErrorFields::of(frame, store),
            ..self
        }
    }

    /// The same line with the robot's power of late.
    #[must_use]
    pub fn with_power(self, store: &Store) -> Self {
        let power = store.power();
        let net = power.net_joules();
        let idle = power.idle();
        let age_ns = store.idle_age_ns();
        let power = power.estimate();
        Self {
            energy_net_j: net.map(|j| rounded(j.0)),
            idle_w: idle.map(|w| rounded(w.0)),
            idle_age_s: age_ns.map(|ns| rounded(ns as f64 / 1e9)),
            power_w: power.map(|(e, _)| rounded(e.watts.0)),
            energy_j: power.and_then(|(e, _)| Some(rounded(e.joules_per_inference?.0))),
            energy_frame_j: power
                .filter(|(e, _)| e.images > 1)
                .and_then(|(e, _)| Some(rounded(e.joules_per_frame()?.0))),
            power_emulated: power.map(|(_, emulated)| emulated),
            ..self
        }
    }

    /// The same line with who has the say over the plan.
    #[must_use]
    pub fn with_policy(self, policy: Option<String>) -> Self {
        Self { policy, ..self }
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
        if let Some(packing) = &self.packing {
            let error = packing.codec_error;
            let lossy = error.map(|e| format!(", LOSSY: error up to {:.3} %", e * 100.0));
            words.push(format!(
                "as {} x{:.2}, packing {:.1} + {:.1} ms{}",
                packing.codec,
                packing.codec_ratio,
                packing.encode_ms,
                packing.decode_ms,
                lossy.unwrap_or_default()
            ));
        }
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
