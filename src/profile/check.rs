//! What a profile predicts beside what was measured on the real devices.

use std::fmt::Write;

use super::Profile;
use super::field::{FIELD_MODELS, FieldData, FieldError};
use super::fit::forward_without_normalize_ns;
use crate::model::zoo;

/// Transport of the measured system around one exchange: `14 ms + 1.05 x bytes / rate` (a fit of its exposed transfer
/// times over all buckets, `bandwidth/goodput_fit.csv`).
const EXCHANGE_MS: f64 = 14.0;
const SLOPE: f64 = 1.05;
/// Slower links scatter by up to 39 % in the measurements.
const SLOWEST_MBPS: u32 = 4;
/// Buckets with fewer inferences say nothing.
const FEWEST: usize = 20;

/// A model run on the robot alone.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalRow {
    /// The model.
    pub model: &'static str,
    /// The emulated forward pass.
    pub emulated_ms: f64,
    /// What the measured runs' hooks add.
    pub hooks: f64,
    /// The median that was measured, through the hooks.
    pub measured_ms: f64,
}

/// A model run on the server at one bandwidth.
#[derive(Debug, Clone, PartialEq)]
pub struct OffloadRow {
    /// The trace that was replayed.
    pub env: &'static str,
    /// The model.
    pub model: &'static str,
    /// The link's configured rate.
    pub megabytes_per_s: u32,
    /// Inferences measured.
    pub inferences: usize,
    /// Emulated computing and the measured system's transport.
    pub predicted_ms: f64,
    /// The median that was measured.
    pub measured_ms: f64,
}

/// Mean power of the robot over a whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerRow {
    /// `local`, or `everything offloaded`.
    pub what: &'static str,
    /// The trace that was replayed.
    pub env: &'static str,
    /// The model.
    pub model: &'static str,
    /// Emulated, from the profile's levels.
    pub emulated_w: f64,
    /// The mean of the module's input (`VDD_IN`) that was measured.
    pub measured_w: f64,
}

impl PowerRow {
    /// By how much the emulated power misses the measured one, in percent.
    pub fn error_pct(&self) -> f64 {
        off_pct(self.emulated_w, self.measured_w)
    }
}

fn off_pct(predicted: f64, measured: f64) -> f64 {
    (predicted / measured - 1.0) * 100.0
}

impl LocalRow {
    /// By how much the emulated time with hooks misses the measured one, in percent.
    pub fn error_pct(&self) -> f64 {
        off_pct(self.emulated_ms * self.hooks, self.measured_ms)
    }
}

impl OffloadRow {
    /// By how much the prediction misses the measured median, in percent.
    pub fn error_pct(&self) -> f64 {
        off_pct(self.predicted_ms, self.measured_ms)
    }
}

/// `local` on the emulated robot beside the measured runs.
///
/// # Errors
/// A folder that lacks figures.
pub fn compare_local(robot: &Profile, field: &FieldData) -> Result<Vec<LocalRow>, FieldError> {
    let row = |(name, zoo_name): (&'static str, &str)| {
        let graph = zoo::build(zoo_name, 1, 224, 224)?;
        Ok(LocalRow {
            model: name,
            emulated_ms: forward_without_normalize_ns(robot, &graph) as f64 / 1e6,
            hooks: field.hooked_over_plain(name)?,
            measured_ms: field.local_ms(name)?,
        })
    };
    FIELD_MODELS.into_iter().map(row).collect()
}

/// Everything on the emulated server, by bandwidth, beside the measured runs. Their input was f32.
///
/// # Errors
/// A folder that lacks figures.
pub fn compare_offload(server: &Profile, field: &FieldData) -> Result<Vec<OffloadRow>, FieldError> {
    let mut rows = Vec::new();
    for (model, zoo_name) in FIELD_MODELS {
        let graph = zoo::build(zoo_name, 1, 224, 224)?;
        let output = graph.node(graph.output()).shape.elements();
        let bytes = 4.0 * (graph.input_shape().elements() + output) as f64;
        let compute_ms = forward_without_normalize_ns(server, &graph) as f64 / 1e6;
        for env in ["indoors", "outdoors"] {
            let Some(buckets) = field.offloaded_ms(env, model)? else {
                continue;
            };
            for (megabytes_per_s, (inferences, measured_ms)) in buckets {
                if megabytes_per_s < SLOWEST_MBPS || inferences < FEWEST {
                    continue;
                }
                let wire_ms = SLOPE * bytes / (f64::from(megabytes_per_s) * 1e3);
                rows.push(OffloadRow {
                    env,
                    model,
                    megabytes_per_s,
                    inferences,
                    predicted_ms: compute_ms + EXCHANGE_MS + wire_ms,
                    measured_ms,
                });
            }
        }
    }
    Ok(rows)
}

/// Power of the emulated robot beside the measured runs: `local`, which computes all the time, and everything offloaded,
/// which sends for the measured share of the time and waits for the rest.
///
/// # Errors
/// A folder that lacks figures.
pub fn compare_power(robot: &Profile, field: &FieldData) -> Result<Vec<PowerRow>, FieldError> {
    let mut rows = Vec::new();
    for (model, zoo_name) in FIELD_MODELS {
        let Some(levels) = robot.levels(zoo_name) else {
            return Ok(rows);
        };
        rows.push(PowerRow {
            what: "local",
            env: "indoors",
            model,
            emulated_w: levels.compute.0,
            measured_w: field.local_w(model)?,
        });
        for env in ["indoors", "outdoors"] {
            let (measured_w, sending) = field.offloaded_w(env, model)?;
            let above_idle = (levels.transmit.0 - levels.idle.0) * sending;
            rows.push(PowerRow {
                what: "everything offloaded",
                env,
                model,
                emulated_w: levels.idle.0 + above_idle,
                measured_w,
            });
        }
    }
    Ok(rows)
}

/// The tables as Markdown.
pub fn markdown(local: &[LocalRow], offload: &[OffloadRow], power: &[PowerRow]) -> String {
    let mut text = String::new();
    if !local.is_empty() {
        text += "| `local` | emulated, ms | hooks | with hooks, ms | measured median, ms | off |\n";
        text += "|---|---:|---:|---:|---:|---:|\n";
    }
    for row in local {
        let with_hooks = row.emulated_ms * row.hooks;
        let _ = writeln!(
            text,
            "| {} | {:.1} | x {:.3} | {with_hooks:.1} | {:.1} | {:+.1} % |",
            row.model,
            row.emulated_ms,
            row.hooks,
            row.measured_ms,
            row.error_pct()
        );
    }
    if !offload.is_empty() {
        if !local.is_empty() {
            text.push('\n');
        }
        text += "| everything offloaded | MB/s | inferences | predicted, ms | measured median, ms | off |\n";
        text += "|---|---:|---:|---:|---:|---:|\n";
    }
    for row in offload {
        let _ = writeln!(
            text,
            "| {}, {} | {} | {} | {:.1} | {:.1} | {:+.1} % |",
            row.model,
            row.env,
            row.megabytes_per_s,
            row.inferences,
            row.predicted_ms,
            row.measured_ms,
            row.error_pct()
        );
    }
    if !power.is_empty() {
        text += "\n| power | trace | model | emulated, W | measured mean, W | off |\n";
        text += "|---|---|---|---:|---:|---:|\n";
    }
    for row in power {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {:.2} | {:+.1} % |",
            row.what,
            row.env,
            row.model,
            row.emulated_w,
            row.measured_w,
            row.error_pct()
        );
    }
    text
}
