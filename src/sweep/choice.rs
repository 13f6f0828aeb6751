//! Which plans a sweep visits, in the words of flags and experiment files.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{Graph, crossing, crossing_bytes};
use crate::plan::{Choice, Join, MAX_WINDOW, ModeKind, Plan, compile};
use crate::units::Epoch;

/// Plans of one sweep at most.
pub const MAX_PLANS: usize = 2_000;
/// Characters of a word that an error repeats.
const SHOWN: usize = 60;

/// Words that name no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No list of cuts.
    #[error(
        "{read:?} is no choice of cuts; expected all, single (one tensor crosses), A..B, or a list like 3,7,12"
    )]
    Cuts {
        /// What was read.
        read: String,
    },
    /// A cut that the model does not have.
    #[error("cut {cut} is out of range: the model has the cuts 0 to {last}")]
    Range {
        /// The cut.
        cut: u32,
        /// The last one.
        last: u32,
    },
    /// No mode.
    #[error(
        "{read:?} is no mode; expected local, remote, split, pipeline, tensor, data or tile, with its parameters like \
         split:cut=12:tiles=4, tensor:share=0.3 or tensor:join=reduce"
    )]
    Mode {
        /// What was read.
        read: String,
    },
    /// A parameter that cannot be.
    #[error("{of}: {what}")]
    Parameter {
        /// The mode in words.
        of: String,
        /// What is wrong.
        what: String,
    },
    /// A plan that does not suit the model.
    #[error("{of}: {reason}")]
    Plan {
        /// The mode in words.
        of: String,
        /// What the compiler says.
        reason: String,
    },
    /// More plans than one sweep takes.
    #[error("{count} plans; a sweep takes at most {MAX_PLANS}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Nothing to do.
    #[error("no plans to sweep; say which cuts or modes")]
    None,
}

/// Partition points to visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cuts {
    /// Every one, from 0 (the camera's picture is sent) to the number of operators (all on the robot).
    All,
    /// From the first to the last, both included.
    Range(u32, u32),
    /// Only those that one tensor crosses.
    Single,
    /// These.
    List(Vec<u32>),
}

impl FromStr for Cuts {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let bad = || ChoiceError::Cuts { read: shown(text) };
        let number = |t: &str| t.trim().parse::<u32>().map_err(|_| bad());
        match text.trim() {
            "all" => Ok(Self::All),
            "single" => Ok(Self::Single),
            range if range.contains("..") => {
                let (first, last) = range.split_once("..").ok_or_else(bad)?;
                let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
                (first <= last)
                    .then_some(Self::Range(first, last))
                    .ok_or_else(bad)
            }
            list => list
                .split(',')
                .map(number)
                .collect::<Result<_, _>>()
                .map(Self::List),
        }
    }
}

impl Cuts {
    /// The cuts of a model, in their order.
    ///
    /// # Errors
    /// A cut that the model does not have.
    pub fn of(&self, graph: &Graph) -> Result<Vec<u32>, ChoiceError> {
        let last = graph.operator_count();
        let cuts = match self {
            Self::All => (0..=last).collect(),
            Self::Range(from, to) => (*from..=(*to).min(last + 1)).collect(),
            Self::Single => single_tensor_cuts(graph),
            Self::List(list) => list.clone(),
        };
        match cuts.iter().find(|&&cut| cut > last) {
            Some(&cut) => Err(ChoiceError::Range { cut, last }),
            None => Ok(cuts),
        }
    }
}

/// The cuts that at most one tensor crosses: all of a chain, few of a net of residual blocks.
pub fn single_tensor_cuts(graph: &Graph) -> Vec<u32> {
    (0..=graph.operator_count())
        .filter(|&k| crossing(graph, k).len() <= 1)
        .collect()
}

/// The partition point that a plan is wanted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WantedCut {
    /// This one.
    At(u32),
    /// The fastest one, found by a short sweep over the cuts that one tensor crosses.
    Found(Best),
}

/// The word `best`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// That word.
    Best,
}

