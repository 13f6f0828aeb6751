//! `splitscope profile`: measures this machine, fits a profile from figures measured elsewhere, checks one against them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::usage;
use crate::engine::processor::Processor;
use crate::model::Graph;
use crate::profile::{
    FIELD_MODELS, FieldData, PowerLevels, Profile, Provenance, Sample, Side, compare_local,
    compare_offload, compare_power, fit_profile, forward_without_normalize_ns, markdown,
};

/// Measure this machine, or check how well an emulated device matches a real one.
#[derive(Debug, Clone, Args)]
pub(super) struct ProfileArgs {
    /// Model of the zoo to measure this machine with; needs libtorch
    #[arg(long, value_name = "MODEL", required_unless_present_any = ["check", "fit"])]
    model: Option<String>,

    /// Where to write the profile [default: standard output]
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// What to call the device [default: this host's name]
    #[arg(long)]
    name: Option<String>,

    /// Threads that an operator may use
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// With --model: where libtorch computes: cpu, cuda or cuda:N
    #[arg(long, value_name = "PROCESSOR")]
    torch_device: Option<Processor>,

    /// Instead: fit the profile of one device of the measured system in --field
    #[arg(long, value_enum, value_name = "SIDE", conflicts_with_all = ["model", "check"], requires = "field")]
    fit: Option<SideArg>,

    /// Instead: print emulated times beside the medians in --field, as Markdown
    #[arg(long, conflicts_with = "model", requires = "field")]
    check: bool,

    /// Folder of figures measured on a real robot; not part of this project
    #[arg(
        long,
        value_name = "DIR",
        env = "SPLITSCOPE_FIELD_DATA",
        hide_env_values = true
    )]
    field: Option<PathBuf>,

    /// With --check: the robot's profile, a shipped name or a file
    #[arg(long, value_name = "PROFILE", default_value = "jetson-xavier-nx")]
    device: String,

    /// With --check: the server's profile
    #[arg(long, value_name = "PROFILE", default_value = "gpu-server")]
    server_device: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SideArg {
    /// The Jetson Xavier NX
    Robot,
    /// The GPU server
    Server,
}

/// `VDD_IN` of the robot, from the public log (`LOPInfer`, commit 53f1cda): at rest, `local` of `VGG19_BN` (12.7 W with
/// `ResNet152`, 7.8 W with `DenseNet121`), and everything offloaded, over a wired port.
const ROBOT_POWER: PowerLevels = PowerLevels {
    idle_w: 4.7,
    compute_w: 14.1,
    tx_w: 4.9,
    rx_w: 4.9,
};

/// Writes a profile or prints a comparison.
pub(super) fn run(args: &ProfileArgs) -> Result<ExitCode> {
    match (&args.field, args.fit) {
        (Some(dir), _) if (args.check || args.fit.is_some()) && !FieldData::new(dir).is_there() => {
            writeln!(
                std::io::stderr(),
                "splitscope: skipped: {} has no profiles/summary.csv, so there is nothing to compare with",
                dir.display()
            )?;
            Ok(ExitCode::SUCCESS)
        }
        (Some(dir), _) if args.check => check(args, &FieldData::new(dir)),
        (Some(dir), Some(side)) => {
            let profile = fit(side, &FieldData::new(dir))?;
            write_profile(&profile, args.out.as_deref())
        }
        _ => measure(args),
    }
}

fn program() -> String {
    format!("splitscope {}", crate::wire::VERSION)
}

fn fit(side: SideArg, field: &FieldData) -> Result<Profile> {
    let (side, name, what, power) = match side {
        SideArg::Robot => (
            Side::Robot,
            "jetson-xavier-nx",
            "Jetson Xavier NX 8 GB, GPU: per-operator medians, scaled to the plain forward pass (without hooks)",
            Some(ROBOT_POWER),
        ),
        SideArg::Server => (
            Side::Server,
            "gpu-server",
            "GPU server: per-operator medians, scaled to the forward pass that the server took in all",
            None,
        ),
    };
    let provenance = Provenance {
        who: "hku-systems/LOPInfer, commit 53f1cda (public log)".to_owned(),
        when: "2025-03".to_owned(),
        how: format!("{what}; costs by kind fitted by non-negative least squares, f32, batch 1"),
        cudnn: "off".to_owned(),
        program: program(),
    };
    let mut samples: Vec<Sample> = Vec::new();
    let mut measured: Vec<(Graph, i64)> = Vec::new();
    for (folder, zoo) in FIELD_MODELS {
        let (graph, own) = field.samples(side, folder, zoo)?;
        samples.extend(own);
        measured.push((graph, field.forward_ns(side, folder)?));
    }
    let measured: Vec<(&Graph, i64)> = measured.iter().map(|(graph, ns)| (graph, *ns)).collect();
    let mut profile = fit_profile(name, &provenance, power, &samples, &measured);
    if side == Side::Robot {
        for ((folder, _), model) in FIELD_MODELS.iter().zip(&mut profile.models) {
            let watts = field.local_w(folder)?;
            model.compute_w = Some((watts * 100.0).round() / 100.0);
        }
    }
    Ok(profile)
}

