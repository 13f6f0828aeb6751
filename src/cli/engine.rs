//! Flags for what computes; shared by `robot` and `server`.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::usage;
use crate::engine::processor::Processor;
use crate::profile::Profile;

/// What computes.
#[derive(Debug, Clone, Args)]
pub(super) struct EngineArgs {
    /// What computes
    #[arg(long, value_enum, default_value_t = EngineName::Torch)]
    engine: EngineName,

    /// With --engine emulated: the device, jetson-xavier-nx, gpu-server or a file that `splitscope profile` wrote
    #[arg(long, value_name = "PROFILE", required_if_eq("engine", "emulated"))]
    device: Option<String>,

    /// Where libtorch computes: cpu, cuda or cuda:N
    #[arg(long, value_name = "PROCESSOR")]
    torch_device: Option<Processor>,
}

/// Engines by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineName {
    /// libtorch on this machine
    Torch,
    /// A device that is not there: its times from a profile, values without content, real bytes on the link
    Emulated,
}

impl EngineArgs {
    /// The device to emulate; none computes for real.
    pub(super) fn emulated(&self) -> Result<Option<Profile>> {
        if let (EngineName::Emulated, Some(processor)) = (self.engine, self.torch_device) {
            return Err(usage(format!(
                "--torch-device {processor} is about libtorch, which --engine emulated does not use"
            )));
        }
        match (self.engine, &self.device) {
            (EngineName::Emulated, Some(device)) => Ok(Some(Profile::open(device).map_err(usage)?)),
            (EngineName::Emulated, None) => Err(usage("--engine emulated needs --device PROFILE")),
            (EngineName::Torch, Some(_)) => Err(usage("--device belongs to --engine emulated")),
            (EngineName::Torch, None) => Ok(None),
        }
    }

    /// The processor that libtorch is to compute on, if it can.
    #[cfg(feature = "torch")]
    pub(super) fn processor(&self) -> Result<Processor> {
        processor(self.torch_device)
    }
}

/// The processor that libtorch is to compute on, if it can.
#[cfg(feature = "torch")]
pub(super) fn processor(asked: Option<Processor>) -> Result<Processor> {
    let processor = asked.unwrap_or_default();
    crate::engine::torch::check(processor).map_err(usage)?;
    Ok(processor)
}

/// The flags of a worker with this engine.
pub(super) fn words(engine: EngineName, device: &str) -> Vec<String> {
    match engine {
        EngineName::Torch => Vec::new(),
        EngineName::Emulated => ["--engine", "emulated", "--device", device]
            .map(str::to_owned)
            .to_vec(),
    }
}
