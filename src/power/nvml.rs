//! NVIDIA graphics cards of a server, through the driver's management library, which is loaded when asked for.

use std::time::Duration;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::{Counts, MAX_RAILS, PowerError, PowerSource, Rail, RailId, RailSample};
use crate::clock;
use crate::units::Watts;

/// Cards refresh their power every 20 to 100 ms, and many give a mean over a second.
const PERIOD: Duration = Duration::from_millis(50);

/// The cards of this machine.
#[derive(Debug)]
pub struct NvmlGpus {
    nvml: Nvml,
    rails: Vec<Rail>,
    /// The driver's index of each rail's card.
    cards: Vec<u32>,
}

impl NvmlGpus {
    /// The cards that tell their power.
    ///
    /// # Errors
    ///
    /// If there is no driver, no card, or no card that tells its power.
    pub fn find() -> Result<Self, PowerError> {
        let nvml = Nvml::init().map_err(problem)?;
        let (mut rails, mut cards) = (Vec::new(), Vec::new());
        let mut refused = None;
        let count = nvml.device_count().map_err(problem)?;
        for index in 0..count.min(MAX_RAILS as u32) {
            match name(&nvml, index) {
                Ok(name) => {
                    let what = "the whole card with its memory; not the server it is in; on many cards a mean over \
                                up to a second";
                    rails.push(Rail::new(
                        format!("GPU {index} {name}"),
                        Counts::Addend,
                        what,
                    ));
                    cards.push(index);
                }
                Err(e) => refused = Some(e),
            }
        }
        if cards.is_empty() {
            return Err(problem(refused.unwrap_or(NvmlError::NotFound)));
        }
        Ok(Self { nvml, rails, cards })
    }
}

/// A card's name, if it tells its power.
fn name(nvml: &Nvml, index: u32) -> Result<String, NvmlError> {
    let card = nvml.device_by_index(index)?;
    card.power_usage()?;
    card.name()
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn problem(e: NvmlError) -> PowerError {
    PowerError::Library {
        library: "nvml",
        problem: e.to_string(),
    }
}

impl PowerSource for NvmlGpus {
    fn name(&self) -> &'static str {
        "nvml"
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let at = clock::now();
        let read = |(&card, rail): (&u32, u8)| {
            let card = self.nvml.device_by_index(card)?;
            Ok(RailSample {
                rail: RailId(rail),
                at,
                volts: None,
                amps: None,
                watts: Watts::from_mw(f64::from(card.power_usage()?)),
            })
        };
        let read: Result<Vec<_>, _> = self.cards.iter().zip(0..).map(read).collect();
        read.map_err(problem)
    }
}
