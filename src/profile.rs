//! What a device is like: how long it takes for an operator, measured or fitted, and what power it draws meanwhile;
//! and what a link is like ([`trace`]).
//!
//! A profile is a versioned TOML file (`profiles/devices/`). Nothing here computes a tensor, sleeps or opens a socket:
//! the emulated engine and predictions ask [`Profile::time_ns`].

mod calibrate;
mod check;
mod cost;
mod field;
mod fit;
mod table;
mod text;
pub mod trace;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use calibrate::{Calibrated, Observed};
pub use check::{
    LocalRow, OffloadRow, PowerRow, compare_local, compare_offload, compare_power, markdown,
};
pub use cost::{Work, kind, work};
pub use field::{ByBucket, FIELD_MODELS, FieldData, FieldError, Side};
pub use fit::{Sample, fit_kinds, fit_profile, forward_without_normalize_ns, nnls};

use crate::power::Levels;
use crate::units::Watts;

/// Version of the format that this program reads and writes.
pub const FORMAT: u32 = 1;
/// A profile file is no longer than this.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// The parts of an operator that are measured: shares of its rows or channels.
pub const FRACTIONS: [f64; 4] = [0.125, 0.25, 0.5, 1.0];
/// The kind whose cost stands for kinds that a profile does not have.
pub const OTHER: &str = "other";

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// [`FORMAT`].
    pub format: u32,
    /// What the device is called.
    pub name: String,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// What it draws; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerLevels>,
    /// Cost by kind of operator; [`OTHER`] stands for the rest.
    pub operators: BTreeMap<String, KindCost>,
    /// Models that were measured on the device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelFit>,
}

impl Profile {
    /// What the device draws with a model, for [`crate::power::Emulated`]; none where nobody knows.
    pub fn levels(&self, model: &str) -> Option<Levels> {
        let levels = self.power?.levels();
        let measured = self.models.iter().find(|m| m.name == model);
        let compute = measured.and_then(|m| m.compute_w);
        Some(Levels {
            compute: compute.map_or(levels.compute, Watts),
            ..levels
        })
    }
}

/// Who measured, when and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Who measured, or the published source.
    pub who: String,
    /// When.
    pub when: String,
    /// How, in a sentence.
    pub how: String,
    /// Whether cuDNN was on, or that there is none.
    pub cudnn: String,
    /// Program and version that wrote the file.
    pub program: String,
}

/// Power by what the device does and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerLevels {
    /// Nothing.
    pub idle_w: f64,
    /// It computes.
    pub compute_w: f64,
    /// It sends.
    pub tx_w: f64,
    /// It receives.
    pub rx_w: f64,
}

impl PowerLevels {
    /// The levels for [`crate::power::Emulated`].
    pub const fn levels(&self) -> Levels {
        Levels {
            idle: Watts(self.idle_w),
            compute: Watts(self.compute_w),
            transmit: Watts(self.tx_w),
            receive: Watts(self.rx_w),
        }
    }
}

/// What operators of one kind cost: `overhead + flops / rate + bytes / rate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindCost {
    /// Launching one, in nanoseconds: what a small part costs as much as the whole.
    pub overhead_ns: f64,
    /// Arithmetic rate; none if arithmetic is not what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops_per_s: Option<f64>,
    /// Memory rate; none if memory is not what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_s: Option<f64>,
    /// The part of the time above the overhead that 1/8, 1/4 and 1/2 of the work take; none: as much as their share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<[f64; 3]>,
}

/// A model that was measured, and how well the kinds' costs give its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFit {
    /// The model's name, as in the zoo.
    pub name: String,
    /// Rows and columns of its input.
    pub size: [u32; 2],
    /// Time of a forward pass as measured, without normalisation, in nanoseconds.
    pub measured_ns: i64,
    /// By how much the kinds' costs, with `scale`, miss it, in percent.
    pub error_pct: f64,
    /// By how much costs fitted without this model miss it: what to expect of models that were not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_error_pct: Option<f64>,
    /// Mean power while the device ran this model frame after frame; none: as [`PowerLevels::compute_w`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_w: Option<f64>,
    /// Measured over fitted time by kind, applied to this model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scale: BTreeMap<String, f64>,
    /// Measured operators; they win over the kinds' costs at the same input size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub table: Vec<OperatorTimes>,
}

/// One operator, measured at [`FRACTIONS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorTimes {
    /// The node's name.
    pub name: String,
    /// Nanoseconds for shares of its rows.
    pub rows_ns: [i64; 4],
    /// Nanoseconds for shares of its channels.
    pub channels_ns: [i64; 4],
}

/// A profile cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No shipped name and no file.
    #[error(
        "the device \"{read}\" is neither a shipped profile ({}) nor a file; `splitscope profile` writes one",
        SHIPPED.map(|(name, _)| name).join(", ")
    )]
    Unknown {
        /// What was read.
        read: String,
    },
    /// The file cannot be read.
    #[error("cannot read the device profile {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, or not of this shape.
    #[error("{name}: line {line}: {problem}")]
    Syntax {
        /// Which profile.
        name: String,
        /// Line, from 1.
        line: usize,
        /// What was read and what was expected.
        problem: String,
    },
    /// A field out of bounds.
    #[error("{name}: {field} is {read}; expected {expected}")]
    Field {
        /// Which profile.
        name: String,
        /// The field's path.
        field: String,
        /// What was read.
        read: String,
        /// What was expected.
        expected: String,
    },
}

/// Names and files of the shipped profiles.
pub const SHIPPED: [(&str, &str); 2] = [
    (
        "jetson-xavier-nx",
        include_str!("../profiles/devices/jetson-xavier-nx.toml"),
    ),
    (
        "gpu-server",
        include_str!("../profiles/devices/gpu-server.toml"),
    ),
];

impl Profile {
    /// A shipped profile by its name, else a file.
    ///
    /// # Errors
    /// A name that is neither, a file that cannot be read or is no profile.
    pub fn open(name_or_path: &str) -> Result<Self, ProfileError> {
        if let Some((name, text)) = SHIPPED.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let path = Path::new(name_or_path);
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(_) if !path.exists() => {
                return Err(ProfileError::Unknown {
                    read: name_or_path.to_owned(),
                });
            }
            Err(source) => {
                let path = path.to_owned();
                return Err(ProfileError::File { path, source });
            }
        };
        let mut text = String::new();
        file.take(MAX_FILE_BYTES as u64 + 1)
            .read_to_string(&mut text)
            .map_err(|source| ProfileError::File {
                path: path.to_owned(),
                source,
            })?;
        Self::parse(name_or_path, &text)
    }
}
