//! Reads a folder of figures measured on a real robot (`profiles/*.csv`, `runs/*.csv.gz`, `summary.csv`). The folder is
//! not part of this project; without it nothing here is needed.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::cost::{kind, work};
use super::fit::Sample;
use crate::model::{Graph, Node, Op, Region, zoo};

/// The models by their names in the folder and in the zoo.
pub const FIELD_MODELS: [(&str, &str); 3] = [
    ("VGG19_BN", "vgg19_bn"),
    ("ResNet152", "resnet152"),
    ("DenseNet121", "densenet121"),
];

/// A file's length after decompression at most.
const MAX_BYTES: u64 = 64 << 20;
/// The first inferences of a run are left out.
const FIRST: usize = 5;

/// A device of the measured system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The Jetson Xavier NX.
    Robot,
    /// The GPU server.
    Server,
}

impl Side {
    /// Column of an operator's median time, and of the forward pass that its times are to sum to. Times on the robot
    /// were taken through hooks: plain passes are shorter. Servers ran passes longer than the sum of their operators.
    const fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::Robot => ("robot_ms_median", "robot_forward_ms_median"),
            Self::Server => ("server_ms_median", "server_e2e_profiled_ms_median"),
        }
    }
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that says something else than expected.
    #[error("{}: {problem}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What was read and what was expected.
        problem: String,
    },
    /// The zoo's model cannot be built.
    #[error(transparent)]
    Zoo(#[from] zoo::ZooError),
}

/// Inferences and their median latency in milliseconds, by the link's rate in MB/s.
pub type ByBucket = BTreeMap<u32, (usize, f64)>;

/// A folder of measured figures.
#[derive(Debug, Clone)]
pub struct FieldData {
    dir: PathBuf,
}

/// A table by column names.
struct Csv {
    path: PathBuf,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    fn column(&self, name: &str) -> Result<usize, FieldError> {
        let found = self.header.iter().position(|h| h == name);
        found.ok_or_else(|| self.problem(format!("no column {name}")))
    }

    fn problem(&self, problem: String) -> FieldError {
        let path = self.path.clone();
        FieldError::Content { path, problem }
    }

    /// The cell as text; empty beyond a short row's end.
    fn text<'a>(&self, row: &'a [String], name: &str) -> Result<&'a str, FieldError> {
        let column = self.column(name)?;
        Ok(row.get(column).map_or("", String::as_str))
    }

    /// The cell as a number; 0 if it is empty.
    fn number(&self, row: &[String], name: &str) -> Result<f64, FieldError> {
        let text = self.text(row, name)?;
        if text.is_empty() {
            return Ok(0.0);
        }
        let number = text.parse().ok().filter(|x: &f64| x.is_finite());
        number.ok_or_else(|| self.problem(format!("{name} is {text:?}, expected a number")))
    }
}

impl FieldData {
    /// The folder, whether it is there or not.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Whether the folder is there.
    pub fn is_there(&self) -> bool {
        self.dir.join("profiles/summary.csv").is_file()
    }

    fn csv(&self, name: &str) -> Result<Csv, FieldError> {
        let path = self.dir.join(name);
        let read = |source| FieldError::Read {
            path: path.clone(),
            source,
        };
        let file = std::fs::File::open(&path).map_err(read)?;
        let mut text = String::new();
        let decoder: Box<dyn Read> = if path.extension().is_some_and(|e| e == "gz") {
            Box::new(flate2::read::GzDecoder::new(file))
        } else {
            Box::new(file)
        };
        decoder
            .take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(read)?;
        let mut lines = text
            .lines()
            .map(|line| line.split(',').map(str::to_owned).collect());
        Ok(Csv {
            header: lines.next().unwrap_or_default(),
            rows: lines.collect(),
            path,
        })
    }

    /// A number of a model from a table with one row per model (and, with `only`, per other columns).
    fn of_model(
        &self,
        file: &str,
        model: &str,
        only: &[(&str, &str)],
        column: &str,
    ) -> Result<f64, FieldError> {
        let csv = self.csv(file)?;
        for row in &csv.rows {
            let mut is_it = csv.text(row, "model")? == model;
            for (name, wanted) in only {
                is_it &= csv.text(row, name)? == *wanted;
            }
            if is_it {
                return csv.number(row, column);
            }
        }
        Err(csv.problem(format!("no row for {model}")))
    }

    /// A forward pass of a model, in nanoseconds.
    ///
    /// # Errors
    /// A folder that lacks it.
    pub fn forward_ns(&self, side: Side, model: &str) -> Result<i64, FieldError> {
        let ms = self.of_model("profiles/summary.csv", model, &[], side.columns().1)?;
        Ok((ms * 1e6).round() as i64)
    }

    /// How much longer a pass through hooks took on the robot than a plain one: `local` was measured with hooks.
    ///
    /// # Errors
    /// A folder that lacks it.
    pub fn hooked_over_plain(&self, model: &str) -> Result<f64, FieldError> {
        let file = "profiles/summary.csv";
        let hooked = self.of_model(file, model, &[], "robot_e2e_profiled_ms_median")?;
        Ok(hooked / self.of_model(file, model, &[], "robot_forward_ms_median")?)
    }

    /// The median latency of `local`, in milliseconds.
    ///
    /// # Errors
    /// A folder that lacks it.
    pub fn local_ms(&self, model: &str) -> Result<f64, FieldError> {
        let only = [("approach", "local"), ("env", "indoors")];
        self.of_model("summary.csv", model, &only, "median_ms")
    }

