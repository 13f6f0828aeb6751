//! NVIDIA's `tegrastats`: the way to a Jetson's rails where the INA3221 itself cannot be read.
//!
//! Its text also tells memory, loads, clocks and temperatures; [`parse`] reads all of it, the source uses the rails.

mod line;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::lines::Lines;
use super::rail::{is_unconnected, jetson_rails};
use super::{MAX_RAILS, PowerError, PowerSource, Rail, RailId, RailSample};
use crate::sysfs::Absent;
use crate::units::Watts;

pub use line::{Engine, LineError, RailMilliwatts, Stats, Used, parse};

/// Where JetPack installs it, 4 and later first.
const PLACES: [&str; 2] = ["usr/bin/tegrastats", "home/nvidia/tegrastats"];
/// What it is asked for; each line costs it a walk over the whole board.
const INTERVAL_MS: u32 = 200;
/// Without a line for so long it is stuck.
const SILENCE_NS: i64 = 10_000_000_000;
/// After so many unreadable lines one after another it is something else.
const MAX_BAD: u32 = 4;

/// `tegrastats` as a power source.
#[derive(Debug)]
pub struct Tegrastats {
    program: PathBuf,
    labels: Vec<String>,
    rails: Vec<Rail>,
    lines: Option<Lines>,
    lost: Arc<AtomicU64>,
    bad: u32,
}

impl Tegrastats {
    /// Starts it, if it is installed under this root.
    ///
    /// # Errors
    ///
    /// If it is not there or does not start.
    pub fn find(root: &Path) -> Result<Self, Absent> {
        let absent = |reason: &dyn ToString| Absent::new("tegrastats", reason);
        let program = PLACES.iter().map(|p| root.join(p)).find(|p| p.exists());
        let program = program.ok_or_else(|| absent(&"not installed"))?;
        let mut source = Self {
            program,
            labels: Vec::new(),
            rails: Vec::new(),
            lines: None,
            lost: Arc::default(),
            bad: 0,
        };
        source.reopen().map_err(|e| absent(&e))?;
        Ok(source)
    }

    /// The place of a rail, which the first line that names it gives.
    fn rail(&mut self, label: &str) -> Option<RailId> {
        let known = self.labels.iter().position(|l| l == label);
        let place = match known {
            Some(place) => place,
            None if self.labels.len() < MAX_RAILS => {
                self.labels.push(label.to_owned());
                self.rails = jetson_rails(&self.labels, true);
                self.labels.len() - 1
            }
            None => return None,
        };
        u8::try_from(place).ok().map(RailId)
    }
}

impl PowerSource for Tegrastats {
    fn name(&self) -> &'static str {
        "tegrastats"
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        Duration::from_millis(u64::from(INTERVAL_MS) / 4)
    }

    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let lines = match &mut self.lines {
            Some(lines) => lines.take()?,
            None => Vec::new(),
        };
        let mut samples = Vec::new();
        for line in lines {
            let stats = match parse(&line.text) {
                Ok(stats) => stats,
                Err(e) => {
                    self.bad += 1;
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    if self.bad < MAX_BAD {
                        continue;
                    }
                    return Err(PowerError::Line {
                        command: self.program.display().to_string(),
                        problem: e.to_string(),
                    });
                }
            };
            self.bad = 0;
            for rail in stats.rails.iter().filter(|r| !is_unconnected(&r.name)) {
                if let Some(id) = self.rail(&rail.name) {
                    samples.push(RailSample {
                        rail: id,
                        at: line.at,
                        volts: None,
                        amps: None,
                        watts: Watts::from_mw(f64::from(rail.now)),
                    });
                }
            }
        }
        Ok(samples)
    }

    fn reopen(&mut self) -> Result<(), PowerError> {
        self.lines = None;
        self.bad = 0;
        let mut command = Command::new(&self.program);
        command.args(["--interval", &INTERVAL_MS.to_string()]);
        let shown = self.program.display().to_string();
        let lost = Arc::clone(&self.lost);
        self.lines = Some(Lines::start(command, &shown, SILENCE_NS, lost)?);
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;
    use crate::power::Counts;

    #[test]
    fn a_running_tegrastats_gives_its_rails() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("usr/bin/tegrastats");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let script = "#!/bin/sh\n[ \"$1\" = --interval ] || exit 9\n\
            echo 'RAM 1000/6854MB VDD_IN 4568mW/4500mW VDD_SOC 1104mW/1104mW NC 0mW/0mW'\nexec sleep 60\n";
        // Another process writes it: a file that this one has open for writing, even in a fork of another test's, is
        // "busy" and does not start.
        let source = root.path().join("script");
        fs::write(&source, script).unwrap();
        let copied = Command::new("cp").args([&source, &program]).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut source = Tegrastats::find(root.path()).unwrap();
        assert_eq!(source.rails(), []);
        let samples = loop {
            let samples = source.sample().unwrap();
            if !samples.is_empty() {
                break samples;
            }
            thread::sleep(Duration::from_millis(5));
        };
        let watts: Vec<_> = samples.iter().map(|s| s.watts.0).collect();
        assert_eq!(watts, [4.568, 1.104]);
        let rails: Vec<_> = source.rails().iter().map(|r| r.counts).collect();
        assert_eq!(rails, [Counts::Total, Counts::Within]);
    }

    #[test]
    fn where_it_is_not_installed_it_is_absent() {
        let root = tempfile::tempdir().unwrap();
        let absent = Tegrastats::find(root.path()).unwrap_err();
        assert_eq!(absent, Absent::new("tegrastats", "not installed"));
    }
}
