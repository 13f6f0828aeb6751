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

mod check;
mod spec;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use spec::Quick;
pub use spec::{Goal, ModelSpec, ProbeSpec, SweepSpec, WorkerSpec};

/// The version of the format that this program reads.
const FORMAT: u32 = 1;
/// Bytes of a file at most.
const MAX_FILE_BYTES: u64 = 64 << 10;

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
            sweep.idle_seconds = quick.idle_seconds.or(sweep.idle_seconds);
            sweep.energy &= !quick.no_energy;
        }
        if let (Some(probe), Some(seconds)) = (&mut self.probe, quick.seconds) {
            probe.seconds = seconds;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Given, PlanLine, Until};

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
    fn the_one_for_real_workers_can_be_read() {
        let text = include_str!("../../profiles/experiments/real.toml");
        let real = Experiment::parse("real", text).unwrap();
        assert_eq!(real.robot, Some(WorkerSpec::Real(1)));
        let graph = crate::model::zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
        let sweep = real.sweep.unwrap();
        let cuts = sweep.cuts.unwrap().parse().unwrap();
        let lines = PlanLine::list(&graph, Some(&cuts), &sweep.plans, Given::default());
        assert_eq!(lines.unwrap().last().unwrap().label, "split 60 codec auto");
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
                ["line 23", "is no mode"],
            ),
        ] {
            let error = with(old, new);
            assert!(parts.iter().all(|p| error.contains(p)), "{new}: {error}");
        }
        let probe = |links: &str| {
            let text = format!(
                "format = 1\ntitle = \"t\"\n[[servers]]\nemulated = \"gpu-server\"\n[probe]\nlinks = {links}\n\
                 seconds = 1\ninterval = 0.1\n"
            );
            Experiment::parse("x.toml", &text).map_err(|e| e.to_string())
        };
        for same in [r#"["a/x.csv", "b/x.csv"]"#, r#"["93", "none", "93"]"#] {
            let error = probe(same).unwrap_err();
            let parts = ["probe.links", "would both be called"];
            assert!(parts.iter().all(|p| error.contains(p)), "{same}: {error}");
        }
        let differ =
            r#"["12", "12.5", "12,delay=7.5ms", "12,delay=7ms", "a/x.csv", "a/x.csv,slope=1.05"]"#;
        let endings = probe(differ).unwrap().probe.unwrap().endings();
        let expected = [
            "12",
            "12.5",
            "12,delay=7.5ms",
            "12,delay=7ms",
            "x",
            "x,slope=1.05",
        ];
        assert_eq!(endings, expected);
        let long = "#".repeat(MAX_FILE_BYTES as usize + 1);
        assert!(Experiment::parse("x", &long).is_err());
        let neither = "format = 1\ntitle = \"t\"";
        let error = Experiment::parse("x", neither).unwrap_err().to_string();
        assert!(error.contains("either [sweep] or [probe]"), "{error}");
    }
}
