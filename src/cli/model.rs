//! Flags for the model, its weights and the plan; shared by `robot` and `demo`.

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::usage;
use crate::model::{Graph, zoo};
use crate::plan::{Choice, Codec, Join, MAX_WINDOW, ModeKind, Plan};
use crate::policy::{Objective, PolicyKind, Spec};
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

    /// Camera frames that make one input
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) batch: u32,
}

/// The modes by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeArg {
    /// Everything on the robot
    Local,
    /// Everything on the server: the camera image is sent
    Remote,
    /// Layer partition at --cut
    Split,
    /// Layer partition with --window frames in flight
    Pipeline,
    /// The channels of every layer divided in --share, joined after it
    Tensor,
    /// The images of a --batch divided in --share
    Data,
    /// The rows of the image divided in --share, with exact halos
    Tile,
}

impl ModeArg {
    /// The mode that it names.
    pub(super) const fn kind(self) -> ModeKind {
        match self {
            Self::Local => ModeKind::Local,
            Self::Remote => ModeKind::Remote,
            Self::Split => ModeKind::Split,
            Self::Pipeline => ModeKind::Pipeline,
            Self::Tensor => ModeKind::Tensor,
            Self::Data => ModeKind::Data,
            Self::Tile => ModeKind::Tile,
        }
    }
}

/// How tensor-parallel layers are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum JoinArg {
    /// All-gather after every layer
    Gather,
    /// All-reduce after every second layer
    Reduce,
}

/// Where it is computed.
#[derive(Debug, Clone, Args)]
pub(super) struct PlanArgs {
    /// Parallel method to begin with [default: split if --cut is given, else local]
    #[arg(long, value_enum)]
    pub(super) mode: Option<ModeArg>,

    /// Partition point: operators before it run on the robot; K1,K2 for a chain over two servers
    #[arg(long, value_name = "K", value_delimiter = ',')]
    pub(super) cut: Vec<u32>,

    /// Row tiles that a split is streamed in [default: 1]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) tiles: Option<u16>,

    /// Frames in flight [default: 3 for pipeline, else 1]
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_WINDOW)))]
    pub(super) window: Option<u16>,

    /// The robot's share for tensor, data and tile: 0.3, or one number per device, robot first: 1,2,2
    #[arg(long, value_name = "X", value_delimiter = ',', value_parser = share)]
    pub(super) share: Vec<f64>,

    /// How tensor-parallel layers are joined
    #[arg(long, value_enum)]
    pub(super) join: Option<JoinArg>,

    /// Who has the say over the plan from then on, until an operator changes it: fixed, neurosurgeon, dads,
    /// dads-heavy, deadline, budget, pso or auto
    #[arg(
        long,
        value_name = "P",
        default_value = "fixed",
        hide_default_value = true
    )]
    pub(super) policy: PolicyKind,

    /// What the policy wants: latency, energy, deadline=MS, budget=J or throughput
    #[arg(long, value_name = "O", default_value = "latency", requires = "policy")]
    pub(super) objective: Objective,

    /// How values are packed for the link; auto tries the lossless ones on every edge, f16 loses bits [default: none]
    #[arg(long, value_name = "CODEC", value_parser = codec_names())]
    pub(super) codec: Option<Codec>,
}

/// The codecs by their names.
pub(super) fn codec_names() -> impl TypedValueParser<Value = Codec> {
    let names: PossibleValuesParser = Codec::ALL.map(Codec::name).into();
    names.map(|name| {
        let mut all = Codec::ALL.into_iter();
        all.find(|c| c.name() == name).unwrap_or_default()
    })
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|x| x.is_finite() && *x >= 0.0 && *x <= 1e6)
        .ok_or_else(|| format!("{text:?} is no share; expected a number like 0.3, or 1,2,2"))
}

pub(super) fn size(text: &str) -> Result<(u32, u32), String> {
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
        zoo::build(&self.model, self.batch, rows, columns).map_err(usage)
    }
}

impl PlanArgs {
    /// Whether any flag says something about the plan.
    pub(super) const fn is_given(&self) -> bool {
        self.mode.is_some() || !self.cut.is_empty()
    }