/// A plan as somebody asks for it: a mode, with the parameters that are not to be the usual ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The method.
    pub mode: ModeKind,
    /// The partition point of a split.
    #[serde(default)]
    pub cut: Option<WantedCut>,
    /// Row tiles that a split is streamed in.
    #[serde(default)]
    pub tiles: Option<u16>,
    /// Frames in flight.
    #[serde(default)]
    pub window: Option<u16>,
    /// The robot's share, or one number per device, the robot's first.
    #[serde(default)]
    pub share: Vec<f64>,
    /// How tensor-parallel layers are joined.
    #[serde(default)]
    pub join: Option<Join>,
}

impl FromStr for Wanted {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let mut words = text.trim().split(':');
        let name = words.next().unwrap_or_default();
        let mode = ModeKind::ALL.into_iter().find(|m| m.name() == name);
        let mode = mode.ok_or_else(|| ChoiceError::Mode { read: shown(text) })?;
        let mut wanted = Self {
            mode,
            cut: None,
            tiles: None,
            window: None,
            share: Vec::new(),
            join: None,
        };
        for word in words {
            let bad = || ChoiceError::Parameter {
                of: shown(text),
                what: format!(
                    "{:?} is no parameter; expected cut=K or cut=best, tiles=T, window=W, share=0.3 or share=1/2/2, \
                     join=gather or join=reduce",
                    shown(word)
                ),
            };
            let (key, value) = word.split_once('=').ok_or_else(bad)?;
            match (key, value) {
                ("cut", "best") => wanted.cut = Some(WantedCut::Found(Best::Best)),
                ("cut", k) => wanted.cut = Some(WantedCut::At(k.parse().map_err(|_| bad())?)),
                ("tiles", t) => wanted.tiles = Some(t.parse().map_err(|_| bad())?),
                ("window", w) => wanted.window = Some(w.parse().map_err(|_| bad())?),
                ("share", list) => {
                    let numbers = list.split('/').map(str::parse);
                    wanted.share = numbers.collect::<Result<_, _>>().map_err(|_| bad())?;
                }
                ("join", "gather") => wanted.join = Some(Join::Gather),
                ("join", "reduce") => wanted.join = Some(Join::Reduce),
                _ => return Err(bad()),
            }
        }
        Ok(wanted)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode.name())?;
        match self.cut {
            Some(WantedCut::At(k)) => write!(f, ":cut={k}")?,
            Some(WantedCut::Found(Best::Best)) => f.write_str(":cut=best")?,
            None => {}
        }
        if let Some(tiles) = self.tiles {
            write!(f, ":tiles={tiles}")?;
        }
        if let Some(window) = self.window {
            write!(f, ":window={window}")?;
        }
        if !self.share.is_empty() {
            let shares: Vec<_> = self.share.iter().map(f64::to_string).collect();
            write!(f, ":share={}", shares.join("/"))?;
        }
        match self.join {
            Some(Join::Reduce) => f.write_str(":join=reduce"),
            Some(Join::Gather) => f.write_str(":join=gather"),
            None => Ok(()),
        }
    }
}

impl Wanted {
    /// Whether its cut is to be found first.
    pub const fn wants_best(&self) -> bool {
        matches!(self.cut, Some(WantedCut::Found(_)))
    }

    /// The plan for a model; `best` is the cut that was found.
    ///
    /// # Errors
    /// Parameters that do not belong to the mode or are out of bounds, or a plan that does not suit the model.
    pub fn line(&self, graph: &Graph, best: Option<u32>) -> Result<PlanLine, ChoiceError> {
        let parameter = |what: String| ChoiceError::Parameter {
            of: self.to_string(),
            what,
        };
        let plan = |reason: String| ChoiceError::Plan {
            of: self.to_string(),
            reason,
        };
        self.check().map_err(parameter)?;
        let mut choice = Choice::usual(graph, self.mode);
        match self.cut {
            Some(WantedCut::At(k)) => choice.cuts = vec![k],
            Some(WantedCut::Found(_)) => {
                let found = best.ok_or_else(|| parameter("the best cut is not known yet".into()));
                choice.cuts = vec![found?];
            }
            None => {}
        }
        choice.tiles = self.tiles.unwrap_or(choice.tiles);
        choice.window = self.window.unwrap_or(choice.window);
        choice.join = self.join.unwrap_or(choice.join);
        match self.share.as_slice() {
            [] => {}
            [robot] => choice.shares = vec![*robot, 1.0 - robot],
            shares => choice.shares = shares.to_vec(),
        }
        let made = choice.plan(graph).map_err(|e| plan(e.to_string()))?;
        let mut line = PlanLine::of(graph, made).map_err(|e| plan(e.to_string()))?;
        if !self.share.is_empty() {
            let shares: Vec<_> = choice.shares.iter().map(|s| format!("{s:.2}")).collect();
            let _ = write!(line.label, " share {}", shares.join(":"));
        }
        Ok(line)
    }

