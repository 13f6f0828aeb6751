//! One plan, or a policy, in the words of somebody who asks for it.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::{ChoiceError, PlanLine, shown};
use crate::model::Graph;
use crate::plan::{Choice, Codec, Join, MAX_WINDOW, ModeKind};
use crate::policy::{Objective, PolicyKind, Spec};

/// Servers of a chain at most.
const MOST_SERVERS: usize = 8;

/// The partition point that a plan is wanted with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum WantedCut {
    /// This one.
    At(u32),
    /// One per server of a chain: up to the first on the robot, up to the second on server 1, and so on.
    Chain(Vec<u32>),
    /// The fastest one, found by a short sweep over the cuts that one tensor crosses.
    Found(Best),
}

/// The word `best`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// That word.
    Best,
}

/// What is known beside the plans that somebody asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    /// The cut that `best` stands for, once it was found.
    pub best: Option<u32>,
    /// How values are packed where a plan says nothing of it.
    pub codec: Codec,
}

/// A codec, by its name in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::sweep) struct NamedCodec(pub(in crate::sweep) Codec);

impl TryFrom<String> for NamedCodec {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        codec_of(&name).map(Self).ok_or_else(|| {
            let names = Codec::ALL.map(Codec::name).join(", ");
            format!("{:?} is no codec; expected {names}", shown(&name))
        })
    }
}

fn codec_of(name: &str) -> Option<Codec> {
    Codec::ALL.into_iter().find(|codec| codec.name() == name)
}

/// Reads a codec that need not be there.
pub(in crate::sweep) fn some_codec<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Codec>, D::Error> {
    NamedCodec::deserialize(from).map(|named| Some(named.0))
}

/// A parallel method, or a policy that chooses among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Method {
    /// This one.
    Mode(ModeKind),
    /// Whichever it chooses.
    Policy(PolicyKind),
}

impl Method {
    /// The name in flags, in files and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mode(mode) => mode.name(),
            Self::Policy(policy) => policy.name(),
        }
    }
}

impl FromStr for Method {
    type Err = ChoiceError;

    fn from_str(name: &str) -> Result<Self, ChoiceError> {
        let mode = ModeKind::ALL.into_iter().find(|m| m.name() == name);
        // `fixed` chooses nothing.
        let mut policies = PolicyKind::ALL.into_iter();
        let policy = policies.find(|p| *p != PolicyKind::Fixed && p.name() == name);
        mode.map(Self::Mode)
            .or(policy.map(Self::Policy))
            .ok_or_else(|| ChoiceError::Mode { read: shown(name) })
    }
}

impl TryFrom<String> for Method {
    type Error = ChoiceError;

    fn try_from(name: String) -> Result<Self, ChoiceError> {
        name.parse()
    }
}

/// A plan as somebody asks for it: a method, with the parameters that are not to be the usual ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The method.
    pub mode: Method,
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
    /// How values are packed for the link.
    #[serde(default, deserialize_with = "some_codec")]
    pub codec: Option<Codec>,
    /// What a policy is to reach: `energy`, `deadline=90`.
    #[serde(default)]
    pub objective: Option<String>,
}

impl Wanted {
    /// A method with its usual parameters.
    pub const fn of(mode: Method) -> Self {
        Self {
            mode,
            cut: None,
            tiles: None,
            window: None,
            share: Vec::new(),
            join: None,
            codec: None,
            objective: None,
        }
    }
}

impl FromStr for Wanted {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let mut words = text.trim().split(':');
        let name = words.next().unwrap_or_default();
        let mode = name.parse::<Method>();
        let mut wanted = Self::of(mode.map_err(|_| ChoiceError::Mode { read: shown(text) })?);
        for word in words {
            let bad = || ChoiceError::Parameter {
                of: shown(text),
                what: format!(
                    "{:?} is no parameter; expected cut=K, cut=best or cut=K/L through a second server, tiles=T, \
                     window=W, share=0.3 or share=1/2/2, join=gather or join=reduce, codec=NAME, of a policy objective=energy or objective=deadline=90",
                    shown(word)
                ),
            };
            let (key, value) = word.split_once('=').ok_or_else(bad)?;
            match (key, value) {
                ("cut", "best") => wanted.cut = Some(WantedCut::Found(Best::Best)),
                ("cut", chain) if chain.contains('/') => {
                    let cuts = chain.split('/').map(str::parse);
                    let cuts = cuts.collect::<Result<_, _>>().map_err(|_| bad())?;
                    wanted.cut = Some(WantedCut::Chain(cuts));
                }
                ("cut", k) => wanted.cut = Some(WantedCut::At(k.parse().map_err(|_| bad())?)),
                ("tiles", t) => wanted.tiles = Some(t.parse().map_err(|_| bad())?),
                ("window", w) => wanted.window = Some(w.parse().map_err(|_| bad())?),
                ("share", list) => {
                    let numbers = list.split('/').map(str::parse);
                    wanted.share = numbers.collect::<Result<_, _>>().map_err(|_| bad())?;
                }
                ("join", "gather") => wanted.join = Some(Join::Gather),
                ("join", "reduce") => wanted.join = Some(Join::Reduce),
                ("codec", name) => wanted.codec = Some(codec_of(name).ok_or_else(bad)?),
                ("objective", words) => wanted.objective = Some(words.to_owned()),
                _ => return Err(bad()),
            }
        }
        Ok(wanted)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode.name())?;
        match &self.cut {
            Some(WantedCut::At(k)) => write!(f, ":cut={k}")?,
            Some(WantedCut::Chain(cuts)) => {
                let cuts: Vec<_> = cuts.iter().map(u32::to_string).collect();
                write!(f, ":cut={}", cuts.join("/"))?;
            }
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
            Some(Join::Reduce) => f.write_str(":join=reduce")?,
            Some(Join::Gather) => f.write_str(":join=gather")?,
            None => {}
        }
        if let Some(codec) = self.codec {
            write!(f, ":codec={codec}")?;
        }
        match &self.objective {
            Some(objective) => write!(f, ":objective={}", shown(objective)),
            None => Ok(()),
        }
    }
}

