//! Flags for the model, its weights and the plan; shared by `robot` and `demo`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::usage;
use crate::model::{Graph, zoo};
use crate::plan::Plan;
use crate::worker::input::Source;

/// What is computed.
#[derive(Debug, Clone, Args)]
pub(super) struct ModelArgs {
    /// Model of the zoo: vgg19, vgg19_bn, resnet50, resnet152, densenet121, mobilenet_v2
    #[arg(long, default_value = "mobilenet_v2")]
    pub(super) model: String,

    /// Rows and columns of the model's input: N, or ROWSxCOLUMNS
    #[arg(long, default_value = "224", value_name = "SIZE", value_parser = size)]
    pub(super) size: (u32, u32),

    /// Weights: a .safetensors file, or torchvision's .pth [default: made from --seed]
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    pub(super) weights: Option<PathBuf>,

    /// Seed of made weights
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// The mode names this version runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeArg {
    /// Everything on the robot
    Local,
    /// Everything on the server: the camera image is sent
    Remote,
    /// Layer partition at --cut
    Split,
}

/// Where it is computed.
#[derive(Debug, Clone, Args)]
pub(super) struct PlanArgs {
    /// Parallel method to begin with [default: split if --cut is given, else local]
    #[arg(long, value_enum)]
    pub(super) mode: Option<ModeArg>,

    /// Partition point: operators before it run on the robot
    #[arg(long, value_name = "K")]
    pub(super) cut: Option<u32>,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let bad = || format!("{text:?} is no size; expected N or ROWSxCOLUMNS, like 224 or 480x640");
    let (rows, columns) = text.split_once('x').unwrap_or((text, text));
    let number = |t: &str| t.parse::<u32>().ok().filter(|n| (1..=8192).contains(n));
    Ok((
        number(rows).ok_or_else(bad)?,
        number(columns).ok_or_else(bad)?,
    ))
}

/// Pictures per second of a camera.
pub(super) fn fps(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|fps| *fps > 0.0 && *fps <= Source::MAX_FPS)
        .ok_or_else(|| {
            format!(
                "{text:?} is no rate; expected pictures per second above 0 and at most {}",
                Source::MAX_FPS
            )
        })
}

impl ModelArgs {
    /// The graph alone.
    pub(super) fn graph(&self) -> Result<Graph> {
        let (rows, columns) = self.size;
        zoo::build(&self.model, 1, rows, columns).map_err(usage)
    }
}

impl PlanArgs {
    /// The plan, checked against the model.
    pub(super) fn plan(&self, graph: &Graph) -> Result<Plan> {
        let plan = match (self.mode, self.cut) {
            (None | Some(ModeArg::Split), Some(cut)) => Plan::split(cut),
            (None | Some(ModeArg::Local), None) => Plan::LOCAL,
            (Some(ModeArg::Remote), None) => Plan::REMOTE,
            (Some(ModeArg::Split), None) => {
                return Err(usage(format!(
                    "--mode split needs --cut K, from 0 to {}",
                    graph.operator_count()
                )));
            }
            (Some(ModeArg::Local | ModeArg::Remote), Some(_)) => {
                return Err(usage("--cut belongs to --mode split"));
            }
        };
        crate::plan::compile(graph, &plan, crate::units::Epoch(0)).map_err(usage)?;
        Ok(plan)
    }
}
