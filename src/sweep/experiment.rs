//! An experiment as a file: everything that a figure needs to be made again, in TOML.
//!
//! ```toml
//! format = 1
//! title = "Every partition point of VGG19"
//! link = "93"
//!
//! [model]
//! name = "vgg19"
//!
//! [robot]
//! emulated = "jetson-xavier-nx"
//!
//! [[servers]]
//! emulated = "gpu-server"
//!
//! [sweep]
//! cuts = "all"
//! repeats = 20
//! ```

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ChoiceError, Cuts, Settings, Until, Wanted};

/// The version of the format that this program reads.
const FORMAT: u32 = 1;
/// Bytes of a file at most.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// Servers, links and modes at most.
const MAX_SERVERS: usize = 8;
const MAX_PROBES: usize = 16;
const MAX_MODES: usize = 256;
/// Bytes of a text at most.
const MAX_TEXT_BYTES: usize = 1024;
/// Rounds at most, where an interval is the end.
const MOST_ROUNDS: u32 = 200;

/// The experiments that come with the program, by name.
const SHIPPED: [(&str, &str); 3] = [
    (
        "figure1",
        include_str!("../../profiles/experiments/figure1.toml"),
    ),
    (
        "figure2",
        include_str!("../../profiles/experiments/figure2.toml"),
    ),
    (
        "modes",
        include_str!("../../profiles/experiments/modes.toml"),
    ),
];

/// A file that is no experiment.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// Neither shipped nor a file.
    #[error(
        "there is no experiment {name:?}: expected a file, or one of those that are shipped: {}",
        shipped_names()
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read the experiment {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// It is no TOML of this shape.
    #[error("{name}, line {line}: {problem}")]
    Syntax {
        /// The file.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A field that cannot be.
    #[error("{name}, {field}: {problem}")]
    Field {
        /// The file.
        name: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

fn shipped_names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}

/// What is to be least, for the cut that `best` stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The median latency.
    #[default]
    Latency,
    /// The energy per inference.
    Energy,
}

/// The model of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Its name in the zoo.
    pub name: String,
    /// Rows and columns of its input.
    #[serde(default = "usual_size")]
    pub size: [u32; 2],
    /// Images of one frame.
    #[serde(default = "one")]
    pub batch: u32,
    /// Seed of its weights.
    #[serde(default = "one")]
    pub seed: u32,
}

const fn usual_size() -> [u32; 2] {
    [224, 224]
}

const fn one() -> u32 {
    1
}

/// A worker: one that is started here, or one that is running somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerSpec {
    /// Started here on an emulated device of this profile.
    Emulated(String),
    /// Started here, computing with libtorch on this many threads.
    Real(u16),
    /// Running already, `ws://HOST:PORT`.
    Address(String),
}

/// The sweep of an experiment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Partition points in words: `all`, `single`, `3..9`.
    #[serde(default)]
    pub cuts: Option<String>,
    /// Modes with their parameters.
    #[serde(default)]
    pub plans: Vec<Wanted>,
    /// Rounds.
    #[serde(default)]
    pub repeats: Option<u32>,
    /// Instead: until each median's 95 % interval is narrower than this.
    #[serde(default)]
    pub until_percent: Option<f64>,
    /// Frames at each visit, at least.
    #[serde(default)]
    pub frames: Option<u32>,
    /// Frames after a switch that are left out.
    #[serde(default)]
    pub warmup: Option<u32>,
    /// Seconds at each visit, at least.
    #[serde(default)]
    pub visit_seconds: Option<f64>,
    /// What orders are drawn from.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// Links that are filled and measured, one after the other.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    /// The links, as `--link` takes them.
    pub links: Vec<String>,
    /// How long each is measured.
    pub seconds: f64,
    /// Length of one measurement.
    pub interval: f64,
}

/// What a shortened run does otherwise, for a look or a test.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quick {
    /// Other cuts.
    #[serde(default)]
    pub cuts: Option<String>,
    /// Other rounds.
    #[serde(default)]
    pub repeats: Option<u32>,
    /// Other frames per visit.
    #[serde(default)]
    pub frames: Option<u32>,
    /// Other seconds per visit.
    #[serde(default)]
    pub visit_seconds: Option<f64>,
    /// Other seconds of a probe.
    #[serde(default)]
    pub seconds: Option<f64>,
}