fn write_profile(profile: &Profile, out: Option<&Path>) -> Result<ExitCode> {
    let text = profile
        .to_toml()
        .context("cannot write the profile as TOML")?;
    match out {
        None => write!(std::io::stdout(), "{text}")?,
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("cannot write the profile {}", path.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(args: &ProfileArgs, field: &FieldData) -> Result<ExitCode> {
    let robot = Profile::open(&args.device).map_err(usage)?;
    let server = Profile::open(&args.server_device).map_err(usage)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| fit | model | measured, ms | profile, ms | off | stated | if the model had not been measured |"
    )?;
    writeln!(out, "|---|---|---:|---:|---:|---:|---:|")?;
    for (side, profile) in [(Side::Robot, &robot), (Side::Server, &server)] {
        for (folder, zoo) in FIELD_MODELS {
            let (graph, _) = field.samples(side, folder, zoo)?;
            let measured = field.forward_ns(side, folder)? as f64 / 1e6;
            let fitted = forward_without_normalize_ns(profile, &graph) as f64 / 1e6;
            let model = profile.models.iter().find(|m| m.name == zoo);
            let percent =
                |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:+.1} %"));
            writeln!(
                out,
                "| {} | {folder} | {measured:.1} | {fitted:.1} | {} | {} | {} |",
                profile.name,
                percent(Some((fitted / measured - 1.0) * 100.0)),
                percent(model.map(|m| m.error_pct)),
                percent(model.and_then(|m| m.unseen_error_pct)),
            )?;
        }
    }
    let local = compare_local(&robot, field)?;
    let offload = compare_offload(&server, field)?;
    let power = compare_power(&robot, field)?;
    write!(out, "\n{}", markdown(&local, &offload, &power))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "torch")]
fn measure(args: &ProfileArgs) -> Result<ExitCode> {
    use crate::engine::measure::measure;
    use crate::engine::torch::{TorchEngine, describe, keep_freed_memory};
    use crate::model::weights::Weights;
    use crate::model::zoo;

    keep_freed_memory();
    let processor = super::engine::processor(args.torch_device)?;
    let model = args.model.as_deref().unwrap_or_default();
    let graph = zoo::build(model, 1, 224, 224).map_err(usage)?;
    let weights = Weights::seeded(1, &graph.parameters());
    let mut engine = TorchEngine::on(processor, &graph, &weights, args.threads)
        .context("cannot set up libtorch")?;
    let host = super::worker::host_name();
    let day = crate::clock::unix_ms() / 86_400_000;
    let provenance = Provenance {
        who: format!("this machine, {host}"),
        when: format!("day {day} since 1970 (UTC)"),
        how: format!(
            "{}: every operator of {model} with one image, medians of 5 runs at 1/8, 1/4, 1/2 and all of its rows and \
             channels; costs by kind fitted by non-negative least squares",
            describe(processor, args.threads)
        ),
        cudnn: match processor {
            Processor::Cpu => "none: CPU",
            Processor::Cuda(_) => "on, deterministic, no TF32",
        }
        .to_owned(),
        program: program(),
    };
    let name = args.name.clone().unwrap_or(host);
    let count = graph.operator_count();
    let mut told = |node: &crate::model::Node| {
        // To a terminal or a log: a big model takes minutes.
        let _ = write!(
            std::io::stderr(),
            "\r{}/{count} {:<40}",
            node.id.0,
            node.name
        );
    };
    let profile = measure(&mut engine, &graph, &name, provenance, &mut told)
        .with_context(|| format!("cannot measure {model}"))?;
    let _ = writeln!(std::io::stderr());
    write_profile(&profile, args.out.as_deref())
}

#[cfg(not(feature = "torch"))]
fn measure(_args: &ProfileArgs) -> Result<ExitCode> {
    Err(super::server::without_torch("profile --model"))
}