    fn mode(&self) -> ModeKind {
        match self.mode {
            None if self.cut.is_empty() => ModeKind::Local,
            None if self.window.is_some_and(|w| w > 1) => ModeKind::Pipeline,
            None => ModeKind::Split,
            Some(mode) => mode.kind(),
        }
    }

    /// The plan, checked against the model.
    pub(super) fn plan(&self, graph: &Graph) -> Result<Plan> {
        use ModeKind::{Data, Pipeline, Split, Tensor, Tile};
        let mode = self.mode();
        let belongs = |given: bool, flag: &str, modes: &[ModeKind]| {
            if !given || modes.contains(&mode) {
                return Ok(());
            }
            let names: Vec<_> = modes.iter().map(|m| m.name()).collect();
            Err(usage(format!(
                "{flag} belongs to --mode {}, not to {}",
                names.join(" or "),
                mode.name()
            )))
        };
        belongs(!self.cut.is_empty(), "--cut", &[Split, Pipeline])?;
        belongs(self.tiles.is_some(), "--tiles", &[Split, Pipeline])?;
        belongs(!self.share.is_empty(), "--share", &[Tensor, Data, Tile])?;
        belongs(self.join.is_some(), "--join", &[Tensor])?;
        let mut choice = Choice::usual(graph, mode);
        if matches!(mode, Split | Pipeline) {
            if self.cut.is_empty() {
                return Err(usage(format!(
                    "--mode {} needs --cut K, from 0 to {}",
                    mode.name(),
                    graph.operator_count()
                )));
            }
            choice.cuts.clone_from(&self.cut);
        }
        choice.tiles = self.tiles.unwrap_or(choice.tiles);
        choice.window = self.window.unwrap_or(choice.window);
        match self.share.as_slice() {
            [] => {}
            [robot] if *robot <= 1.0 => choice.shares = vec![*robot, 1.0 - robot],
            [_] => {
                return Err(usage(
                    "one --share is the robot's, from 0 to 1; for several devices give one number each, like 1,2,2",
                ));
            }
            shares if shares.iter().sum::<f64>() > 0.0 => choice.shares = shares.to_vec(),
            _ => return Err(usage("the shares are all 0")),
        }
        if self.join == Some(JoinArg::Reduce) {
            choice.join = Join::Reduce;
        }
        choice.codec = self.codec.unwrap_or_default();
        let plan = choice.plan(graph).map_err(usage)?;
        crate::plan::compile(graph, &plan, crate::units::Epoch(0)).map_err(usage)?;
        Ok(plan)
    }

    /// Who has the say over the plan; none: operators.
    pub(super) fn spec(&self) -> Result<Option<Spec>> {
        let spec = Spec {
            kind: self.policy,
            objective: self.objective,
        };
        spec.policy(&Plan::LOCAL).map_err(usage)?;
        Ok((spec.kind != PolicyKind::Fixed).then_some(spec))
    }

    /// The policy as words of a command line.
    pub(super) fn policy_words(&self) -> [String; 4] {
        let flags = ["--policy", "--objective"].map(str::to_owned);
        let [policy, objective] = flags;
        let (kind, wants) = (self.policy.to_string(), self.objective.to_string());
        [policy, kind, objective, wants]
    }

    /// The same flags as words of a command line.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([name.to_owned(), value]);
            }
        };
        let list = |values: Vec<String>| (!values.is_empty()).then(|| values.join(","));
        let name = |v: clap::builder::PossibleValue| v.get_name().to_owned();
        flag(
            "--mode",
            self.mode.and_then(|m| m.to_possible_value()).map(name),
        );
        flag("--cut", list(self.cut.iter().map(u32::to_string).collect()));
        flag("--tiles", self.tiles.map(|t| t.to_string()));
        flag("--window", self.window.map(|w| w.to_string()));
        flag(
            "--share",
            list(self.share.iter().map(f64::to_string).collect()),
        );
        flag(
            "--join",
            self.join.and_then(|j| j.to_possible_value()).map(name),
        );
        flag("--codec", self.codec.map(|c| c.name().to_owned()));
        words
    }
}