    /// Mean power of the robot's module (`VDD_IN`) over the run of `local`, in watts.
    ///
    /// # Errors
    /// A folder that lacks it.
    pub fn local_w(&self, model: &str) -> Result<f64, FieldError> {
        let only = [("approach", "local"), ("env", "indoors")];
        self.of_model("summary.csv", model, &only, "mean_vdd_in_W")
    }

    /// Mean power of the robot's module over a run of `all`, in watts, and the share of the time in which it sent.
    ///
    /// # Errors
    /// A folder that lacks it.
    pub fn offloaded_w(&self, env: &str, model: &str) -> Result<(f64, f64), FieldError> {
        let only = [("approach", "all"), ("env", env)];
        let of = |column| self.of_model("summary.csv", model, &only, column);
        Ok((of("mean_vdd_in_W")?, of("tx_nominal_share")?))
    }

    /// The mean latency in milliseconds and the mean energy per inference in joules of a method's runs over a trace.
    ///
    /// # Errors
    /// A folder that lacks them.
    pub fn means(&self, approach: &str, env: &str, model: &str) -> Result<(f64, f64), FieldError> {
        let only = [("approach", approach), ("env", env)];
        let of = |column| self.of_model("summary.csv", model, &only, column);
        Ok((of("mean_ms")?, of("energy_per_inference_J")?))
    }

    /// Median latencies of `all` (everything offloaded) in milliseconds, with their numbers, by the link's bucket in
    /// MB/s; none if there are no runs of the model.
    ///
    /// # Errors
    /// A file that cannot be understood.
    pub fn offloaded_ms(&self, env: &str, model: &str) -> Result<Option<ByBucket>, FieldError> {
        let name = format!("runs/all_{env}_{model}.csv.gz");
        if !self.dir.join(&name).is_file() {
            return Ok(None);
        }
        let csv = self.csv(&name)?;
        let mut buckets: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for row in csv.rows.iter().skip(FIRST) {
            let bucket = csv.number(row, "bw_bucket_MBps")? as u32;
            let took = csv.number(row, "duration_ms")?;
            buckets.entry(bucket).or_default().push(took);
        }
        let median = |(bucket, mut times): (u32, Vec<f64>)| {
            times.sort_by(f64::total_cmp);
            (bucket, (times.len(), times[times.len() / 2]))
        };
        Ok(Some(buckets.into_iter().map(median).collect()))
    }

    /// The graph of a model of the folder, and its operators' times, scaled so that they sum to the forward pass.
    ///
    /// # Errors
    /// A folder that lacks them, or whose operators are not the zoo's.
    pub fn samples(
        &self,
        side: Side,
        field: &str,
        zoo_name: &str,
    ) -> Result<(Graph, Vec<Sample>), FieldError> {
        let graph = zoo::build(zoo_name, 1, 224, 224)?;
        let csv = self.csv(&format!("profiles/{field}.csv"))?;
        let logged = matched(&csv, &graph, side.columns().0)?;
        let sum: f64 = logged.iter().map(|(_, ms)| ms).sum();
        let factor = self.forward_ns(side, field)? as f64 / sum.max(1e-9);
        let samples = logged
            .into_iter()
            .skip(1) // The first operator always logged 0.
            .map(|(node, ms)| Sample {
                model: zoo_name.to_owned(),
                kind: kind(&graph, node),
                work: work(&graph, node, &Region::whole(&node.shape), None),
                ns: ms * factor,
            })
            .collect();
        Ok((graph, samples))
    }
}

/// The logged operators beside the graph's. What has no operator of its own in the graph (size queries, dropout,
/// concatenations of one tensor) counts with the next one that has.
fn matched<'a>(
    csv: &Csv,
    graph: &'a Graph,
    column: &str,
) -> Result<Vec<(&'a Node, f64)>, FieldError> {
    // The graph joins DenseNet's lists in chains, elsewhere than the log does but in the same order.
    let nodes = || graph.operators().iter();
    let is_cat = |node: &&Node| matches!(node.op, Op::Concat);
    let is_plain = |node: &&Node| !is_cat(node) && !matches!(node.op, Op::Normalize { .. });
    let mut joins = nodes().filter(is_cat).peekable();
    let mut others = nodes().filter(is_plain).peekable();
    let mut carried = 0.0;
    let mut found = Vec::new();
    for row in &csv.rows {
        let op = csv.text(row, "op")?;
        let op = if op == "add_" { "add" } else { op };
        let elements = csv.number(row, "output_elements")? as u64;
        carried += csv.number(row, column)?;
        if matches!(op, "_start" | "_end" | "dim" | "dropout") {
            continue;
        }
        let fits = |node: &&Node| node.op.kind() == op && node.shape.elements() == elements;
        let node = if op == "cat" {
            joins.next_if(fits)
        } else {
            others.next_if(fits)
        };
        match node {
            Some(node) => found.push((node, std::mem::take(&mut carried))),
            None if op == "cat" => {}
            None => {
                let index = csv.text(row, "index")?;
                let problem = format!(
                    "operator {index} ({op}, {elements}) is not {}'s",
                    graph.name()
                );
                return Err(csv.problem(problem));
            }
        }
    }
    match joins.next().or_else(|| others.next()) {
        None => Ok(found),
        Some(node) => Err(csv.problem(format!("no time of {}", node.name))),
    }
}