/// An experiment: a sweep or probes, with everything they take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The format's version, 1.
    pub format: u32,
    /// What figures call it.
    pub title: String,
    /// What it shows, for people.
    #[serde(default)]
    pub about: String,
    /// The model; of a robot that is running already, what it is expected to run.
    #[serde(default)]
    pub model: Option<ModelSpec>,
    /// The robot.
    #[serde(default)]
    pub robot: Option<WorkerSpec>,
    /// The servers; the plans may need several.
    #[serde(default)]
    pub servers: Vec<WorkerSpec>,
    /// The link before each server started here: Mbps, a trace, or none.
    #[serde(default)]
    pub link: Option<String>,
    /// What is to be least.
    #[serde(default)]
    pub objective: Goal,
    /// A sweep ends after so many seconds in any case.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// The sweep.
    #[serde(default)]
    pub sweep: Option<SweepSpec>,
    /// The probes.
    #[serde(default)]
    pub probe: Option<ProbeSpec>,
    /// What a shortened run does otherwise.
    #[serde(default)]
    pub quick: Quick,
}

impl Experiment {
    /// A shipped experiment by its name, else a file. Gives the name that results are called by, too.
    ///
    /// # Errors
    /// There is none, or it is none.
    pub fn open(name_or_path: &str) -> Result<(String, Self), ExperimentError> {
        let shipped = SHIPPED.iter().find(|(name, _)| *name == name_or_path);
        if let Some((name, text)) = shipped {
            return Ok(((*name).to_owned(), Self::parse(name, text)?));
        }
        let path = Path::new(name_or_path);
        let Some(stem) = path.file_stem().filter(|_| path.exists()) else {
            return Err(ExperimentError::Unknown {
                name: name_or_path.to_owned(),
            });
        };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|f| f.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
            .map_err(|source| ExperimentError::Read {
                path: path.to_owned(),
                source,
            })?;
        let experiment = Self::parse(name_or_path, &text)?;
        Ok((stem.to_string_lossy().into_owned(), experiment))
    }

    /// Reads a text; `name` is what errors call it.
    ///
    /// # Errors
    /// The line or the field that is not as it should be.
    pub fn parse(name: &str, text: &str) -> Result<Self, ExperimentError> {
        let syntax = |line, problem| ExperimentError::Syntax {
            name: name.to_owned(),
            line,
            problem,
        };
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(syntax(1, format!("longer than {MAX_FILE_BYTES} bytes")));
        }
        let experiment: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            syntax(line, error.message().replace('\n', ", "))
        })?;
        experiment
            .check()
            .map_err(|(field, problem)| ExperimentError::Field {
                name: name.to_owned(),
                field,
                problem,
            })?;
        Ok(experiment)
    }

    /// The same experiment, shortened.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        let quick = self.quick.clone();
        if let Some(sweep) = &mut self.sweep {
            sweep.cuts = quick
                .cuts
                .filter(|_| sweep.cuts.is_some())
                .or(sweep.cuts.take());
            if quick.repeats.is_some() {
                (sweep.repeats, sweep.until_percent) = (quick.repeats, None);
            }
            sweep.frames = quick.frames.or(sweep.frames);
            sweep.visit_seconds = quick.visit_seconds.or(sweep.visit_seconds);
        }
        if let (Some(probe), Some(seconds)) = (&mut self.probe, quick.seconds) {
            probe.seconds = seconds;
        }
        self
    }

    /// As many servers as its plans may need beside those that it names.
    pub fn needs_best(&self) -> bool {
        let plans = self.sweep.iter().flat_map(|s| &s.plans);
        plans.into_iter().any(Wanted::wants_best)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
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
        number("sweep.visit_seconds", sweep.visit_seconds, 0.0, 600.0)
    }
}

