//! Power and host readings into telemetry: on threads of their own, never on a lane. Every sensor is optional, and an
//! error in one stops nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock;
use crate::host::HostReader;
use crate::power::energy::IdleMeter;
use crate::power::{Discovered, IdleLevel, Meter, PowerError, Report, Sampler, discover};
use crate::units::Nanos;
use crate::wire::{Level, Record};
use crate::worker::telemetry::Hub;

/// How often the host is read.
const HOST_EVERY: Duration = Duration::from_secs(1);
/// How often the host's thread looks whether it is to end.
const NAP: Duration = Duration::from_millis(100);
/// How long a worker's start waits for the list of its sensors.
const LIST_WITHIN: Duration = Duration::from_secs(2);

/// Sensors at work; they end when this is dropped.
#[derive(Debug)]
pub struct Sensors {
    _sampler: Option<Sampler>,
    stop: Arc<AtomicBool>,
}

/// What this machine can measure its power with, and an external meter's command if one was given.
///
/// # Errors
/// A meter's command that does not start.
pub fn find(meter: Option<&str>) -> Result<Discovered, PowerError> {
    let mut found = discover(Path::new("/"));
    if let Some(command) = meter {
        found.sources.push(Box::new(Meter::start(command)?));
    }
    Ok(found)
}

impl Sensors {
    /// Starts to read what was found, and the host. What cannot be started is told as an event. The list of sensors is told
    /// before this returns: a console that hears of frames first would think that there are none.
    pub fn start(hub: &Hub, found: Discovered) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sampler = match power(hub.clone(), found) {
            Ok(sampler) => Some(sampler),
            Err(error) => {
                hub.event(Level::Warning, format!("cannot sample power: {error}"));
                None
            }
        };
        let reader = std::thread::Builder::new().name("host".to_owned()).spawn({
            let (hub, stop) = (hub.clone(), Arc::clone(&stop));
            move || host(&hub, &stop)
        });
        if let Err(error) = reader {
            hub.event(Level::Warning, format!("cannot read the host: {error}"));
        }
        Self {
            _sampler: sampler,
            stop,
        }
    }
}

impl Drop for Sensors {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn power(hub: Hub, found: Discovered) -> std::io::Result<Sampler> {
    let (sampler, reports) = Sampler::start(found)?;
    let mut idle = IdleMeter::default();
    let until = clock::now().shifted(LIST_WITHIN.as_nanos() as i64);
    while let Ok(report) = reports.recv_timeout(left(until)) {
        let is_list = matches!(report, Report::Sources(_));
        tell(&hub, &mut idle, report);
        if is_list {
            break;
        }
    }
    std::thread::Builder::new()
        .name("power reports".to_owned())
        .spawn(move || {
            for report in reports {
                tell(&hub, &mut idle, report);
            }
        })?;
    Ok(sampler)
}

/// The time until then.
fn left(until: Nanos) -> Duration {
    Duration::from_nanos(until.since(clock::now()).max(0).unsigned_abs())
}

fn tell(hub: &Hub, idle: &mut IdleMeter, report: Report) {
    match report {
        Report::Sources(list) => {
            idle.set_sources(&list);
            hub.record(Record::PowerSources(Box::new(list)));
        }
        Report::Power(power) => {
            let level = idle.add(&power, hub.quiet());
            hub.record(Record::Power(Box::new(power)));
            match level {
                Some(Ok(level)) => {
                    hub.event(Level::Info, measured(&level));
                    hub.record(Record::IdleLevel(level));
                }
                Some(Err(why)) => hub.event(Level::Warning, why.to_string()),
                None => {}
            }
        }
        Report::Failed(text) => hub.event(Level::Warning, text),
        Report::Back(text) => hub.event(Level::Info, text),
    }
}

fn measured(level: &IdleLevel) -> String {
    format!(
        "idle power is {:.2} W, measured over {:.1} s by {}{}",
        level.watts.0,
        level.covered_ns as f64 / 1e9,
        level.source,
        if level.emulated { " (emulated)" } else { "" }
    )
}

fn host(hub: &Hub, stop: &AtomicBool) {
    let mut reader = HostReader::new(Path::new("/"));
    while !stop.load(Ordering::Relaxed) {
        hub.record(Record::Host(Box::new(reader.read())));
        let naps = HOST_EVERY.as_millis() / NAP.as_millis();
        for _ in 0..naps {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(NAP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BootId;

    #[test]
    fn the_list_of_sensors_is_told_before_anything_else_can_be() {
        let hub = Hub::new(BootId(1));
        let sensors = Sensors::start(&hub, Discovered::default());
        let is_list = |record: &Record| matches!(record, Record::PowerSources(_));
        assert!(hub.state().iter().any(is_list), "{:?}", hub.state());
        drop(sensors);
    }
}
