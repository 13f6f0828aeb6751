//! One side of a comparison: the latencies, parts and layers of a session's frames, or of one epoch's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use crate::session::{Entry, Reader, SessionError, What};
use crate::store::ModelView;
use crate::units::{DeviceId, Epoch, ns_to_ms};
use crate::wire::{FrameRecord, Record, StepKind};

/// Frames kept, evenly over the stretch: 2,000 resamples of each of some hundred layers must not take minutes.
const MOST_FRAMES: usize = 400;

/// A session, or one epoch of it: `FILE` or `FILE#EPOCH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The session's file.
    pub file: PathBuf,
    /// Its frames under this plan alone.
    pub epoch: Option<Epoch>,
}

/// Not `FILE` and not `FILE#EPOCH`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no epoch: expected FILE, or FILE#EPOCH with the epoch's number")]
pub struct ChoiceError {
    text: String,
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let Some((file, epoch)) = text.rsplit_once('#') else {
            return Ok(Self {
                file: text.into(),
                epoch: None,
            });
        };
        match epoch.parse() {
            Ok(epoch) => Ok(Self {
                file: file.into(),
                epoch: Some(Epoch(epoch)),
            }),
            Err(_) => Err(ChoiceError {
                text: text.to_owned(),
            }),
        }
    }
}

impl Choice {
    /// What it is called: the file's name, and the epoch.
    pub fn label(&self) -> String {
        let name = self.file.file_stem().unwrap_or_default().to_string_lossy();
        match self.epoch {
            Some(epoch) => format!("{name} epoch {epoch}"),
            None => name.into_owned(),
        }
    }
}

/// An operator on a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Its place in the model.
    pub place: u32,
    /// `features.24`.
    pub name: String,
    /// Where it ran.
    pub device: DeviceId,
}

/// What one side measured. All times in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// What it is called.
    pub label: String,
    /// Modes of its frames, in the order that they came.
    pub modes: Vec<String>,
    /// Frames that count: with a result under their plan, no warm-up, nothing being prepared meanwhile.
    pub frames: u64,
    /// Frames left out.
    pub left_out: u64,
    /// Whether any number is emulated.
    pub emulated: bool,
    /// Figures of each kept frame, by name with unit.
    pub figures: BTreeMap<&'static str, Vec<f64>>,
    /// Times of each kept frame, by layer.
    pub layers: BTreeMap<Layer, Vec<f64>>,
    kept: Vec<Kept>,
    stride: u64,
}