fn check_probe(probe: &ProbeSpec) -> Result<(), (&'static str, String)> {
    if probe.links.is_empty() || probe.links.len() > MAX_PROBES {
        return Err(("probe.links", format!("expected 1 to {MAX_PROBES}")));
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

impl SweepSpec {
    /// How the sweep goes about it.
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        Settings {
            seed: self.seed.unwrap_or(usual.seed),
            warmup: self.warmup.unwrap_or(usual.warmup),
            frames: self.frames.unwrap_or(usual.frames),
            visit_ms: self
                .visit_seconds
                .map_or(usual.visit_ms, |s| (s * 1e3) as u32),
            until: match (self.until_percent, self.repeats) {
                (Some(percent), most) => Until::Narrow {
                    percent,
                    most: most.unwrap_or(MOST_ROUNDS),
                },
                (None, Some(rounds)) => Until::Repeats(rounds),
                (None, None) => usual.until,
            },
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../tests/data/experiment_v1.toml");

    #[test]
    fn a_file_of_version_1_is_read() {
        let read = Experiment::parse("golden", GOLDEN).unwrap();
        assert_eq!(read.title, "Three cuts and two modes");
        assert_eq!(
            read.robot,
            Some(WorkerSpec::Emulated("jetson-xavier-nx".to_owned()))
        );
        assert_eq!(
            read.servers[1],
            WorkerSpec::Address("ws://gpu-box:7402".to_owned())
        );
        assert_eq!(read.objective, Goal::Energy);
        assert!(read.needs_best());
        let sweep = read.sweep.clone().unwrap();
        let settings = sweep.settings();
        assert_eq!(
            settings.until,
            Until::Narrow {
                percent: 2.0,
                most: 40
            }
        );
        assert_eq!((settings.frames, settings.visit_ms), (5, 1_500));
        assert_eq!(sweep.plans[0].to_string(), "tensor:share=0.3:join=reduce");
        let short = read.shortened().sweep.unwrap();
        assert_eq!(
            (short.cuts.as_deref(), short.settings().until),
            (Some("0,19"), Until::Repeats(2))
        );
        assert_eq!(short.settings().frames, 1);
    }

    #[test]
    fn the_shipped_ones_are_whole() {
        for (name, _) in SHIPPED {
            let (called, experiment) = Experiment::open(name).unwrap();
            assert_eq!(called, name);
            assert!(!experiment.about.is_empty(), "{name}");
            assert_ne!(
                experiment.clone().shortened(),
                experiment,
                "{name}: nothing is quicker"
            );
        }
        let none = Experiment::open("figure9").unwrap_err().to_string();
        assert!(none.contains("figure1, figure2, modes"), "{none}");
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line_or_field() {
        let with = |old: &str, new: &str| {
            let text = GOLDEN.replacen(old, new, 1);
            assert_ne!(text, GOLDEN, "{old}");
            Experiment::parse("x.toml", &text).unwrap_err().to_string()
        };
        for (old, new, parts) in [
            ("format = 1", "format = 2", ["x.toml, format", "reads 1"]),
            ("title =", "titel =", ["x.toml, line 2", "unknown field"]),
            ("batch = 1", "batch = 0", ["model.batch", "1 to 64"]),
            ("\"single\"", "\"some\"", ["cuts", "no choice of cuts"]),
            (
                "until_percent = 2",
                "until_percent = 0",
                ["sweep.until_percent", "0.01 to 100"],
            ),
            ("emulated =", "imagined =", ["line 12", "unknown variant"]),
            (
                "mode = \"tensor\"",
                "mode = \"tenser\"",
                ["line 23", "unknown variant"],
            ),
        ] {
            let error = with(old, new);
            assert!(parts.iter().all(|p| error.contains(p)), "{new}: {error}");
        }
        let long = "#".repeat(MAX_FILE_BYTES as usize + 1);
        assert!(Experiment::parse("x", &long).is_err());
        let neither = "format = 1\ntitle = \"t\"";
        let error = Experiment::parse("x", neither).unwrap_err().to_string();
        assert!(error.contains("either [sweep] or [probe]"), "{error}");
    }
}