    fn check(&self) -> Result<(), String> {
        use ModeKind::{Data, Pipeline, Split, Tensor, Tile};
        let belongs = |given: bool, name: &str, modes: &[ModeKind]| {
            if !given || modes.contains(&self.mode) {
                return Ok(());
            }
            let names: Vec<_> = modes.iter().map(|m| m.name()).collect();
            Err(format!("{name} belongs to {}", names.join(" or ")))
        };
        belongs(self.cut.is_some(), "cut", &[Split, Pipeline])?;
        belongs(self.tiles.is_some(), "tiles", &[Split, Pipeline])?;
        belongs(!self.share.is_empty(), "share", &[Tensor, Data, Tile])?;
        belongs(self.join.is_some(), "join", &[Tensor])?;
        if self.cut.is_none() && matches!(self.mode, Split | Pipeline) {
            return Err("it needs a cut".to_owned());
        }
        if self.tiles == Some(0) || self.window == Some(0) {
            return Err("tiles and window are at least 1".to_owned());
        }
        if self.window.is_some_and(|w| w > MAX_WINDOW) {
            return Err(format!("window is at most {MAX_WINDOW}"));
        }
        let fine = |s: &f64| s.is_finite() && (0.0..=1e6).contains(s);
        let sum: f64 = self.share.iter().sum();
        match self.share.as_slice() {
            [] => Ok(()),
            [robot] if (0.0..=1.0).contains(robot) => Ok(()),
            [_] => Err("one share is the robot's, from 0 to 1".to_owned()),
            shares if shares.len() <= 9 && shares.iter().all(fine) && sum > 0.0 => Ok(()),
            _ => Err("shares are numbers of 0 or more, one per device, and not all 0".to_owned()),
        }
    }
}

/// A plan of a sweep, with what people want to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLine {
    /// What people read, without commas: `split 12`.
    pub label: String,
    /// The mode's name.
    pub mode: String,
    /// The partition point, where there is one.
    #[serde(default)]
    pub cut: Option<u32>,
    /// The last layer on the robot, at a cut.
    #[serde(default)]
    pub layer: Option<String>,
    /// Bytes that cross the cut, uncompressed.
    #[serde(default)]
    pub ships_bytes: Option<u64>,
    /// The plan itself.
    pub plan: Plan,
}

impl PlanLine {
    /// A plan of a model.
    ///
    /// # Errors
    /// It does not suit the model.
    pub fn of(graph: &Graph, plan: Plan) -> Result<Self, crate::plan::PlanError> {
        compile(graph, &plan, Epoch(0))?;
        let cut = plan.cut(graph);
        Ok(Self {
            label: plan.label().replace(',', ""),
            mode: plan.mode_name().to_owned(),
            cut,
            layer: cut
                .filter(|&k| k > 0)
                .and_then(|k| graph.operators().get(k as usize - 1))
                .map(|n| n.name.clone()),
            ships_bytes: cut.map(|k| crossing_bytes(graph, k).0),
            plan,
        })
    }