/// A frame's figures and layers.
type Kept = (Vec<(&'static str, f64)>, Vec<(Layer, f64)>);

/// The figures of a frame, in the order that they are shown.
pub(super) const FIGURES: [&str; 9] = [
    "latency_ms",
    "robot_compute_ms",
    "uplink_ms",
    "server_compute_ms",
    "downlink_ms",
    "wait_ms",
    "overlap_ms",
    "bytes_up",
    "bytes_down",
];

fn figures(frame: &FrameRecord) -> Vec<(&'static str, f64)> {
    let parts = &frame.parts;
    let values = [
        ns_to_ms(frame.latency_ns),
        ns_to_ms(parts.robot_compute_ns),
        ns_to_ms(parts.uplink_ns),
        ns_to_ms(parts.server_compute_ns),
        ns_to_ms(parts.downlink_ns),
        ns_to_ms(parts.wait_ns),
        ns_to_ms(parts.overlap_ns),
        frame.bytes_up as f64,
        frame.bytes_down as f64,
    ];
    FIGURES.into_iter().zip(values).collect()
}

/// Time per operator and device; several steps of one operator (row tiles) are added up.
fn layers(frame: &FrameRecord, model: Option<&ModelView>) -> Vec<(Layer, f64)> {
    let mut sums: BTreeMap<(u32, DeviceId), i64> = BTreeMap::new();
    for step in frame.steps.iter() {
        if step.kind == StepKind::Compute {
            let sum = sums.entry((step.node.0, step.device)).or_default();
            *sum = sum.saturating_add(step.duration_ns);
        }
    }
    let name = |node: u32| {
        let known = model.and_then(|m| m.graph.get(crate::units::NodeId(node)));
        known.map_or_else(|| format!("#{node}"), |n| n.name.clone())
    };
    let layers = sums.into_iter().map(|((place, device), ns)| {
        let layer = Layer {
            place,
            name: name(place),
            device,
        };
        (layer, ns_to_ms(ns))
    });
    layers.collect()
}

impl Sample {
    /// Reads what a choice names: the frames of the first robot in the file.
    ///
    /// # Errors
    /// The file cannot be opened or read. Damaged stretches are passed over.
    pub fn read(choice: &Choice) -> Result<Self, SessionError> {
        let reader = Reader::open(&crate::session::folder::find(&choice.file)?)?;
        Self::of(&reader, choice)
    }

    /// The same of a session that is open.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(reader: &Reader, choice: &Choice) -> Result<Self, SessionError> {
        let wanted = |kind: &str| matches!(kind, "frame" | "model" | "hello");
        let mut sample = Self {
            label: choice.label(),
            stride: 1,
            ..Self::default()
        };
        let mut from = None;
        let mut model = None;
        for entry in reader.entries_of_kinds(.., wanted) {
            match entry {
                Ok(entry) => sample.add(&entry, choice.epoch, &mut from, &mut model),
                Err(SessionError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        sample.settle();
        Ok(sample)
    }

    fn add(
        &mut self,
        entry: &Entry,
        epoch: Option<Epoch>,
        from: &mut Option<u16>,
        model: &mut Option<ModelView>,
    ) {
        match &entry.what {
            What::Hello(hello) => {
                if let Some(record) = &hello.hello.model {
                    *model = ModelView::new(record).ok();
                }
            }
            What::Record(told) => match &told.record {
                Record::Model(record) => *model = ModelView::new(record).ok(),
                Record::Frame(frame) => {
                    let robot = *from.get_or_insert(told.target);
                    if robot == told.target && epoch.is_none_or(|e| e == frame.epoch) {
                        self.frame(frame, model.as_ref());
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn frame(&mut self, frame: &FrameRecord, model: Option<&ModelView>) {
        if !super::epochs::counts(frame) {
            self.left_out += 1;
            return;
        }
        self.emulated |= frame.emulated;
        if !self.modes.contains(&frame.mode) && self.modes.len() < 8 {
            self.modes.push(frame.mode.clone());
        }
        self.frames += 1;
        if !(self.frames - 1).is_multiple_of(self.stride) {
            return;
        }
        self.kept.push((figures(frame), layers(frame, model)));
        if self.kept.len() > MOST_FRAMES {
            let mut place = 0;
            self.kept.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride *= 2;
        }
    }

    fn settle(&mut self) {
        for (figures, layers) in std::mem::take(&mut self.kept) {
            for (name, value) in figures {
                self.figures.entry(name).or_default().push(value);
            }
            for (layer, value) in layers {
                self.layers.entry(layer).or_default().push(value);
            }
        }
    }

    /// A side made of frames, for tests and for what is in memory.
    pub fn of_frames<'a>(
        label: &str,
        frames: impl IntoIterator<Item = &'a FrameRecord>,
        model: Option<&ModelView>,
    ) -> Self {
        let mut sample = Self {
            label: label.to_owned(),
            stride: 1,
            ..Self::default()
        };
        for frame in frames {
            sample.frame(frame, model);
        }
        sample.settle();
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_file_or_an_epoch_of_it() {
        let epoch: Choice = "runs/a.mcap#3".parse().unwrap();
        assert_eq!(
            (epoch.epoch, epoch.label().as_str()),
            (Some(Epoch(3)), "a epoch 3")
        );
        let whole: Choice = "runs/a.mcap".parse().unwrap();
        assert_eq!((whole.epoch, whole.label().as_str()), (None, "a"));
        assert!("a.mcap#x".parse::<Choice>().is_err());
    }
}