impl Wanted {
    /// Whether its cut is to be found first.
    pub const fn wants_best(&self) -> bool {
        matches!(self.cut, Some(WantedCut::Found(_)))
    }

    /// The plan for a model, or the policy.
    ///
    /// # Errors
    /// Parameters that do not belong to the mode or are out of bounds, or a plan that does not suit the model.
    pub fn line(&self, graph: &Graph, given: Given) -> Result<PlanLine, ChoiceError> {
        let parameter = |what: String| ChoiceError::Parameter {
            of: self.to_string(),
            what,
        };
        let plan = |reason: String| ChoiceError::Plan {
            of: self.to_string(),
            reason,
        };
        self.check().map_err(parameter)?;
        let mode = match self.mode {
            Method::Mode(mode) => mode,
            Method::Policy(kind) => return self.policy(kind).map_err(parameter),
        };
        let mut choice = Choice::usual(graph, mode);
        match &self.cut {
            Some(WantedCut::At(k)) => choice.cuts = vec![*k],
            Some(WantedCut::Chain(cuts)) => choice.cuts.clone_from(cuts),
            Some(WantedCut::Found(_)) => {
                let best = given.best;
                let found = best.ok_or_else(|| parameter("the best cut is not known yet".into()));
                choice.cuts = vec![found?];
            }
            None => {}
        }
        choice.tiles = self.tiles.unwrap_or(choice.tiles);
        choice.window = self.window.unwrap_or(choice.window);
        choice.join = self.join.unwrap_or(choice.join);
        choice.codec = self.codec.unwrap_or(given.codec);
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

    fn policy(&self, kind: PolicyKind) -> Result<PlanLine, String> {
        let objective = self.objective.as_deref().map(str::parse::<Objective>);
        let objective = objective.transpose()?.unwrap_or_default();
        PlanLine::under(Spec { kind, objective })
    }

    fn check(&self) -> Result<(), String> {
        use ModeKind::{Data, Pipeline, Split, Tensor, Tile};
        let own = match self.mode {
            Method::Mode(mode) => Some(mode),
            Method::Policy(_) => None,
        };
        let belongs = |given: bool, name: &str, modes: &[ModeKind]| {
            if !given || own.is_some_and(|own| modes.contains(&own)) {
                return Ok(());
            }
            let names: Vec<_> = modes.iter().map(|m| m.name()).collect();
            Err(format!("{name} belongs to {}", names.join(" or ")))
        };
        belongs(self.cut.is_some(), "cut", &[Split, Pipeline])?;
        belongs(self.tiles.is_some(), "tiles", &[Split, Pipeline])?;
        belongs(!self.share.is_empty(), "share", &[Tensor, Data, Tile])?;
        belongs(self.join.is_some(), "join", &[Tensor])?;
        if let Some(WantedCut::Chain(cuts)) = &self.cut {
            let rises = cuts.is_sorted_by(|a, b| a < b);
            if cuts.is_empty() || cuts.len() > MOST_SERVERS || !rises {
                return Err(format!(
                    "a chain's cuts rise from server to server, at most {MOST_SERVERS} of them"
                ));
            }
            if self.tiles.is_some_and(|tiles| tiles > 1) && cuts.len() > 1 {
                return Err("tiles belong to a split with one cut".to_owned());
            }
        }
        if own.is_none() && self.codec.is_some() {
            return Err("codec belongs to plans, a policy chooses those".to_owned());
        }
        if own.is_none() && self.window.is_some() {
            return Err("a policy chooses the window itself".to_owned());
        }
        if own.is_some() && self.objective.is_some() {
            return Err("objective belongs to policies".to_owned());
        }
        if self.cut.is_none() && matches!(own, Some(Split | Pipeline)) {
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