    /// The plans of cuts and modes; two that read alike get a number each.
    ///
    /// # Errors
    /// No plan, too many, or one that does not suit the model.
    pub fn list(
        graph: &Graph,
        cuts: Option<&Cuts>,
        modes: &[Wanted],
        best: Option<u32>,
    ) -> Result<Vec<Self>, ChoiceError> {
        let mut lines = Vec::new();
        if let Some(cuts) = cuts {
            for cut in cuts.of(graph)? {
                let line = Self::of(graph, Plan::split(cut)).map_err(|e| ChoiceError::Plan {
                    of: format!("split {cut}"),
                    reason: e.to_string(),
                })?;
                lines.push(line);
            }
        }
        for wanted in modes {
            lines.push(wanted.line(graph, best)?);
        }
        match lines.len() {
            0 => return Err(ChoiceError::None),
            count if count > MAX_PLANS => return Err(ChoiceError::TooMany { count }),
            _ => {}
        }
        for place in 1..lines.len() {
            let (before, rest) = lines.split_at_mut(place);
            let alike = before
                .iter()
                .filter(|l| {
                    l.label == rest[0].label || l.label.starts_with(&format!("{} (", rest[0].label))
                })
                .count();
            if alike > 0 {
                let _ = write!(rest[0].label, " ({})", alike + 1);
            }
        }
        Ok(lines)
    }
}

fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    fn graph(name: &str) -> Graph {
        zoo::build(name, 1, 64, 64).unwrap()
    }

    #[test]
    fn cuts_are_all_a_range_single_ones_or_a_list() {
        let vgg = graph("vgg19");
        let n = vgg.operator_count();
        let cuts = |text: &str| text.parse::<Cuts>().and_then(|c| c.of(&vgg));
        assert_eq!(cuts("all").unwrap().len() as u32, n + 1);
        assert_eq!(cuts("3..5").unwrap(), [3, 4, 5]);
        assert_eq!(cuts("3,1").unwrap(), [3, 1]);
        assert_eq!(cuts("single").unwrap(), cuts("all").unwrap(), "a chain");
        let resnet = graph("resnet50");
        let single = Cuts::Single.of(&resnet).unwrap();
        assert!((single.len() as u32) < resnet.operator_count() / 2);
        for bad in ["", "x", "5..3", "-1", "1..x"] {
            assert!(bad.parse::<Cuts>().is_err(), "{bad}");
        }
        let far = cuts("0..999").unwrap_err().to_string();
        assert!(far.contains("out of range"), "{far}");
    }

    #[test]
    fn words_of_modes_come_back_as_they_were_written() {
        for text in [
            "local",
            "split:cut=12:tiles=4",
            "pipeline:cut=12:window=3",
            "split:cut=best",
            "tensor:share=0.3:join=reduce",
            "tile:share=1/2/2",
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        let read: Wanted = toml::from_str("mode = 'split'\ncut = 'best'").unwrap();
        assert_eq!(read, "split:cut=best".parse().unwrap());
        let read: Wanted = toml::from_str("mode = 'split'\ncut = 7").unwrap();
        assert_eq!(read, "split:cut=7".parse().unwrap());
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        let graph = graph("vgg19");
        for (text, part) in [
            ("best", "is no mode"),
            ("split:cut", "is no parameter"),
            ("split", "it needs a cut"),
            ("split:cut=999", "out of range"),
            ("local:cut=3", "cut belongs to split or pipeline"),
            ("tensor:share=2", "from 0 to 1"),
            ("pipeline:cut=3:window=999", "window is at most"),
            ("split:cut=best", "not known yet"),
        ] {
            let error = text.parse::<Wanted>().and_then(|w| w.line(&graph, None));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let batch = "data".parse::<Wanted>().unwrap().line(&graph, None);
        assert!(batch.is_err(), "one image cannot be divided");
    }

    #[test]
    fn every_plan_of_a_list_has_a_name_of_its_own() {
        let graph = graph("vgg19");
        let modes: Vec<Wanted> = [
            "split:cut=3",
            "tile:share=0.3",
            "tile:share=0.3",
            "split:cut=3",
        ]
        .iter()
        .map(|t| t.parse().unwrap())
        .collect();
        let lines = PlanLine::list(&graph, Some(&Cuts::Range(3, 4)), &modes, None).unwrap();
        let mut labels: Vec<_> = lines.iter().map(|l| l.label.clone()).collect();
        assert_eq!(labels[0], "split 3");
        assert!(labels.iter().all(|l| !l.contains(',')));
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), lines.len());
        assert_eq!(lines[0].layer.as_deref(), Some("features.1"));
    }
}
