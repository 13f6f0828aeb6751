//! What an experiment may not say.

use super::spec::MOST_IDLE_SECONDS;
use super::{Experiment, FORMAT, ProbeSpec, SweepSpec, WorkerSpec};
use crate::sweep::{ChoiceError, Cuts};

/// Servers, links and modes at most.
const MAX_SERVERS: usize = 8;
const MAX_PROBES: usize = 16;
const MAX_MODES: usize = 256;
/// Bytes of a text at most.
const MAX_TEXT_BYTES: usize = 1024;

impl Experiment {
    /// The field that cannot be, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.format != FORMAT {
            let problem = format!("{}; this program reads {FORMAT}", self.format);
            return Err(("format", problem));
        }
        let text = |field, text: &str, least| {
            let fits = (least..=MAX_TEXT_BYTES).contains(&text.len());
            let problem = || format!("{} bytes; expected {least} to {MAX_TEXT_BYTES}", text.len());
            if fits {
                Ok(())
            } else {
                Err((field, problem()))
            }
        };
        text("title", &self.title, 1)?;
        text("about", &self.about, 0)?;
        text("link", self.link.as_deref().unwrap_or_default(), 0)?;
        for worker in self.robot.iter().chain(&self.servers) {
            if let WorkerSpec::Emulated(word) | WorkerSpec::Address(word) = worker {
                text("robot or servers", word, 1)?;
            }
        }
        if self.servers.len() > MAX_SERVERS {
            let problem = format!("{}; at most {MAX_SERVERS}", self.servers.len());
            return Err(("servers", problem));
        }
        if let Some(model) = &self.model {
            text("model.name", &model.name, 1)?;
            if model.size.iter().any(|n| !(1..=8192).contains(n)) {
                return Err(("model.size", "expected numbers from 1 to 8192".to_owned()));
            }
            if !(1..=64).contains(&model.batch) {
                return Err(("model.batch", "expected 1 to 64".to_owned()));
            }
        }
        number("seconds", self.seconds, 1.0, 86_400.0)?;
        number("quick.seconds", self.quick.seconds, 1.0, 3_600.0)?;
        number("quick.visit_seconds", self.quick.visit_seconds, 0.0, 600.0)?;
        match (&self.sweep, &self.probe) {
            (Some(sweep), None) => self.check_sweep(sweep),
            (None, Some(probe)) => check_probe(probe),
            _ => Err(("sweep", "expected either [sweep] or [probe]".to_owned())),
        }
    }

    fn check_sweep(&self, sweep: &SweepSpec) -> Result<(), (&'static str, String)> {
        let cuts = [&sweep.cuts, &self.quick.cuts];
        for words in cuts.into_iter().flatten() {
            let parsed = words.parse::<Cuts>();
            parsed.map_err(|e: ChoiceError| ("cuts", e.to_string()))?;
        }
        if sweep.cuts.is_none() && sweep.plans.is_empty() {
            return Err(("sweep", "it says neither cuts nor plans".to_owned()));
        }
        if sweep.plans.len() > MAX_MODES {
            return Err(("sweep.plans", format!("more than {MAX_MODES}")));
        }
        if self.robot.is_none() {
            return Err(("robot", "a sweep needs one".to_owned()));
        }
        let started = !matches!(self.robot, Some(WorkerSpec::Address(_)));
        if started && self.model.is_none() {
            return Err(("model", "a robot that is started here needs one".to_owned()));
        }
        let counts = [
            ("sweep.repeats", sweep.repeats, 10_000),
            ("sweep.frames", sweep.frames, 100_000),
            ("sweep.warmup", sweep.warmup, 10_000),
            ("quick.repeats", self.quick.repeats, 10_000),
            ("quick.frames", self.quick.frames, 100_000),
        ];
        for (field, count, most) in counts {
            number(field, count.map(f64::from), 1.0, f64::from(most))?;
        }
        number("sweep.until_percent", sweep.until_percent, 0.01, 100.0)?;
        number(
            "sweep.idle_seconds",
            sweep.idle_seconds,
            0.0,
            MOST_IDLE_SECONDS,
        )?;
        let quick = self.quick.idle_seconds;
        number("quick.idle_seconds", quick, 0.0, MOST_IDLE_SECONDS)?;
        number("sweep.visit_seconds", sweep.visit_seconds, 0.0, 600.0)
    }
}

fn check_probe(probe: &ProbeSpec) -> Result<(), (&'static str, String)> {
    if probe.links.is_empty() || probe.links.len() > MAX_PROBES {
        return Err(("probe.links", format!("expected 1 to {MAX_PROBES}")));
    }
    let endings = probe.endings();
    for (place, ending) in endings.iter().enumerate() {
        if let Some(first) = endings[..place].iter().position(|e| e == ending) {
            let problem = format!(
                "the results of {:?} and {:?} would both be called {ending:?}: expected links that differ in that",
                probe.links[first], probe.links[place]
            );
            return Err(("probe.links", problem));
        }
    }
    number("probe.seconds", Some(probe.seconds), 1.0, 3_600.0)?;
    number("probe.interval", Some(probe.interval), 0.01, 60.0)
}

fn number(
    field: &'static str,
    read: Option<f64>,
    least: f64,
    most: f64,
) -> Result<(), (&'static str, String)> {
    match read {
        Some(read) if !(least..=most).contains(&read) => {
            Err((field, format!("{read}; expected {least} to {most}")))
        }
        _ => Ok(()),
    }
}
